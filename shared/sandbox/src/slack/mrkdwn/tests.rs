//! Slack's markup as HTML.

use deskwire_core::random::{Random, SeededRandom};

use super::*;

struct Known;

impl Names for Known {
    fn user(&self, id: &str) -> Option<String> {
        (id == "U1").then(|| "Dana".to_owned())
    }

    fn channel(&self, id: &str) -> Option<String> {
        (id == "C1").then(|| "support".to_owned())
    }
}

fn html(text: &str) -> String {
    render(text, &Known).to_string()
}

#[test]
fn marks_make_emphasis_where_they_hug_what_they_enclose() {
    assert_eq!(html("*b* _i_ ~s~ `c`"), "<strong>b</strong> <em>i</em> <s>s</s> <code>c</code>");
    assert_eq!(html("*b _i_*"), "<strong>b <em>i</em></strong>");
    for plain in ["2 * 3 * 4", "snake_case_name", "* b*", "**", "a*b*", "*b", "*a*b"] {
        assert_eq!(html(plain), plain);
    }
}

#[test]
fn the_three_entities_are_shown_plain_and_everything_else_is_escaped() {
    assert_eq!(html("&lt;b&gt; &amp; &quot; \" '"), "&lt;b&gt; &amp; &amp;quot; &quot; &#39;");
    assert_eq!(html("&amp;lt;"), "&amp;lt;");
    assert_eq!(html("<b>"), "&lt;b&gt;");
}

#[test]
fn only_web_and_mail_addresses_become_links() {
    assert!(html("<https://e.com/?a=1&amp;b=2|the page>").contains("href=\"https://e.com/?a=1&amp;b=2\">the page</a>"));
    assert!(html("<mailto:a@b.c|a@b.c>").contains("href=\"mailto:a@b.c\""));
    assert!(html("see https://e.com/x.").ends_with("href=\"https://e.com/x\">https://e.com/x</a>."));
    for bad in ["<javascript:alert(1)|x>", "<data:text/html,x>", "<https://e.com\" onclick=\"x|y>"] {
        let html = html(bad);
        assert!(!html.contains("href=\"j") && !html.contains("href=\"d") && !html.contains("\" onclick"), "{html}");
    }
}

#[test]
fn mentions_are_shown_by_name() {
    let mention = |name: &str| format!("<span class=\"mention\">{name}</span>");
    assert_eq!(html("<@U1> <@U2> <#C1>"), [mention("@Dana"), mention("@U2"), mention("#support")].join(" "));
    assert_eq!(html("<!here> <!subteam^S1|@leads>"), [mention("@here"), mention("@@leads")].join(" "));
    assert_eq!(html("<!date^1392734382^{date_num}^18 February>"), "18 February");
}

#[test]
fn neighbouring_quoted_lines_are_one_quotation() {
    assert_eq!(html("a\n> b\n&gt; c\nd"), "a<blockquote>b<br>c</blockquote>d");
    assert_eq!(html("a\nb"), "a<br>b");
}

#[test]
fn code_blocks_keep_what_they_hold() {
    assert_eq!(html("a\n```\n*x* <b>\n```\nb"), "a<pre>*x* &lt;b&gt;</pre>b");
    assert_eq!(html("```open"), "```open");
}

#[test]
fn known_emoji_are_pictures_and_times_are_none() {
    assert!(html(":tada:").contains('🎉'));
    assert_eq!(html("at 10:30:00 :nope:"), "at 10:30:00 :nope:");
}

/// How deep the tags of a text are nested; a tag that is closed in the wrong place is a failure.
fn depth(html: &str) -> usize {
    let (mut open, mut deepest) = (Vec::new(), 0);
    for tag in html.split('<').skip(1).filter_map(|part| part.split(['>', ' ']).next()).filter(|tag| *tag != "br") {
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{html}"),
            None => open.push(tag),
        }
        deepest = deepest.max(open.len());
    }
    assert!(open.is_empty(), "{html}");
    deepest
}

#[test]
fn whatever_is_written_the_tags_are_balanced_and_not_deep() {
    let random = SeededRandom::new(20_261_123);
    let pieces =
        ["*", "_", "~", "`", "```", "x", " ", "\n", "> ", "<", ">", "<@U1>", "&lt;", ":tada:", "https://e.com"];
    for _ in 0..2_000 {
        let mut bits = random.bits();
        let text: String = (0..28)
            .map(|_| {
                bits >>= 4;
                pieces[usize::try_from(bits & 15).unwrap() % pieces.len()]
            })
            .collect();
        // A quotation around, and a mention or link within.
        assert!(depth(&html(&text)) <= MOST_DEPTH + 2, "{text:?}");
    }
}

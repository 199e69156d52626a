//! What values become in the places they are written to.

use serde_json::{Value, json};

use crate::{ErrorKind, Escape, Limits, Scope, TemplateError, Templates};

fn try_render(text: &str, value: &Value, escape: Escape) -> Result<Value, TemplateError> {
    let mut scope = Scope::new();
    scope.set("v", value);
    Templates::new(Limits::default()).value(text, escape)?.render(&scope)
}

fn render(text: &str, value: impl Into<Value>, escape: Escape) -> Value {
    try_render(text, &value.into(), escape).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_value_cannot_end_or_forge_a_slack_link() {
    for (text, value, expected) in [
        ("<{{ v }}|Open>", "https://x.example/a|b", "<https://x.example/a%7Cb|Open>"),
        ("<{{ v }}|Open>", "https://x.example/<a>", "<https://x.example/%3Ca%3E|Open>"),
        ("<{{ v }}|Open>", "https://x.example/?a=1&b=2", "<https://x.example/?a=1&amp;b=2|Open>"),
        ("<{{ v }}|Open>", "https://x.example/a b\nc", "<https://x.example/a%20b%0Ac|Open>"),
        ("<{{ v }}>", "https://x.example/a|Bank", "<https://x.example/a%7CBank>"),
        ("<https://x.example/?q={{ v }}|Open>", "a|b>c", "<https://x.example/?q=a%7Cb%3Ec|Open>"),
        ("<{{ v }}|Open>", "!channel", "<%21channel|Open>"),
        ("<{{ v }}|Open>", "@U1", "<%40U1|Open>"),
        ("<{{ v }}|Open>", "#C1", "<%23C1|Open>"),
        ("<{{ '' }}{{ v }}>", "!here", "<%21here>"),
        ("<@{{ v }}>", "U1|Boss", "<@U1%7CBoss>"),
        ("<!{{ v }}>", "here", "<!here>"),
        ("<!date^{{ 1 }}^{date} at {time}|{{ v }}>", "a|b", "<!date^1^{date} at {time}|a¦b>"),
        ("<https://x.example|{{ v }}>", "a|b > c\nd", "<https://x.example|a¦b &gt; c d>"),
        ("{% if v %}<{{ v }}{% endif %}|Open>", "https://x.example/|", "<https://x.example/%7C|Open>"),
        (
            "{% for x in [v] %}<{{ x }}|{{ x }}>{% endfor %}",
            "https://x.example/|",
            "<https://x.example/%7C|https://x.example/¦>",
        ),
        ("{{ '<' | safe ~ v ~ ('|Open>' | safe) }}", "https://x.example/|", "<https://x.example/%7C|Open>"),
        ("{{ v }} | {{ v }}", "a|b", "a|b | a|b"),
        ("{{ v }}", "<!channel>", "&lt;!channel&gt;"),
        ("Hi {{ v }}", "<!channel>", "Hi &lt;!channel&gt;"),
        ("{{ v | escape }}!", "<!channel>", "&lt;!channel&gt;!"),
        ("{{ v | safe }}!", "<!channel>", "<!channel>!"),
        ("{% set x %}{{ v }}{% endset %}{{ x | upper }}", "a|<", "A|&LT;"),
    ] {
        assert_eq!(render(text, value, Escape::Slack), expected, "{text} with {value}");
    }
}

#[test]
fn html_is_escaped_once_unless_it_is_marked_safe() {
    let evil = r#"<script>alert("1" & '2')</script>"#;
    let harmless = "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;";
    for (text, expected) in [
        ("<p>{{ v }}</p>", format!("<p>{harmless}</p>")),
        ("{{ v }}", harmless.to_owned()),
        ("<p>{{ v | escape }}</p>", format!("<p>{harmless}</p>")),
        ("{{ v | e }}", harmless.to_owned()),
        ("<p>{{ v | safe }}</p>", format!("<p>{evil}</p>")),
        ("{{ v | safe }}", evil.to_owned()),
        ("{{ '<b>' | safe ~ v }}", format!("<b>{harmless}")),
        ("<b title=\"{{ v }}\">", format!("<b title=\"{harmless}\">")),
        ("{% set x %}<i>{{ v }}</i>{% endset %}{{ x }}", format!("<i>{harmless}</i>")),
        ("{{ [v] | join('<br>') }}", harmless.to_owned()),
    ] {
        assert_eq!(render(text, evil, Escape::Html), expected, "{text}");
    }
}

#[test]
fn where_nothing_is_escaped_the_filter_escape_writes_html() {
    assert_eq!(render("<p>{{ v | escape }}</p>", "<b>", Escape::None), "<p>&lt;b&gt;</p>");
    assert_eq!(render("{{ v | e }}", "<b>", Escape::None), "&lt;b&gt;");
    assert_eq!(render("{{ v }}", "<b> & |", Escape::None), "<b> & |");
}

#[test]
fn block_kit_that_an_expression_yields_is_escaped_where_slack_reads_mrkdwn() {
    let block = json!({ "type": "section", "block_id": "a&b", "text": { "type": "mrkdwn", "text": "<!here> & |" },
        "fields": [{ "type": "plain_text", "text": "a & b" }],
        "accessory": { "type": "button", "url": "https://x.example/?a=1&b=2", "value": "<1>" } });
    for escape in [Escape::Blocks, Escape::Slack] {
        let shown = render("{{ v }}", block.clone(), escape);
        assert_eq!(shown["text"]["text"], "&lt;!here&gt; &amp; |");
        assert_eq!(shown["fields"][0]["text"], "a &amp; b");
        assert_eq!((&shown["block_id"], &shown["accessory"]), (&block["block_id"], &block["accessory"]));
        assert_eq!(render("{{ [v] }}", block.clone(), escape)[0], shown);
        assert_eq!(render("{{ v | safe }}", block.clone(), escape), block);
        assert_eq!(render("{{ ([v] | safe)[0] }}", block.clone(), escape), block);
    }
    let made = "{{ {'type': 'mrkdwn', 'text': '*' | safe ~ v ~ ('*' | safe), 'x': v} }}";
    assert_eq!(
        render(made, "a|<b>", Escape::Blocks),
        json!({ "type": "mrkdwn", "text": "*a|&lt;b&gt;*", "x": "a|<b>" })
    );
    assert_eq!(render("{{ v }}", "a & b", Escape::Blocks), "a & b");
    assert_eq!(render("{{ v }}", block.clone(), Escape::None), block);
}

#[test]
fn safe_leaves_everything_but_the_escaping_as_it_is() {
    assert_eq!(render("{{ v | safe }}", 5, Escape::None), 5);
    assert_eq!(render("{{ (v | safe).a[1] }}", json!({ "a": [1, "x"] }), Escape::None), "x");
    assert_eq!(render("{{ v | safe | length }}", json!([1, 2]), Escape::None), 2);
    assert_eq!(render("{% for k in v | safe %}{{ k }}{% endfor %}", json!({ "a": 1, "b": 2 }), Escape::None), "ab");
    assert_eq!(try_render("{{ v.x | safe }}", &json!({}), Escape::Slack).unwrap_err().kind, ErrorKind::Undefined);
}

#[test]
fn a_value_stays_one_segment_of_a_path() {
    for (value, expected) in [
        (json!("5?x=1"), "tickets/5%3Fx%3D1.json"),
        (json!("../users/1"), "tickets/..%2Fusers%2F1.json"),
        (json!("a b#c%2f"), "tickets/a%20b%23c%252f.json"),
        (json!("ü\r\n"), "tickets/%C3%BC%0D%0A.json"),
        (json!(5), "tickets/5.json"),
    ] {
        assert_eq!(render("tickets/{{ v }}.json", value, Escape::Path), expected);
    }
    assert_eq!(render("{{ v }}", "a/b%20c?x#y", Escape::Path), "a/b%20c%3Fx%23y");
    for filter in ["urlencode", "url_part"] {
        assert_eq!(render(&format!("x/{{{{ v | {filter} }}}}"), "a b%", Escape::Path), "x/a%20b%25", "encoded once");
    }
    assert_eq!(render("x/{{ v | safe }}", "a/b", Escape::Path), "x/a/b");
    assert_eq!(render("a={{ v }}", "1&b=2 +", Escape::Form), "a=1%26b%3D2%20%2B");
    assert_eq!(render("{{ v }}", "a=1&b=2", Escape::Form), "a=1&b=2");
}

#[test]
fn a_soql_literal_holds_any_text() {
    for (value, expected) in [
        (json!("Bob's BBQ"), r"'Bob\'s BBQ'"),
        (json!(r"a\b"), r"'a\\b'"),
        (json!("x' OR Name != '"), r"'x\' OR Name != \''"),
        (json!("a\r\n\t\"\u{1b}"), r#"'a\r\n\t\"\u001B'"#),
        (json!(7), "7"),
        (json!(true), "true"),
        (json!(null), "null"),
    ] {
        assert_eq!(render("={{ v | soql }}", value, Escape::None), format!("={expected}"));
    }
    assert_eq!(render("'{{ v | soql_like }}%'", "Ter%_'", Escape::None), r"'Ter\%\_\'%'");
    assert!(try_render("{{ v | soql }}", &json!([1]), Escape::None).is_err());
}

#[test]
fn a_search_phrase_holds_any_text() {
    let query = "type:user name:{{ v | search_phrase }}";
    assert_eq!(render(query, "Al \"Scarface\" Capone", Escape::None), "type:user name:\"Al Scarface Capone\"");
    assert_eq!(render(query, "x\" OR role:admin\n\\", Escape::None), "type:user name:\"x OR role:admin\"");
}

#[test]
fn a_field_of_csv_is_one_field_and_no_formula() {
    for (value, expected) in [
        ("a,b", "\"a,b\""),
        ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
        ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
        ("-5.5", "\"-5.5\""),
        ("@a", "\"'@a\""),
    ] {
        assert_eq!(render("{{ v | csv }};", value, Escape::None), format!("{expected};"));
    }
}

#[test]
fn a_value_in_json_text_stays_a_value() {
    let text = render("{\"a\": {{ v | tojson }}}", "\", \"admin\": \"\u{1b}", Escape::None);
    let read: Value = deskwire_core::json::from_str(text.as_str().unwrap()).unwrap();
    assert_eq!(read, json!({ "a": "\", \"admin\": \"\u{1b}" }));
}

#[test]
fn a_url_part_is_encoded_whole() {
    assert_eq!(
        render("https://x.example/?q={{ v | url_part }}", "a/b&c=d", Escape::None),
        "https://x.example/?q=a%2Fb%26c%3Dd"
    );
}

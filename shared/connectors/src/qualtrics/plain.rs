//! Question and choice texts as a person reads them: authors of surveys put markup into them.

/// Elements whose content nobody reads.
const HIDDEN: [&str; 3] = ["style", "script", "head"];

/// The text without tags and entities, on one line.
pub(crate) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let tag = &rest[open + 1..];
        // A `<` that begins no tag is text: "NPS < 7".
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')) {
            text.push('<');
            rest = tag;
            continue;
        }
        text.push(' ');
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let Some(close) = tag.find('>') else { return tidy(&text) };
        rest = &tag[close + 1..];
        if HIDDEN.contains(&name.as_str()) {
            let end = rest.to_ascii_lowercase().find(&format!("</{name}"));
            rest = end.map_or("", |end| &rest[end..]);
        }
    }
    text.push_str(rest);
    tidy(&text)
}

fn tidy(text: &str) -> String {
    let decoded = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&rsquo;", "’"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character));
    let words: Vec<&str> = decoded.split_whitespace().collect();
    // A tag between a word and its punctuation leaves no gap.
    words.join(" ").replace(" .", ".").replace(" ,", ",").replace(" ?", "?").replace(" !", "!")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_what_is_read_stays() {
        for (html, text) in [
            ("How likely are you to <b>recommend</b> us?", "How likely are you to recommend us?"),
            ("<div style=\"x\">A<br>B</div>", "A B"),
            ("<style>p { color: red }</style>Yes &amp; no", "Yes & no"),
            ("<video src='x'></video> Watch", "Watch"),
            ("NPS < 7 &lt;b&gt;", "NPS < 7 <b>"),
            ("open <a href=", "open"),
            ("<script>alert(1)", ""),
            ("don&#39;t&nbsp;know", "don't know"),
            ("مرحبا <b>👋</b>", "مرحبا 👋"),
        ] {
            assert_eq!(plain(html), text, "{html}");
        }
    }
}

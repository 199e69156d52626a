//! Slack's mrkdwn as HTML, as a person sees it. Called by the page.
//!
//! <https://docs.slack.dev/messaging/formatting-message-text>, checked 2026-11-23. Every character of a message is escaped on
//! its way out, and only web and mail addresses become links: what customers write ends up here.

use askama::filters::HtmlSafe;

use crate::slack::emoji::emoji;

/// HTML that is safe to show as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl HtmlSafe for Html {}

impl std::fmt::Display for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is behind an id.
pub(crate) trait Names {
    /// A person's name.
    fn user(&self, id: &str) -> Option<String>;
    /// A channel's name, without `#`.
    fn channel(&self, id: &str) -> Option<String>;
}

/// Emphasis in emphasis beyond this depth is shown as it was written.
const MOST_DEPTH: usize = 4;

/// A message's text as HTML.
pub(crate) fn render(text: &str, names: &dyn Names) -> Html {
    let mut writer = Writer { out: String::with_capacity(text.len() * 2), names };
    let mut rest = text;
    while let Some((before, fenced)) = rest.split_once("```") {
        let Some((code, after)) = fenced.split_once("```").filter(|(code, _)| !code.trim().is_empty()) else { break };
        writer.paragraphs(before.strip_suffix('\n').unwrap_or(before));
        writer.out.push_str("<pre>");
        writer.plain(code.trim_matches('\n'));
        writer.out.push_str("</pre>");
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    writer.paragraphs(rest);
    Html(writer.out)
}

/// A text without markup as HTML, line breaks kept.
pub(crate) fn plain(text: &str) -> Html {
    let mut writer = Writer { out: String::with_capacity(text.len()), names: &Nobody };
    for (place, line) in text.split('\n').enumerate() {
        if place > 0 {
            writer.out.push_str("<br>");
        }
        writer.plain(line);
    }
    Html(writer.out)
}

/// The same with emoji in place of their names, as in a `plain_text` object that does not say `emoji: false`.
pub(crate) fn with_emoji(text: &str) -> Html {
    let mut writer = Writer { out: String::with_capacity(text.len()), names: &Nobody };
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let taken = match character {
            ':' => writer.emoji(rest),
            '\n' => {
                writer.out.push_str("<br>");
                Some(1)
            }
            _ => None,
        };
        let length = taken.unwrap_or_else(|| writer.one(rest, character));
        rest = &rest[length..];
    }
    Html(writer.out)
}

/// For texts in which no id means anything.
struct Nobody;

impl Names for Nobody {
    fn user(&self, _: &str) -> Option<String> {
        None
    }

    fn channel(&self, _: &str) -> Option<String> {
        None
    }
}

struct Writer<'a> {
    out: String,
    names: &'a dyn Names,
}

impl Writer<'_> {
    /// Lines, with neighbouring quoted ones in one block.
    fn paragraphs(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let (mut quoting, mut first) = (false, true);
        for line in text.split('\n') {
            let quoted = quoted(line);
            match (quoting, quoted.is_some()) {
                (false, true) => self.out.push_str("<blockquote>"),
                (true, false) => self.out.push_str("</blockquote>"),
                _ if !first => self.out.push_str("<br>"),
                _ => {}
            }
            (quoting, first) = (quoted.is_some(), false);
            self.inline(quoted.unwrap_or(line), 0);
        }
        if quoting {
            self.out.push_str("</blockquote>");
        }
    }

    fn inline(&mut self, text: &str, depth: usize) {
        let mut before = None;
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let taken = match character {
                '<' => self.control(rest),
                '`' => self.code(rest),
                '*' | '_' | '~' if depth < MOST_DEPTH && !before.is_some_and(char::is_alphanumeric) => {
                    self.emphasis(rest, character, depth)
                }
                ':' => self.emoji(rest),
                'h' if !before.is_some_and(char::is_alphanumeric) => self.bare_link(rest),
                _ => None,
            };
            let length = taken.unwrap_or_else(|| self.one(rest, character));
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        }
    }

    /// One character, or one of Slack's three entities. Answers with the bytes taken.
    fn one(&mut self, rest: &str, character: char) -> usize {
        for entity in ["&amp;", "&lt;", "&gt;"] {
            if rest.starts_with(entity) {
                self.out.push_str(entity);
                return entity.len();
            }
        }
        match character {
            '&' => self.out.push_str("&amp;"),
            '<' => self.out.push_str("&lt;"),
            '>' => self.out.push_str("&gt;"),
            '"' => self.out.push_str("&quot;"),
            '\'' => self.out.push_str("&#39;"),
            other => self.out.push(other),
        }
        character.len_utf8()
    }

    /// Text in which only the three entities mean something.
    fn plain(&mut self, text: &str) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let length = self.one(rest, character);
            rest = &rest[length..];
        }
    }

    fn code(&mut self, rest: &str) -> Option<usize> {
        let (code, _) = rest[1..].split_once('`').filter(|(code, _)| !code.trim().is_empty())?;
        self.out.push_str("<code>");
        self.plain(code);
        self.out.push_str("</code>");
        Some(code.len() + 2)
    }

    /// `*bold*`, `_italic_`, `~strike~`: marks that hug what they enclose and do not stand within a word.
    fn emphasis(&mut self, rest: &str, mark: char, depth: usize) -> Option<usize> {
        let inner = &rest[1..];
        let closes = |place: usize| {
            let after = inner[place + 1..].chars().next();
            let within = &inner[..place];
            !within.starts_with(char::is_whitespace)
                && !within.ends_with(char::is_whitespace)
                && !within.is_empty()
                && !after.is_some_and(char::is_alphanumeric)
        };
        let end = inner.match_indices(mark).map(|(place, _)| place).find(|&place| closes(place))?;
        let tag = match mark {
            '*' => "strong",
            '_' => "em",
            _ => "s",
        };
        self.out.extend(["<", tag, ">"]);
        self.inline(&inner[..end], depth + 1);
        self.out.extend(["</", tag, ">"]);
        Some(end + 2)
    }

    fn emoji(&mut self, rest: &str) -> Option<usize> {
        let (name, after) = rest[1..].split_once(':')?;
        // `:wave::skin-tone-3:` is one emoji.
        let tone = after.strip_prefix(":skin-tone-").and_then(|tone| tone.split_once(':')).map(|(tone, _)| tone);
        let whole = tone.map(|tone| format!("{name}::skin-tone-{tone}"));
        let whole = whole.filter(|whole| emoji(whole).is_some()).unwrap_or_else(|| name.to_owned());
        let picture = emoji(&whole)?;
        self.out.extend(["<span class=\"emoji\" title=\":", &whole, ":\">", &picture, "</span>"]);
        Some(whole.len() + 2)
    }

    fn bare_link(&mut self, rest: &str) -> Option<usize> {
        if !rest.starts_with("https://") && !rest.starts_with("http://") {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
        let url = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_', '~']);
        self.link(url, url);
        Some(url.len())
    }

    fn link(&mut self, url: &str, label: &str) {
        self.out.push_str("<a rel=\"noopener noreferrer nofollow\" href=\"");
        self.plain(url);
        self.out.push_str("\">");
        self.plain(label);
        self.out.push_str("</a>");
    }

    /// What stands between angle brackets: a link, a mention, a date.
    fn control(&mut self, rest: &str) -> Option<usize> {
        let (content, _) = rest[1..].split_once('>').filter(|(content, _)| !content.contains(['\n', '<']))?;
        let (target, label) = content.split_once('|').map_or((content, None), |(target, label)| (target, Some(label)));
        match target.chars().next()? {
            '@' => {
                let name = self.names.user(&target[1..]).or_else(|| label.map(str::to_owned));
                self.mention(&format!("@{}", name.as_deref().unwrap_or(&target[1..])));
            }
            '#' => {
                let name = self.names.channel(&target[1..]).or_else(|| label.map(str::to_owned));
                self.mention(&format!("#{}", name.as_deref().unwrap_or(&target[1..])));
            }
            '!' => match target[1..].split(['^']).next().unwrap_or_default() {
                special @ ("here" | "channel" | "everyone") => self.mention(&format!("@{special}")),
                "date" => self.plain(label.or_else(|| target.rsplit('^').next()).unwrap_or_default()),
                other => self.mention(&format!("@{}", label.unwrap_or(other))),
            },
            _ if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) => {
                self.link(target, label.unwrap_or(target));
            }
            _ => return None,
        }
        Some(content.len() + 2)
    }

    fn mention(&mut self, name: &str) {
        self.out.push_str("<span class=\"mention\">");
        self.plain(name);
        self.out.push_str("</span>");
    }
}

/// The line without its quotation mark, if it has one.
fn quoted(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'))?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

#[cfg(test)]
mod tests;

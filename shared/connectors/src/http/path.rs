//! The path of a call: always below the connection's base URL, whatever a template put into it. Called by [`super::request`].

use deskwire_core::action::CallError;

use crate::input::bad;

/// Reads a path as the step gives it and answers with the path below the base URL, percent-encoded where a `%` stands for
/// itself; what else needs encoding is encoded when the address is made. Empty means the base URL itself.
///
/// What names another place is refused rather than mended: it may come from an event that a stranger wrote.
pub(super) fn below_base(given: &str) -> Result<String, CallError> {
    if is_absolute(given) {
        return Err(bad(
            "`path` is a whole address. Give the part below the connection's base_url, such as `v1/things`; for another \
             host, declare another connection."
                .to_owned(),
        ));
    }
    if given.contains(char::is_control) {
        return Err(bad("`path` holds a line break or another control character. Take it out.".to_owned()));
    }
    for (sign, way) in [('#', "Leave it out: a fragment is never sent."), ('?', "Give the query under `query:`.")] {
        if given.contains(sign) {
            let encoded = if sign == '#' { "%23" } else { "%3F" };
            return Err(bad(format!("`path` holds a `{sign}`. {way} Where it is part of a name, write {encoded}.")));
        }
    }
    let path = given.strip_prefix('/').unwrap_or(given);
    if has_dot_segment(path) {
        return Err(bad(
            "`path` holds a `.` or `..` between slashes, which leads to another place than it names. Write the path that is \
             meant, below the connection's base_url; a value from an event may have brought it in."
                .to_owned(),
        ));
    }
    Ok(with_plain_percents_encoded(path))
}

/// `https://host/…`, or `//host/…`, which is an address without its scheme.
fn is_absolute(path: &str) -> bool {
    let has_scheme = path.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    has_scheme || path.starts_with("//") || path.starts_with('\\')
}

/// Is there a `.` or `..` segment? Backslashes and encoded dots count, since address parsers take them for slashes and dots
/// (<https://url.spec.whatwg.org/#path-state>), and so do encoded slashes, which some servers decode before they look.
fn has_dot_segment(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

/// A `%` that begins no escape is one that means itself.
fn with_plain_percents_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        let digits = after.as_bytes().get(..2);
        let is_escape = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        encoded.push_str(before);
        encoded.push_str(if is_escape { "%" } else { "%25" });
        rest = after;
    }
    encoded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_base_stay_as_they_are() {
        let table = [
            ("v1/things", "v1/things"),
            ("/v1/things/", "v1/things/"),
            ("/", ""),
            ("things:batch", "things:batch"),
            ("by-url/https%3A%2F%2Fexample.com", "by-url/https%3A%2F%2Fexample.com"),
            ("a/..b/c.", "a/..b/c."),
            ("50% off/%zz/%2F", "50%25 off/%25zz/%2F"),
        ];
        for (given, path) in table {
            assert_eq!(below_base(given).unwrap(), path, "{given}");
        }
    }

    #[test]
    fn another_host_a_way_out_a_query_and_a_fragment_are_refused() {
        let refused = [
            ("https://evil.example/x", "a whole address"),
            ("HTTP://evil.example", "a whole address"),
            ("//evil.example/x", "a whole address"),
            ("\\\\evil.example", "a whole address"),
            ("../admin", "`..` between"),
            ("/a/../../admin", "`..` between"),
            ("a/../b", "`..` between"),
            ("a/./b", "`..` between"),
            ("a\\..\\..\\admin", "`..` between"),
            ("%2e%2E/admin", "`..` between"),
            ("a/..%2Fusers%2F1", "`..` between"),
            ("a/b%5c..%5cc", "`..` between"),
            ("search?q=x", "under `query:`"),
            ("page#top", "a fragment"),
            ("a\r\nhost: b", "control character"),
        ];
        for (given, reason) in refused {
            let error = below_base(given).unwrap_err();
            assert_eq!(error.code, "bad_input");
            assert!(error.message.contains(reason), "{given}: {error}");
        }
    }
}

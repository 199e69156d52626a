//! Token answers as providers really write them, each with its right reading.

use std::fmt::Write as _;

use deskwire_core::provider::provider;
use deskwire_core::secret::ExposeSecret;

use super::*;

fn read_as(name: &str, status: u16, body: &[u8]) -> String {
    let facts = provider(name).and_then(|provider| provider.oauth.clone()).unwrap_or_default();
    let status = StatusCode::from_u16(status).unwrap();
    match read(status, Some(Duration::from_secs(7)), body, &facts) {
        Ok(tokens) => in_words(&tokens),
        Err(TokenError::Refused { code, description, by }) => {
            format!("refused: {code}{} ({by})", description.map(|text| format!(", {text}")).unwrap_or_default())
        }
        Err(TokenError::Unavailable { .. }) => "unavailable".to_owned(),
        Err(TokenError::Lost { .. }) => "lost".to_owned(),
        Err(TokenError::Unreadable { .. }) => "unreadable".to_owned(),
    }
}

/// The access token, and what else there is.
fn in_words(tokens: &Tokens) -> String {
    let mut words = tokens.access_token.expose_secret().to_owned();
    if let Some(refresh) = &tokens.refresh_token {
        let _ = write!(words, " refresh {}", refresh.expose_secret());
    }
    if let Some(lifetime) = tokens.expires_in {
        let _ = write!(words, " for {}s", lifetime.as_secs_f64());
    }
    if let Some(lifetime) = tokens.refresh_expires_in {
        let _ = write!(words, " idle {}s", lifetime.as_secs_f64());
    }
    if let Some(scopes) = &tokens.scopes {
        let _ = write!(words, " may {}", scopes.join("|"));
    }
    words
}

#[test]
fn a_lifetime_is_read_however_it_is_spelled() {
    let table = [
        // Not said: no known end.
        ("null", "t"),
        (r#""""#, "t"),
        (r#""  ""#, "t"),
        (r#""soon""#, "t"),
        (r#""3600 seconds""#, "t"),
        (r#""0x10""#, "t"),
        (r#""inf""#, "t"),
        (r#""NaN""#, "t"),
        ("true", "t"),
        ("[3600]", "t"),
        (r#"{"seconds":3600}"#, "t"),
        // Seconds.
        ("3600", "t for 3600s"),
        ("3600.0", "t for 3600s"),
        ("3599.5", "t for 3599.5s"),
        ("3.6e3", "t for 3600s"),
        (r#""3600""#, "t for 3600s"),
        (r#"" 3600 ""#, "t for 3600s"),
        (r#""\t3600\n""#, "t for 3600s"),
        (r#""+3600""#, "t for 3600s"),
        (r#""3600.0""#, "t for 3600s"),
        (r#""3600.""#, "t for 3600s"),
        (r#""03600""#, "t for 3600s"),
        (r#""1e3""#, "t for 1000s"),
        // Ended.
        ("0", "t for 0s"),
        ("-0.0", "t for 0s"),
        ("-1", "t for 0s"),
        ("-3600.5", "t for 0s"),
        ("-9223372036854775808", "t for 0s"),
        ("-1e300", "t for 0s"),
        (r#""0""#, "t for 0s"),
        (r#""-1""#, "t for 0s"),
        (r#""-1e300""#, "t for 0s"),
        // Longer than anything lasts: no known end.
        ("9223372036854775", "t"),
        ("9223372036854775807", "t"),
        ("18446744073709551615", "t"),
        ("1e300", "t"),
        ("1234567890123456789012345678901234567890", "t"),
        (r#""9223372036854775""#, "t"),
        (r#""1234567890123456789012345678901234567890""#, "t"),
        (r#""1e300""#, "t"),
        (r#""1e999""#, "t"),
        ("253402300800", "t"),
        // A hundred years, and a second more.
        ("3153600000", "t for 3153600000s"),
        ("3153600001", "t"),
    ];
    for (lifetime, expected) in table {
        let body = format!(r#"{{"access_token":"t","expires_in":{lifetime}}}"#);
        assert_eq!(read_as("http", 200, body.as_bytes()), expected, "expires_in: {lifetime}");
        let body = format!(r#"{{"access_token":"t","refresh_token_expires_in":{lifetime}}}"#);
        let idle = expected.replace("for", "idle");
        assert_eq!(read_as("http", 200, body.as_bytes()), idle, "refresh_token_expires_in: {lifetime}");
        let body = format!(
            r#"{{"ok":true,"authed_user":{{"access_token":"t","token_type":"user","expires_in":{lifetime}}}}}"#
        );
        assert_eq!(read_as("slack", 200, body.as_bytes()), expected, "authed_user: {lifetime}");
    }
}

#[test]
fn what_a_provider_s_page_says_counts_where_its_answer_says_nothing() {
    let read = |more: &str| read_as("zendesk", 200, format!(r#"{{"access_token":"t"{more}}}"#).as_bytes());
    assert_eq!(read(""), "t idle 2592000s");
    assert_eq!(read(r#","refresh_token_expires_in":null"#), "t idle 2592000s");
    assert_eq!(read(r#","refresh_token_expires_in":1e300"#), "t", "it does say: for ever");
}

#[test]
fn odd_answers_are_read_as_they_are_meant() {
    let table: [(&str, u16, &[u8], &str); 56] = [
        // Errors that are none.
        ("http", 200, br#"{"access_token":"t","error":""}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":"  "}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":null,"error_description":null}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":false}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":0}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":"0"}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":{}}"#, "t"),
        ("http", 200, br#"{"access_token":"t","error":[]}"#, "t"),
        ("slack", 200, br#"{"ok":true,"access_token":"t","token_type":"bot","error":""}"#, "t"),
        // Errors that are some.
        ("http", 200, br#"{"error":""}"#, "unreadable"),
        ("http", 200, br#"{"error":"invalid_grant"}"#, "refused: invalid_grant (the code or refresh token)"),
        (
            "http",
            200,
            br#"{"access_token":"t","error":"invalid_grant"}"#,
            "refused: invalid_grant (the code or refresh token)",
        ),
        ("http", 400, br#"{"error":" invalid_grant "}"#, "refused: invalid_grant (the code or refresh token)"),
        (
            "http",
            400,
            b"\xef\xbb\xbf{\"error\":\"invalid_grant\"}",
            "refused: invalid_grant (the code or refresh token)",
        ),
        (
            "http",
            400,
            b"error=invalid_grant&error_description=used+up",
            "refused: invalid_grant, used up (the code or refresh token)",
        ),
        (
            "http",
            400,
            br#"{"error":{"type":"invalid_client","message":"who?"}}"#,
            "refused: invalid_client, who? (the client)",
        ),
        ("http", 400, br#"{"error":{"code":190}}"#, "refused: 190 (something else)"),
        ("http", 400, br#"{"error":true}"#, "refused: error (something else)"),
        ("http", 400, br#"{"error":7}"#, "refused: 7 (something else)"),
        ("http", 400, br#"{"error":""}"#, "refused: http_400 (something else)"),
        ("slack", 200, br#"{"ok":false}"#, "refused: not_ok (something else)"),
        ("slack", 200, br#"{"ok":false,"error":""}"#, "refused: not_ok (something else)"),
        ("slack", 200, br#"{"ok":"false","access_token":"t"}"#, "refused: not_ok (something else)"),
        // Troubles that pass.
        ("http", 500, br#"{"status":500,"error":"Internal Server Error"}"#, "lost"),
        ("http", 400, br#"{"error":"server_error"}"#, "lost"),
        ("http", 503, br#"{"error":"temporarily_unavailable"}"#, "unavailable"),
        ("http", 400, br#"{"error":"temporarily_unavailable"}"#, "unavailable"),
        ("http", 429, br#"{"access_token":"t"}"#, "unavailable"),
        ("http", 500, br#"{"error":"invalid_grant"}"#, "refused: invalid_grant (the code or refresh token)"),
        // The body.
        ("http", 200, b"\xef\xbb\xbf{\"access_token\":\"t\"}", "t"),
        ("http", 200, b"\r\n {\"access_token\":\"t\"} \n", "t"),
        ("http", 200, b"{\"access_token\":\"t\",\"team\":\"caf\xe9\"}", "t"),
        (
            "http",
            200,
            b"access_token=t%2F1&token_type=bearer&expires_in=28800&scope=repo%2Cgist",
            "t/1 for 28800s may repo|gist",
        ),
        ("http", 200, b"access_token=t&expires_in=1e300&refresh_token=", "t"),
        ("http", 200, b"", "lost"),
        ("http", 200, b"<html>access_token=t</html>", "lost"),
        ("http", 200, br#"["t"]"#, "unreadable"),
        ("http", 200, br#""t""#, "unreadable"),
        // The tokens.
        ("http", 200, br#"{"access_token":" t\n"}"#, "t"),
        ("http", 200, br#"{"access_token":12345}"#, "12345"),
        ("http", 200, br#"{"access_token":null}"#, "unreadable"),
        ("http", 200, br#"{"access_token":"t","refresh_token":""}"#, "t"),
        ("http", 200, br#"{"access_token":"t","refresh_token":null}"#, "t"),
        ("http", 200, br#"{"access_token":"t","token_type":"BEARER"}"#, "t"),
        ("http", 200, br#"{"access_token":"t","token_type":" Bearer "}"#, "t"),
        ("http", 200, br#"{"access_token":"t","token_type":""}"#, "t"),
        ("http", 200, br#"{"access_token":"t","token_type":null}"#, "t"),
        ("http", 200, br#"{"access_token":"t","token_type":"mac"}"#, "unreadable"),
        ("salesforce", 200, br#"{"access_token":"t","issued_at":"1278448384422"}"#, "t idle 2592000s"),
        ("salesforce", 200, br#"{"access_token":"t","issued_at":1e300}"#, "t idle 2592000s"),
        // Scopes.
        ("http", 200, br#"{"access_token":"t","scope":["a","b c"]}"#, "t may a|b|c"),
        ("http", 200, br#"{"access_token":"t","scope":"a, b,c"}"#, "t may a|b|c"),
        ("http", 200, br#"{"access_token":"t","scope":" a\tb "}"#, "t may a|b"),
        ("http", 200, br#"{"access_token":"t","scopes":["a"]}"#, "t may a"),
        ("http", 200, br#"{"access_token":"t","scope":""}"#, "t"),
        ("http", 200, br#"{"access_token":"t","scope":null,"expires_in":60}"#, "t for 60s"),
    ];
    for (name, status, body, expected) in table {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(read_as(name, status, body), expected, "{name} {status} {shown}");
    }
}

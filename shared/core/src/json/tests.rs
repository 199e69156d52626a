//! What the reader takes, and how it says why it does not.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Value {
    from_str(text).unwrap()
}

fn why(bytes: &[u8]) -> String {
    from_slice::<Value>(bytes).unwrap_err().0
}

#[test]
fn half_of_a_surrogate_pair_is_read_as_the_replacement_character() {
    let table = [
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\uDE00 late""#, "\u{fffd} late"),
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\uD83D\uDE00""#, "😀"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud83d\ude00\ude00""#, "😀\u{fffd}"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ud83d\\""#, "\u{fffd}\\"),
        (r#""\ud83dé\\ud83d""#, "\u{fffd}é\\ud83d"),
        (r#""\\ud83d""#, "\\ud83d"),
        (r#""\\\ud83d""#, "\\\u{fffd}"),
        (r#""\\\\ud83d""#, "\\\\ud83d"),
        (r#""\\\ud83d\ude00""#, "\\😀"),
        (r#""\ud7ff\ue000""#, "\u{d7ff}\u{e000}"),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(read(r#"{"\ud83d": ["\udc00"]}"#), json!({ "\u{fffd}": ["\u{fffd}"] }));
}

#[test]
fn what_is_no_escape_at_all_is_still_refused() {
    for text in [r#""\ud8""#, r#""\ud8zz""#, r#""\ud83d"#, "\"\\", r#""\x""#, r#""\é""#] {
        assert!(from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    for text in [
        "12345678901234567890123",
        "-12345678901234567890123",
        "1.10",
        "0.00001",
        "1000000000000000000000.000",
        "9007199254740993",
        "-0",
        "-0.0",
        "1e+400",
        "1e-400",
        "0.1000000000000000055511151231257827",
    ] {
        assert_eq!(read(text).to_string(), text);
        assert_eq!(read(&format!("[{{\"n\": {text}}}]"))[0]["n"].to_string(), text);
    }
    assert_eq!(read("[1e2, 1E2, 1E+2, 1E400]").to_string(), "[1e+2,1e+2,1e+2,1e+400]");
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "0x1", "1_000", "--1"] {
        assert!(from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(from_slice::<Value>(b"\xef\xbb\xbf{\"a\": 1}").unwrap(), json!({ "a": 1 }));
    assert_eq!(read("\u{feff}[]"), json!([]));
    assert_eq!(read("\"\u{feff}\""), "\u{feff}");
    assert!(from_str::<Value>("[\u{feff}]").is_err());
}

#[test]
fn of_two_members_of_one_name_the_last_counts() {
    assert_eq!(read(r#"{"a": 1, "b": 2, "a": 3}"#), json!({ "a": 3, "b": 2 }));
}

#[test]
fn a_refusal_names_the_reason_and_its_place_and_nothing_of_the_text() {
    assert_eq!(why(b""), "it is empty");
    assert_eq!(why(b" \n"), "it is empty");
    assert_eq!(why(b"{\"a\":\n \"b"), "it ends too early, at line 2 column 3");
    assert_eq!(why(b"{\"a\":\n tru}"), "expected ident at line 2 column 5");
    assert_eq!(why(b"{\"a\":\"\xff\"}"), "invalid UTF-8 after byte 6 at line 1 column 7");
    assert_eq!(why(b"{\n\"\xc3\xa9\": \"\xe9\"}"), "invalid UTF-8 after byte 9 at line 2 column 7");
    assert_eq!(why(b"\xff\xfe{\0}\0"), "it is text in UTF-16, and JSON is sent in UTF-8");
    assert_eq!(why(br#"{"secret": "\ud83d" "#), "it ends too early, at line 1 column 20");
    assert!(why(b"<html>").starts_with("expected value at line 1 column 1"));
    assert!(why("[".repeat(200_000).as_bytes()).contains("recursion limit"));
}

#[test]
fn typed_values_are_read_the_same_way() {
    let read: BTreeMap<String, String> = from_str(r#"{"a": "\ud83d"}"#).unwrap();
    assert_eq!(read["a"], "\u{fffd}");
    assert_eq!(from_slice::<u64>(b"7").unwrap(), 7);
    assert!(from_slice::<u64>(b"7.5").unwrap_err().0.contains("line 1"));
}

#[test]
fn a_value_that_does_not_fit_is_not_quoted() {
    #[derive(Debug, serde::Deserialize)]
    struct Wanted {
        _at: crate::time::Timestamp,
        _kind: Kind,
    }
    #[derive(Debug, serde::Deserialize)]
    enum Kind {
        Known,
    }
    for text in
        [r#"{"_at": "my secret"}"#, r#"{"_kind": "my secret"}"#, r#"{"_at": {}, "_kind": "x"}"#, r#""my secret""#]
    {
        let why = from_str::<Wanted>(text).unwrap_err().0;
        assert!(!why.contains("secret") && why.contains("line 1 column"), "{why}");
    }
    assert_eq!(
        from_str::<bool>(r#""my `secret`, expected \" at line ""#).unwrap_err().0,
        "invalid type: string, expected a boolean at line 1 column 35"
    );
    assert!(from_str::<Wanted>("{}").unwrap_err().0.starts_with("missing field `_at`"));
    let _ = Kind::Known;
}

#[test]
fn keys_that_the_parser_uses_for_itself_do_no_harm() {
    for text in [
        r#"{"$serde_json::private::Number": "x"}"#,
        r#"{"$serde_json::private::Number": 1}"#,
        r#"{"$serde_json::private::RawValue": "["}"#,
        r#"{"a": {"$serde_json::private::Number": "1e5", "b": 1}}"#,
    ] {
        let _ = from_str::<Value>(text);
    }
}

/// A number's text as the reader keeps it: an exponent has a small `e` and its sign.
fn kept(text: &str) -> String {
    let text = text.replace('E', "e");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with(['+', '-']) => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

proptest! {
    #[test]
    fn escaped_utf_16_is_read_as_utf_16_is_anywhere(units in prop::collection::vec(
        prop_oneof![0xd7f0_u16..0xe010, any::<u16>(), Just(0x5c)], 0..20)
    ) {
        let escaped = units.iter().fold(String::new(), |escaped, unit| format!("{escaped}\\u{unit:04x}"));
        prop_assert_eq!(read(&format!("\"{escaped}\"")), String::from_utf16_lossy(&units));
    }

    #[test]
    fn text_that_the_strict_parser_takes_is_read_the_same(text in "\\PC*") {
        let written = json!({ &text: [&text] }).to_string();
        prop_assert_eq!(read(&written), json!({ &text: [&text] }));
        prop_assert!(matches!(mended(&written), Cow::Borrowed(_)));
    }

    #[test]
    fn any_number_keeps_its_text(text in "-?(0|[1-9][0-9]{0,45})(\\.[0-9]{1,45})?([eE][+-]?[0-9]{1,5})?") {
        let read = read(&text);
        prop_assert_eq!(read.to_string(), kept(&text));
        prop_assert_eq!(from_str::<Value>(&read.to_string()).unwrap(), read);
    }
}

//! Numbers of JSON as what they are: decimals of any length, kept as they are written. `1.10` and `1.1` are the same number
//! and not the same text, so whoever compares values asks here.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Is it written as a whole number: no point and no exponent?
pub fn is_whole(number: &Number) -> bool {
    !number.as_str().contains(['.', 'e', 'E'])
}

/// Compares by value, exactly, however many digits there are.
pub fn compare(one: &Number, other: &Number) -> Ordering {
    let (one, other) = (Decimal::of(one.as_str()), Decimal::of(other.as_str()));
    match (one.sign(), other.sign()) {
        (1, 1) => one.size(&other),
        (-1, -1) => other.size(&one),
        (one, other) => one.cmp(&other),
    }
}

/// Are two values the same, numbers by their value?
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other).is_eq(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// `0.DIGITS` times ten to the power of `point`, with a sign. The digits neither begin nor end with a zero, so of each number
/// there is one form; zero has no digits.
struct Decimal<'n> {
    negative: bool,
    whole: &'n str,
    fraction: &'n str,
    point: i64,
}

impl<'n> Decimal<'n> {
    fn of(text: &'n str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        // An exponent that does not fit is out of all reach, in its direction.
        let far = if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
        let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap_or(far).clamp(i64::MIN / 4, i64::MAX / 4);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX / 4);
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        match (whole, fraction) {
            ("", fraction) => {
                let rest = fraction.trim_start_matches('0');
                Self { negative, whole: "", fraction: rest, point: exponent - (length(fraction) - length(rest)) }
            }
            (whole, "") => {
                Self { negative, whole: whole.trim_end_matches('0'), fraction: "", point: exponent + length(whole) }
            }
            (whole, fraction) => Self { negative, whole, fraction, point: exponent + length(whole) },
        }
    }

    fn sign(&self) -> i8 {
        match (self.whole.is_empty() && self.fraction.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn size(&self, other: &Self) -> Ordering {
        let digits = |one: &Self| one.whole.bytes().chain(one.fraction.bytes()).collect::<Vec<u8>>();
        self.point.cmp(&other.point).then_with(|| digits(self).cmp(&digits(other)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn number(text: &str) -> Number {
        crate::json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value_and_not_by_spelling() {
        let ascending = [
            "-1e400",
            "-12345678901234567890124",
            "-12345678901234567890123",
            "-1.5",
            "-0.001",
            "0",
            "1e-400",
            "0.1",
            "0.1000000000000000000001",
            "1",
            "1.1",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "12345678901234567890123",
            "1e400",
            "1e99999999999999999999999",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(compare(&number(one), &number(other)), at.cmp(&other_at), "{one} and {other}");
            }
        }
        for (one, other) in [
            ("1.10", "1.1"),
            ("1", "1.0"),
            ("1", "1.000e0"),
            ("100", "1e2"),
            ("0.01", "1E-2"),
            ("-0", "0.00"),
            ("0e5", "0"),
            ("120.0", "1.2e+2"),
            ("1000000000000000000000000", "1e24"),
        ] {
            assert_eq!(compare(&number(one), &number(other)), Ordering::Equal, "{one} and {other}");
        }
    }

    #[test]
    fn values_are_the_same_where_their_numbers_are() {
        let read = |text: &str| crate::json::from_str::<Value>(text).unwrap();
        assert!(same(&read(r#"{"a": [1.10, {"b": 1e2}], "c": "1"}"#), &read(r#"{"c": "1", "a": [1.1, {"b": 100}]}"#)));
        assert!(!same(&read(r#"{"a": 1}"#), &read(r#"{"a": 1, "b": null}"#)));
        assert!(!same(&json!("1"), &json!(1)));
        assert!(!same(&json!([1]), &json!([1, 1])));
    }

    #[test]
    fn whole_numbers_are_those_written_as_such() {
        for (text, expected) in [("12345678901234567890123", true), ("-0", true), ("1.0", false), ("1e2", false)] {
            assert_eq!(is_whole(&number(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn doubles_are_compared_as_doubles_are(one in any::<i32>(), other in any::<i32>(), by in 0..9) {
            let scaled = |n: i32| f64::from(n) / 10_f64.powi(by);
            let (one, other) = (scaled(one), scaled(other));
            let expected = one.partial_cmp(&other).unwrap();
            prop_assert_eq!(compare(&number(&one.to_string()), &number(&other.to_string())), expected);
            prop_assert_eq!(compare(&number(&format!("{one:e}")), &number(&other.to_string())), expected);
        }
    }
}

//! A message's `ts`: its id within a conversation, which looks like seconds and microseconds and orders like a number.

use std::fmt;

use deskwire_core::time::Timestamp;

/// Microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ts(pub(crate) i64);

impl Ts {
    /// Reads `1503435956.000247`, and bare seconds as `latest` and `oldest` may be given.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(seconds) || !digits(fraction) || fraction.len() > 6 {
            return None;
        }
        let seconds: i64 = seconds.parse().ok()?;
        let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
        seconds.checked_mul(1_000_000)?.checked_add(micros).map(Self)
    }

    /// The first free `ts` at this time: later than `last`, and the time itself where that is free.
    pub(crate) fn after(last: Option<Self>, now: Timestamp) -> Self {
        let now = now.as_millis().saturating_mul(1000);
        Self(last.map_or(now, |Self(last)| now.max(last + 1)))
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_is_read_as_it_is_written() {
        let ts = Ts::parse("1503435956.000247").unwrap();
        assert_eq!((ts.0, ts.to_string().as_str()), (1_503_435_956_000_247, "1503435956.000247"));
        assert_eq!(Ts::parse("1503435956").unwrap().to_string(), "1503435956.000000");
        for bad in ["", "now", "-1", "1.", "1.2345678", "1e9", " 1", "99999999999999999999"] {
            assert_eq!(Ts::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn two_messages_of_one_millisecond_have_two_ts() {
        let now = Timestamp::from_millis(1_000);
        let first = Ts::after(None, now);
        assert_eq!(first.to_string(), "1.000000");
        assert_eq!(Ts::after(Some(first), now).to_string(), "1.000001");
        assert_eq!(Ts::after(Some(first), Timestamp::from_millis(5)).to_string(), "1.000001");
    }
}

//! The header `Retry-After` (RFC 9110, section 10.2.3): how long a provider asks us to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

/// No provider is believed to want more; a larger number is a mistake of theirs, and parks nothing for days.
const LONGEST: Duration = Duration::from_hours(1);

/// How long to wait, at most an hour; `None` where the header says nothing that can be read. A date counts from the
/// answer's own `Date`, so no clock has to agree with another; without that it says nothing.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = date(headers, &RETRY_AFTER)?.duration_since(date(headers, &DATE)?);
    Some(Duration::try_from(until).unwrap_or_default().min(LONGEST))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<jiff::Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(name)?.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]);
        headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn whole_seconds_are_taken_up_to_an_hour() {
        let table = [
            ("30", Some(30)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("99999999999", Some(3600)),
            ("18446744073709551615", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ];
        for (text, seconds) in table {
            assert_eq!(read(text, None), seconds, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_counts_from_the_answer_s_own_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(30));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:07 GMT", date), Some(0));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT", date).unwrap_or(3600), 3600);
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT", Some("today")), None);
    }
}

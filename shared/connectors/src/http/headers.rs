//! The headers that a step may give a call, and those that are not its own to give. Called by [`super::request`].

use deskwire_core::action::CallError;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::input::{self, bad};

/// What the connection, the HTTP library or a server on the way decides; a name that ends in `*` stands for all that begin so.
const NOT_THE_STEPS: [&str; 18] = [
    "accept-charset",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "date",
    "expect",
    "host",
    "proxy-*",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-*",
    "x-amz-*",
];

/// The headers under `name`: text, numbers and truth values by header name. What is none is left out.
pub(super) fn read(given: &Value, name: &str, sign_in: &HeaderName) -> Result<HeaderMap, CallError> {
    let mut headers = HeaderMap::new();
    for (header, value) in input::map(given, name)?.into_iter().flatten() {
        if value.is_null() {
            continue;
        }
        let key = name_of(header, sign_in)?;
        let value = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(bad(format!("The header `{key}` is a list or an object, but must be text."))),
        };
        let header = header.escape_debug();
        // Receivers read other characters in different ways (RFC 9110, section 5.5).
        if !value.is_ascii() {
            return Err(bad(format!(
                "The header `{header}` holds a character outside of ASCII, which no header can carry. Encode the value with \
                 `| urlencode` if the API understands that, or leave it out."
            )));
        }
        let value = HeaderValue::try_from(value).map_err(|_| {
            bad(format!("The header `{header}` holds a line break or another character that no header can carry."))
        })?;
        headers.insert(key, value);
    }
    Ok(headers)
}

/// A header's name, if a step may set it. `sign_in` is the connection's own.
pub(super) fn name_of(text: &str, sign_in: &HeaderName) -> Result<HeaderName, CallError> {
    let name = HeaderName::try_from(text.trim())
        .map_err(|_| bad(format!("`{}` is not the name of an HTTP header.", text.escape_debug())))?;
    if name == *sign_in {
        let way = "Leave it out: the connection signs the call in.";
        return Err(bad(format!("The header `{name}` is the connection's own. {way}")));
    }
    let refused = NOT_THE_STEPS.iter().any(|&refused| match refused.strip_suffix('*') {
        Some(beginning) => name.as_str().starts_with(beginning),
        None => name == refused,
    });
    if refused {
        let way = "Leave it out; credentials belong into the connection.";
        return Err(bad(format!("The header `{name}` is not for steps to set. {way}")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use serde_json::json;

    use super::*;

    fn given(headers: &Value) -> Result<HeaderMap, CallError> {
        read(&json!({ "headers": headers }), "headers", &AUTHORIZATION)
    }

    #[test]
    fn text_numbers_and_truth_values_become_headers_and_none_is_left_out() {
        let headers = given(&json!({ "X-Trace": " t1 ", "x-count": 3, "x-dry": true, "x-none": null })).unwrap();
        let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(pairs, [("x-trace", "t1"), ("x-count", "3"), ("x-dry", "true")]);
        assert!(given(&json!(null)).unwrap().is_empty());
    }

    #[test]
    fn names_that_are_not_the_steps_to_set_are_refused_in_any_case() {
        for name in ["Authorization", "HOST", "Cookie", "Content-Length", "proxy-authorization", "X-Forwarded-For"] {
            let error = given(&json!({ name: "x" })).unwrap_err();
            assert_eq!(error.code, "bad_input");
            assert!(error.message.contains(&name.to_ascii_lowercase()), "{error}");
        }
        let error = name_of("X-API-Key", &HeaderName::from_static("x-api-key")).unwrap_err();
        assert!(error.message.contains("the connection signs the call in"), "{error}");
        assert!(name_of("x-amz-date", &AUTHORIZATION).is_err() && name_of("x-amazing", &AUTHORIZATION).is_ok());
    }

    #[test]
    fn a_line_break_in_a_header_is_refused_without_showing_its_value() {
        assert!(given(&json!({ "x-a": "Zoë" })).unwrap_err().message.contains("outside of ASCII"));
        for headers in [
            json!({ "x-a": "marker\nb" }),
            json!({ "x-a": "marker\u{0}" }),
            json!({ "x-a": "marker\r\nhost: b" }),
            json!({ "x-a\r\nhost": "b" }),
            json!({ "x-a": ["b"] }),
        ] {
            let error = given(&headers).unwrap_err();
            assert!(!error.message.contains("marker") && !error.message.contains('\n'), "{error}");
        }
    }
}

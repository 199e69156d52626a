//! What a call carries: its query, and a body of JSON, a form, or text of a type that the step names. Called by
//! [`super::request`].

use bytes::Bytes;
use deskwire_core::action::CallError;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use url::form_urlencoded;

use crate::input::{self, bad};

/// The largest body we send, in bytes; answers have the same limit.
pub(super) const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// The pairs under `name`, in their order; a list repeats the name, and what is none is left out.
pub(super) fn pairs(given: &Value, name: &str) -> Result<Option<Vec<(String, String)>>, CallError> {
    let Some(map) = input::map(given, name)? else { return Ok(None) };
    let mut pairs = Vec::with_capacity(map.len());
    for (key, value) in map {
        let several = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in several.iter().filter(|value| !value.is_null()) {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => {
                    let wanted = "text, a number, true or false, or a list of these";
                    return Err(bad(format!(
                        "`{name}.{key}` is an object or a list within a list, but must be {wanted}."
                    )));
                }
            };
            pairs.push((key.clone(), text));
        }
    }
    Ok(Some(pairs))
}

/// The body, and its type in `headers` unless the step gave one. Empty for none.
pub(super) fn read(given: &Value, headers: &mut HeaderMap) -> Result<Bytes, CallError> {
    let json = given.get("body").filter(|body| !body.is_null());
    let (body, media_type) = match (json, pairs(given, "form")?) {
        (Some(_), Some(_)) => return Err(bad("Give `body` or `form`, not both.".to_owned())),
        (None, None) => return Ok(Bytes::new()),
        (None, Some(form)) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            (form, "application/x-www-form-urlencoded")
        }
        // Text of a type that is not JSON goes as it stands: XML, CSV.
        (Some(Value::String(text)), None) if headers.get(CONTENT_TYPE).is_some_and(|given| !is_json(given)) => {
            (text.clone(), "")
        }
        (Some(body), None) => (body.to_string(), "application/json"),
    };
    if body.len() > MAX_REQUEST_BYTES {
        let size = body.len();
        return Err(bad(format!("The body has {size} bytes; the limit is {MAX_REQUEST_BYTES}. Send less at once.")));
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    Ok(Bytes::from(body))
}

/// `application/json` or a type that ends in `+json`, with or without parameters.
pub(super) fn is_json(media_type: &HeaderValue) -> bool {
    let media_type = media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(given: &Value, content_type: Option<&'static str>) -> (String, String) {
        let given_type = content_type.map(|text| (CONTENT_TYPE, HeaderValue::from_static(text)));
        let mut headers = HeaderMap::from_iter(given_type);
        let body = read(given, &mut headers).unwrap();
        let media_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        (media_type.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    fn pair(media_type: &str, body: &str) -> (String, String) {
        (media_type.to_owned(), body.to_owned())
    }

    #[test]
    fn a_body_is_json_unless_it_is_a_form_or_text_of_another_type() {
        assert_eq!(body(&json!({ "body": { "a": [1] } }), None), pair("application/json", r#"{"a":[1]}"#));
        assert_eq!(body(&json!({ "body": "hi" }), None), pair("application/json", "\"hi\""));
        assert_eq!(body(&json!({ "body": "<a/>" }), Some("application/xml")), pair("application/xml", "<a/>"));
        let merge = "application/merge-patch+json; charset=utf-8";
        assert_eq!(body(&json!({ "body": false }), Some(merge)), pair(merge, "false"));
        let form = json!({ "form": { "a b": "ü&", "tag": ["x", 2, null], "none": null } });
        assert_eq!(body(&form, None), pair("application/x-www-form-urlencoded", "a+b=%C3%BC%26&tag=x&tag=2"));
        assert_eq!(body(&json!({ "body": null }), None), pair("", ""));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_name_or_the_limit() {
        let message = |given: &Value| read(given, &mut HeaderMap::new()).unwrap_err().message;
        assert!(message(&json!({ "body": 1, "form": {} })).contains("not both"));
        assert!(message(&json!({ "form": { "a": { "b": 1 } } })).contains("`form.a`"));
        assert!(message(&json!({ "form": "a=b" })).contains("`form` is text"));
        assert!(message(&json!({ "body": "x".repeat(MAX_REQUEST_BYTES) })).contains("the limit is 1048576"));
    }
}

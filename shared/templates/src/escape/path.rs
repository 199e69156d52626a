//! Percent-encoding for URLs: a value stays one segment of a path, or one name or value of a form.

use std::borrow::Cow;
use std::fmt::Write;

/// The characters that mean themselves everywhere in a URL (<https://www.rfc-editor.org/rfc/rfc3986#section-2.3>).
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn encoded(text: &str, stays: impl Fn(u8) -> bool) -> Cow<'_, str> {
    if text.bytes().all(&stays) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

/// A value as one segment.
pub(crate) fn segment(text: &str) -> Cow<'_, str> {
    encoded(text, is_unreserved)
}

/// A value as a whole path: it may have several segments and may be encoded already, but it does not begin a query.
pub(crate) fn path(text: &str) -> Cow<'_, str> {
    encoded(text, |byte| !matches!(byte, b'?' | b'#'))
}

/// A name or value of a form; what goes beyond letters and digits is encoded, which every reader of forms undoes.
pub(crate) fn form(text: &str) -> Cow<'_, str> {
    encoded(text, is_unreserved)
}

//! Where people and providers reach us. The public URL may have a path (`https://example.com/relay`): every address of ours
//! that anybody is given lies below it, and is made here.

use url::Url;

/// Why a URL cannot be the public one. The message is the end of a sentence that begins with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicUrl {
    /// No URL, or one of another kind.
    #[error("is no address on the web; write it whole, such as https://relay.example.com")]
    NotWeb,
    /// More than scheme, host and path.
    #[error("holds more than an address; leave out user name, password, `?` and `#`")]
    TooMuch,
    /// A path that not every proxy hands on as it is.
    #[error("has an odd path; use letters, digits, `-`, `_`, `.`, `~` and single slashes")]
    OddPath,
}

/// Reads a public URL.
pub fn parse(text: &str) -> Result<Url, BadPublicUrl> {
    let url = Url::parse(text.trim()).map_err(|_| BadPublicUrl::NotWeb)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(BadPublicUrl::NotWeb);
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(BadPublicUrl::TooMuch);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/');
    if !url.path().bytes().all(plain) || url.path().contains("//") {
        return Err(BadPublicUrl::OddPath);
    }
    Ok(url)
}

/// The address of `path` below the public URL, which may or may not end in a slash. Nothing else of the public URL is kept.
pub fn below(public_url: &Url, path: &str) -> Url {
    let mut url = public_url.clone();
    url.set_path(&format!("{}/{}", prefix(public_url), path.trim_start_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// The path of the public URL without a slash at its end: `/relay`, or nothing.
pub fn prefix(public_url: &Url) -> &str {
    public_url.path().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_below_the_public_url_with_or_without_a_path() {
        for (public_url, prefix_is, expected) in [
            ("https://a.example", "", "https://a.example/oauth/callback"),
            ("https://a.example/", "", "https://a.example/oauth/callback"),
            ("https://a.example:8443/relay", "/relay", "https://a.example:8443/relay/oauth/callback"),
            ("https://a.example/relay/", "/relay", "https://a.example/relay/oauth/callback"),
            ("https://a.example/a/b~1/", "/a/b~1", "https://a.example/a/b~1/oauth/callback"),
            ("http://localhost:8787", "", "http://localhost:8787/oauth/callback"),
        ] {
            let public_url = parse(public_url).unwrap();
            assert_eq!(prefix(&public_url), prefix_is);
            assert_eq!(below(&public_url, "oauth/callback").as_str(), expected);
            assert_eq!(below(&public_url, "/oauth/callback").as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        use BadPublicUrl::{NotWeb, OddPath, TooMuch};
        for (text, why) in [
            ("relay.example.com", NotWeb),
            ("localhost:8787", NotWeb),
            ("ftp://a.example", NotWeb),
            ("", NotWeb),
            ("https://me:word@a.example", TooMuch),
            ("https://a.example/?x=1", TooMuch),
            ("https://a.example/#x", TooMuch),
            ("https://a.example/a;b", OddPath),
            ("https://a.example/{a}", OddPath),
            ("https://a.example/a//b", OddPath),
            ("https://a.example/:a", OddPath),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }
}

//! The domain a connection's credentials may go to: how it is written, and which hosts it covers. Parsed once when a
//! project is read; asked by the guard of the way out for every request.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::Host;

/// The longest allowed domain, in characters.
pub const MAX_DOMAIN: usize = 128;

/// One host name (`slack.com`), or a domain with everything below it (`*.example.com`, which covers `example.com` too).
/// Lower case, international names in their ASCII form, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedDomain {
    domain: String,
    with_subdomains: bool,
}

/// Why a text is not an allowed domain. The message is the end of a sentence that begins with the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDomain {
    /// Longer than [`MAX_DOMAIN`].
    #[error("is longer than {MAX_DOMAIN} characters")]
    TooLong,
    /// A wildcard that is not the first label.
    #[error("has a `*` in an odd place; write `*.example.com` to cover every subdomain")]
    OddWildcard,
    /// Not a host name at all, or one with a port, a path or a scheme.
    #[error("is not a domain name; write it without https://, port and path, such as `example.com`")]
    NotADomain,
    /// An address of this machine.
    #[error(
        "is an IP address of this machine; keep the provider's own domain here, and give only `base_url` the loopback address"
    )]
    LoopbackAddress,
    /// A name of this machine.
    #[error("is this machine; keep the provider's own domain here, and give only `base_url` the loopback address")]
    Localhost,
    /// An IP address.
    #[error("is an IP address; credentials go to a domain name, whose certificate proves who answers")]
    Address,
    /// A name that strangers register names below, such as `co.uk`, or a single label.
    #[error("is a public suffix, below which anybody may register a name; name your own domain")]
    PublicSuffix,
}

impl AllowedDomain {
    /// Reads `slack.com` or `*.example.com`.
    pub fn parse(text: &str) -> Result<Self, BadDomain> {
        if text.chars().count() > MAX_DOMAIN {
            return Err(BadDomain::TooLong);
        }
        if let Some(authority) = this_machine(text) {
            let named = authority.starts_with(LOCALHOST);
            return Err(if named { BadDomain::Localhost } else { BadDomain::LoopbackAddress });
        }
        let (name, with_subdomains) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(BadDomain::OddWildcard);
        }
        // The URL parser would decode `%2e`; in a file that is a mistake or a trick.
        if name.contains('%') {
            return Err(BadDomain::NotADomain);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        let domain = match Host::parse(name) {
            Ok(Host::Domain(domain)) => domain,
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(BadDomain::Address),
            Err(_) => return Err(BadDomain::NotADomain),
        };
        if domain.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(BadDomain::NotADomain);
        }
        if domain.len() > MAX_DOMAIN {
            return Err(BadDomain::TooLong);
        }
        if psl::suffix_str(&domain) == Some(domain.as_str()) {
            return Err(BadDomain::PublicSuffix);
        }
        Ok(Self { domain, with_subdomains })
    }

    /// Covers no host: for what may lead to this machine only, where the process was told that it may.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { domain: String::new(), with_subdomains: false }
    }

    /// Is this host covered? Compared label by label: `evil-slack.com` is not below `slack.com`.
    pub fn allows(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if self.domain.is_empty() {
            return false;
        }
        if host.eq_ignore_ascii_case(&self.domain) {
            return true;
        }
        let (host, domain) = (host.as_bytes(), self.domain.as_bytes());
        self.with_subdomains
            && host.len() > domain.len() + 1
            && host[host.len() - domain.len()..].eq_ignore_ascii_case(domain)
            && host[host.len() - domain.len() - 1] == b'.'
    }
}

/// The name of this machine.
const LOCALHOST: &str = "localhost";

/// Where this machine is meant by a text, however it is dressed up (`http://`, a port, a path, a `*.`): host and port as a
/// URL that may be called has them. `0.0.0.0` and `[::]`, which servers listen on, mean it too. `None` for anything else.
pub fn this_machine(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let rest = rest.strip_prefix("*.").unwrap_or(rest);
    let (host, port) = match (rest.parse::<Ipv6Addr>(), rest.rsplit_once(':')) {
        (Ok(address), _) => (Host::Ipv6(address), None),
        (Err(_), Some((host, port))) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Host::parse(host.trim_end_matches('.')).ok()?, Some(port))
        }
        _ => (Host::parse(rest.trim_end_matches('.')).ok()?, None),
    };
    let host = match host {
        Host::Domain(name) if name == LOCALHOST || name.ends_with(".localhost") || name == "localhost.localdomain" => {
            LOCALHOST.to_owned()
        }
        Host::Domain(_) => return None,
        Host::Ipv4(address) => v4_of_this_machine(address)?,
        Host::Ipv6(address) if address.is_loopback() || address.is_unspecified() => "[::1]".to_owned(),
        Host::Ipv6(address) => v4_of_this_machine(address.to_ipv4_mapped()?)?,
    };
    Some(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

fn v4_of_this_machine(address: Ipv4Addr) -> Option<String> {
    if address.is_unspecified() {
        return Some(Ipv4Addr::LOCALHOST.to_string());
    }
    address.is_loopback().then(|| address.to_string())
}

impl fmt::Display for AllowedDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.with_subdomains { "*." } else { "" }, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_domain_covers_itself_only() {
        let domain = AllowedDomain::parse("Slack.COM.").unwrap();
        assert_eq!(domain.to_string(), "slack.com");
        for host in ["slack.com", "SLACK.com", "slack.com."] {
            assert!(domain.allows(host), "{host}");
        }
        for host in ["api.slack.com", "evil-slack.com", "slack.com.evil.example", "slack.co", "", ".slack.com"] {
            assert!(!domain.allows(host), "{host}");
        }
    }

    #[test]
    fn a_wildcard_covers_the_domain_and_everything_below() {
        let domain = AllowedDomain::parse("*.example.com").unwrap();
        for host in ["example.com", "a.example.com", "a.b.Example.com."] {
            assert!(domain.allows(host), "{host}");
        }
        for host in ["evilexample.com", "example.com.evil.org", "com", ".example.com"] {
            assert!(!domain.allows(host), "{host}");
        }
    }

    #[test]
    fn international_names_are_kept_in_their_ascii_form() {
        let domain = AllowedDomain::parse("Bücher.example").unwrap();
        assert_eq!(domain.to_string(), "xn--bcher-kva.example");
        assert!(domain.allows("xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_too_wide_or_no_domain_is_refused() {
        use BadDomain::{Address, NotADomain, OddWildcard, PublicSuffix, TooLong};
        let long = format!("{}.com", "a.".repeat(70));
        for (text, why) in [
            ("com", PublicSuffix),
            ("*.com", PublicSuffix),
            ("co.uk", PublicSuffix),
            ("*.co.uk", PublicSuffix),
            ("github.io", PublicSuffix),
            ("*", OddWildcard),
            ("*.*.com", OddWildcard),
            ("a.*.com", OddWildcard),
            ("*a.com", OddWildcard),
            ("", NotADomain),
            ("*.", NotADomain),
            ("a..com", NotADomain),
            ("https://slack.com", NotADomain),
            ("slack.com:443", NotADomain),
            ("slack.com/api", NotADomain),
            ("user@slack.com", NotADomain),
            ("slack.com ", NotADomain),
            ("slack%2ecom", NotADomain),
            ("8.8.8.8", Address),
            ("10.0.0.1", Address),
            ("[2606:4700::1111]", Address),
            (&long, TooLong),
        ] {
            assert_eq!(AllowedDomain::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn this_machine_is_told_apart_from_other_mistakes_and_what_to_write_is_known() {
        for (text, authority) in [
            ("localhost", "localhost"),
            ("LOCALHOST", "localhost"),
            ("localhost.", "localhost"),
            ("*.localhost", "localhost"),
            ("api.localhost", "localhost"),
            ("localhost.localdomain", "localhost"),
            ("localhost:8080", "localhost:8080"),
            ("localhost.:8080", "localhost:8080"),
            ("http://localhost", "localhost"),
            ("https://localhost:8080/api?x#y", "localhost:8080"),
            ("http://me:word@localhost/", "localhost"),
            (" localhost ", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080/api", "127.0.0.1:8080"),
            ("127.8.8.8", "127.8.8.8"),
            ("127.1", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("::1", "[::1]"),
            ("[::1]:8080", "[::1]:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("[::]", "[::1]"),
            ("::", "[::1]"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ] {
            assert_eq!(this_machine(text).as_deref(), Some(authority), "{text:?}");
            let why = AllowedDomain::parse(text).unwrap_err();
            assert!(matches!(why, BadDomain::Localhost | BadDomain::LoopbackAddress), "{text:?}: {why}");
            assert!(why.to_string().contains("give only `base_url` the loopback address"), "{why}");
        }
        for other in [
            "",
            "example.com",
            "localhost.example.com",
            "mylocalhost",
            "10.0.0.1",
            "host.docker.internal",
            "[fe80::1]",
            ":80",
        ] {
            assert_eq!(this_machine(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_providers_own_domains_are_accepted() {
        for text in ["slack.com", "acme.zendesk.com", "fra1.qualtrics.com", "acme.my.salesforce.com"] {
            assert!(AllowedDomain::parse(text).is_ok(), "{text}");
        }
    }
}

//! What is checked of a request before anything is looked up or connected: scheme, user info, host. Called by the client.
//! Addresses behind a name are the resolver's business; addresses written into the URL never reach it, so they are
//! checked here.

use std::net::IpAddr;

use deskwire_core::domain::AllowedDomain;
use url::{Host, Url};

use crate::address::not_public;

/// Why a request is not made. The message never holds the URL's path, query or user info.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not https.
    #[error("credentials travel over https only; plain http is for loopback addresses with --allow-loopback")]
    NotHttps,
    /// A URL that holds a user name or a password.
    #[error("its address holds a user name or a password; credentials belong into the connection's `auth`")]
    UserInfo,
    /// A URL without a host.
    #[error("its address has no host")]
    NoHost,
    /// A host that the connection's allowed domain does not cover.
    #[error("the host lies outside the connection's allowed domain {allowed}")]
    OutsideDomain {
        /// The allowed domain.
        allowed: String,
    },
    /// An address that is not on the internet.
    #[error("it leads to {address}, {what}; only public addresses are called{}", unless(*address))]
    NotPublic {
        /// The address.
        address: IpAddr,
        /// What kind of address it is.
        what: &'static str,
    },
    /// A port on which other protocols listen.
    #[error("port {port} is none for https; 443 is, and those from 1024 on may be")]
    Port {
        /// The port.
        port: u16,
    },
    /// `localhost` that leads elsewhere.
    #[error("localhost leads to {address}, which is no loopback address")]
    NotLoopback {
        /// The address.
        address: IpAddr,
    },
}

/// How an address of this machine may be called all the same.
const fn unless(address: IpAddr) -> &'static str {
    if address.is_loopback() { ", or this machine with --allow-loopback" } else { "" }
}

/// The one name that may lead to this machine.
pub(crate) const LOCALHOST: &str = "localhost";

/// Checks a URL. With `allow_loopback`, a loopback address or `localhost` may be called, over http too, whatever the
/// allowed domain says: that is how tests and the sandbox stand in for a provider.
pub(crate) fn check(url: &Url, allowed: &AllowedDomain, allow_loopback: bool) -> Result<(), Refusal> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    // The URL parser has turned odd spellings (0x7f.1, 017700000001, 2130706433) into addresses already.
    let host = url.host().ok_or(Refusal::NoHost)?;
    let address = match host {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    };
    let is_loopback = address.map_or(host == Host::Domain(LOCALHOST), |address| address.is_loopback());
    if allow_loopback && is_loopback && matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(Refusal::NotHttps);
    }
    if let Some(address) = address
        && let Some(what) = not_public(address)
    {
        return Err(Refusal::NotPublic { address, what });
    }
    match host {
        Host::Domain(name) if allowed.allows(name) => match url.port() {
            Some(port @ ..1024) => Err(Refusal::Port { port }),
            _ => Ok(()),
        },
        _ => Err(Refusal::OutsideDomain { allowed: allowed.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, allow_loopback: bool) -> Result<(), Refusal> {
        check(&Url::parse(url).unwrap(), &AllowedDomain::parse("*.example.com").unwrap(), allow_loopback)
    }

    #[test]
    fn https_to_the_allowed_domain_passes() {
        for url in ["https://example.com/", "https://api.example.com:8443/x?y", "https://EXAMPLE.com./"] {
            assert_eq!(checked(url, false), Ok(()), "{url}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["http://example.com/", "ftp://example.com/", "ws://example.com/"] {
            assert_eq!(checked(url, true), Err(Refusal::NotHttps), "{url}");
        }
    }

    #[test]
    fn ports_of_other_protocols_are_refused() {
        for port in [0, 21, 22, 25, 80, 110, 389, 445, 465, 636, 993, 1023] {
            let refused = checked(&format!("https://api.example.com:{port}/"), true);
            assert_eq!(refused, Err(Refusal::Port { port }));
        }
        for port in [443, 1024, 8443, 65_535] {
            assert_eq!(checked(&format!("https://api.example.com:{port}/"), false), Ok(()));
        }
    }

    #[test]
    fn user_info_is_refused_even_for_loopback() {
        for url in ["https://user@example.com/", "https://:word@example.com/", "http://u:p@127.0.0.1/"] {
            assert_eq!(checked(url, true), Err(Refusal::UserInfo), "{url}");
        }
    }

    #[test]
    fn hosts_outside_the_domain_are_refused() {
        for url in [
            "https://example.org/",
            "https://example.com.evil.org/",
            "https://evilexample.com/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://localhost/",
        ] {
            assert_eq!(checked(url, false), Err(Refusal::OutsideDomain { allowed: "*.example.com".into() }), "{url}");
        }
    }

    #[test]
    fn odd_spellings_of_inner_addresses_are_refused() {
        for url in [
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://017700000001/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/",
            "https://0/",
        ] {
            assert!(matches!(checked(url, false), Err(Refusal::NotPublic { .. })), "{url}");
        }
    }

    #[test]
    fn loopback_is_called_only_where_it_was_allowed() {
        for url in ["http://127.0.0.1:4000/", "http://[::1]:4000/", "http://localhost:4000/", "https://127.0.0.1/"] {
            assert_eq!(checked(url, true), Ok(()), "{url}");
            assert!(checked(url, false).is_err(), "{url}");
        }
        for url in ["http://[::ffff:127.0.0.1]/", "http://10.0.0.1/", "http://a.localhost/", "ftp://127.0.0.1/"] {
            assert!(checked(url, true).is_err(), "{url}");
        }
    }
}

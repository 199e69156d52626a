//! The names under which pages for people may be opened: this machine's own, and those that somebody named with
//! `--console-host`.
//!
//! A page of somebody else's, whose name was made to point here (DNS rebinding), must not read the console.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use deskwire_accept::answer::problem_response;
use deskwire_core::problem::Problem;
use http::{HeaderMap, StatusCode, header};

/// The longest name of a host (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;

/// The names beside this machine's own.
#[derive(Clone, Default)]
pub(crate) struct Hosts {
    more: Arc<[String]>,
    /// May names be added at all?
    fixed: bool,
}

impl Hosts {
    /// These names, as [`host_name`] reads them, and this machine's own.
    pub(crate) fn new(more: Vec<String>) -> Self {
        Self { more: more.into(), fixed: false }
    }

    /// This machine's own names, and no others whatever anybody wants.
    pub(crate) fn own_only() -> Self {
        Self { more: Arc::default(), fixed: true }
    }

    /// Was any name added?
    pub(crate) fn has_more(&self) -> bool {
        !self.more.is_empty()
    }

    /// The routes, for requests under one of the names.
    pub(crate) fn guard(&self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self.clone(), known_names_only))
    }

    fn knows(&self, name: &str) -> bool {
        let own =
            name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        own || self.more.iter().any(|known| known == name)
    }
}

/// A host's name as `--console-host` takes it: without scheme, port and path, in lower case.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_name || is_address {
        Ok(name)
    } else {
        Err("give the name alone, without scheme, port and path, such as relay.example.com".to_owned())
    }
}

/// The host that a request was made to, without its port.
fn host_of(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    name.trim_end_matches('.').to_ascii_lowercase()
}

async fn known_names_only(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let name = host_of(request.headers());
    if hosts.knows(&name) {
        return next.run(request).await;
    }
    let wants_page = |accept: &str| accept.contains("text/html");
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    refusal(&hosts, &name, accept.is_some_and(wants_page))
}

/// Says how these pages are reached. The name comes from outside, so it is shown only where it reads as one.
fn refusal(hosts: &Hosts, name: &str, as_page: bool) -> Response {
    const TITLE: &str = "Not under this name";
    let detail = if hosts.fixed {
        "These pages are for this machine: open them under localhost or 127.0.0.1. For people elsewhere, start `deskwire serve` \
         with --public-url and the https address that they reach"
            .to_owned()
    } else {
        let name = host_name(name).unwrap_or_else(|_| "NAME".to_owned());
        format!(
            "These pages have no sign-in yet, so they open under localhost or 127.0.0.1 only. If {name} leads to this machine for \
             you alone, start Deskwire with --console-host {name} and they open under it, too"
        )
    };
    let problem = problem_response(&Problem::new("foreign-name", StatusCode::FORBIDDEN.as_u16(), TITLE, &detail, ""));
    if !as_page {
        return problem;
    }
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>{TITLE} · Deskwire</title><body \
         style=\"font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; overflow-wrap: \
         anywhere\"><h1>{TITLE}</h1><p>{detail}.</p></body></html>"
    );
    let policy = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::FORBIDDEN, policy, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    async fn asked(hosts: &Hosts, host: &str, accept: &str) -> (u16, String) {
        let routes = hosts.guard(Router::new().route("/console", get(|| async { "the console" })));
        let request = http::Request::get("/console").header("host", host).header("accept", accept);
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn this_machines_own_names_and_those_that_were_named_are_let_in() {
        let hosts = Hosts::new(vec![host_name("Relay.Example.com").unwrap(), host_name("second.example.com").unwrap()]);
        for host in ["localhost:8787", "LOCALHOST", "127.0.0.1:1", "[::1]:8787", "[::1]", "127.8.9.10"] {
            assert_eq!(asked(&Hosts::default(), host, "*/*").await.0, 200, "{host}");
        }
        for host in ["relay.example.com:8787", "RELAY.example.com", "relay.example.com.", "second.example.com"] {
            assert_eq!(asked(&hosts, host, "*/*").await.0, 200, "{host}");
            assert_eq!(asked(&Hosts::default(), host, "*/*").await.0, 403, "{host}");
        }
    }

    #[tokio::test]
    async fn another_name_is_refused_with_the_exact_flag() {
        let hosts = Hosts::new(vec!["relay.example.com".to_owned()]);
        for host in ["desk.example.net:8787", "relay.example.com.example.net", "10.0.0.7", "evilrelay.example.com"] {
            for accept in ["text/html,application/xhtml+xml", "application/json"] {
                let (status, body) = asked(&hosts, host, accept).await;
                let name = host.split(':').next().unwrap();
                assert_eq!(status, 403, "{host}");
                assert!(body.contains(&format!("--console-host {name} ")), "{body}");
                assert_eq!(body.starts_with("<!DOCTYPE html>"), accept.starts_with("text/html"), "{body}");
            }
        }
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_not_repeated() {
        for host in ["<script>alert(1)</script>", "a b", "", "'\"><img>", "user@host"] {
            let (status, body) = asked(&Hosts::default(), host, "text/html").await;
            assert_eq!(status, 403, "{host}");
            assert!(body.contains("--console-host NAME"), "{body}");
            assert!(!body.contains("script") && !body.contains("img>"), "{body}");
        }
    }

    #[tokio::test]
    async fn the_pages_on_which_connections_are_signed_in_have_no_such_flag() {
        let (status, body) = asked(&Hosts::own_only(), "relay.example.com", "text/html").await;
        assert_eq!(status, 403);
        assert!(!body.contains("--console-host") && body.contains("--public-url"), "{body}");
    }

    #[test]
    fn only_a_name_alone_is_a_name() {
        for wrong in
            ["https://relay.example.com", "relay.example.com:8787", "relay.example.com/console", "", "a b", "*"]
        {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
    }
}

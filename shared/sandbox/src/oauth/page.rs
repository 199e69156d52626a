//! Where a person agrees, or does not.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, Uri};
use url::Url;

use super::authority::Consent;
use super::manners::{Manners, SLACK};
use crate::Sandbox;
use crate::page::answer;
use crate::world::OAUTH_CLIENT;

/// The page that asks.
#[derive(Template)]
#[template(path = "consent.html")]
struct Page<'a> {
    title: &'a str,
    scopes: Vec<String>,
    allow: String,
    deny: String,
}

/// Shows the page; with `decision`, which its links carry, sends the person back.
pub(super) fn show(State(sandbox): State<Sandbox>, manners: &'static Manners, uri: &Uri) -> Response {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let text = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let list = |name: &str| -> Vec<String> {
        let scopes = text(name).unwrap_or_default().split(manners.separator);
        scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
    };
    // Without a client and an address that are known, a person is sent nowhere (RFC 6749, section 4.1.2.1).
    if text("client_id") != Some(OAUTH_CLIENT) {
        return (StatusCode::BAD_REQUEST, format!("{}: this client is not known", manners.title)).into_response();
    }
    let is_web = |uri: &Url| matches!(uri.scheme(), "http" | "https") && uri.fragment().is_none();
    let redirect = text("redirect_uri").and_then(|uri| Url::parse(uri).ok()).filter(is_web);
    let Some(mut back) = redirect else {
        return (StatusCode::BAD_REQUEST, format!("{}: redirect_uri is no address", manners.title)).into_response();
    };
    let scopes = list("scope");
    let user_scopes = if manners.name == SLACK.name { list("user_scope") } else { Vec::new() };
    let state = text("state").unwrap_or_default();
    let Some(decision) = text("decision") else {
        let link = |decision: &str| format!("?{}&decision={decision}", uri.query().unwrap_or_default());
        let scopes = scopes.iter().chain(&user_scopes).cloned().collect();
        return answer(&Page { title: manners.title, scopes, allow: link("allow"), deny: link("deny") });
    };
    if decision == "allow" {
        let consent = Consent {
            redirect_uri: text("redirect_uri").unwrap_or_default().to_owned(),
            scopes,
            user_scopes,
            challenge: text("code_challenge").filter(|_| manners.pkce).map(str::to_owned),
        };
        let code = sandbox.authority().agree(manners, consent, sandbox.random(), sandbox.now());
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", state);
    } else {
        back.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", state);
    }
    Redirect::to(back.as_str()).into_response()
}

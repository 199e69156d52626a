//! `GET /oauth/start/{connection}`: off to the provider.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use deskwire_core::ids::ConnectionName;
use deskwire_core::public_url;
use deskwire_core::secret::ExposeSecret;
use deskwire_oauth::{Pkce, authorize_link};
use deskwire_tokens::{Ask, invited};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::flow::{self, LASTS, OnTheWay};
use crate::page::{Page, guard};
use crate::{Doors, OAuth};

/// What the address may carry.
#[derive(Deserialize)]
pub(crate) struct Asked {
    key: Option<String>,
}

pub(crate) async fn start(
    State(oauth): State<Arc<OAuth>>,
    Path(connection): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    begin(&oauth, &connection, asked.key.as_deref()).await.unwrap_or_else(IntoResponse::into_response)
}

async fn begin(oauth: &OAuth, connection: &str, key: Option<&str>) -> Result<Response, Page> {
    let now = oauth.clock.now();
    let client = ConnectionName::parse(connection).ok().and_then(|name| {
        let client = oauth.providers.client(&name)?;
        Some((name, client))
    });
    // Whoever has no invitation does not learn which connections there are.
    let invitation = match (oauth.doors, &client) {
        (Doors::Open, _) => None,
        (Doors::Invited, Some((name, _))) => {
            let found = match key {
                Some(key) => invited(&oauth.vault, key, name, now).await.map_err(|error| Page::broken(&error))?,
                None => None,
            };
            Some(found.ok_or_else(uninvited)?)
        }
        (Doors::Invited, None) => return Err(uninvited()),
    };
    let Some((name, client)) = client else {
        let names: Vec<String> = oauth.providers.connections().iter().map(ToString::to_string).collect();
        let next = match names.as_slice() {
            [] => "No connection of this project is signed in by OAuth.".to_owned(),
            names => format!("There are: {}.", names.join(", ")),
        };
        let text = "No connection of this name is signed in by OAuth.";
        return Err(Page::problem(StatusCode::NOT_FOUND, "No such connection", text, next));
    };
    let pkce = client.pkce.then(|| Pkce::generate(oauth.random.as_ref()));
    let verifier = pkce.as_ref().map(|pkce| pkce.verifier.expose_secret().to_owned());
    let redirect_uri = oauth.redirect_uri();
    let on_the_way = OnTheWay { connection: &name, verifier, redirect_uri: &redirect_uri, invitation };
    let begun = flow::begin(&oauth.vault, on_the_way, now, oauth.random.as_ref()).await;
    let begun = begun.map_err(|error| Page::broken(&error))?;
    let Some(link) = authorize_link(&client, &begun.state, &redirect_uri, pkce.as_ref()) else {
        let text = format!("Connection {name} asks for its tokens itself, so nobody has to agree.");
        let next = format!("`deskwire connections test {name}` shows whether it gets them.");
        return Err(Page::problem(StatusCode::BAD_REQUEST, "Nothing to agree to", text, next));
    };
    let secure = if oauth.public_url.scheme() == "https" { "; Secure" } else { "" };
    let cookie = format!(
        // The path as the browser sees it.
        "{}={}; Path={}/oauth; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        flow::cookie_name(&begun.state),
        begun.cookie,
        public_url::prefix(&oauth.public_url),
        LASTS.as_secs()
    );
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    guard(headers);
    let value = |text: &str| HeaderValue::try_from(text).map_err(|error| Page::broken(&error));
    headers.insert(header::LOCATION, value(link.as_str())?);
    headers.insert(header::SET_COOKIE, value(&cookie)?);
    Ok(response)
}

fn uninvited() -> Page {
    Page::problem(
        StatusCode::FORBIDDEN,
        "This link is not good any more",
        "Only somebody who was invited can connect a connection, and invitations end.",
        "Run `deskwire connections connect NAME` where Deskwire runs: it prints a new link.",
    )
}

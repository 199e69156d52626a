//! `GET /oauth/callback`: back from the provider, with a code or with a reason why not.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use deskwire_core::token::Standing;
use deskwire_oauth::{Client, Pkce, RefusedBy, TokenError, Tokens};
use deskwire_tokens::Ask;
use http::header::COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::OAuth;
use crate::flow::{self, Astray, Flow};
use crate::page::Page;

/// What the provider sends along (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

pub(crate) async fn callback(
    State(oauth): State<Arc<OAuth>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Response {
    // Whoever goes away meanwhile ends nothing: a state and a code are taken once.
    let broker = Arc::clone(&oauth.broker);
    match broker.finish(async move { finish(&oauth, &headers, answer).await }).await {
        Ok(page) | Err(page) => page.into_response(),
    }
}

async fn finish(oauth: &OAuth, headers: &HeaderMap, answer: Answer) -> Result<Page, Page> {
    let state = answer.state.as_deref().unwrap_or_default();
    let cookie = cookie(headers, &flow::cookie_name(state));
    let taken = flow::take(&oauth.vault, state, cookie, oauth.clock.now()).await;
    let flow = taken.map_err(|error| Page::broken(&error))?.map_err(astray)?;
    let name = &flow.connection;
    let again = |page: Page| Page { link: again(oauth, &flow), ..page };
    if let Some(error) = &answer.error {
        return Err(again(declined(name, error, answer.error_description.as_deref())));
    }
    let Some(client) = oauth.providers.client(name) else {
        let text = format!("Connection {name} is not in the project any more.");
        return Err(Page::problem(StatusCode::NOT_FOUND, "No such connection", text, "Look at deskwire.yaml."));
    };
    if let (Some(issuer), Some(ours)) = (&answer.iss, &client.authorize_url)
        && Url::parse(issuer).ok().is_none_or(|issuer| issuer.origin() != ours.origin())
    {
        tracing::warn!(connection = %name, "an answer came from another provider than the one that was asked");
        let text = format!("The answer comes from another provider than the one that connection {name} asked.");
        return Err(again(Page::problem(StatusCode::FORBIDDEN, "The wrong provider answered", text, "Begin again")));
    }
    let Some(code) = answer.code.filter(|code| !code.is_empty()) else {
        let text = "The provider sent neither a code nor a reason why there is none.";
        return Err(again(Page::problem(StatusCode::BAD_REQUEST, "Nothing came back", text, "Begin again")));
    };
    let pkce = flow.verifier.as_deref().map(|verifier| Pkce { verifier: SecretString::from(verifier) });
    let redirect_uri = flow.redirect_uri.clone().unwrap_or_else(|| oauth.redirect_uri());
    let exchanged =
        oauth.providers.endpoint().exchange(&client, &SecretString::from(code), &redirect_uri, pkce.as_ref()).await;
    let tokens = exchanged.map_err(|error| {
        tracing::warn!(connection = %name, %error, "a code could not be exchanged");
        again(not_exchanged(&client, &error))
    })?;
    same_account(oauth, name, &tokens).await?;
    oauth.broker.connect(name, &tokens).await.map_err(|error| Page::broken(&error))?;
    if let Some(invitation) = &flow.invitation {
        // One that cannot be erased ends by itself.
        let _ = oauth.vault.forget(invitation).await;
    }
    tracing::info!(connection = %name, "connected");
    Ok(connected(name, &client, &tokens))
}

/// A cookie's value.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|pairs| pairs.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// Where a person begins again. With an invitation they come back by the link they have.
fn again(oauth: &OAuth, flow: &Flow) -> Option<String> {
    flow.invitation.is_none().then(|| oauth.start_link(&flow.connection).to_string())
}

fn astray(why: Astray) -> Page {
    let (status, text) = match why {
        Astray::Unknown => (
            StatusCode::BAD_REQUEST,
            "This answer was used already, is older than ten minutes, or belongs to nothing that was begun here.",
        ),
        Astray::OtherBrowser => (
            StatusCode::FORBIDDEN,
            "Another browser began this. Somebody may have sent you their link, to connect their account in your name.",
        ),
    };
    let next = "Begin again: `deskwire connections connect NAME` prints a new link.";
    Page::problem(status, "This does not go on here", text, next)
}

/// The person or the provider said no.
fn declined(name: &ConnectionName, error: &str, description: Option<&str>) -> Page {
    let one_line =
        |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>();
    let (text, next) = match error {
        "access_denied" | "access-denied" => {
            (format!("Access was declined, so connection {name} stays as it is."), "Begin again")
        }
        "invalid_scope" | "unapproved_scope" | "scope_not_allowed_on_enterprise" => (
            "The provider does not give these scopes. Compare `scopes` in deskwire.yaml with what its app may ask for."
                .to_owned(),
            "Mend that, then begin again",
        ),
        "redirect_uri_mismatch" | "bad_redirect_uri" | "invalid_request" => (
            "The provider does not know our redirect address. Register it there, to the letter.".to_owned(),
            "Mend that, then begin again",
        ),
        "temporarily_unavailable" | "server_error" => ("The provider cannot do that now.".to_owned(), "Try again"),
        _ => ("The provider said no.".to_owned(), "Begin again"),
    };
    let mut page = Page::problem(StatusCode::BAD_REQUEST, "Not connected", text, next);
    page.facts.push(("It says", one_line(error)));
    page.facts.extend(description.map(|text| ("In words", one_line(text))));
    page
}

fn not_exchanged(client: &Client, error: &TokenError) -> Page {
    let (status, text, next) = match error {
        TokenError::Refused { by: RefusedBy::Grant, .. } => (
            StatusCode::BAD_REQUEST,
            "The provider does not take its own code any more: codes end within minutes and are taken once.".to_owned(),
            "Begin again",
        ),
        TokenError::Refused { by: RefusedBy::Client, .. } => (
            StatusCode::BAD_GATEWAY,
            format!(
                "The provider does not know OAuth client {}: compare `client_id` and `client_secret`.",
                client.name
            ),
            "Mend that, then begin again",
        ),
        TokenError::Refused { by: RefusedBy::Scope, .. } => (
            StatusCode::BAD_GATEWAY,
            "The provider does not give these scopes: compare `scopes` in deskwire.yaml.".to_owned(),
            "Mend that, then begin again",
        ),
        TokenError::Refused { .. } => {
            (StatusCode::BAD_GATEWAY, "The provider gave no tokens.".to_owned(), "Begin again")
        }
        TokenError::Unavailable { .. } | TokenError::Lost { .. } => {
            (StatusCode::BAD_GATEWAY, "The provider's token endpoint cannot be used now.".to_owned(), "Try again")
        }
        TokenError::Unreadable { .. } => (
            StatusCode::BAD_GATEWAY,
            "The provider's token endpoint answered something that is no token. Compare `token_url`.".to_owned(),
            "Mend that, then begin again",
        ),
    };
    let mut page = Page::problem(status, "Not connected", text, next);
    page.facts.push(("In detail", error.to_string()));
    page
}

/// A connection that was somebody's stays theirs: another account is another connection.
async fn same_account(oauth: &OAuth, name: &ConnectionName, tokens: &Tokens) -> Result<(), Page> {
    let before = oauth.broker.states().token_state(name).await.map_err(|error| Page::broken(&error))?;
    let Some(before) = before.filter(|before| before.standing != Standing::Disconnected) else { return Ok(()) };
    for what in ["team_id", "instance_url"] {
        if let (Some(was), Some(is)) = (before.account.get(what), tokens.account.get(what))
            && was != is
        {
            let text = format!("Connection {name} belongs to another account, so nothing was changed.");
            let next = format!("To give it to the new one, run `deskwire connections disconnect {name}` first.");
            let mut page = Page::problem(StatusCode::CONFLICT, "That is another account", text, next);
            page.facts.extend([("It was", was.clone()), ("You chose", is.clone())]);
            return Err(page);
        }
    }
    Ok(())
}

fn connected(name: &ConnectionName, client: &Client, tokens: &Tokens) -> Page {
    let mut facts = Vec::new();
    let account = tokens.account.iter().find(|(what, _)| matches!(what.as_str(), "team" | "instance_url"));
    facts.extend(account.map(|(_, account)| ("Account", account.clone())));
    if let Some(scopes) = &tokens.scopes {
        facts.push(("Scopes", scopes.join(" ")));
        let missing: Vec<&str> =
            client.scopes.iter().filter(|scope| !scopes.contains(scope)).map(String::as_str).collect();
        if !missing.is_empty() && !tokens.scopes_cut {
            facts.push(("Not given", missing.join(" ")));
        }
    }
    let renewed = tokens.refresh_token.is_some();
    let text = if renewed || tokens.expires_in.is_none() {
        "Its tokens are kept sealed and renewed before they end. Runs that waited for it go on."
    } else {
        "The provider gave a token without the means to renew it, so it will have to be connected again when that ends."
    };
    Page {
        status: StatusCode::OK,
        fine: true,
        title: format!("{name} is connected"),
        text: text.to_owned(),
        facts,
        next: "You can close this window.".to_owned(),
        link: None,
    }
}

//! Asking a token endpoint.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use deskwire_core::provider::ClientAuth;
use deskwire_core::retry_after::retry_after;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_egress::{Egress, EgressError, Request};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::answer::{TokenError, Tokens, read};
use crate::client::Client;
use crate::link::Pkce;

/// The longest time for one exchange. The broker's lease is longer.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Asks token endpoints through the guarded client. Each function sends one request, once.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'e> {
    /// The way out.
    pub egress: &'e Egress,
}

impl Endpoint<'_> {
    /// Exchanges the code that a person brought back.
    pub async fn exchange(
        &self,
        client: &Client,
        code: &SecretString,
        redirect_uri: &Url,
        pkce: Option<&Pkce>,
    ) -> Result<Tokens, TokenError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri.as_str()),
        ];
        if let Some(pkce) = pkce {
            fields.push(("code_verifier", pkce.verifier.expose_secret()));
        }
        self.ask(client, fields).await
    }

    /// Exchanges a refresh token for new tokens. Where it rotates, it is used up by this.
    pub async fn refresh(&self, client: &Client, refresh_token: &SecretString) -> Result<Tokens, TokenError> {
        let fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.ask(client, fields).await
    }

    /// Asks for tokens as the client itself.
    pub async fn client_credentials(&self, client: &Client) -> Result<Tokens, TokenError> {
        let scope = client.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        self.ask(client, fields).await
    }

    async fn ask(&self, client: &Client, fields: Vec<(&str, &str)>) -> Result<Tokens, TokenError> {
        let (headers, body) = request(client, fields)?;
        let request = Request {
            method: Method::POST,
            url: client.token_url.clone(),
            allowed_domain: &client.token_domain,
            headers,
            body: Bytes::from(body),
            time_limit: Some(TIME_LIMIT),
        };
        let answer = self.egress.send(request).await.map_err(|error| network_error(&error))?;
        read(answer.status, retry_after(&answer.headers), &answer.body, &client.facts)
    }
}

/// The headers and the form, signed in as the client.
fn request(client: &Client, fields: Vec<(&str, &str)>) -> Result<(HeaderMap, String), TokenError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields);
    form.extend_pairs(&client.facts.token_params);
    match (&client.client_secret, client.facts.client_auth) {
        (Some(secret), ClientAuth::Basic) => {
            headers.insert(AUTHORIZATION, basic(&client.client_id, secret)?);
        }
        (Some(secret), ClientAuth::Body) => {
            form.append_pair("client_id", &client.client_id);
            form.append_pair("client_secret", secret.expose_secret());
        }
        (None, _) => {
            form.append_pair("client_id", &client.client_id);
        }
    }
    Ok((headers, form.finish()))
}

/// RFC 6749, section 2.3.1: both parts are form-encoded first.
fn basic(client_id: &str, secret: &SecretString) -> Result<HeaderValue, TokenError> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|_| TokenError::Unreadable { reason: "the client's id or secret cannot be sent".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

fn network_error(error: &EgressError) -> TokenError {
    let reason = error.to_string();
    match error {
        EgressError::Lost { .. } | EgressError::TooLarge { .. } => TokenError::Lost { reason },
        EgressError::Blocked { .. } | EgressError::NotSent { .. } | EgressError::Setup(_) => {
            TokenError::Unavailable { reason, retry_after: None }
        }
    }
}

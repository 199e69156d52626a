//! Does a connection work? The provider's own cheap call, and what its answer says about the account.

use bytes::Bytes;
use deskwire_core::action::{ANY_PROVIDER, CallError, ErrorClass};
use deskwire_core::ids::ConnectionName;
use deskwire_core::provider::{Probe, provider};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::client::{Client, Outgoing, quoted};

/// What a probe found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// The account, in the provider's words.
    pub account: Option<String>,
    /// The user as whom the connection acts.
    pub user: Option<String>,
    /// The scopes that the provider names.
    pub scopes: Vec<String>,
}

impl Client {
    /// Makes the provider's cheap call. `None` where no such call is known.
    pub async fn probe(&self, name: &ConnectionName) -> Result<Option<Probed>, CallError> {
        let connection = self.connection(name, ANY_PROVIDER)?;
        let Some(probe) = provider(&connection.provider).and_then(|provider| provider.probe.as_ref()) else {
            return Ok(None);
        };
        let method = if probe.post { Method::POST } else { Method::GET };
        let outgoing =
            Outgoing { method, path: &probe.path, query: &[], headers: HeaderMap::new(), body: Bytes::new() };
        let response = self.send(connection, outgoing, ErrorClass::Retry).await?;
        let status = response.status;
        let body: Value = deskwire_core::json::from_slice(&response.body).unwrap_or_default();
        let scopes =
            probe.scopes_header.as_ref().and_then(|header| response.headers.get(header.as_str())?.to_str().ok());
        let scopes = scopes.map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect());
        let text = |pointer: &Option<String>| text(&body, pointer.as_deref()?);
        if status.is_success() && is_somebody(&body, probe) {
            return Ok(Some(Probed {
                account: text(&probe.account),
                user: text(&probe.user),
                scopes: scopes.unwrap_or_default(),
            }));
        }
        let refused = status.is_success() || matches!(status.as_u16(), 401 | 403);
        let said = ["/error/title", "/error", "/message", "/meta/error/errorMessage"];
        let said = said.into_iter().find_map(|pointer| body.pointer(pointer)?.as_str().map(quoted));
        let said = said.map(|said| format!(" It says: {said}.")).unwrap_or_default();
        let (class, what, next) = if refused {
            (ErrorClass::NeedsReauthorization, "does not know who we are", connection.remedy())
        } else if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            let next = "Check the connection's base_url in deskwire.yaml.".to_owned();
            (ErrorClass::Fail, "does not answer as it should", next)
        } else {
            (ErrorClass::Retry, "does not answer as it should", "Try again later.".to_owned())
        };
        let status = status.as_u16();
        let message = format!("The provider of connection {name} {what} (status {status}).{said} {next}");
        Err(CallError::new(class, format!("http_{status}"), message))
    }
}

/// Some providers answer 200 for nobody.
fn is_somebody(body: &Value, probe: &Probe) -> bool {
    body.pointer(&probe.must).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
}

fn text(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) => Some(quoted(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::client;

    async fn probed(name: &str, verb: &str, at: &str, answer: ResponseTemplate) -> Result<Option<Probed>, CallError> {
        let server = MockServer::start().await;
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&server).await;
        client(&server).probe(&ConnectionName::parse(name).unwrap()).await
    }

    #[tokio::test]
    async fn the_provider_s_own_call_tells_account_user_and_scopes() {
        let body =
            json!({ "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "relay", "user_id": "U1" });
        let answer =
            ResponseTemplate::new(200).set_body_json(body).insert_header("x-oauth-scopes", "chat:write, users:read");
        let found = probed("slack", "POST", "/auth.test", answer).await.unwrap().unwrap();
        assert_eq!((found.account.as_deref(), found.user.as_deref()), (Some("Acme"), Some("relay")));
        assert_eq!(found.scopes, ["chat:write", "users:read"]);
        let body = json!({ "user": { "id": 7, "email": "ops@example.com" } });
        let found =
            probed("zendesk", "GET", "/api/v2/users/me.json", ResponseTemplate::new(200).set_body_json(body)).await;
        assert_eq!(found.unwrap().unwrap().user.as_deref(), Some("ops@example.com"));
        assert_eq!(probed("any", "GET", "/", ResponseTemplate::new(200)).await.unwrap(), None, "nothing is known");
    }

    #[tokio::test]
    async fn an_answer_for_nobody_is_no_success() {
        let nobody = json!({ "user": { "id": null, "name": "Anonymous user" } });
        let table = [
            ("zendesk", "GET", "/api/v2/users/me.json", ResponseTemplate::new(200).set_body_json(nobody)),
            (
                "slack",
                "POST",
                "/auth.test",
                ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": "invalid_auth" })),
            ),
            (
                "zendesk",
                "GET",
                "/api/v2/users/me.json",
                ResponseTemplate::new(401).set_body_json(json!({ "error": "Couldn't authenticate you" })),
            ),
        ];
        for (name, verb, at, answer) in table {
            let error = probed(name, verb, at, answer).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::NeedsReauthorization, "{error}");
            assert!(error.message.contains("Store a new one in"), "{error}");
        }
        let down = probed("slack", "POST", "/auth.test", ResponseTemplate::new(503)).await.unwrap_err();
        assert_eq!(down.class, ErrorClass::Retry);
        let elsewhere = probed("slack", "POST", "/auth.test", ResponseTemplate::new(404)).await.unwrap_err();
        assert!(elsewhere.class == ErrorClass::Fail && elsewhere.message.contains("base_url"), "{elsewhere}");
    }
}

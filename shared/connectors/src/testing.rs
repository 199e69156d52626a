//! What the tests of this crate share: a client whose connections lead to a stand-in on loopback.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::action::{Action, Call, CallError, EffectKey};
use deskwire_core::connection::{AuthConfig, ConnectionConfig};
use deskwire_core::domain::AllowedDomain;
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::{SecretRef, SecretString};
use deskwire_core::time::Timestamp;
use deskwire_egress::{Egress, EgressOptions};
use serde_json::Value;
use url::Url;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{Client, Connection};

/// The secret of every connection; no message may show it.
pub const SECRET: &str = "marker-secret";

/// A client with the connections `slack`, `zendesk`, `qualtrics` and `any`, all of which lead to `base_url`.
pub fn client_at(base_url: &str) -> Arc<Client> {
    client_that_waits(base_url, Duration::from_mins(1))
}

/// A client that gives up at once, for stand-ins that never answer.
pub fn impatient_client(server: &MockServer) -> Arc<Client> {
    client_that_waits(&server.uri(), Duration::from_millis(50))
}

fn client_that_waits(base_url: &str, total_timeout: Duration) -> Arc<Client> {
    let connections = ["slack", "zendesk", "qualtrics", "any"].map(|name| connection_at(name, base_url));
    let options = EgressOptions {
        allow_loopback: true,
        total_timeout,
        max_response_bytes: 64 * 1024,
        ..EgressOptions::default()
    };
    Arc::new(Client::new(Arc::new(Egress::new(options)), connections))
}

/// One of these connections: with a bearer token, a user name and password, or a key in a header of its own.
pub fn connection_at(name: &str, base_url: &str) -> Connection {
    let env = |name: &str| SecretRef::Env(name.to_owned());
    let basic = AuthConfig::Basic { username: "ops@example.com/token".into(), password: env("ZENDESK_API_TOKEN") };
    let (provider, auth, domain) = match name {
        "slack" => ("slack", AuthConfig::Bearer { token: env("SLACK_BOT_TOKEN") }, "slack.com"),
        "zendesk" => ("zendesk", basic, "acme.zendesk.com"),
        "qualtrics" => {
            let auth = AuthConfig::ApiKey { header: "X-API-TOKEN".into(), key: env("QUALTRICS_API_TOKEN") };
            ("qualtrics", auth, "fra1.qualtrics.com")
        }
        _ => ("http", AuthConfig::ApiKey { header: "x-api-key".into(), key: env("API_KEY") }, "api.example.com"),
    };
    let config = ConnectionConfig {
        display_name: None,
        name: ConnectionName::parse(name).unwrap(),
        provider: provider.to_owned(),
        auth,
        allowed_domain: AllowedDomain::parse(domain).unwrap(),
        base_url: Url::parse(base_url).unwrap(),
        secret_url: None,
    };
    Connection::new(&config, &SecretString::from(SECRET)).unwrap()
}

pub fn client(server: &MockServer) -> Arc<Client> {
    client_at(&server.uri())
}

pub fn key() -> EffectKey {
    EffectKey("0123456789abcdef".repeat(4))
}

/// The time before which no attempt was made.
pub fn not_before() -> Timestamp {
    Timestamp::parse("2026-02-03T08:15:42Z").unwrap()
}

/// How long a call may take.
pub fn time_limit() -> Duration {
    Duration::from_secs(30)
}

/// Calls an action with the connection of its provider.
pub async fn call(action: &dyn Action, input: Value) -> Result<Value, CallError> {
    let connection = ConnectionName::parse(action.spec().provider).unwrap();
    let called = action
        .call(Call {
            connection: &connection,
            input: &input,
            key: &key(),
            not_before: not_before(),
            time_limit: time_limit(),
            request_id: None,
        })
        .await;
    checked(called)
}

/// Looks for the trace of a call.
pub async fn look(action: &dyn Action, input: Value) -> Result<Option<Value>, CallError> {
    let connection = ConnectionName::parse(action.spec().provider).unwrap();
    let found = action
        .look(Call {
            connection: &connection,
            input: &input,
            key: &key(),
            not_before: not_before(),
            time_limit: time_limit(),
            request_id: None,
        })
        .await;
    checked(found)
}

fn checked<T: std::fmt::Debug>(result: Result<T, CallError>) -> Result<T, CallError> {
    assert!(!format!("{result:?}").contains("marker"), "a secret shows in {result:?}");
    result
}

/// Answers every request for `path` with `response`.
pub async fn on(server: &MockServer, path: &str, response: ResponseTemplate) {
    Mock::given(wiremock::matchers::path(path)).respond_with(response).mount(server).await;
}

/// The paths that were asked for, in order.
pub async fn paths(server: &MockServer) -> Vec<String> {
    requests(server).await.iter().map(|request| request.url.path().to_owned()).collect()
}

pub async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

/// A field of a request's form.
pub fn form_field(request: &Request, name: &str) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(&request.body);
    fields.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

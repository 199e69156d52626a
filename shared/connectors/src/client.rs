//! What all actions share: the connections by name, sending a signed-in request through the guarded client, and what a
//! failure of the network means for a step. Provider modules build on it; it knows no provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskwire_core::BoxFuture;
use deskwire_core::action::{ANY_PROVIDER, CallError, ErrorClass};
use deskwire_core::ids::ConnectionName;
use deskwire_core::json::{self, NotJson};
use deskwire_core::provider::provider;
use deskwire_core::token::{AccessToken, NoToken, TokenSource};
use deskwire_core::visible::is_hidden;
use deskwire_egress::{Egress, EgressError, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::connection::Connection;
use crate::traced::{CallTime, call_time, request_id};

/// How long to wait where a provider turns a call away and does not say how long.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// The connections and the way out. Share one.
pub struct Client {
    egress: Arc<Egress>,
    connections: BTreeMap<ConnectionName, Connection>,
    tokens: Arc<dyn TokenSource>,
}

/// A request on a connection, before it is signed in.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client for these connections.
    pub fn new(egress: Arc<Egress>, connections: impl IntoIterator<Item = Connection>) -> Self {
        let connections = connections.into_iter().map(|connection| (connection.name.clone(), connection)).collect();
        Self { egress, connections, tokens: Arc::new(NoTokens) }
    }

    /// The same, with somebody who gives out tokens for the connections that have no stored secret.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens, ..self }
    }

    /// The connection of this name, if it is one of `provider`; [`ANY_PROVIDER`] takes every connection.
    pub(crate) fn connection(&self, name: &ConnectionName, provider: &str) -> Result<&Connection, CallError> {
        let Some(connection) = self.connections.get(name) else {
            // A process that has not heard yet of what was applied or set a moment ago is no reason to fail for good.
            let message = format!(
                "There is no connection {name} here. Either it is not among the `connections` of deskwire.yaml, or its secret \
                 is not stored; `deskwire doctor` says which."
            );
            return Err(CallError::new(ErrorClass::Retry, "no_connection", message));
        };
        if provider != ANY_PROVIDER && connection.provider != provider {
            let message = format!("Connection {name} leads to {}; {provider} is needed here.", connection.provider);
            return Err(CallError::new(ErrorClass::Fail, "wrong_connection", message));
        }
        Ok(connection)
    }

    /// Sends a request once, signed in. `if_lost` is what it means when the answer is lost: [`ErrorClass::Retry`] for a
    /// call that may be repeated, [`ErrorClass::Unknown`] for one that may not.
    pub(crate) async fn send(
        &self,
        connection: &Connection,
        outgoing: Outgoing<'_>,
        if_lost: ErrorClass,
    ) -> Result<Response, CallError> {
        self.send_within(connection, outgoing, if_lost, None).await
    }

    /// Like [`Client::send`]; with a time limit, that one counts in place of the usual 30 s.
    pub(crate) async fn send_within(
        &self,
        connection: &Connection,
        outgoing: Outgoing<'_>,
        if_lost: ErrorClass,
        time_limit: Option<Duration>,
    ) -> Result<Response, CallError> {
        if let Some(credential) = connection.stored_credential() {
            return self.send_signed(connection, &outgoing, if_lost, time_limit, credential.clone(), None).await;
        }
        let name = &connection.name;
        let token = token_in_time(connection, self.tokens.token(name)).await?;
        let response = self.send_with(connection, &outgoing, if_lost, time_limit, &token).await?;
        if !turned_down(connection, &response) {
            return Ok(response);
        }
        // Nothing was done, whatever the call is: the credential is checked before anything else.
        let token = token_in_time(connection, self.tokens.renewed(name, token.version)).await?;
        if call_time().is_some_and(CallTime::is_short) {
            let reason = "its token had ended, and the new one came late in the call, which begins anew".to_owned();
            return Err(no_token(connection, NoToken::Later { reason, after: Some(Duration::ZERO) }));
        }
        self.send_with(connection, &outgoing, if_lost, time_limit, &token).await
    }

    /// Sees to it that a token is at hand, if the connection is signed in by one. What else is wrong, the call says.
    pub(crate) async fn prepare(&self, name: &ConnectionName) -> Result<(), CallError> {
        match self.connections.get(name).filter(|connection| connection.stored_credential().is_none()) {
            None => Ok(()),
            Some(connection) => self.tokens.token(name).await.map(|_| ()).map_err(|error| no_token(connection, error)),
        }
    }

    /// Posts to the address of a connection that is a secret itself, signed in by its stored credential.
    pub(crate) async fn post_secretly(
        &self,
        connection: &Connection,
        mut headers: HeaderMap,
        body: Bytes,
        if_lost: ErrorClass,
    ) -> Result<Response, CallError> {
        let Some(url) = connection.secret_url() else {
            let message = format!("Connection {} has no `secret_url`; give it one in deskwire.yaml.", connection.name);
            return Err(CallError::new(ErrorClass::Fail, "no_secret_url", message));
        };
        name_request(&mut headers);
        if let Some(credential) = connection.stored_credential() {
            headers.insert(connection.sign_in_header().clone(), credential.clone());
        }
        let (method, allowed_domain) = (Method::POST, &connection.allowed_domain);
        let request = Request { method, url: url.clone(), allowed_domain, headers, body, time_limit: None };
        self.egress.send(request).await.map_err(|error| network_error(connection, &error, if_lost))
    }

    async fn send_with(
        &self,
        connection: &Connection,
        outgoing: &Outgoing<'_>,
        if_lost: ErrorClass,
        time_limit: Option<Duration>,
        token: &AccessToken,
    ) -> Result<Response, CallError> {
        let credential = connection.with_token(token).ok_or_else(|| {
            let message = format!("Connection {}: its token cannot be sent in a header.", connection.name);
            CallError::new(ErrorClass::NeedsReauthorization, "bad_token", message)
        })?;
        let elsewhere = token.base_url.as_deref().and_then(|url| Url::parse(url).ok());
        self.send_signed(connection, outgoing, if_lost, time_limit, credential, elsewhere).await
    }

    async fn send_signed(
        &self,
        connection: &Connection,
        outgoing: &Outgoing<'_>,
        if_lost: ErrorClass,
        time_limit: Option<Duration>,
        credential: HeaderValue,
        elsewhere: Option<Url>,
    ) -> Result<Response, CallError> {
        let mut headers = outgoing.headers.clone();
        name_request(&mut headers);
        headers.insert(connection.sign_in_header().clone(), credential);
        let request = Request {
            method: outgoing.method.clone(),
            url: connection.url(elsewhere.as_ref(), outgoing.path, outgoing.query),
            allowed_domain: &connection.allowed_domain,
            headers,
            body: outgoing.body.clone(),
            time_limit,
        };
        self.egress.send(request).await.map_err(|error| network_error(connection, &error, if_lost))
    }
}

/// Tells the provider which request of ours a call goes back to, unless the step says something of its own there.
fn name_request(headers: &mut HeaderMap) {
    let id = request_id().and_then(|id| HeaderValue::from_str(id.as_str()).ok());
    if let Some(id) = id {
        headers.entry(HeaderName::from_static("x-request-id")).or_insert(id);
    }
}

/// For processes in which no connection is signed in by OAuth.
struct NoTokens;

impl TokenSource for NoTokens {
    fn token<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        let why = format!("Connection {connection} is signed in by OAuth, and nobody here gives out tokens.");
        Box::pin(async { Err(NoToken::NeedsPerson(why)) })
    }

    fn renewed<'a>(&'a self, connection: &'a ConnectionName, _: u64) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        self.token(connection)
    }
}

/// Waits for a token at most until shortly before the call's time is over: the call then ends with what is known, which is
/// that nothing was sent.
async fn token_in_time(
    connection: &Connection,
    getting: impl Future<Output = Result<AccessToken, NoToken>>,
) -> Result<AccessToken, CallError> {
    let got = match call_time() {
        None => getting.await,
        Some(time) => tokio::time::timeout_at(time.for_token(), getting).await.unwrap_or_else(|_| {
            let reason = "it is still being asked for, and the call's time is over".to_owned();
            Err(NoToken::Later { reason, after: None })
        }),
    };
    got.map_err(|error| no_token(connection, error))
}

fn no_token(connection: &Connection, error: NoToken) -> CallError {
    match error {
        NoToken::NeedsPerson(why) => CallError::new(ErrorClass::NeedsReauthorization, "needs_reauthorization", why),
        NoToken::Later { reason, after } => {
            let message = format!("Connection {} has no token now: {reason}. Nothing was sent.", connection.name);
            CallError::no_token(message, after)
        }
    }
}

/// Does the provider say that the token has ended? By status, or in its own words.
fn turned_down(connection: &Connection, response: &Response) -> bool {
    if response.status == StatusCode::UNAUTHORIZED {
        return true;
    }
    let Some(facts) = provider(&connection.provider).and_then(|provider| provider.oauth.as_ref()) else { return false };
    if facts.ended_codes.is_empty() || response.body.len() > MOST_OF_AN_ERROR {
        return false;
    }
    let body: Option<Value> = json::from_slice(&response.body).ok();
    let code = body.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str);
    code.is_some_and(|code| facts.ended_codes.iter().any(|ended| ended == code))
}

/// The error answers of our providers are a few hundred bytes long; larger ones need not be read twice.
const MOST_OF_AN_ERROR: usize = 4 * 1024;

fn network_error(connection: &Connection, error: &EgressError, if_lost: ErrorClass) -> CallError {
    let (class, code, advice) = match error {
        EgressError::Blocked { .. } => (
            ErrorClass::Fail,
            "blocked_address",
            "Check the connection's base_url and allowed_domain in deskwire.yaml.",
        ),
        EgressError::Setup(_) => {
            (ErrorClass::Retry, "client_setup", "Nothing was sent; see that this machine has root certificates.")
        }
        EgressError::NotSent { .. } => (ErrorClass::Retry, "not_sent", "Nothing was sent; it will be tried again."),
        EgressError::Lost { source, .. } => {
            let code = if source.is_timeout() { "timeout" } else { "connection_lost" };
            (if_lost, code, lost_advice(if_lost))
        }
        EgressError::TooLarge { .. } => (unreadable(if_lost), "too_large", "Ask the provider for less at once."),
    };
    CallError::new(class, code, format!("Connection {}: {error}. {advice}", connection.name))
}

/// What to say about a lost answer.
pub(crate) const fn lost_advice(if_lost: ErrorClass) -> &'static str {
    match if_lost {
        ErrorClass::Unknown => "It may have happened all the same.",
        _ => "It can be repeated without harm and will be tried again.",
    }
}

/// The class of an answer that came whole but cannot be read: asking again gives the same, but what was asked for may
/// have happened.
pub(crate) const fn unreadable(if_lost: ErrorClass) -> ErrorClass {
    match if_lost {
        ErrorClass::Unknown => ErrorClass::Unknown,
        _ => ErrorClass::Fail,
    }
}

/// Why an answer holds no JSON to work with.
pub(crate) enum NoJson {
    /// It is JSON that is broken somewhere: as good as lost, since what was asked for may have happened.
    Broken(NotJson),
    /// It is something else, a page perhaps: whoever answered is not the provider.
    Other,
}

/// The JSON of an answer.
pub(crate) fn json_of(response: &Response) -> Result<Value, NoJson> {
    json::from_slice(&response.body).map_err(|why| {
        let text = response.body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&response.body).trim_ascii_start();
        if text.starts_with(b"{") || text.starts_with(b"[") { NoJson::Broken(why) } else { NoJson::Other }
    })
}

/// The error of an answer whose JSON is broken. The provider is not to blame for more than that.
pub(crate) fn broken_answer(connection: &Connection, what: &str, why: &NotJson, if_lost: ErrorClass) -> CallError {
    let (name, advice) = (&connection.name, lost_advice(if_lost));
    let message =
        format!("The answer for {what} on connection {name} came, but its JSON cannot be read: {why}. {advice}");
    CallError::new(if_lost, "broken_answer", message)
}

/// A provider's own words, made fit for a one-line message: nothing that does not show, at most 300 characters.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 300;
    let mut short: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).take(MOST).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use deskwire_core::action::{Call, EffectKey};
    use deskwire_core::connection::{AuthConfig, ConnectionConfig};
    use deskwire_core::domain::AllowedDomain;
    use deskwire_core::ids::OAuthClientName;
    use deskwire_core::secret::SecretString;
    use deskwire_core::time::Timestamp;
    use deskwire_egress::EgressOptions;
    use serde_json::json;
    use wiremock::matchers::header;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing;

    /// Gives out `token-1`, and the next one after each that was turned down.
    struct Counting {
        version: AtomicU64,
        last: u64,
    }

    impl Counting {
        fn now(&self) -> Result<AccessToken, NoToken> {
            let version = self.version.load(Ordering::SeqCst);
            if version > self.last {
                return Err(NoToken::NeedsPerson("Connect slack again.".to_owned()));
            }
            Ok(AccessToken { secret: SecretString::from(format!("token-{version}")), version, base_url: None })
        }
    }

    impl TokenSource for Counting {
        fn token<'a>(&'a self, _: &'a ConnectionName) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
            Box::pin(async { self.now() })
        }

        fn renewed<'a>(&'a self, _: &'a ConnectionName, old: u64) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
            self.version.store(old + 1, Ordering::SeqCst);
            Box::pin(async { self.now() })
        }
    }

    async fn post(server: &MockServer, last: u64) -> Result<Value, CallError> {
        let tokens = Arc::new(Counting { version: AtomicU64::new(1), last });
        let action = crate::slack::post_message::PostMessage::new(client(&server.uri(), tokens));
        testing::call(&action, json!({ "channel": "C1", "message": "hello" })).await
    }

    fn client(base_url: &str, tokens: Arc<dyn TokenSource>) -> Arc<Client> {
        let config = ConnectionConfig {
            display_name: None,
            name: ConnectionName::parse("slack").unwrap(),
            provider: "slack".to_owned(),
            auth: AuthConfig::OAuth2 { client: OAuthClientName::parse("slack").unwrap() },
            allowed_domain: AllowedDomain::parse("slack.com").unwrap(),
            base_url: Url::parse(base_url).unwrap(),
            secret_url: None,
        };
        let connection = Connection::new(&config, &SecretString::from("")).unwrap();
        let egress = Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() });
        Arc::new(Client::new(Arc::new(egress), [connection]).with_tokens(tokens))
    }

    /// Has a token that is turned down, and never a newer one; or none at all.
    struct Hanging {
        has_one: bool,
    }

    impl TokenSource for Hanging {
        fn token<'a>(&'a self, _: &'a ConnectionName) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
            Box::pin(async {
                if !self.has_one {
                    std::future::pending::<()>().await;
                }
                Ok(AccessToken { secret: SecretString::from("token-1"), version: 1, base_url: None })
            })
        }

        fn renewed<'a>(&'a self, _: &'a ConnectionName, _: u64) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_call_whose_time_ends_while_it_waits_for_a_token_says_that_nothing_was_sent() {
        let server = MockServer::start().await;
        answers("token-1", &json!({ "ok": false, "error": "token_expired" })).mount(&server).await;
        for (has_one, sent) in [(false, 0), (true, 1)] {
            let actions = crate::actions(&client(&server.uri(), Arc::new(Hanging { has_one })));
            let action = actions.get("slack.post_message").unwrap();
            let (connection, key) = (ConnectionName::parse("slack").unwrap(), EffectKey("k".repeat(64)));
            let call = Call {
                connection: &connection,
                input: &json!({ "channel": "C1", "message": "hello" }),
                key: &key,
                not_before: Timestamp::from_millis(0),
                request_id: None,
                time_limit: Duration::from_secs(1),
            };
            // As the engine makes it: it knows of a call that is cut off only that it may have happened.
            let error = tokio::time::timeout(call.time_limit, action.call(call)).await.unwrap().unwrap_err();
            assert!(error.is_no_token() && error.message.contains("Nothing was sent"), "{error:?}");
            assert_eq!(server.received_requests().await.unwrap().len(), sent);
        }
    }

    fn answers(token: &str, answer: &Value) -> Mock {
        Mock::given(header("authorization", format!("Bearer {token}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
    }

    #[tokio::test]
    async fn a_token_that_has_ended_is_renewed_once_and_the_call_is_made_again() {
        let server = MockServer::start().await;
        answers("token-1", &json!({ "ok": false, "error": "token_expired" })).expect(1).mount(&server).await;
        let fine = json!({ "ok": true, "channel": "C1", "ts": "1.2", "message": {} });
        answers("token-2", &fine).expect(1).mount(&server).await;
        assert_eq!(post(&server, 2).await.unwrap()["ts"], "1.2");
    }

    #[tokio::test]
    async fn a_new_token_that_is_turned_down_too_is_not_renewed_again() {
        let server = MockServer::start().await;
        for token in ["token-1", "token-2"] {
            let answer = answers(token, &json!({ "ok": false, "error": "token_expired" }));
            answer.expect(1).mount(&server).await;
        }
        assert_eq!(post(&server, 9).await.unwrap_err().class, ErrorClass::NeedsReauthorization);
    }

    #[tokio::test]
    async fn a_connection_that_needs_a_person_sends_nothing() {
        let server = MockServer::start().await;
        let error = post(&server, 0).await.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::NeedsReauthorization, "Connect slack again."));
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[test]
    fn quoted_words_stay_on_one_line_and_end() {
        assert_eq!(quoted("a\nb\u{1b}[0m\u{202e}"), "a b [0m ");
        assert_eq!(quoted(&"x".repeat(301)), format!("{}…", "x".repeat(300)));
    }
}

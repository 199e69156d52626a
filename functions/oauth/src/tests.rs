//! A person's way to the provider and back, and everybody who tries to join them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_core::time::Timestamp;
use deskwire_core::token::{Standing, TokenSource};
use deskwire_egress::{Egress, EgressOptions};
use deskwire_oauth::Client;
use deskwire_secrets::Keys;
use deskwire_storage::SqliteStore;
use deskwire_tokens::{BrokerOptions, invite};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    oauth: Arc<OAuth>,
    clock: Arc<TestClock>,
    provider: MockServer,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> Url {
        Url::parse(self.headers["location"].to_str().unwrap()).unwrap()
    }

    /// A parameter of the address that the browser is sent to.
    fn parameter(&self, name: &str) -> Option<String> {
        self.location().query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    fn state(&self) -> String {
        self.parameter("state").unwrap()
    }

    fn cookie(&self) -> String {
        self.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }
}

impl World {
    async fn new() -> Self {
        Self::with(Doors::Open).await
    }

    async fn with(doors: Doors) -> Self {
        let provider = MockServer::start().await;
        let store = SqliteStore::in_memory().unwrap();
        let random = Arc::new(SeededRandom::new(5));
        let clock = Arc::new(TestClock(AtomicI64::new(1_764_000_000_000)));
        let vault = Vault::new(Arc::new(store.clone()), Keys::passing(random.as_ref()), random.clone());
        let client = |name: &str, provider_name: &str, pkce: bool| {
            let config = OAuthClientConfig {
                name: OAuthClientName::parse(name).unwrap(),
                provider: provider_name.to_owned(),
                grant: OAuthGrant::AuthorizationCode,
                client_id: "id".to_owned(),
                client_secret: None,
                scopes: vec!["chat:write".to_owned(), "users:read".to_owned()],
                tenant: None,
                authorize_url: Some(Url::parse("https://id.example.com/authorize").unwrap()),
                token_url: Some(Url::parse(&provider.uri()).unwrap()),
                pkce: Some(pkce),
            };
            let client = Client::new(&config, Some(SecretString::from("marker-secret"))).unwrap();
            (ConnectionName::parse(name).unwrap(), Arc::new(client))
        };
        let clients = BTreeMap::from([client("slack", "slack", true), client("other", "http", false)]);
        let egress = Arc::new(Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() }));
        let providers = Arc::new(Providers::new(egress, clients));
        let broker = Arc::new(Broker::new(
            Arc::new(store),
            vault.clone(),
            providers.clone(),
            clock.clone(),
            random.clone(),
            BrokerOptions::default(),
        ));
        let public_url = Url::parse("https://relay.example.com/desk").unwrap();
        let oauth = OAuth { broker, providers, vault, public_url, doors, clock: clock.clone(), random };
        Self { oauth: Arc::new(oauth), clock, provider }
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let mut request = Request::get(path);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router(Arc::clone(&self.oauth)).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn give(&self, body: &str) {
        self.answer(200, body).await;
    }

    async fn answer(&self, status: u16, body: &str) {
        self.provider.reset().await;
        let answer = ResponseTemplate::new(status).set_body_string(body);
        Mock::given(method("POST")).respond_with(answer).mount(&self.provider).await;
    }

    async fn asked(&self) -> usize {
        self.provider.received_requests().await.unwrap().len()
    }

    async fn token(&self, connection: &str) -> Option<String> {
        let name = ConnectionName::parse(connection).unwrap();
        let token = self.oauth.broker.token(&name).await.ok()?;
        Some(token.secret.expose_secret().to_owned())
    }
}

const TOKENS: &str = r#"{"ok":true,"access_token":"marker-access","refresh_token":"marker-refresh","token_type":"bot","scope":"chat:write","expires_in":43200,"team":{"id":"T1","name":"Acme"}}"#;

#[tokio::test]
async fn a_person_who_agrees_comes_back_connected() {
    let world = World::new().await;
    let start = world.get("/oauth/start/slack", None).await;
    assert_eq!(start.status, StatusCode::SEE_OTHER);
    assert_eq!(start.location().host_str(), Some("id.example.com"));
    assert_eq!(start.parameter("redirect_uri").unwrap(), "https://relay.example.com/desk/oauth/callback");
    assert_eq!(start.parameter("code_challenge_method").unwrap(), "S256");
    let cookie = start.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600", "Path=/desk/oauth;"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    world.give(TOKENS).await;
    let back =
        world.get(&format!("/oauth/callback?code=marker-code&state={}", start.state()), Some(&start.cookie())).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    assert!(back.text.contains("slack is connected") && back.text.contains("Acme"), "{}", back.text);
    assert!(back.text.contains("Not given") && back.text.contains("users:read"));
    assert!(!back.text.contains("marker"), "nothing secret is shown");
    assert_eq!(back.headers["cache-control"], "no-store");
    assert_eq!(back.headers["referrer-policy"], "no-referrer");
    assert_eq!(world.token("slack").await.unwrap(), "marker-access");
    let sent = String::from_utf8(world.provider.received_requests().await.unwrap()[0].body.clone()).unwrap();
    assert!(sent.contains("code_verifier=") && sent.contains("code=marker-code"), "{sent}");
}

#[tokio::test]
async fn another_browser_cannot_finish_what_one_began_and_cannot_end_it() {
    let world = World::new().await;
    world.give(TOKENS).await;
    let start = world.get("/oauth/start/slack", None).await;
    let path = format!("/oauth/callback?code=attackers&state={}", start.state());
    // Cross-site request forgery: the victim's browser follows the attacker's link, without the attacker's cookie.
    let forged = world.get(&path, None).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(forged.text.contains("Another browser"));
    // State fixation: the victim has a cookie of its own, of another flow.
    let victims = world.get("/oauth/start/slack", None).await;
    assert_eq!(world.get(&path, Some(&victims.cookie())).await.status, StatusCode::FORBIDDEN);
    let own_name = start.cookie().split('=').next().unwrap().to_owned();
    assert_eq!(world.get(&path, Some(&format!("{own_name}=guessed"))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.asked().await, 0, "no code was exchanged");
    assert_eq!(world.get(&path, Some(&start.cookie())).await.status, StatusCode::OK, "the right browser still can");
}

#[tokio::test]
async fn a_state_is_taken_once_and_for_ten_minutes() {
    let world = World::new().await;
    world.give(TOKENS).await;
    let start = world.get("/oauth/start/slack", None).await;
    let path = format!("/oauth/callback?code=c&state={}", start.state());
    assert_eq!(world.get(&path, Some(&start.cookie())).await.status, StatusCode::OK);
    let replayed = world.get(&path, Some(&start.cookie())).await;
    assert_eq!(replayed.status, StatusCode::BAD_REQUEST);
    assert!(replayed.text.contains("used already"));
    assert_eq!(world.asked().await, 1);

    let late = world.get("/oauth/start/slack", None).await;
    world.clock.0.fetch_add(600_001, Ordering::SeqCst);
    let path = format!("/oauth/callback?code=c&state={}", late.state());
    assert_eq!(world.get(&path, Some(&late.cookie())).await.status, StatusCode::BAD_REQUEST);
    for odd in
        ["/oauth/callback", "/oauth/callback?code=c", "/oauth/callback?code=c&state=made-up", "/oauth/callback?state="]
    {
        assert_eq!(world.get(odd, None).await.status, StatusCode::BAD_REQUEST, "{odd}");
    }
    assert_eq!(world.asked().await, 1);
}

#[tokio::test]
async fn two_who_come_back_at_once_with_one_state_are_one() {
    let world = World::new().await;
    world.give(TOKENS).await;
    let start = world.get("/oauth/start/slack", None).await;
    let (path, cookie) = (format!("/oauth/callback?code=c&state={}", start.state()), start.cookie());
    let (one, two) = tokio::join!(world.get(&path, Some(&cookie)), world.get(&path, Some(&cookie)));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(world.asked().await, 1);
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_mixed_up_with_ours() {
    let world = World::new().await;
    world.give(TOKENS).await;
    let start = world.get("/oauth/start/slack", None).await;
    let back = |iss: &str| format!("/oauth/callback?code=c&state={}&iss={iss}", start.state());
    let mixed = world.get(&back("https%3A%2F%2Fid.evil.example"), Some(&start.cookie())).await;
    assert_eq!(mixed.status, StatusCode::FORBIDDEN);
    assert!(mixed.text.contains("wrong provider"));
    assert_eq!(world.asked().await, 0, "the code was sent to nobody");
    let start = world.get("/oauth/start/slack", None).await;
    let right = format!("/oauth/callback?code=c&state={}&iss=https%3A%2F%2Fid.example.com", start.state());
    assert_eq!(world.get(&right, Some(&start.cookie())).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_sent_anywhere_but_to_the_provider() {
    let world = World::new().await;
    for more in ["?redirect=https://evil.example", "?redirect_uri=https://evil.example", "?next=//evil.example&key=x"] {
        let start = world.get(&format!("/oauth/start/slack{more}"), None).await;
        assert_eq!(start.location().host_str(), Some("id.example.com"), "{more}");
        assert!(!start.location().as_str().contains("evil"), "{more}");
    }
    for path in ["/oauth/start/nope", "/oauth/start/..%2Fslack", "/oauth/start/%3Cscript%3E"] {
        let missing = world.get(path, None).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert!(!missing.text.contains("<script>") && missing.text.contains("slack"));
    }
}

#[tokio::test]
async fn a_verifier_binds_the_code_to_the_one_who_asked() {
    let world = World::new().await;
    // The provider compares the challenge of the link with the verifier that is shown.
    let (one, two) = (world.get("/oauth/start/slack", None).await, world.get("/oauth/start/slack", None).await);
    assert_ne!(one.parameter("code_challenge"), two.parameter("code_challenge"));
    world.provider.reset().await;
    Mock::given(body_string_contains("code_verifier="))
        .respond_with(|request: &wiremock::Request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            ResponseTemplate::new(200)
                .set_body_string(format!(r#"{{"ok":false,"error":"invalid_code_verifier","seen":{}}}"#, body.len()))
        })
        .mount(&world.provider)
        .await;
    let injected = world.get(&format!("/oauth/callback?code=stolen&state={}", one.state()), Some(&one.cookie())).await;
    assert_eq!(injected.status, StatusCode::BAD_REQUEST);
    assert!(world.token("slack").await.is_none());
}

#[tokio::test]
async fn only_the_invited_begin_where_anybody_can_reach_us() {
    let world = World::with(Doors::Invited).await;
    let name = ConnectionName::parse("slack").unwrap();
    let invitation = async || {
        let lasts = Duration::from_mins(15);
        invite(&world.oauth.vault, &name, lasts, world.clock.now(), world.oauth.random.as_ref()).await.unwrap()
    };
    let key = invitation().await;
    for path in ["/oauth/start/slack", "/oauth/start/slack?key=guessed", "/oauth/start/nope"] {
        let refused = world.get(path, None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!refused.text.contains("other"), "nobody learns what there is");
    }
    assert_eq!(world.get(&format!("/oauth/start/other?key={key}"), None).await.status, StatusCode::FORBIDDEN);
    let start = world.get(&format!("/oauth/start/slack?key={key}"), None).await;
    assert_eq!(start.status, StatusCode::SEE_OTHER);
    world.give(TOKENS).await;
    let back = format!("/oauth/callback?code=c&state={}", start.state());
    assert_eq!(world.get(&back, Some(&start.cookie())).await.status, StatusCode::OK);
    let again = world.get(&format!("/oauth/start/slack?key={key}"), None).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "an invitation that was used is over");
    let late = invitation().await;
    world.clock.0.fetch_add(15 * 60_000, Ordering::SeqCst);
    assert_eq!(world.get(&format!("/oauth/start/slack?key={late}"), None).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_refusal_is_a_page_that_says_what_to_do() {
    let world = World::new().await;
    let table = [
        ("error=access_denied", "declined", "Begin again"),
        ("error=access-denied", "declined", "Begin again"),
        ("error=invalid_scope", "scopes", "Mend that"),
        ("error=bad_redirect_uri", "redirect address", "Mend that"),
        ("error=server_error", "cannot do that now", "Try again"),
        ("error=%3Cb%3Eodd&error_description=%3Cscript%3Ealert(1)%3C/script%3E", "said no", "Begin again"),
        ("", "neither a code nor a reason", "Begin again"),
    ];
    for (query, says, next) in table {
        let start = world.get("/oauth/start/slack", None).await;
        let back = world.get(&format!("/oauth/callback?{query}&state={}", start.state()), Some(&start.cookie())).await;
        assert_eq!(back.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(back.text.contains(says) && back.text.contains(next), "{query}: {}", back.text);
        assert!(!back.text.contains("<script>") && !back.text.contains("<b>"), "{query}");
        assert!(back.text.contains("https://relay.example.com/desk/oauth/start/slack"), "a link leads back: {query}");
    }
    let answers = [
        (200, r#"{"ok":false,"error":"invalid_code"}"#, 400, "taken once"),
        (200, r#"{"ok":false,"error":"bad_client_secret"}"#, 502, "client_secret"),
        (503, "<html>", 502, "cannot be used now"),
        (429, "", 502, "cannot be used now"),
        (200, r#"{"ok":true}"#, 502, "no token"),
    ];
    for (status, body, shown, says) in answers {
        world.answer(status, body).await;
        let start = world.get("/oauth/start/slack", None).await;
        let path = format!("/oauth/callback?code=marker-code&state={}", start.state());
        let back = world.get(&path, Some(&start.cookie())).await;
        assert_eq!(back.status.as_u16(), shown, "{body}");
        assert!(back.text.contains(says) && !back.text.contains("marker"), "{body}: {}", back.text);
    }
    assert!(world.token("slack").await.is_none());
}

#[tokio::test]
async fn another_account_does_not_take_a_connection_over() {
    let world = World::new().await;
    let connect = async || {
        let start = world.get("/oauth/start/slack", None).await;
        world.get(&format!("/oauth/callback?code=c&state={}", start.state()), Some(&start.cookie())).await
    };
    world.give(TOKENS).await;
    assert_eq!(connect().await.status, StatusCode::OK);
    world.give(&TOKENS.replace("T1", "T2").replace("marker-access", "theirs")).await;
    let other = connect().await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert!(other.text.contains("T1") && other.text.contains("T2") && other.text.contains("disconnect slack"));
    assert_eq!(world.token("slack").await.unwrap(), "marker-access");
    let name = ConnectionName::parse("slack").unwrap();
    world.oauth.broker.disconnect(&name, "moving").await.unwrap();
    assert_eq!(connect().await.status, StatusCode::OK);
    let state = world.oauth.broker.states().token_state(&name).await.unwrap().unwrap();
    assert_eq!((state.standing, state.account["team_id"].as_str()), (Standing::Connected, "T2"));
}

#[tokio::test]
async fn a_proxy_may_or_may_not_take_the_path_of_the_public_url_off() {
    for (on_the_way, back) in [("/desk", "/desk"), ("/desk", ""), ("", "/desk"), ("", "")] {
        let world = World::new().await;
        world.give(TOKENS).await;
        let start = world.get(&format!("{on_the_way}/oauth/start/slack"), None).await;
        assert_eq!(start.parameter("redirect_uri").unwrap(), "https://relay.example.com/desk/oauth/callback");
        let path = format!("{back}/oauth/callback?code=c&state={}", start.state());
        assert_eq!(world.get(&path, None).await.status, StatusCode::FORBIDDEN, "the state is bound to the browser");
        assert_eq!(world.get(&path, Some(&start.cookie())).await.status, StatusCode::OK, "{path}");
        let sent = String::from_utf8(world.provider.received_requests().await.unwrap()[0].body.clone()).unwrap();
        assert!(sent.contains("redirect_uri=https%3A%2F%2Frelay.example.com%2Fdesk%2Foauth%2Fcallback"), "{sent}");
    }
}

#[tokio::test]
async fn a_person_who_leaves_while_the_code_is_exchanged_is_connected_all_the_same() {
    let world = World::new().await;
    let answer = ResponseTemplate::new(200).set_body_string(TOKENS).set_delay(Duration::from_millis(300));
    Mock::given(method("POST")).respond_with(answer).mount(&world.provider).await;
    let start = world.get("/oauth/start/slack", None).await;
    let path = format!("/oauth/callback?code=c&state={}", start.state());
    let gone = tokio::time::timeout(Duration::from_millis(1), world.get(&path, Some(&start.cookie()))).await;
    assert!(gone.is_err(), "the browser's connection is closed");
    world.oauth.broker.idle().await;
    assert_eq!((world.token("slack").await.as_deref(), world.asked().await), (Some("marker-access"), 1));
}

#[tokio::test]
async fn a_token_that_lasts_for_ages_hides_no_connection_and_can_be_let_go_of() {
    for lasts in ["9223372036854775", "1e300", r#""9223372036854775807""#, "253402300800", "-1", "0", r#"" 43200.5 ""#]
    {
        let world = World::new().await;
        let connect = async |name: &str| {
            let start = world.get(&format!("/oauth/start/{name}"), None).await;
            let back = format!("/oauth/callback?code=c&state={}", start.state());
            world.get(&back, Some(&start.cookie())).await.status
        };
        world.give(&TOKENS.replace(r#""bot""#, r#""bearer""#)).await;
        assert_eq!(connect("other").await, StatusCode::OK);
        world.give(&TOKENS.replace("43200", lasts)).await;
        assert_eq!(connect("slack").await, StatusCode::OK, "{lasts}");
        assert_eq!(world.token("slack").await.as_deref(), Some("marker-access"), "{lasts}");
        let states = world.oauth.broker.states().token_states().await.unwrap();
        let standing: Vec<_> = states.iter().map(|state| (state.connection.as_str(), state.standing)).collect();
        assert_eq!(standing, [("other", Standing::Connected), ("slack", Standing::Connected)], "{lasts}");
        let name = ConnectionName::parse("slack").unwrap();
        world.oauth.broker.disconnect(&name, "moving").await.unwrap();
        world.oauth.broker.delete(&name).await.unwrap();
        assert_eq!(world.oauth.broker.states().token_states().await.unwrap().len(), 1, "{lasts}");
    }
}

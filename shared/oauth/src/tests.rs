//! Answers as the providers' pages show them, and what becomes of them; links; nothing secret in what is printed.

use std::time::Duration;

use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_egress::{Egress, EgressOptions};
use url::Url;
use wiremock::matchers::{body_string_contains, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn config(provider: &str) -> OAuthClientConfig {
    OAuthClientConfig {
        name: OAuthClientName::parse("client").unwrap(),
        provider: provider.to_owned(),
        grant: OAuthGrant::AuthorizationCode,
        client_id: "id 1".to_owned(),
        client_secret: None,
        scopes: vec!["one".to_owned(), "two".to_owned()],
        tenant: Some("acme".to_owned()),
        authorize_url: matches!(provider, "qualtrics" | "http")
            .then(|| Url::parse("https://id.example.com/a").unwrap()),
        token_url: None,
        pkce: None,
    }
}

fn secret() -> SecretString {
    SecretString::from("marker-secret")
}

/// A client whose token endpoint is the mock.
fn client(provider: &str, server: &MockServer) -> Client {
    let token_url = Some(Url::parse(&server.uri()).unwrap());
    Client::new(&OAuthClientConfig { token_url, ..config(provider) }, Some(secret())).unwrap()
}

fn egress() -> Egress {
    Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() })
}

async fn refreshed(provider: &str, status: u16, body: &str) -> Result<Tokens, TokenError> {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body).insert_header("retry-after", "7");
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let egress = egress();
    Endpoint { egress: &egress }.refresh(&client(provider, &server), &SecretString::from("marker-refresh")).await
}

#[tokio::test]
async fn each_provider_s_answer_is_read_as_its_page_shows_it() {
    let zendesk = r#"{"access_token":"a1","refresh_token":"r1","token_type":"bearer","scope":"tickets:read users:read","expires_in":1800,"refresh_token_expires_in":2592000}"#;
    let tokens = refreshed("zendesk", 201, zendesk).await.unwrap();
    assert_eq!((tokens.access_token.expose_secret(), tokens.refresh_token.unwrap().expose_secret()), ("a1", "r1"));
    assert_eq!(tokens.expires_in, Some(Duration::from_mins(30)));
    assert_eq!(tokens.refresh_expires_in, Some(Duration::from_hours(720)));
    assert_eq!(tokens.scopes.unwrap(), ["tickets:read", "users:read"]);

    let slack = r#"{"ok":true,"app_id":"A0KRD7HC3","access_token":"xoxe.xoxb-1-x","token_type":"bot","scope":"commands,chat:write","bot_user_id":"U0KRQLJ9H","team":{"id":"T9TK3CUKW","name":"Slack Softball Team"},"enterprise":null,"expires_in":43200,"refresh_token":"xoxe-1-y","authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-z","token_type":"user"}}"#;
    let tokens = refreshed("slack", 200, slack).await.unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "xoxe.xoxb-1-x");
    assert_eq!(tokens.scopes.unwrap(), ["commands", "chat:write"]);
    assert_eq!(tokens.account["team"], "Slack Softball Team");
    assert_eq!(tokens.refresh_expires_in, None, "an idle one does not lapse");
    let only_user =
        r#"{"ok":true,"authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-z","token_type":"user"}}"#;
    assert_eq!(refreshed("slack", 200, only_user).await.unwrap().access_token.expose_secret(), "xoxp-z");

    let salesforce = r#"{"access_token":"00D!x","refresh_token":"5Aep","signature":"s","scope":"refresh_token api id","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00D/005","token_type":"Bearer","issued_at":"1278448384422"}"#;
    let tokens = refreshed("salesforce", 200, salesforce).await.unwrap();
    assert_eq!(tokens.expires_in, None);
    assert_eq!(tokens.account["instance_url"], "https://acme.my.salesforce.com");

    let qualtrics = r#"{"access_token":"q","token_type":"bearer","expires_in":3599,"scope":"read:surveys"}"#;
    let tokens = refreshed("qualtrics", 200, qualtrics).await.unwrap();
    assert!(tokens.refresh_token.is_none());
}

#[tokio::test]
async fn what_an_error_means_is_told_apart() {
    let kind = |error: Result<Tokens, TokenError>| match error.unwrap_err() {
        TokenError::Refused { by, .. } => format!("refused: {by}"),
        TokenError::Unavailable { retry_after, .. } => format!("unavailable {retry_after:?}"),
        TokenError::Lost { .. } => "lost".to_owned(),
        TokenError::Unreadable { .. } => "unreadable".to_owned(),
    };
    let invalid = r#"{"error":"invalid_grant","error_description":"The provided access grant is invalid"}"#;
    let table = [
        ("zendesk", 401, invalid, "refused: the code or refresh token"),
        ("zendesk", 400, r#"{"error":"invalid_scope"}"#, "refused: the scopes"),
        ("salesforce", 400, r#"{"error":"invalid_client_id"}"#, "refused: the client"),
        ("slack", 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#, "refused: the code or refresh token"),
        ("slack", 200, r#"{"ok":false,"error":"bad_client_secret"}"#, "refused: the client"),
        ("slack", 200, r#"{"ok":false,"error":"ratelimited"}"#, "unavailable Some(7s)"),
        ("http", 429, "slow down", "unavailable Some(7s)"),
        ("http", 502, "<html>", "lost"),
        ("http", 503, "", "lost"),
        ("http", 200, "<html>welcome</html>", "lost"),
        ("http", 404, "nothing here", "refused: something else"),
        ("http", 401, "", "refused: the client"),
        ("http", 302, "", "refused: something else"),
        ("http", 200, r#"{"token_type":"bearer"}"#, "unreadable"),
        ("http", 200, r#"{"access_token":"a","token_type":"mac"}"#, "unreadable"),
        ("http", 200, r#"{"access_token":""}"#, "unreadable"),
    ];
    for (provider, status, body, expected) in table {
        assert_eq!(kind(refreshed(provider, status, body).await), expected, "{provider} {status} {body}");
    }
}

#[tokio::test]
async fn nobody_listening_is_no_doubt() {
    let server = MockServer::start().await;
    let mut gone = client("slack", &server);
    drop(server);
    gone.token_url = Url::parse("http://127.0.0.1:1/").unwrap();
    let egress = egress();
    let error = Endpoint { egress: &egress }.refresh(&gone, &SecretString::from("x")).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn clients_prove_themselves_as_their_provider_wants_it() {
    let server = MockServer::start().await;
    // printf 'id+1:marker-secret' | base64
    Mock::given(header("authorization", "Basic aWQrMTptYXJrZXItc2VjcmV0"))
        .and(body_string_contains("grant_type=client_credentials&scope=one+two"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"access_token":"basic"}"#))
        .mount(&server)
        .await;
    Mock::given(body_string_contains("client_id=id+1&client_secret=marker-secret"))
        .and(body_string_contains("expires_in=43200"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"access_token":"body"}"#))
        .mount(&server)
        .await;
    let egress = egress();
    let endpoint = Endpoint { egress: &egress };
    for (provider, expected) in [("qualtrics", "basic"), ("zendesk", "body")] {
        let tokens = endpoint.client_credentials(&client(provider, &server)).await.unwrap();
        assert_eq!(tokens.access_token.expose_secret(), expected);
    }
}

#[tokio::test]
async fn long_lists_of_scopes_are_cut_at_a_scope() {
    let scopes: Vec<String> = (0..60).map(|number| format!("scope:{number:02}")).collect();
    let body = format!(r#"{{"access_token":"a","scope":"{}"}}"#, scopes.join(" "));
    let tokens = refreshed("http", 200, &body).await.unwrap();
    assert!(tokens.scopes_cut);
    let kept = tokens.scopes.unwrap();
    assert_eq!(kept, scopes[..kept.len()]);
    assert!((240..=255).contains(&kept.join(" ").len()));
}

#[test]
fn the_link_asks_for_what_the_provider_wants() {
    let redirect = Url::parse("https://relay.example.com/oauth/callback").unwrap();
    let pkce = Pkce { verifier: SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") };
    // RFC 7636, appendix B.
    assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let zendesk = Client::new(&config("zendesk"), Some(secret())).unwrap();
    assert!(zendesk.pkce);
    let link = authorize_link(&zendesk, "st/ate", &redirect, Some(&pkce)).unwrap();
    assert_eq!(
        link.as_str(),
        "https://acme.zendesk.com/oauth/authorizations/new?response_type=code&client_id=id+1\
         &redirect_uri=https%3A%2F%2Frelay.example.com%2Foauth%2Fcallback&state=st%2Fate&scope=one+two\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let slack = Client::new(&config("slack"), Some(secret())).unwrap();
    assert!(!slack.pkce, "turning it on would make the app a public client for good");
    let link = authorize_link(&slack, "s", &redirect, None).unwrap();
    assert!(link.as_str().contains("scope=one%2Ctwo"), "{link}");
}

#[test]
fn verifiers_are_long_and_never_the_same() {
    let random = SeededRandom::new(1);
    let (one, two) = (Pkce::generate(&random), Pkce::generate(&random));
    assert_eq!(one.verifier.expose_secret().len(), 43);
    assert_ne!(one.verifier.expose_secret(), two.verifier.expose_secret());
}

#[test]
fn a_client_without_an_address_says_what_is_missing() {
    let bare = |provider: &str| OAuthClientConfig { tenant: None, authorize_url: None, ..config(provider) };
    let told = |provider: &str| Client::new(&bare(provider), None).unwrap_err().to_string();
    assert!(told("zendesk").contains("subdomain"), "{}", told("zendesk"));
    assert!(told("http").contains("token_url"), "{}", told("http"));
    let salesforce = Client::new(&bare("salesforce"), None).unwrap();
    assert_eq!(salesforce.token_url.as_str(), "https://login.salesforce.com/services/oauth2/token");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let server = MockServer::start().await;
    let client = client("zendesk", &server);
    let body = r#"{"access_token":"marker-access","refresh_token":"marker-refresh"}"#;
    let tokens = refreshed("zendesk", 200, body).await.unwrap();
    let error = refreshed("zendesk", 400, r#"{"error":"invalid_grant"}"#).await.unwrap_err();
    let pkce = Pkce { verifier: SecretString::from("marker-verifier") };
    let all = format!("{client:?} {tokens:?} {error:?} {error} {pkce:?}");
    assert!(!all.contains("marker"), "{all}");
}

#[tokio::test]
async fn half_an_emoji_in_a_token_answer_loses_no_token() {
    let slack = r#"{"ok":true,"access_token":"a1","token_type":"bot","scope":"chat:write","team":{"id":"T1","name":"Acme \ud83d"}}"#;
    let tokens = refreshed("slack", 200, slack).await.unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "a1");
}

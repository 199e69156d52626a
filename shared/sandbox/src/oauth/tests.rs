//! Each provider's manners, as its pages describe them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::Sandbox;
use crate::testing::{sandbox, send};
use crate::world::{OAUTH_CLIENT, OAUTH_SECRET};

const BACK: &str = "http://localhost:8787/oauth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The address that a person is sent back to.
async fn agreed(sandbox: &Sandbox, at: &str, more: &[(&str, &str)]) -> Url {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", OAUTH_CLIENT).append_pair("redirect_uri", BACK).append_pair("state", "s");
    query.extend_pairs(more);
    let request = Request::get(format!("{at}?{}", query.finish())).body(axum::body::Body::empty()).unwrap();
    let answer = send(sandbox, request).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    Url::parse(answer.headers["location"].to_str().unwrap()).unwrap()
}

async fn code(sandbox: &Sandbox, at: &str, more: &[(&str, &str)]) -> String {
    let back = agreed(sandbox, at, &[more, &[("decision", "allow")]].concat()).await;
    assert!(back.query_pairs().any(|(name, value)| name == "state" && value == "s"));
    back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

async fn post(sandbox: &Sandbox, at: &str, basic: bool, fields: &[(&str, &str)]) -> (u16, Value) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let mut request = Request::post(at).header("content-type", "application/x-www-form-urlencoded");
    if basic {
        let credentials = STANDARD.encode(format!("{OAUTH_CLIENT}:{OAUTH_SECRET}"));
        request = request.header("authorization", format!("Basic {credentials}"));
    } else {
        form.append_pair("client_id", OAUTH_CLIENT).append_pair("client_secret", OAUTH_SECRET);
    }
    let answer = send(sandbox, request.body(form.finish().into()).unwrap()).await;
    (answer.status.as_u16(), answer.json())
}

fn token<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{body} has no {name}"))
}

#[tokio::test]
async fn slack_says_no_with_status_200_and_keeps_two_tokens() {
    let (sandbox, at) = (sandbox(), "/slack/api/oauth.v2.access");
    let (status, body) = post(&sandbox, at, true, &[("code", "other")]).await;
    assert_eq!((status, body), (200, json!({ "ok": false, "error": "invalid_code" })));
    let code = code(&sandbox, "/slack/oauth/v2/authorize", &[("scope", "chat:write,users:read")]).await;
    let fields = [("code", code.as_str()), ("redirect_uri", BACK)];
    let (_, first) = post(&sandbox, at, true, &fields).await;
    assert_eq!(
        (&first["token_type"], &first["scope"], &first["expires_in"]),
        (&json!("bot"), &json!("chat:write,users:read"), &json!(43_200))
    );
    assert_eq!(post(&sandbox, at, true, &fields).await.1["error"], "invalid_code", "once");
    let refresh = |token: String| {
        let sandbox = sandbox.clone();
        async move { post(&sandbox, at, true, &[("grant_type", "refresh_token"), ("refresh_token", &token)]).await.1 }
    };
    let second = refresh(token(&first, "refresh_token").to_owned()).await;
    let again = refresh(token(&first, "refresh_token").to_owned()).await;
    assert_eq!(again["ok"], true, "a used one is taken for a moment longer");
    let call = async |token: &str| {
        let request = Request::post("/slack/api/auth.test").header("authorization", format!("Bearer {token}"));
        send(&sandbox, request.body(axum::body::Body::empty()).unwrap()).await.json()["ok"].clone()
    };
    assert_eq!(call(token(&first, "access_token")).await, false, "the third token ended the oldest");
    assert_eq!(call(token(&second, "access_token")).await, true);
    assert_eq!(call(token(&again, "access_token")).await, true);
}

#[tokio::test]
async fn slack_gives_a_user_s_token_inside_and_none_outside() {
    let sandbox = sandbox();
    let code = code(&sandbox, "/slack/oauth/v2/authorize", &[("user_scope", "chat:write")]).await;
    let (_, body) =
        post(&sandbox, "/slack/api/oauth.v2.access", false, &[("code", &code), ("redirect_uri", BACK)]).await;
    assert_eq!(body["access_token"], Value::Null);
    assert_eq!(body["authed_user"]["token_type"], "user");
}

#[tokio::test]
async fn zendesk_names_an_end_only_when_asked_and_ends_everything_at_a_refresh() {
    let (sandbox, at) = (sandbox(), "/zendesk/oauth/tokens");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let with = [("scope", "tickets:read"), ("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let new_code = async || code(&sandbox, "/zendesk/oauth/authorizations/new", &with).await;
    let exchange = async |code: &str, more: &[(&str, &str)]| {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        post(&sandbox, at, false, &[&fields, more].concat()).await
    };
    assert_eq!(exchange(&new_code().await, &[]).await.0, 400, "the verifier is missing");
    assert_eq!(exchange(&new_code().await, &[("code_verifier", "other")]).await.1["error"], "invalid_grant");
    let (status, endless) = exchange(&new_code().await, &[("code_verifier", VERIFIER)]).await;
    assert_eq!((status, &endless["expires_in"]), (201, &Value::Null));
    let asked = exchange(&new_code().await, &[("code_verifier", VERIFIER), ("expires_in", "43200")]).await.1;
    assert_eq!(asked["expires_in"], 43_200);
    let (status, body) = exchange(&new_code().await, &[("code_verifier", VERIFIER), ("expires_in", "1")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));

    let me = async |token: &str| {
        let request = Request::get("/zendesk/api/v2/users/me").header("authorization", format!("Bearer {token}"));
        send(&sandbox, request.body(axum::body::Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(me(token(&asked, "access_token")).await, 200);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token(&asked, "refresh_token"))];
    let renewed = post(&sandbox, at, false, &refresh).await.1;
    assert_eq!(me(token(&asked, "access_token")).await, 401, "the one before ended at once");
    assert_eq!(me(token(&renewed, "access_token")).await, 200);
    assert_eq!(post(&sandbox, at, false, &refresh).await.1["error"], "invalid_grant", "and so did its refresh token");
    assert_eq!(post(&sandbox, at, true, &refresh).await.1["error"], "invalid_client", "no Basic here");
    let (_, bot) = post(&sandbox, at, false, &[("grant_type", "client_credentials"), ("scope", "tickts:reed")]).await;
    assert_eq!(bot["refresh_token"], Value::Null);
    assert_eq!(me(token(&bot, "access_token")).await, 403, "a scope that is none lets nothing be done");
}

#[tokio::test]
async fn salesforce_names_no_end_and_no_new_refresh_token() {
    let (sandbox, at) = (sandbox(), "/salesforce/services/oauth2/token");
    let code = code(&sandbox, "/salesforce/services/oauth2/authorize", &[("scope", "api refresh_token")]).await;
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", BACK)];
    let (status, first) = post(&sandbox, at, false, &fields).await;
    assert_eq!((status, &first["expires_in"]), (200, &Value::Null));
    assert!(first["instance_url"].as_str().unwrap().ends_with("/salesforce"), "{first}");
    assert!(first["issued_at"].is_string());
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token(&first, "refresh_token"))];
    for _ in 0..2 {
        assert_eq!(post(&sandbox, at, false, &refresh).await.1["refresh_token"], Value::Null, "the old one stays");
    }
    let (status, body) = post(&sandbox, at, false, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("expired access/refresh token")));
}

#[tokio::test]
async fn qualtrics_takes_basic_clients_only() {
    let (sandbox, at) = (sandbox(), "/qualtrics/oauth2/token");
    let fields = [("grant_type", "client_credentials"), ("scope", "read:surveys")];
    assert_eq!(post(&sandbox, at, false, &fields).await.0, 401);
    let (_, body) = post(&sandbox, at, true, &fields).await;
    assert_eq!(
        (&body["expires_in"], &body["scope"], &body["refresh_token"]),
        (&json!(3_599), &json!("read:surveys"), &Value::Null)
    );
    let code = [("grant_type", "authorization_code"), ("code", "x")];
    assert_eq!(post(&sandbox, at, true, &code).await.1["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn whoever_cancels_comes_back_with_that_and_the_page_says_what_is_asked() {
    let sandbox = sandbox();
    for at in
        ["/slack/oauth/v2/authorize", "/zendesk/oauth/authorizations/new", "/salesforce/services/oauth2/authorize"]
    {
        let back = agreed(&sandbox, at, &[("decision", "deny")]).await;
        assert_eq!(back.query(), Some("error=access_denied&state=s"));
        let page = Request::get(format!("{at}?client_id={OAUTH_CLIENT}&redirect_uri={BACK}&scope=chat:write"));
        let page = send(&sandbox, page.body(axum::body::Body::empty()).unwrap()).await.text();
        assert!(page.contains("chat:write") && page.contains("decision=allow"), "{page}");
        let other = Request::get(format!("{at}?client_id=other&redirect_uri={BACK}"));
        let other = send(&sandbox, other.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(other.status, StatusCode::BAD_REQUEST, "nobody is sent anywhere");
    }
}

#[tokio::test]
async fn a_person_is_sent_back_to_web_addresses_only() {
    for back in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example"] {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", OAUTH_CLIENT).append_pair("redirect_uri", back).append_pair("state", "s");
        let request = Request::get(format!("/slack/oauth/v2/authorize?{}&decision=allow", query.finish()));
        let answer = send(&sandbox(), request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{back}");
    }
}

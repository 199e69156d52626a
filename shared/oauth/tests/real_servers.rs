//! The protocol against OAuth servers that nobody here wrote: `oidc-provider`, which rotates refresh tokens and notices when
//! one is shown twice, and `oauth2-mock-server`. `./tests/run` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_egress::{Egress, EgressOptions};
use deskwire_oauth::{Client, Endpoint, Pkce, RefusedBy, TokenError, Tokens, authorize_link};
use serde_json::Value;
use url::Url;

/// A server in a process of its own, which ends with this value.
struct Server {
    child: Child,
    url: Url,
}

impl Server {
    fn start(script: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/oauth"));
        assert!(folder.join("node_modules").is_dir(), "the OAuth servers are not installed: run ./tests/run");
        let mut node = Command::new("node");
        node.arg(script).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().expect("node is not installed: the OAuth servers of the tests need it");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the server did not start");
        Self { child, url: Url::parse(ready["url"].as_str().unwrap()).unwrap() }
    }

    fn client(&self, grant: OAuthGrant, secret: &str) -> Client {
        let at = |path: &str| Some(self.url.join(path).unwrap());
        let config = OAuthClientConfig {
            name: OAuthClientName::parse("o").unwrap(),
            provider: "http".to_owned(),
            grant,
            client_id: if grant == OAuthGrant::ClientCredentials { "machine" } else { "desk" }.to_owned(),
            client_secret: None,
            scopes: if grant == OAuthGrant::ClientCredentials { vec![] } else { vec!["openid".to_owned()] },
            tenant: None,
            authorize_url: at("auth"),
            token_url: at("token"),
            pkce: None,
        };
        Client::new(&config, Some(SecretString::from(secret))).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn redirect() -> Url {
    Url::parse("http://127.0.0.1:9999/cb").unwrap()
}

/// Follows a link as a browser would, with its cookies, until it is sent to the redirect address.
async fn agree(link: Url) -> BTreeMap<String, String> {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (mut link, mut cookies) = (link, BTreeMap::new());
    for _ in 0..10 {
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = browser.get(link.clone()).header("cookie", jar.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            // An empty one takes a cookie back.
            if value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let to = answer.headers().get("location").unwrap_or_else(|| panic!("{link} leads nowhere")).to_str().unwrap();
        link = link.join(to).unwrap();
        if link.as_str().starts_with(redirect().as_str()) {
            return link.query_pairs().into_owned().collect();
        }
    }
    panic!("the browser is sent around in circles");
}

async fn code(client: &Client, pkce: &Pkce) -> SecretString {
    let answer = agree(authorize_link(client, "the-state", &redirect(), Some(pkce)).unwrap()).await;
    assert_eq!(answer["state"], "the-state", "{answer:?}");
    SecretString::from(answer["code"].as_str())
}

fn egress() -> Egress {
    Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() })
}

fn refused_by(result: Result<Tokens, TokenError>) -> RefusedBy {
    match result {
        Err(TokenError::Refused { by, .. }) => by,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_code_is_exchanged_by_whoever_has_its_verifier_and_once() {
    let server = Server::start("oidc-provider.mjs");
    let client = server.client(OAuthGrant::AuthorizationCode, "oidc-client-secret");
    let (egress, random) = (egress(), SeededRandom::new(1));
    let endpoint = Endpoint { egress: &egress };
    let (pkce, other) = (Pkce::generate(&random), Pkce::generate(&random));

    let stolen = code(&client, &pkce).await;
    let wrong = endpoint.exchange(&client, &stolen, &redirect(), Some(&other)).await;
    assert_eq!(refused_by(wrong), RefusedBy::Grant, "another verifier");
    let none = endpoint.exchange(&client, &code(&client, &pkce).await, &redirect(), None).await;
    assert_eq!(refused_by(none), RefusedBy::Grant, "no verifier");
    let elsewhere = Url::parse("http://127.0.0.1:9998/cb").unwrap();
    let moved = endpoint.exchange(&client, &code(&client, &pkce).await, &elsewhere, Some(&pkce)).await;
    assert_eq!(refused_by(moved), RefusedBy::Grant, "another redirect address");

    let good = code(&client, &pkce).await;
    let tokens = endpoint.exchange(&client, &good, &redirect(), Some(&pkce)).await.unwrap();
    assert!(tokens.refresh_token.is_some() && tokens.expires_in.is_some());
    assert_eq!(tokens.scopes.unwrap(), ["openid"]);
    let again = endpoint.exchange(&client, &good, &redirect(), Some(&pkce)).await;
    assert_eq!(refused_by(again), RefusedBy::Grant, "used already");
}

#[tokio::test]
async fn a_refresh_token_that_is_shown_twice_kills_its_family() {
    let server = Server::start("oidc-provider.mjs");
    let client = server.client(OAuthGrant::AuthorizationCode, "oidc-client-secret");
    let egress = egress();
    let (endpoint, pkce) = (Endpoint { egress: &egress }, Pkce::generate(&SeededRandom::new(2)));
    let first = endpoint.exchange(&client, &code(&client, &pkce).await, &redirect(), Some(&pkce)).await.unwrap();
    let old = first.refresh_token.unwrap();
    let second = endpoint.refresh(&client, &old).await.unwrap();
    let new = second.refresh_token.unwrap();
    assert_ne!(old.expose_secret(), new.expose_secret());
    assert_eq!(refused_by(endpoint.refresh(&client, &old).await), RefusedBy::Grant);
    assert_eq!(refused_by(endpoint.refresh(&client, &new).await), RefusedBy::Grant, "the whole family is dead");
}

#[tokio::test]
async fn a_client_asks_for_itself_and_a_wrong_secret_is_the_client_s_fault() {
    let server = Server::start("oidc-provider.mjs");
    let egress = egress();
    let endpoint = Endpoint { egress: &egress };
    let machine = server.client(OAuthGrant::ClientCredentials, "oidc-client-secret");
    let tokens = endpoint.client_credentials(&machine).await.unwrap();
    assert!(tokens.refresh_token.is_none());
    let wrong = server.client(OAuthGrant::ClientCredentials, "another-secret");
    assert_eq!(refused_by(endpoint.client_credentials(&wrong).await), RefusedBy::Client);
}

#[tokio::test]
async fn a_server_without_rotation_works_as_well() {
    let server = Server::start("mock-server.mjs");
    let mut client = server.client(OAuthGrant::AuthorizationCode, "anything");
    client.authorize_url = Some(server.url.join("authorize").unwrap());
    let egress = egress();
    let (endpoint, pkce) = (Endpoint { egress: &egress }, Pkce::generate(&SeededRandom::new(3)));
    let code = code(&client, &pkce).await;
    let tokens = endpoint.exchange(&client, &code, &redirect(), Some(&pkce)).await.unwrap();
    let refreshed = endpoint.refresh(&client, &tokens.refresh_token.unwrap()).await.unwrap();
    assert!(refreshed.expires_in.is_some());
}

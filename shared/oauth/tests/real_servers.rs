//! The protocol against OAuth servers that nobody here wrote: `oidc-provider`, which rotates refresh tokens and notices when
//! one is shown twice, and `oauth2-mock-server`. `./tests/run` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

#[path = "../../../tests/oauth/servers.rs"]
mod servers;

use deskwire_core::connection::OAuthGrant;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::ExposeSecret;
use deskwire_egress::{Egress, EgressOptions};
use deskwire_oauth::{Endpoint, Pkce, RefusedBy, TokenError, Tokens};
use url::Url;

use servers::{Server, code, redirect};

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

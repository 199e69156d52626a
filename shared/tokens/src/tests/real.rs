//! The broker, killed at every point of a renewal, against a server that nobody here wrote: its refresh tokens are good for
//! one use, and one that is shown twice ends everything that came of the same consent.

use deskwire_egress::{Egress, EgressOptions};
use deskwire_oauth::{Endpoint, Pkce};

use super::*;

#[path = "../../../../tests/oauth/servers.rs"]
mod servers;

/// Asks the real server, with a point before and after.
pub(super) struct Asking {
    client: Arc<Client>,
    egress: Egress,
    killer: Killer,
}

impl Asking {
    pub(super) fn new(client: Arc<Client>, killer: Killer) -> Self {
        Self { client, egress: egress(), killer }
    }
}

fn egress() -> Egress {
    Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() })
}

impl Ask for Asking {
    fn client(&self, _: &ConnectionName) -> Option<Arc<Client>> {
        Some(Arc::clone(&self.client))
    }

    fn renew<'a>(
        &'a self,
        client: &'a Client,
        refresh_token: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Tokens, TokenError>> {
        Box::pin(async move {
            self.killer.point("before the provider").await;
            let answer = Endpoint { egress: &self.egress }.refresh(client, refresh_token.unwrap()).await;
            self.killer.point("after the provider").await;
            answer
        })
    }
}

/// A connection that somebody has agreed to at the server, whose token has ended.
async fn ended(server: &servers::Server) -> World {
    let client = Arc::new(server.client(OAuthGrant::AuthorizationCode, "oidc-client-secret"));
    let pkce = Pkce::generate(&SeededRandom::new(7));
    let (code, egress) = (servers::code(&client, &pkce).await, egress());
    let tokens =
        Endpoint { egress: &egress }.exchange(&client, &code, &servers::redirect(), Some(&pkce)).await.unwrap();
    let world = World { real: Some(client), ..World::new() };
    world.process().connect(&slack(), &tokens).await.unwrap();
    world.later(Duration::from_hours(2));
    world
}

async fn counts(server: &servers::Server) -> serde_json::Value {
    reqwest::get(server.url.join("_counts").unwrap()).await.unwrap().json().await.unwrap()
}

/// Does the server take this access token?
async fn works(server: &servers::Server, token: &str) -> bool {
    let me = reqwest::Client::builder().build().unwrap().get(server.url.join("me").unwrap());
    me.bearer_auth(token).send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn killed_at_any_point_it_is_alive_at_the_real_server_or_reported() {
    let server = servers::Server::start("oidc-provider.mjs");
    let mut points = Vec::new();
    for at in 0.. {
        let world = ended(&server).await;
        let before = counts(&server).await;
        let killer = Killer(Arc::new(Mutex::new(Killing { at: Some(at), ..Killing::default() })));
        let doomed = world.process_with(killer.clone());
        let mut task = tokio::spawn(async move { token(&doomed).await });
        let dead = async {
            while killer.0.lock().unwrap().seen.len() <= at {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = &mut task => {
                assert!(ended.unwrap().is_ok());
                assert_eq!(killer.0.lock().unwrap().seen.len(), at, "every point was tried");
                break;
            }
            () = dead => task.abort(),
        }
        let point = *killer.0.lock().unwrap().seen.last().unwrap();
        points.push(point);
        world.later(Duration::from_secs(61));
        let answer = token(&world.process()).await;
        let after = counts(&server).await;
        let more = |what: &str| after[what].as_u64().unwrap() - before[what].as_u64().unwrap();
        if point == "after the provider" || point == "seal" {
            // The window that no client can close: the server has given, and the answer reached nobody.
            assert!(matches!(answer, Err(NoToken::NeedsPerson(_))), "killed at {point}: {answer:?}");
            assert_eq!(world.state().await.standing, Standing::NeedsReauthorization);
            assert_eq!((more("refreshed"), more("refused")), (1, 1), "killed at {point}");
        } else {
            let access = answer.unwrap_or_else(|error| panic!("killed at {point}: {error:?}"));
            assert!(works(&server, &access).await, "killed at {point}: half alive");
            assert_eq!(world.state().await.version, 2);
            assert_eq!((more("refreshed"), more("refused")), (1, 0), "killed at {point}");
        }
    }
    assert_eq!(points, ["lease", "before the provider", "after the provider", "seal", "point", "retire", "release"]);
}

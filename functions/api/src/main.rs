//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use api::{Api, Tokens};
use deskwire_startup::Stores;
use lambda_http::Error;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    let start = Stores::open(Box::new(|name| std::env::var(name).ok())).await?;
    let api = Arc::new(Api {
        tokens: Arc::new(Tokens::new(&start.vault.versions_of(api::TOKEN_SECRET).await?)),
        store: start.store,
        actions: deskwire_startup::actions_alone(),
        templates: deskwire_startup::templates(),
        clock: start.clock,
        random: start.random,
    });
    let routes = api::router(Arc::clone(&api)).merge(api::probes(Arc::clone(&api)));
    let vault = start.vault;
    let routes = api::with_tokens_in_step(routes, &api, move || {
        let vault = vault.clone();
        async move {
            let found = vault.versions_of(api::TOKEN_SECRET).await;
            found.inspect_err(|error| tracing::error!(%error, "cannot look up the tokens of the API")).ok()
        }
    });
    if let Some(aws) = &start.aws {
        aws.tell_of_start();
    }
    tokio::select! {
        ended = lambda_http::run(routes) => ended,
        () = deskwire_telemetry::terminated() => Ok(()),
    }
}

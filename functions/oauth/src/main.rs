//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use deskwire_startup::{Function, Needs};
use lambda_http::Error;
use oauth::{Doors, OAuth};

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    let variable = |name: &str| std::env::var(name).ok();
    let function = Arc::new(Function::start(Box::new(variable), Needs { secrets: true, workflows: false }).await?);
    let start = &function.deskwire;
    let public_url =
        variable("DESKWIRE_PUBLIC_URL").ok_or("DESKWIRE_PUBLIC_URL is not set: providers send people back to it")?;
    let oauth = OAuth {
        broker: Arc::clone(&start.broker),
        providers: Arc::clone(&start.providers),
        vault: start.vault.clone(),
        public_url: deskwire_core::public_url::parse(&public_url)
            .map_err(|why| format!("DESKWIRE_PUBLIC_URL {why}"))?,
        doors: Doors::Invited,
        clock: Arc::clone(&start.clock),
        random: Arc::clone(&start.random),
    };
    let broker = Arc::clone(&start.broker);
    // Whoever has just applied a connection comes to connect it.
    let routes = oauth::router(Arc::new(oauth)).layer(from_fn(move |request: Request, next: Next| {
        let function = Arc::clone(&function);
        async move {
            function.catch_up().await;
            next.run(request).await
        }
    }));
    tokio::select! {
        ended = lambda_http::run(routes) => ended,
        // A code that is being exchanged is taken once: its answer is waited for.
        () = deskwire_telemetry::terminated_and_done(broker.idle()) => Ok(()),
    }
}

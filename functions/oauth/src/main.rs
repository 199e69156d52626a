//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use deskwire_startup::Function;
use lambda_http::Error;
use oauth::{Doors, OAuth};

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    let variable = |name: &str| std::env::var(name).ok();
    let start = Function::start(Box::new(variable)).await?.deskwire;
    let public_url =
        variable("DESKWIRE_PUBLIC_URL").ok_or("DESKWIRE_PUBLIC_URL is not set: providers send people back to it")?;
    let oauth = OAuth {
        broker: start.broker,
        providers: start.providers,
        vault: start.vault,
        public_url: public_url.parse()?,
        doors: Doors::Invited,
        clock: start.clock,
        random: start.random,
    };
    tokio::select! {
        ended = lambda_http::run(oauth::router(Arc::new(oauth))) => ended,
        () = deskwire_telemetry::terminated() => Ok(()),
    }
}

//! The Lambda function: wiring only. See the library for what it does.

use lambda_http::Error;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    #[cfg(feature = "embedded")]
    if std::env::var_os("DESKWIRE_DATA").is_some() {
        let needs = deskwire_startup::Needs { secrets: true, workflows: true };
        let start = deskwire_startup::Function::start(Box::new(|name| std::env::var(name).ok()), needs).await?;
        return lambda_http::run(zendesk_webhook::router(std::sync::Arc::new(start.deskwire.intake()))).await;
    }
    let edge = deskwire_edge::Edge::start(Box::new(|name| std::env::var(name).ok())).await?;
    tokio::select! {
        ended = lambda_http::run(edge.serve(zendesk_webhook::router(edge.intake()))) => ended,
        () = deskwire_telemetry::terminated() => Ok(()),
    }
}

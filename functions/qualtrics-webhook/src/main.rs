//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use lambda_http::Error;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let start = deskwire_startup::from_environment(Box::new(|name| std::env::var(name).ok())).await?;
    lambda_http::run(qualtrics_webhook::router(Arc::new(start.intake()))).await
}

//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use deskwire_core::ids::RunId;
use deskwire_engine::RunnerOptions;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let start = deskwire_startup::from_environment(Box::new(|name| std::env::var(name).ok())).await?;
    let engine = Arc::new(start.engine());
    // Each environment owns its leases alone, so nobody takes back what another one still works on.
    let owner = format!("function-{}", RunId::generate(start.clock.now(), start.random.as_ref()));
    let options = RunnerOptions { owner, ..RunnerOptions::default() };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let (engine, options) = (Arc::clone(&engine), options.clone());
        async move {
            let time_left = event.context.deadline().duration_since(std::time::SystemTime::now()).unwrap_or_default();
            Ok::<_, Error>(workflow_runner::handle(engine, options, time_left).await)
        }
    }))
    .await
}

//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use scheduler::Scheduler;
use serde_json::{Value, json};

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let start = deskwire_startup::from_environment(Box::new(|name| std::env::var(name).ok())).await?;
    let store = start.store.clone();
    let scheduler = Scheduler { inbox: store.clone(), registry: store, random: Arc::clone(&start.random) };
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async {
        // What is switched on and off between two calls counts at once.
        start.follow().await?;
        let ticked = scheduler.tick(start.catalogue.get().workflows(), start.clock.now()).await?;
        Ok::<_, Error>(json!({ "started": ticked.started, "next": ticked.next }))
    }))
    .await
}

//! The Lambda function: wiring only. See the library for what it does.

use deskwire_startup::{Function, Needs};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use scheduler::Minute;
use serde_json::Value;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    let needs = Needs { secrets: false, workflows: true };
    let function = Function::start(Box::new(|name| std::env::var(name).ok()), needs).await?;
    let dead_letters = std::env::var("DESKWIRE_DEAD_LETTER_QUEUE_URL").ok();
    let serving = lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async {
        // What is switched on and off between two calls counts at once.
        function.keep_in_step().await;
        let minute = Minute { function: &function, dead_letters: dead_letters.as_deref() };
        Ok::<_, Error>(serde_json::to_value(minute.pass().await?)?)
    }));
    tokio::select! {
        ended = serving => ended,
        () = deskwire_telemetry::terminated() => Ok(()),
    }
}

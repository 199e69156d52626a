//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deskwire_core::ids::RunId;
use deskwire_engine::{EngineOptions, RunnerOptions};
use deskwire_startup::{Function, Needs};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use workflow_runner::{BatchRunner, Called, LEASE, Message, UnreadableBatch};

/// What is kept of a call's time for answering.
const FOR_ANSWERING: Duration = Duration::from_secs(1);

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let telemetry = Arc::new(deskwire_telemetry::for_function(&|name| std::env::var(name).ok()));
    // A version is compiled when a run asks for it.
    let needs = Needs { secrets: true, workflows: false };
    let function = Function::start(Box::new(|name| std::env::var(name).ok()), needs).await?;
    let start = &function.deskwire;
    let on_aws = EngineOptions { lease: LEASE, ..EngineOptions::default() };
    let engine = Arc::new(start.engine_with(if function.aws.is_some() { on_aws } else { EngineOptions::default() }));
    // Each environment owns its leases alone, so nobody takes back what another one still works on.
    let owner = format!("function-{}", RunId::generate(start.clock.now(), start.random.as_ref()));
    let batches = function.queue().map(|queue| BatchRunner {
        engine: Arc::clone(&engine),
        queue,
        clock: Arc::clone(&start.clock),
        owner: owner.clone(),
        random: Arc::clone(&start.random),
    });
    let options = RunnerOptions { owner, ..RunnerOptions::default() };
    let busy = tokio::sync::Mutex::new(());
    let ended = {
        let serving = lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
            let (function, batches, engine, options, busy) = (&function, &batches, &engine, &options, &busy);
            let telemetry = Arc::clone(&telemetry);
            async move {
                let _busy = busy.lock().await;
                let time_left = workflow_runner::time_left(event.context.deadline(), SystemTime::now());
                function.keep_in_step().await;
                let answer = match (batches, Message::all_of(&event.payload)?) {
                    (Some(batches), Called::Batch { messages, unreadable }) => {
                        batches.handle(messages, unreadable, time_left).await
                    }
                    // Without a queue of its own it cannot say which of them come again, so all of them do.
                    (None, Called::Batch { .. }) => {
                        return Err(UnreadableBatch("DESKWIRE_QUEUE_URL is not set".to_owned()).into());
                    }
                    (_, Called::Otherwise) => {
                        workflow_runner::handle(Arc::clone(engine), options.clone(), time_left).await
                    }
                };
                // A renewal that its step did not wait for may have used up a refresh token.
                let time_left = workflow_runner::time_left(event.context.deadline(), SystemTime::now());
                let for_tokens = time_left.saturating_sub(FOR_ANSWERING);
                let _ = tokio::time::timeout(for_tokens, function.deskwire.broker.idle()).await;
                // Lambda stops the process as soon as it has the answer.
                if telemetry.sends_traces() {
                    tokio::task::spawn_blocking(move || telemetry.flush()).await?;
                }
                Ok::<_, Error>(answer)
            }
        }));
        tokio::select! {
            ended = serving => ended,
            () = deskwire_telemetry::terminated_and_idle(&busy) => Ok(()),
        }
    };
    // What is not done by now is handed back, and goes on elsewhere at once.
    let handed_back = start.store.take_back(&options.owner, start.clock.now()).await?;
    tracing::info!(handed_back, "told to end");
    tokio::task::spawn_blocking(move || telemetry.flush()).await?;
    ended
}

//! The Lambda function: wiring only. See the library for what it does.

use std::sync::Arc;

use deskwire_core::public_url;
use deskwire_core::token::Standing;
use deskwire_startup::{Function, Needs};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use token_refresh::{Invitations, TokenRefresh};

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn main() -> Result<(), Error> {
    let _telemetry = deskwire_telemetry::for_function(&|name| std::env::var(name).ok());
    let variable = |name: &str| std::env::var(name).ok();
    // What it tells of a connection starts workflows.
    let function = Function::start(Box::new(variable), Needs { secrets: true, workflows: true }).await?;
    let start = &function.deskwire;
    let public_url = variable("DESKWIRE_PUBLIC_URL").filter(|url| !url.is_empty());
    let public_url = public_url.map(|url| public_url::parse(&url)).transpose();
    let public_url = public_url.map_err(|why| format!("DESKWIRE_PUBLIC_URL {why}"))?;
    let shared = tokio::sync::OnceCell::new();
    let share = async || {
        if let (true, Some(public_url)) = (function.aws.is_some(), &public_url) {
            deskwire_startup::share_public_url(public_url.as_str(), start.store.as_ref(), start.clock.now()).await?;
        }
        Ok::<_, Error>(())
    };
    let refresh = TokenRefresh {
        broker: Arc::clone(&start.broker),
        intake: start.intake(),
        start_link: public_url
            .as_ref()
            .map_or_else(|| "/oauth/start/".to_owned(), |url| public_url::below(url, "oauth/start/").into()),
        invitations: Some(Invitations { vault: start.vault.clone(), random: Arc::clone(&start.random) }),
        clock: Arc::clone(&start.clock),
    };
    // An exchange that is under way is finished: what it is answered with cannot be asked for again.
    let busy = tokio::sync::Mutex::new(());
    let serving = lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async {
        let _busy = busy.lock().await;
        function.keep_in_step().await;
        shared.get_or_try_init(share).await?;
        start.vault.erase_due(start.clock.now()).await?;
        let passed = refresh.pass().await;
        // Lambda stops the process as soon as it has the answer.
        start.broker.idle().await;
        let passed = passed?;
        if let Some(aws) = &function.aws {
            let states = start.store.token_states().await?;
            let needing = states.iter().filter(|state| state.standing == Standing::NeedsReauthorization).count();
            aws.metrics.count(&[
                ("Refreshes", passed.pass.renewed),
                ("RefreshFailures", passed.pass.failed),
                ("ConnectionsNeedingPerson", needing),
            ]);
        }
        Ok::<_, Error>(serde_json::to_value(passed)?)
    }));
    tokio::select! {
        ended = serving => ended,
        () = deskwire_telemetry::terminated_and_idle(&busy) => Ok(()),
    }
}

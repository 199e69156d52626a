//! Every call in a span of its own, and the id of the request it goes back to for whoever sends it out.

use std::sync::Arc;
use std::time::Instant;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey, OwnWrite};
use deskwire_core::ids::{ConnectionName, RequestId};
use serde_json::Value;
use tracing::{Instrument, Span, info_span};

tokio::task_local! {
    static REQUEST: RequestId;
}

/// The request that the call under way goes back to.
pub(crate) fn request_id() -> Option<RequestId> {
    REQUEST.try_with(Clone::clone).ok()
}

/// An action whose calls can be followed.
pub(crate) struct Traced(pub(crate) Arc<dyn Action>);

impl Traced {
    fn span(&self, call: &Call<'_>) -> Span {
        let request_id = call.request_id.map(RequestId::as_str);
        info_span!("call", action = self.0.spec().name, connection = %call.connection, request_id)
    }

    fn time<T>(&self, connection: &ConnectionName, result: &Result<T, CallError>, began: Instant) {
        let outcome = result.as_ref().map_or_else(|error| error.class.as_str(), |_| "ok");
        let (action, connection) = (self.0.spec().name, connection.to_string());
        let labels = [("action", action.to_owned()), ("connection", connection), ("outcome", outcome.to_owned())];
        metrics::histogram!("deskwire_call_seconds", &labels).record(began.elapsed());
    }
}

async fn on_behalf_of<T>(request: Option<&RequestId>, calling: impl Future<Output = T>) -> T {
    match request {
        None => calling.await,
        Some(request) => REQUEST.scope(request.clone(), calling).await,
    }
}

fn tell<T>(result: &Result<T, CallError>) {
    match result {
        Ok(_) => tracing::debug!(outcome = "ok", "called"),
        // What is tried again by itself is no reason to look; everything else is.
        Err(error) if error.class == ErrorClass::Retry => {
            tracing::info!(outcome = error.class.as_str(), code = error.code, "{}", error.message);
        }
        Err(error) => tracing::warn!(outcome = error.class.as_str(), code = error.code, "{}", error.message),
    }
}

impl Action for Traced {
    fn spec(&self) -> &ActionSpec {
        self.0.spec()
    }

    fn effect(&self, input: &Value) -> Effect {
        self.0.effect(input)
    }

    fn subject(&self, input: &Value) -> Option<String> {
        self.0.subject(input)
    }

    fn own_writes(&self, input: &Value, output: &Value) -> Vec<OwnWrite> {
        self.0.own_writes(input, output)
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        self.0.hold_keys(call)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        let calling = async move {
            let began = Instant::now();
            let result = on_behalf_of(call.request_id, self.0.call(call)).await;
            self.time(call.connection, &result, began);
            tell(&result);
            result
        };
        Box::pin(calling.instrument(self.span(&call)))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        let looking = async move {
            let result = on_behalf_of(call.request_id, self.0.look(call)).await;
            tell(&result);
            result
        };
        Box::pin(looking.instrument(self.span(&call)))
    }
}

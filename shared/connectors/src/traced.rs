//! What holds for every call: it keeps to the provider's limits, has a span of its own, and the id of the request it goes back
//! to is there for whoever sends it out.

use std::sync::Arc;
use std::time::Instant;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, HoldKey, OwnWrite};
use deskwire_core::ids::{ConnectionName, RequestId};
use deskwire_core::limit::{self, Limit};
use serde_json::Value;
use tracing::{Instrument, Span, info_span};

use crate::limits;

tokio::task_local! {
    static REQUEST: RequestId;
}

/// The request that the call under way goes back to.
pub(crate) fn request_id() -> Option<RequestId> {
    REQUEST.try_with(Clone::clone).ok()
}

/// An action whose calls keep to limits and can be followed.
pub(crate) struct Traced {
    action: Arc<dyn Action>,
    limits: Vec<Limit>,
}

impl Traced {
    pub(crate) fn new(action: Arc<dyn Action>) -> Self {
        let limits = limits::of(action.spec().name);
        Self { action, limits }
    }

    fn span(&self, call: &Call<'_>) -> Span {
        let request_id = call.request_id.map(RequestId::as_str);
        info_span!("call", action = self.action.spec().name, connection = %call.connection, request_id)
    }

    fn time<T>(&self, connection: &ConnectionName, result: &Result<T, CallError>, began: Instant) {
        let outcome = result.as_ref().map_or_else(|error| error.class.as_str(), |_| "ok");
        let (action, connection) = (self.action.spec().name, connection.to_string());
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
        Err(error) => tracing::info!(outcome = error.class.as_str(), code = error.code, "{}", error.message),
    }
}

impl Action for Traced {
    fn spec(&self) -> &ActionSpec {
        self.action.spec()
    }

    fn effect(&self, input: &Value) -> Effect {
        self.action.effect(input)
    }

    fn subject(&self, input: &Value) -> Option<String> {
        self.action.subject(input)
    }

    fn own_writes(&self, input: &Value, output: &Value) -> Vec<OwnWrite> {
        self.action.own_writes(input, output)
    }

    fn limits(&self) -> &[Limit] {
        &self.limits
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        self.action.hold_keys(call)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        let calling = async move {
            let began = Instant::now();
            let result = match limit::keep(&self.limits, call.input) {
                Ok(()) => on_behalf_of(call.request_id, self.action.call(call)).await,
                Err(refused) => Err(refused),
            };
            self.time(call.connection, &result, began);
            tell(&result);
            result
        };
        Box::pin(calling.instrument(self.span(&call)))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        let looking = async move {
            let result = on_behalf_of(call.request_id, self.action.look(call)).await;
            tell(&result);
            result
        };
        Box::pin(looking.instrument(self.span(&call)))
    }
}

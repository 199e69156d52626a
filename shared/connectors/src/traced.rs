//! What holds for every call: it keeps to the provider's limits, has its connection's token before it begins, a span of its
//! own, and the id of the request it goes back to and until when it may take, for whoever sends it out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey, OwnWrite};
use deskwire_core::ids::{ConnectionName, RequestId};
use deskwire_core::limit::{self, Limit};
use serde_json::Value;
use tracing::{Instrument, Span, info_span};

use crate::client::Client;
use crate::limits;

tokio::task_local! {
    static UNDER_WAY: UnderWay;
}

/// What is known of the call under way by whoever sends its requests.
#[derive(Clone)]
struct UnderWay {
    request: Option<RequestId>,
    time: CallTime,
}

/// The time that a call has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallTime {
    ends: tokio::time::Instant,
    whole: Duration,
}

impl CallTime {
    /// How much earlier than the call a wait for its token ends, so that it says why.
    const MARGIN: Duration = Duration::from_millis(100);

    fn begin(whole: Duration) -> Self {
        Self { ends: tokio::time::Instant::now() + whole, whole }
    }

    /// Until when a token may be waited for.
    pub(crate) fn for_token(self) -> tokio::time::Instant {
        self.ends.checked_sub(Self::MARGIN.min(self.whole / 10)).unwrap_or(self.ends)
    }

    /// Is less than half of it left? Then what is still to be sent had better begin anew.
    pub(crate) fn is_short(self) -> bool {
        self.ends.saturating_duration_since(tokio::time::Instant::now()) < self.whole / 2
    }
}

/// The request that the call under way goes back to.
pub(crate) fn request_id() -> Option<RequestId> {
    UNDER_WAY.try_with(|call| call.request.clone()).ok().flatten()
}

/// The time that the call under way has, where there is one.
pub(crate) fn call_time() -> Option<CallTime> {
    UNDER_WAY.try_with(|call| call.time).ok()
}

/// An action whose calls keep to limits and can be followed.
pub(crate) struct Traced {
    action: Arc<dyn Action>,
    /// Gets the tokens.
    client: Arc<Client>,
    limits: Vec<Limit>,
}

impl Traced {
    pub(crate) fn new(action: Arc<dyn Action>, client: Arc<Client>) -> Self {
        let limits = limits::of(action.spec().name);
        Self { action, client, limits }
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

/// Makes a call whose requests know what they belong to.
pub(crate) async fn within<T>(call: Call<'_>, calling: impl Future<Output = T>) -> T {
    let under_way = UnderWay { request: call.request_id.cloned(), time: CallTime::begin(call.time_limit) };
    UNDER_WAY.scope(under_way, calling).await
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

    fn prepare<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), CallError>> {
        let preparing = async move {
            let result = self.client.prepare(call.connection).await;
            if result.is_err() {
                tell(&result);
            }
            result
        };
        Box::pin(preparing.instrument(self.span(&call)))
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        let calling = async move {
            let began = Instant::now();
            let result = match limit::keep(&self.limits, call.input) {
                Ok(()) => within(call, self.action.call(call)).await,
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
            let result = within(call, self.action.look(call)).await;
            tell(&result);
            result
        };
        Box::pin(looking.instrument(self.span(&call)))
    }
}

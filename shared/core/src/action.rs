//! What a connector implements: an action, one kind of step, and how its failures are classed.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BoxFuture;
use crate::ids::{ConnectionName, RequestId};
use crate::limit::Limit;
use crate::time::Timestamp;

/// What may be done about a step whose answer was lost (crash in mid-call, time-out, 5xx after a write).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Effect {
    /// It changes nothing: call again.
    Read,
    /// Calling twice has the outcome of calling once: call again.
    Idempotent,
    /// The provider recognises a repeat by the key we send: call again with the same key.
    Keyed {
        /// How long the provider remembers the key.
        #[serde(serialize_with = "as_seconds")]
        window: Duration,
        /// Past that time: can the call's trace be looked for ([`Action::look`])? If not, the outcome stays unknown.
        look: bool,
    },
    /// It leaves a trace that can be looked for: look, then call only if the trace is missing.
    Detectable {
        /// How long to wait before looking, so that a call that was under way has landed and can be read back.
        #[serde(serialize_with = "as_seconds")]
        settle: Duration,
    },
    /// Nothing tells: not called again by itself, unless the step says `on_unknown: retry`.
    Unprovable,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

impl Effect {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::Keyed { .. } => "keyed",
            Self::Detectable { .. } => "detectable",
            Self::Unprovable => "unprovable",
        }
    }

    /// Does a call change anything outside? `workflows test` makes no such calls.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// The provider of an action that works with a connection of any provider (`http.request`).
pub const ANY_PROVIDER: &str = "any";

/// The key under which a property of a schema says that its value is about a person: lists, logs and a run's one-line
/// reason do not show it.
pub const PERSONAL: &str = "x-personal";

/// The keyword of an input's JSON Schema that says what its text is read as, so that templates escape the values they put in
/// unless these are marked `safe`: `mrkdwn` (Slack's text), `blocks` (Slack's Block Kit), `html`, `path` (of a URL), `body`
/// (of a call, in the language that its `content-type` names) or `form` (by name and value).
pub const MARKUP: &str = "x-markup";

/// A JSON Schema that is made when somebody looks at it: a function that starts has forty to make, and needs none.
#[derive(Clone)]
pub struct Described {
    make: fn() -> Value,
    made: OnceLock<Value>,
}

impl Described {
    /// The one that this makes.
    pub const fn by(make: fn() -> Value) -> Self {
        Self { make, made: OnceLock::new() }
    }
}

impl From<Value> for Described {
    fn from(schema: Value) -> Self {
        Self { make: Value::default, made: OnceLock::from(schema) }
    }
}

impl Deref for Described {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.made.get_or_init(self.make)
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Serialize for Described {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// What an action is, for `check`, for `deskwire actions show` and for the engine.
#[derive(Debug, Clone, Serialize)]
pub struct ActionSpec {
    /// `provider.verb_object`.
    pub name: &'static str,
    /// The provider whose connection it needs, or [`ANY_PROVIDER`].
    pub provider: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// JSON Schema (draft 2020-12) of the object under `with`. A property with [`PERSONAL`] is about a person, one with
    /// [`MARKUP`] is more than plain text.
    pub input: Described,
    /// JSON Schema of the object it answers with.
    pub output: Described,
    /// What may be done about a lost answer. Where that depends on the input ([`Action::effect`]), the strictest of its
    /// effects.
    pub effect: Effect,
    /// Scopes or rights its connection needs.
    pub scopes: &'static [&'static str],
    /// What can go wrong, for people: the code and what to do.
    pub errors: Vec<ErrorHelp>,
    /// A step as one would write it, in YAML.
    pub example: &'static str,
    /// The provider's page.
    pub page: &'static str,
}

/// A row of an action's list of errors.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorHelp {
    /// The provider's code or status.
    pub code: &'static str,
    /// What Deskwire does.
    pub class: ErrorClass,
    /// What it means and what a person can do.
    pub help: &'static str,
}

/// How a failed call is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Nothing happened outside; try again later.
    Retry,
    /// The call may have happened. The step's [`Effect`] says what to do.
    Unknown,
    /// The connection needs a person; nothing happened outside.
    NeedsReauthorization,
    /// It will fail the same way again; nothing happened outside.
    Fail,
}

impl ErrorClass {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Unknown => "unknown",
            Self::NeedsReauthorization => "needs_reauthorization",
            Self::Fail => "fail",
        }
    }
}

/// The code of a call that was not made, because its connection had no token.
const NO_TOKEN: &str = "no_token";

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct CallError {
    /// How it is handled.
    pub class: ErrorClass,
    /// The provider's own code (`not_in_channel`, `RecordNotFound`), an HTTP status (`http_502`) or ours
    /// (`timeout`, `blocked_address`).
    pub code: String,
    /// One sentence for people: what happened, where, and what to do next. Holds no secret and no body.
    pub message: String,
    /// How long the provider asks us to wait.
    pub retry_after: Option<Duration>,
    /// The budget that is used up, when `retry_after` is about more than this call: every runner holds back calls of
    /// this [`hold key`](HoldKey) meanwhile.
    pub hold: Option<HoldKey>,
}

impl CallError {
    /// An error of this class, without a wait.
    pub fn new(class: ErrorClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into(), retry_after: None, hold: None }
    }

    /// There is no token to sign the call in with, so nothing of it was sent: come again after `wait`. Such an error counts
    /// as no attempt and leaves no doubt, whatever the action's [`Effect`] is.
    pub fn no_token(message: impl Into<String>, wait: Option<Duration>) -> Self {
        Self { retry_after: wait, ..Self::new(ErrorClass::Retry, NO_TOKEN, message) }
    }

    /// Is it one of [`CallError::no_token`]?
    pub fn is_no_token(&self) -> bool {
        self.class == ErrorClass::Retry && self.code == NO_TOKEN
    }

    /// A call that the provider turned away for now: nothing happened, come again after `wait`.
    #[must_use]
    pub fn rate_limited(code: impl Into<String>, message: impl Into<String>, wait: Duration, hold: HoldKey) -> Self {
        Self { retry_after: Some(wait), hold: Some(hold), ..Self::new(ErrorClass::Retry, code, message) }
    }
}

/// A rate budget shared by every runner: a connection and a rate class within it (`slack|chat.postMessage|C024BE91L`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldKey(pub String);

/// A budget that is used up until a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whose budget.
    pub key: HoldKey,
    /// No call before this time.
    pub until: Timestamp,
}

/// The same on every retry of one logical call, different on a replay that a person asks for: 64 hex digits of a SHA-256
/// over event, workflow, step path and loop item. It is the idempotency key, and the trace that detectable calls leave.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EffectKey(pub String);

/// One call of an action.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The connection to use.
    pub connection: &'a ConnectionName,
    /// The resolved input: an object that fits the action's input schema, save where a template produced something else.
    pub input: &'a Value,
    /// Marks this logical call outside.
    pub key: &'a EffectKey,
    /// No attempt of this call was made before this time: where a look for traces may begin.
    pub not_before: Timestamp,
    /// The request that the run goes back to, which the provider is told.
    pub request_id: Option<&'a RequestId>,
    /// The longest time the call may take, all its requests together. The engine ends it then.
    pub time_limit: Duration,
}

/// Something a call changed at a provider that reports changes as events: by this our own writes are recognised when they
/// come back (DESIGN, promise 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnWrite {
    /// The provider whose sources report it: `zendesk`.
    pub provider: String,
    /// The subject as that provider's events name it: `zen:ticket:48213`.
    pub subject: String,
    /// Who the provider says made the change: the user of our connection.
    pub actor: Option<String>,
    /// An id that events about this very change carry, such as a comment's.
    pub mark: Option<String>,
    /// When it was changed, by the provider's clock.
    pub at: Timestamp,
}

/// One kind of step. Implementations hold their client; they keep no state between calls.
pub trait Action: Send + Sync {
    /// What it is.
    fn spec(&self) -> &ActionSpec;

    /// What may be done about a lost answer of a call with this input.
    fn effect(&self, input: &Value) -> Effect {
        let _ = input;
        self.spec().effect
    }

    /// What a call with this input is about to change, as events name it (`zen:ticket:48213`), where that is known before
    /// the call. An event about it that comes in before the call's answer waits for the answer.
    fn subject(&self, input: &Value) -> Option<String> {
        let _ = input;
        None
    }

    /// What a call that answered `output` changed at a provider that reports changes as events.
    fn own_writes(&self, input: &Value, output: &Value) -> Vec<OwnWrite> {
        let _ = (input, output);
        Vec::new()
    }

    /// The provider's documented limits of its inputs. They are kept to before anything is sent, and `deskwire check` holds
    /// to them what stands in a workflow as it is.
    fn limits(&self) -> &[Limit] {
        &[]
    }

    /// Which budgets a call with this input would draw on, so that a call that must wait is not made at all.
    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey>;

    /// Gets what a call needs before it begins: a token that is in force. It sends nothing of the call and takes none of its
    /// time, so however it ends, nothing happened. Its errors: [`CallError::no_token`], and those of class
    /// [`ErrorClass::NeedsReauthorization`].
    fn prepare<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), CallError>> {
        let _ = call;
        Box::pin(async { Ok(()) })
    }

    /// Calls the provider.
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>>;

    /// For [`Effect::Detectable`] actions, and keyed ones that can look: looks for the trace of this call and answers with its output if it is there.
    /// An error of class [`ErrorClass::Fail`] or [`ErrorClass::NeedsReauthorization`] means that looking is impossible.
    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        let _ = call;
        Box::pin(async { Ok(None) })
    }
}

/// All actions by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Actions(Arc<BTreeMap<&'static str, Arc<dyn Action>>>);

impl Actions {
    /// Registers actions; of two with one name, the later counts.
    pub fn new(actions: impl IntoIterator<Item = Arc<dyn Action>>) -> Self {
        Self(Arc::new(actions.into_iter().map(|action| (action.spec().name, action)).collect()))
    }

    /// The action of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Action>> {
        self.0.get(name)
    }

    /// Their specs, sorted by name.
    pub fn specs(&self) -> impl Iterator<Item = &ActionSpec> {
        self.0.values().map(|action| action.spec())
    }
}

//! Which methods there are, what they need, and what their answers look like before they become HTTP.

use deskwire_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::slack::arguments::Arguments;
use crate::slack::workspace::Workspace;
use crate::slack::{conversations, history, people, post};

/// A call under way.
pub(crate) struct Call<'a> {
    pub workspace: &'a mut Workspace,
    pub arguments: &'a Arguments,
    pub now: Timestamp,
}

/// Why Slack refuses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// An error code of the method's page.
    Code(&'static str),
    /// The same, with the detail that stands in `response_metadata.messages`.
    Detailed(&'static str, String),
    /// None of these scopes was granted.
    MissingScope(Vec<String>),
}

impl From<&'static str> for Refusal {
    fn from(code: &'static str) -> Self {
        Self::Code(code)
    }
}

/// What a success says beside `ok`.
#[derive(Debug, Default)]
pub(crate) struct Success {
    pub fields: Map<String, Value>,
    pub warning: Option<&'static str>,
}

impl Success {
    /// From an object; anything else would be an empty answer.
    pub(crate) fn of(fields: Value) -> Self {
        let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
        Self { fields, warning: None }
    }
}

pub(crate) type Outcome = Result<Success, Refusal>;

/// A method of the Web API.
pub(crate) struct Method {
    /// Its name.
    pub name: &'static str,
    /// Does it take JSON? Forms it takes always.
    pub json: bool,
    /// Any of these lets the token call it; which one counts can depend on the conversation. None: every token may.
    pub scopes: &'static [&'static str],
    pub run: fn(&mut Call<'_>) -> Outcome,
}

const HISTORY: &[&str] = &["channels:history", "groups:history", "im:history", "mpim:history"];
const READ: &[&str] = &["channels:read", "groups:read", "im:read", "mpim:read"];
const OPEN: &[&str] = &["im:write", "mpim:write", "channels:manage", "groups:write"];

/// The methods, with the body kinds and scopes that their pages name.
pub(crate) const METHODS: &[Method] = &[
    Method { name: "auth.test", json: true, scopes: &[], run: people::auth_test },
    Method { name: "chat.postMessage", json: true, scopes: &["chat:write"], run: post::post_message },
    Method { name: "conversations.history", json: true, scopes: HISTORY, run: history::history },
    Method { name: "conversations.info", json: false, scopes: READ, run: conversations::info },
    Method { name: "conversations.join", json: true, scopes: &["channels:join"], run: conversations::join },
    Method { name: "conversations.list", json: false, scopes: READ, run: conversations::list },
    Method { name: "conversations.open", json: true, scopes: OPEN, run: conversations::open },
    Method { name: "conversations.replies", json: false, scopes: HISTORY, run: history::replies },
    Method { name: "reactions.add", json: true, scopes: &["reactions:write"], run: post::add_reaction },
    Method { name: "users.info", json: false, scopes: &["users:read"], run: people::info },
    Method { name: "users.lookupByEmail", json: false, scopes: &["users:read.email"], run: people::lookup_by_email },
];

impl Method {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Calls it, if the token has one of its scopes.
    pub(crate) fn call(&self, call: &mut Call<'_>) -> Outcome {
        if !self.scopes.is_empty() {
            call.need_one_of(self.scopes)?;
        }
        (self.run)(call)
    }
}

impl Call<'_> {
    /// Refuses unless one of the scopes was granted.
    pub(crate) fn need_one_of<S: AsRef<str>>(&self, scopes: &[S]) -> Result<(), Refusal> {
        if scopes.iter().any(|scope| self.workspace.may(scope.as_ref())) {
            return Ok(());
        }
        Err(Refusal::MissingScope(scopes.iter().map(|scope| scope.as_ref().to_owned()).collect()))
    }

    /// The place of the conversation in the argument `channel`, which takes ids only.
    pub(crate) fn channel(&self) -> Result<usize, Refusal> {
        let id = self.arguments.text("channel").ok_or("channel_not_found")?;
        self.workspace.visible(&id).ok_or(Refusal::Code("channel_not_found"))
    }
}

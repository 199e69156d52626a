//! Project files: `deskwire.yaml` and the workflows beside it, read, checked and compiled.
//!
//! Pure: callers read the files and hand the texts over. [`load()`] checks a whole project and tells every mistake of every
//! file at once; [`Workflow::compile`] compiles one workflow's text, which is how runs get the version they are pinned to.
//! Compiled workflows hold their templates and conditions ready to use; running them is the engine's business.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod ask;
mod call;
mod compile;
mod condition;
mod connection;
mod diagnostic;
mod events;
mod fields;
mod flow;
mod indentation;
mod input;
mod load;
mod manual;
mod markup;
mod names;
mod oauth_client;
mod outline;
mod place;
mod project_file;
mod report;
mod schedule;
mod schema;
pub mod schemas;
mod secret_ref;
mod source;
mod step;
mod suggest;
mod suggest_action;
mod trigger;
mod wait;
mod with;
mod workflow;
mod yaml;
mod zone;
mod zone_names;

pub use condition::Test;
pub use diagnostic::{Diagnostic, Severity};
pub use input::{Input, InputError};
pub use load::{DEFAULT_RETENTION, Loaded, Options, Project, SourceFile, Unusable, load};
pub use schedule::{BadSchedule, MOST_MISSED, Missed, Schedule, Tick};
pub use suggest::closest;
pub use suggest_action::action_help;
pub use workflow::{
    ActionStep, Case, Choose, EventTrigger, ForEach, InForce, InputKind, ManualInput, NextTime, OnError, OnUnknown,
    Step, StepKind, Trigger, Wait, WaitForEvent, Wants, Workflow, why_not,
};

#[cfg(test)]
mod tests;

//! Project files: `deskwire.yaml` and the workflows beside it, read, checked and compiled.
//!
//! Pure: callers read the files and hand the texts over. [`load()`] checks a whole project and tells every mistake of every
//! file at once; [`Workflow::compile`] compiles one workflow's text, which is how runs get the version they are pinned to.
//! Compiled workflows hold their templates and conditions ready to use; running them is the engine's business.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod compile;
mod connection;
mod diagnostic;
mod fields;
mod input;
mod load;
mod names;
mod place;
mod project_file;
mod report;
mod schema;
mod secret_ref;
mod source;
mod step;
mod suggest;
mod with;
mod workflow;
mod yaml;

pub use diagnostic::{Diagnostic, Severity};
pub use input::{Input, InputError};
pub use load::{Loaded, Options, Project, SourceFile, load};
pub use workflow::{OnError, OnUnknown, Step, Trigger, Wants, Workflow};

#[cfg(test)]
mod tests;

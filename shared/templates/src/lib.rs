//! The one language for text and conditions in workflow files: `MiniJinja`, strict about undefined names and bounded in
//! work and size.
//!
//! The compiler of workflow files makes [`Template`]s and [`Condition`]s once; runs evaluate them against a [`Scope`].
//! Nothing here does I/O, and nothing here knows which names a workflow may use: [`Template::variables`] tells which it
//! does use, and the workflow's check judges them.
//!
//! ```
//! use deskwire_templates::{Escape, Limits, Scope, Templates};
//! let templates = Templates::new(Limits::default());
//! let mut scope = Scope::new();
//! scope.set_step("ticket", &serde_json::json!({ "id": 9_007_199_254_740_993_u64 }));
//! let whole = templates.value("{{ steps.ticket.id }}", Escape::None).unwrap();
//! assert_eq!(whole.render(&scope).unwrap(), 9_007_199_254_740_993_u64);
//! let mixed = templates.value("Ticket {{ steps.ticket.id }}", Escape::None).unwrap();
//! assert_eq!(mixed.render(&scope).unwrap(), "Ticket 9007199254740993");
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod convert;
mod error;
mod escape;
mod exact;
mod filters;
mod language;
mod number;
pub mod piped;
mod scope;
mod shape;
mod syntax;
mod template;
mod unmet;

pub use error::{ErrorKind, TemplateError};
pub use escape::Escape;
pub use escape::block_kit::reads_mrkdwn;
pub use language::Limits;
pub use scope::Scope;
pub use syntax::{Compared, Variable};
pub use template::{Condition, Template, Templates};
pub use unmet::{Found, Unmet};

#[cfg(test)]
mod tests;

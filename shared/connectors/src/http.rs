//! Any HTTP API, through a connection of any provider: for what has no action of its own. One action, and the rules of what
//! it may be given. The connection decides which host is called and how the call is signed in; the step decides the rest.

mod answer;
mod body;
mod headers;
mod path;
pub mod request;

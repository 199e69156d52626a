//! The stores of AWS behind the core's ports: one DynamoDB table, one SQS FIFO queue, and Secrets Manager.
//!
//! The table is the authority on everything: events, runs, lanes, tokens, workflows in force. The queue only tells runners
//! which run may be due, in the order of its lane; a message too many does no harm, and one too few is made up for by
//! [`AwsStore::remind`], which a schedule calls every minute. Secrets Manager holds the values of secrets, under versions
//! that never change; which versions there are stands in the table.
//!
//! Every write of a row that others may write too names the revision it was read at. What a lost answer leaves open (was it
//! written or not?) is found out by reading: each write carries a mark that nobody else uses.
//!
//! Nothing here decides anything about events, steps or retries: the same contract suite holds for this store and for the
//! embedded one.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod calls;
mod changes;
mod connect;
mod damage;
mod history;
mod inbox;
mod inspect;
mod keys;
mod lanes;
mod metrics;
mod queue;
mod registry;
mod rows;
mod secrets;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod waits;
mod work;

pub use connect::{AwsStore, ConnectError, Names};
pub use metrics::Metrics;
pub use queue::{MessageBody, read_body};
pub use table::create_table;

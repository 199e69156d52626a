//! Qualtrics' stand-in: API v3 at `/qualtrics/API/v3/…`, surveys for people at `/qualtrics/jfe/form/{survey}`, and signed event
//! subscriptions. Written from <https://api.qualtrics.com/> (checked 2026-11-23), from recorded answers and from the two
//! deliveries that were caught on the wire.
//!
//! As recorded: `encrypt` is written and `encrypted` read; a key is never read back; deleting without an id deletes every
//! subscription; a response cannot be read at once.

mod api;
mod brand;
mod deliver;
mod endpoint;
mod export;
mod page;

use axum::Router;
use axum::routing::{any, get};

use crate::{Sandbox, SignedDelivery};

pub(crate) use brand::Brand;
pub(crate) use endpoint::OPERATIONS;

/// What somebody answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// How likely they are to recommend us, 0 to 10.
    pub nps: Option<u8>,
    /// What should be better, in their words.
    pub comment: Option<String>,
    /// Do they want to be called?
    pub call: Option<bool>,
    /// Embedded data by name, such as `ResponseEventContext`.
    pub embedded: Vec<(String, String)>,
    /// Their e-mail address, where the survey reached them by name.
    pub email: Option<String>,
}

/// Answers surveys in Qualtrics' stand-in.
#[derive(Clone)]
pub struct Qualtrics(Sandbox);

impl Qualtrics {
    pub(crate) fn of(sandbox: Sandbox) -> Self {
        Self(sandbox)
    }

    /// Somebody sends off a response to the seeded survey, by an anonymous link: its id, and the deliveries for it.
    pub fn answer(&self, answers: &Answers) -> (String, Vec<SignedDelivery>) {
        let (random, now) = (self.0.random(), self.0.now());
        let response = self.0.brand().respond(crate::world::SURVEY, answers, random, now);
        let deliveries = deliver::deliveries(&self.0, &response, now);
        (response, deliveries)
    }

    /// The same by a link that was made for one person. `None` where it was used, or never was one.
    pub fn answer_by_link(&self, link: &str, answers: Answers) -> Option<(String, Vec<SignedDelivery>)> {
        let token = url::Url::parse(link).ok()?.query_pairs().find(|(name, _)| name == "Q_DL")?.1.into_owned();
        let (random, now) = (self.0.random(), self.0.now());
        let response = self.0.brand().respond_by(&token, answers, random, now)?;
        let deliveries = deliver::deliveries(&self.0, &response, now);
        Some((response, deliveries))
    }

    /// The deliveries for a response once more, as a provider that heard no answer sends them.
    pub fn again(&self, response: &str) -> Vec<SignedDelivery> {
        deliver::deliveries(&self.0, response, self.0.now())
    }

    /// The JSON events that came, in order.
    pub fn events(&self) -> Vec<serde_json::Value> {
        self.0.brand().events.clone()
    }

    /// The links that were made for single people and not used yet.
    pub fn open_links(&self) -> Vec<String> {
        self.0.brand().open_links()
    }
}

pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/qualtrics/API/v3/{*path}", any(api::call))
        .route("/qualtrics/inbound-event/v1/events/json/triggers", any(api::call))
        .route("/qualtrics/jfe/form/{survey}", get(page::show).post(page::send))
}

#[cfg(test)]
mod tests;

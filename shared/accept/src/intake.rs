//! The path of one delivery, from verified bytes to an answer.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_core::event::{ChangeFacts, Event, JsonText, NotJson};
use deskwire_core::ids::{EventId, Lane, RequestId, RunId};
use deskwire_core::ports::{Accepted, Arrival, Declined, Inbox, RejectedEvent, StoreError, StoreResult, Wanted};
use deskwire_core::provider::provider;
use deskwire_core::random::Random;
use deskwire_core::route::Route;
use deskwire_core::signature::{self, Rules};
use deskwire_core::time::{Clock, Timestamp};
use http::HeaderMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::body::Bodies;
use crate::catalogue::{Catalogue, CurrentCatalogue, Source};

/// How one provider's signed bodies become events. The only thing a webhook function adds.
pub trait Webhook: Send + Sync {
    /// The provider's name, as in `/webhooks/{provider}/{source}`.
    fn provider(&self) -> &'static str;

    /// Does the provider look whether anybody is there, by a GET that means nothing?
    fn is_probed(&self) -> bool {
        false
    }

    /// Why signed content that is no JSON cannot be read, where the provider has a reason of its own.
    fn why_no_json(&self, _: &[u8]) -> Option<String> {
        None
    }

    /// Reads a verified body. Pure: the same delivery gives the same event.
    fn normalise(&self, delivery: &Delivery<'_>) -> Result<Normalised, NotAnEvent>;
}

/// A delivery whose signature is good and whose body is JSON.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Where it came in.
    pub source: &'a Source,
    /// The request's whole body. Only [`Delivery::payload`] is signed.
    pub request: &'a [u8],
    /// The signed content.
    pub payload: &'a [u8],
    /// The same, parsed.
    pub body: &'a Value,
    /// The signed timestamp, where the scheme has one; else when it came.
    pub signed_at: Timestamp,
    /// The same as it was signed, where the scheme has one.
    pub stamp: Option<&'a str>,
    /// Names this delivery, and no other.
    pub request_id: &'a RequestId,
}

impl Delivery<'_> {
    /// An id for content that has none of its own: the content itself within the source's repeat window, and the ids it
    /// is known under besides.
    ///
    /// Time is cut into windows, and equal content in this window or the one before is a repeat. Whether a provider signs a
    /// repeat with a new timestamp is often not documented; this holds either way. Without a window, only the same signed
    /// bytes are a repeat, timestamp included, and where no timestamp is signed, nothing is.
    pub fn id_by_content(&self) -> (EventId, Vec<EventId>) {
        let digest = hex::encode(&Sha256::digest(self.payload)[..16]);
        let window = i64::try_from(self.source.config.repeat_window.as_millis()).unwrap_or(i64::MAX);
        if window == 0 {
            let only = self.stamp.unwrap_or(self.request_id.as_str());
            return (EventId::new(format!("body:{digest}:{only}")), Vec::new());
        }
        let number = self.signed_at.as_millis().div_euclid(window);
        let id = |number: i64| EventId::new(format!("body:{digest}:{number}"));
        (id(number), vec![id(number.saturating_sub(1))])
    }
}

/// What a provider's body says, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    /// The event's id within the source.
    pub id: EventId,
    /// Other ids the same event may be known under.
    pub also_known_as: Vec<EventId>,
    /// Its type.
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// What the provider says of the change it reports.
    pub change: ChangeFacts,
}

/// A signed body that is not what the provider should send. One sentence that quotes nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnEvent(pub String);

/// Everything accepting needs. One per process.
pub struct Intake {
    /// Where accepted events go.
    pub inbox: Arc<dyn Inbox>,
    /// Sources and workflows.
    pub catalogue: Arc<CurrentCatalogue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For run ids and request ids.
    pub random: Arc<dyn Random>,
    /// The largest body that is taken in, in bytes: what the store takes, at most [`crate::MAX_BODY_BYTES`].
    pub largest_body: usize,
    /// The room for bodies whose senders are not known yet.
    pub bodies: Bodies,
}

impl Intake {
    /// Takes one delivery in. `request_id` names it in the log.
    pub async fn receive(
        &self,
        webhook: &dyn Webhook,
        catalogue: &Catalogue,
        source: &Source,
        headers: &HeaderMap,
        body: &Bytes,
        request_id: &RequestId,
    ) -> Answer {
        let now = self.clock.now();
        let name = &source.config.name;
        let rules =
            Rules { now, tolerance: source.config.tolerance, accept_test_secret: source.config.accept_test_secret };
        let verified = match signature::verify(source.scheme, headers, body, &source.secrets, rules) {
            Ok(verified) => verified,
            Err(refused) => {
                // The one line about it. The client hears none of this, and the signature stands nowhere.
                let (provider, scheme) = (webhook.provider(), &source.scheme.name);
                let instead = other_scheme(provider, source, headers, body);
                let instead = instead.map(|other| format!("; it is signed by the scheme `{other}`, not `{scheme}`"));
                let instead = instead.unwrap_or_default();
                tracing::warn!(source = %name, provider, scheme, %request_id, status = 401, "refused a delivery: {refused}{instead}");
                return Answer::Refused;
            }
        };
        let read = JsonText::parse(&verified.payload).map_err(|NotJson(why)| {
            webhook.why_no_json(&verified.payload).unwrap_or_else(|| format!("The body is not JSON: {why}"))
        });
        let outcome = read.and_then(|(data, value)| {
            let signed_at = verified.signed_at.unwrap_or(now);
            let delivery = Delivery {
                source,
                request: body,
                payload: &verified.payload,
                body: &value,
                signed_at,
                stamp: verified.stamp.as_deref(),
                request_id,
            };
            webhook.normalise(&delivery).map(|event| (event, data, value)).map_err(|NotAnEvent(why)| why)
        });
        match outcome {
            Ok((normalised, data, value)) => {
                let also_known_as = normalised.also_known_as.clone();
                let event = Event { request_id: Some(request_id.clone()), ..event(source, normalised, data, now) };
                let arrival = self.arrival(catalogue, event, also_known_as, &value, now);
                for Declined { workflow, reason } in &arrival.declined {
                    tracing::debug!(source = %name, %request_id, %workflow, "not wanted: {reason}");
                }
                self.accept(source, arrival, request_id).await
            }
            Err(reason) => self.reject(source, &verified.payload, reason, now, request_id).await,
        }
    }

    async fn accept(&self, source: &Source, arrival: Arrival, request_id: &RequestId) -> Answer {
        let id = arrival.event.id.clone();
        let runs: Vec<RunId> = arrival.wanted.iter().map(|wanted| wanted.run.clone()).collect();
        let inbox = Arc::clone(&self.inbox);
        match to_its_end(async move { inbox.accept(arrival).await }).await {
            Ok(Accepted::Repeat) => Answer::Repeat { event: id },
            Ok(Accepted::New) if runs.is_empty() => Answer::Unwanted { event: id },
            Ok(Accepted::New) => Answer::Accepted { event: id, runs },
            Err(error) => store_failed(&error, source, request_id),
        }
    }

    /// Takes in an event that Deskwire makes about itself, with the runs it starts. The same event twice is one.
    pub async fn take_own(&self, event: Event) -> StoreResult<Accepted> {
        let value = event.data.value().unwrap_or_default();
        let arrival = self.arrival(&self.catalogue.get(), event, vec![], &value, self.clock.now());
        self.inbox.accept(arrival).await
    }

    /// What accepting writes: the event with the runs it starts, their versions pinned.
    fn arrival(
        &self,
        catalogue: &Catalogue,
        event: Event,
        also_known_as: Vec<EventId>,
        data: &Value,
        now: Timestamp,
    ) -> Arrival {
        let (routes, declined) = catalogue.matching(&event, data);
        let wanted = routes.into_iter().map(|route| Wanted {
            unasked: catalogue.leaves_to_ask(route),
            ..wanted_by(route, &event, now, self.random.as_ref())
        });
        let wanted = wanted.collect();
        Arrival { awaited: catalogue.is_awaited(&event), event, also_known_as, wanted, declined }
    }

    async fn reject(
        &self,
        source: &Source,
        payload: &[u8],
        reason: String,
        now: Timestamp,
        request_id: &RequestId,
    ) -> Answer {
        tracing::warn!(source = %source.config.name, %request_id, reason, "rejected a delivery");
        let rejected = RejectedEvent {
            source: source.config.name.clone(),
            id: EventId::new(format!("sha256:{}", hex::encode(Sha256::digest(payload)))),
            received_at: now,
            body: String::from_utf8_lossy(payload).into_owned(),
            reason: reason.clone(),
        };
        let inbox = Arc::clone(&self.inbox);
        match to_its_end(async move { inbox.reject(rejected).await }).await {
            Ok(()) => Answer::Rejected { reason },
            Err(error) => store_failed(&error, source, request_id),
        }
    }
}

/// Does what the store is asked in a task of its own: a sender that hangs up stops nothing half-way, between the write and
/// telling the queue, say.
async fn to_its_end<T: Send + 'static>(asked: impl Future<Output = StoreResult<T>> + Send + 'static) -> StoreResult<T> {
    tokio::spawn(asked).await.unwrap_or_else(|_| Err(StoreError::Corrupt("taking in a delivery panicked".to_owned())))
}

/// The scheme of the provider's that a request is signed by, if it is another one than the source's.
fn other_scheme(name: &str, source: &Source, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    if signature::carries(source.scheme, headers, body) {
        return None;
    }
    let others = provider(name)?.signatures.iter().filter(|scheme| scheme.name != source.scheme.name);
    others.into_iter().find(|scheme| signature::carries(scheme, headers, body)).map(|scheme| scheme.name.as_str())
}

/// A run of this workflow on this event, its version pinned now.
pub fn wanted_by(route: &Route, event: &Event, now: Timestamp, random: &dyn Random) -> Wanted {
    Wanted {
        workflow: route.workflow.clone(),
        version: route.version.clone(),
        run: RunId::generate(now, random),
        lane: Lane::of(&route.workflow, &event.subject),
        policy: route.lane,
        changed_at: route.lane_time(event),
        unasked: false,
    }
}

fn event(source: &Source, normalised: Normalised, data: JsonText, now: Timestamp) -> Event {
    Event {
        source: source.config.name.clone(),
        id: normalised.id,
        kind: normalised.kind,
        subject: normalised.subject,
        time: normalised.time,
        received_at: now,
        data,
        change: normalised.change,
        request_id: None,
    }
}

fn store_failed(error: &StoreError, source: &Source, request_id: &RequestId) -> Answer {
    tracing::error!(source = %source.config.name, %request_id, error = %error, "could not store a delivery");
    match error {
        StoreError::Unavailable { .. } => Answer::Unavailable,
        StoreError::Corrupt(_) | StoreError::Fenced => Answer::Broken,
    }
}

#[cfg(test)]
mod tests;

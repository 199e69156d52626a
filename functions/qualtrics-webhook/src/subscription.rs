//! Deliveries of event subscriptions. `MSG` is signed; `Topic`, beside it, is not, so nothing is taken from it that `MSG` says
//! too, and where the two disagree the delivery is refused.

use deskwire_accept::{Delivery, Normalised, NotAnEvent};
use deskwire_core::event::ChangeFacts;
use deskwire_core::ids::EventId;
use deskwire_core::signature::{Refused, form_field};
use deskwire_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::topic::of_message;

pub(crate) fn event(delivery: &Delivery<'_>, message: &Map<String, Value>) -> Result<Normalised, NotAnEvent> {
    let word = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let survey = word("SurveyID");
    let brand = word("BrandID");
    if let (Some(expected), Some(found)) = (delivery.source.config.account_id.as_deref(), brand)
        && expected != found
    {
        let why = format!("The event is of Qualtrics brand {found}, and this source belongs to brand {expected}");
        return Err(NotAnEvent(why));
    }
    let kind = kind(delivery, message, brand)?;
    let time = time(message)?;
    if let (Some(most), Some(time)) = (delivery.source.config.max_age, time)
        && delivery.signed_at.since(time) > most
    {
        let why = format!("What it reports happened {time}, which is longer ago than the source's `max_age`");
        return Err(NotAnEvent(why));
    }
    let status = word("Status").unwrap_or_default();
    // A message says the same whenever it comes, and nothing in it tells a repeat from a replay: its ids do.
    let named = match (survey, word("ResponseID")) {
        (Some(survey), Some(response)) => Some(format!("{survey}/{response}/{status}")),
        (Some(survey), None) => word("StartedDate")
            .map(|started| format!("{survey}/{}/{started}/{status}", word("RecipientID").unwrap_or_default())),
        (None, _) => None,
    };
    let (id, also_known_as) = match named {
        Some(id) => (EventId::new(id), Vec::new()),
        None => delivery.id_by_content(),
    };
    let subject = match (word("ResponseID"), survey) {
        (Some(response), _) => format!("qualtrics:response:{response}"),
        (None, Some(survey)) => format!("qualtrics:survey:{survey}"),
        (None, None) => format!("qualtrics:brand:{}", brand.unwrap_or_default()),
    };
    let time = time.unwrap_or(delivery.signed_at);
    Ok(Normalised { id, also_known_as, kind, subject, time, change: ChangeFacts::default() })
}

/// The event's type: the topic, without brand and survey.
fn kind(delivery: &Delivery<'_>, message: &Map<String, Value>, brand: Option<&str>) -> Result<String, NotAnEvent> {
    let topic = match form_field(delivery.request, "Topic") {
        Ok(topic) => Some(String::from_utf8_lossy(&topic).into_owned()),
        Err(Refused::Doubled(_)) => return Err(NotAnEvent("Topic came more than once".to_owned())),
        // What is signed says it, too.
        Err(_) => None,
    };
    let concrete = topic.as_deref().map(|topic| {
        let without_brand = brand.and_then(|brand| topic.strip_prefix(brand)?.strip_prefix('.'));
        without_brand.unwrap_or(topic).to_owned()
    });
    match (of_message(message), concrete) {
        (Some((kind, expected)), Some(found)) if found != expected => Err(NotAnEvent(format!(
            "Topic, which is not signed, names `{}`, and the signed message is about `{expected}` ({kind})",
            found.chars().take(100).collect::<String>()
        ))),
        (Some((kind, _)), _) => Ok(kind.to_owned()),
        (None, Some(found)) if is_topic(&found) => Ok(found),
        (None, _) => {
            Err(NotAnEvent("Neither the message's Status nor its Topic is one that Qualtrics sends".to_owned()))
        }
    }
}

/// Words with dots between them, of which no known one is meant: those are told by what is signed.
fn is_topic(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.len() <= 100
        && text.contains('.')
        && text.split('.').all(word)
        && !text.starts_with("surveyengine.")
        && !text.starts_with("controlpanel.")
}

/// `2019-06-26 13:28:11`, in UTC; newer deliveries may write it as RFC 3339 does.
fn time(message: &Map<String, Value>) -> Result<Option<Timestamp>, NotAnEvent> {
    let written = ["CompletedDate", "StartedDate"].iter().find_map(|name| message.get(*name).and_then(Value::as_str));
    let Some(written) = written.filter(|written| !written.is_empty()) else { return Ok(None) };
    Timestamp::parse_as_utc(written.trim()).map(Some).map_err(|bad| NotAnEvent(format!("The message's time: {bad}")))
}

//! Up to a thousand unhappy answers at once, each told of three times and in no order, while one call in ten goes wrong: one ticket
//! for each, with its own words, or an answer that somebody is told is open.

use std::collections::BTreeMap;

use deskwire_core::random::{Random, SeededRandom};
use deskwire_sandbox::{Answers, Fault, FaultKind};
use serde_json::json;
use test_case::test_case;

use super::stories::TUESDAY;
use super::world::{Place, World};

/// The emulator looks through a whole table for each question, which takes the square of what is in it.
const fn responses(place: Place) -> usize {
    match place {
        Place::Sqlite => 1_000,
        Place::DynamoDb => 100,
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_told_of_three_times_and_in_no_order_make_one_ticket_each_whatever_goes_wrong(place: Place) {
    let count = responses(place);
    let world = World::new(place, TUESDAY, &["survey-answer"], None).await;
    let before = world.zendesk().tickets().len();
    let mut deliveries = Vec::new();
    let mut expected = BTreeMap::new();
    for number in 0..count {
        let words = format!("Answer {number}: it was <b>bad</b> & slow 👎 مرحبا");
        let answers = Answers {
            nps: Some(u8::try_from(number % 7).unwrap()),
            comment: Some(words.clone()),
            call: Some(true),
            email: Some(format!("person-{number}@example.net")),
            embedded: Vec::new(),
        };
        let (response, told) = world.qualtrics().answer(&answers);
        deliveries.extend(told);
        deliveries.extend(world.qualtrics().again(&response));
        deliveries.extend(world.qualtrics().again(&response));
        let subject = format!("Unhappy answer: {} of 10, wants a call", number % 7);
        expected.insert(format!("SV_0csatdesk0001/{response}"), (subject, words));
    }
    let random = SeededRandom::new(11);
    for at in (1..deliveries.len()).rev() {
        let other = usize::try_from(random.bits() % (u128::try_from(at).unwrap() + 1)).unwrap();
        deliveries.swap(at, other);
    }
    for method in ["zendesk.*", "qualtrics.*"] {
        for (kind, status) in [
            (FaultKind::RateLimited, None),
            (FaultKind::Refused, Some(500)),
            (FaultKind::Html502After, None),
            (FaultKind::DropAfter, None),
        ] {
            let code = (kind == FaultKind::Refused).then(|| "InternalError".to_owned());
            let fault = Fault {
                method: method.to_owned(),
                kind,
                times: None,
                probability: Some(0.025),
                code,
                status,
                retry_after: None,
                fields: None,
                delay_ms: None,
            };
            world.sandbox.fault(fault).unwrap();
        }
    }
    world.deliver(deliveries).await;
    world.work_for_a_week().await;

    let tickets = world.zendesk().tickets();
    let mut found = BTreeMap::new();
    for ticket in tickets.iter().skip(before) {
        let id = ticket["external_id"].as_str().unwrap().to_owned();
        let told = (ticket["subject"].as_str().unwrap().to_owned(), ticket["description"].as_str().unwrap().to_owned());
        assert_eq!(ticket["priority"], json!("high"));
        assert!(found.insert(id.clone(), told).is_none(), "{id} has two tickets");
    }
    let runs = world.runs().await;
    assert_eq!(runs.len(), count, "each is told of three times and is one");
    let open = runs.iter().filter(|run| run.state.as_str() != "succeeded");
    let open: Vec<String> = open.map(|run| format!("{}: {:?}", run.state.as_str(), run.reason)).collect();
    assert!(open.iter().all(|end| end.starts_with("unknown")), "what is open is reported as such: {open:#?}");
    assert!(found.len() + open.len() >= count, "{} tickets, {} open", found.len(), open.len());
    for (id, told) in &found {
        assert_eq!(expected.get(id), Some(told), "{id}");
    }
    let struck = world.sandbox.log().iter().filter(|entry| entry.outcome != "ok").count();
    assert!(struck > count / 5, "only {struck} calls went wrong");
    assert_eq!((found.len(), open.len()), (count, 0), "with Zendesk's idempotency key nothing stays open");
}

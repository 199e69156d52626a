//! The contract's third part: what is known of connections' tokens, and runs that wait for a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use deskwire_core::ids::{ConnectionName, RunId, SourceName};
use deskwire_core::ports::{EventWait, Offer, Settlement};
use deskwire_core::run::RunState;
use deskwire_core::token::{CONNECTED, Leased, Standing, TokenState, subject_of};

use super::{Stores, arrival, at, runs};

pub(super) fn name(text: &str) -> ConnectionName {
    ConnectionName::parse(text).expect("a name")
}

pub(super) fn state(connection: &str, due_at: Option<i64>) -> TokenState {
    TokenState {
        connection: name(connection),
        revision: 0,
        version: 1,
        standing: Standing::Connected,
        reason: None,
        since: at(1),
        obtained_at: at(1),
        expires_at: Some(at(1_000)),
        lapses_at: None,
        renewable: true,
        due_at: due_at.map(at),
        failures: 0,
        scopes: vec!["read".to_owned()],
        scopes_cut: false,
        account: BTreeMap::from([("team".to_owned(), "Acme".to_owned())]),
        announced: true,
    }
}

/// Of several that write one after another, each must have seen what the one before it wrote.
pub async fn tokens_are_written_by_compare_and_set(s: Stores) {
    let put = |state: TokenState, expected| s.tokens.put_tokens(state, expected);
    assert!(put(state("slack", None), None).await.expect("writing works"));
    assert!(!put(state("slack", None), None).await.expect("writing works"), "there is one already");
    let stored = s.tokens.token_state(&name("slack")).await.expect("reading works").expect("it is there");
    assert_eq!(stored, TokenState { revision: 1, ..state("slack", None) });
    let next = TokenState { version: 2, ..stored.clone() };
    assert!(put(next.clone(), Some(1)).await.expect("writing works"));
    assert!(!put(next.clone(), Some(1)).await.expect("writing works"), "somebody was faster");
    assert!(!put(state("other", None), Some(1)).await.expect("writing works"), "there is none");
    assert!(put(state("abc", None), None).await.expect("writing works"));
    let all = s.tokens.token_states().await.expect("reading works");
    let versions: Vec<_> = all.iter().map(|state| (state.connection.as_str(), state.version, state.revision)).collect();
    assert_eq!(versions, [("abc", 1, 1), ("slack", 2, 2)]);
    s.tokens.forget_tokens(&name("slack")).await.expect("forgetting works");
    assert_eq!(s.tokens.token_state(&name("slack")).await.expect("reading works"), None);
}

/// A lease is one owner's until it ends or is given back, whatever is written to the record meanwhile.
pub async fn one_owner_at_a_time_has_the_lease_on_tokens(s: Stores) {
    let lease = async |owner: &str, now, until| {
        s.tokens.lease_tokens(&name("slack"), owner, at(now), at(until)).await.expect("leasing works")
    };
    assert_eq!(lease("a", 10, 60).await, Leased::Unknown);
    assert!(s.tokens.put_tokens(state("slack", None), None).await.expect("writing works"));
    let ours = TokenState { revision: 1, ..state("slack", None) };
    assert_eq!(lease("a", 10, 60).await, Leased::Ours(ours.clone()));
    assert_eq!(lease("b", 11, 61).await, Leased::Held { until: at(60) });
    assert_eq!(lease("a", 12, 70).await, Leased::Ours(ours.clone()), "it may be renewed");
    assert_eq!(lease("b", 70, 90).await, Leased::Ours(ours.clone()), "it has ended");
    s.tokens.release_tokens(&name("slack"), "a").await.expect("releasing works");
    assert_eq!(lease("a", 71, 99).await, Leased::Held { until: at(90) }, "only its owner can give it back");
    s.tokens.release_tokens(&name("slack"), "b").await.expect("releasing works");
    assert_eq!(lease("a", 72, 99).await, Leased::Ours(ours));
    assert!(s.tokens.put_tokens(TokenState { version: 2, ..state("slack", None) }, Some(1)).await.expect("it works"));
    assert_eq!(lease("c", 73, 99).await, Leased::Held { until: at(99) });
    assert!(matches!(lease("c", 99, 120).await, Leased::Ours(state) if state.version == 2));
}

/// Due tokens come in the order in which they fell due.
pub async fn tokens_that_are_due_are_found_and_no_others(s: Stores) {
    for (connection, due_at) in [("late", Some(900)), ("second", Some(200)), ("never", None), ("first", Some(100))] {
        assert!(s.tokens.put_tokens(state(connection, due_at), None).await.expect("writing works"));
    }
    let due = async |now, most| {
        let due = s.tokens.due_tokens(at(now), most).await.expect("reading works");
        due.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(due(500, 10).await, ["first", "second"]);
    assert_eq!(due(500, 1).await, ["first"]);
    assert!(due(99, 10).await.is_empty());
}

/// What nobody has been told of is found until it is told.
pub async fn standings_that_nobody_was_told_of_are_found(s: Stores) {
    let untold = TokenState { announced: false, standing: Standing::NeedsReauthorization, ..state("slack", None) };
    assert!(s.tokens.put_tokens(untold.clone(), None).await.expect("writing works"));
    assert!(s.tokens.put_tokens(state("zendesk", None), None).await.expect("writing works"));
    let found = s.tokens.unannounced_tokens(10).await.expect("reading works");
    assert_eq!(found, [TokenState { revision: 1, ..untold.clone() }]);
    assert!(s.tokens.put_tokens(TokenState { announced: true, ..untold }, Some(1)).await.expect("writing works"));
    assert!(s.tokens.unannounced_tokens(10).await.expect("reading works").is_empty());
}

/// A run that waits for a connection keeps its lane, and comes back when the connection does.
pub async fn a_blocked_run_keeps_its_lane_until_its_connection_is_back(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    let first = s.claim(10, 5).await.remove(0);
    let block = |since| Settlement::Block {
        until: at(9_000),
        event: EventWait {
            source: SourceName::deskwire(),
            subject: subject_of(&name("slack")),
            events: vec![CONNECTED.to_owned()],
            since: at(since),
            seen: 0,
        },
        reason: "the token was revoked".to_owned(),
    };
    s.settle(&first, block(5), 6).await;
    assert_eq!(s.state("run_1").await, RunState::Waiting);
    assert!(s.claim(10, 100).await.is_empty(), "the second stays behind the first");
    let offer = s.work.claim_one(&RunId::new("run_1"), "runner", Duration::from_mins(1), at(100)).await;
    assert!(
        matches!(offer, Ok(Offer::Later { only_time: false, .. })),
        "the event may come before the time: {offer:?}"
    );
    let connected = |id: &str, connection: &str, received_at| {
        let mut arrival = arrival(id, &subject_of(&name(connection)), &[], received_at);
        arrival.event.source = SourceName::deskwire();
        CONNECTED.clone_into(&mut arrival.event.kind);
        arrival
    };
    s.accept(connected("c1", "zendesk", 200)).await;
    assert!(s.claim(10, 201).await.is_empty());
    s.accept(connected("c2", "slack", 300)).await;
    let again = s.claim(10, 301).await;
    assert_eq!(runs(&again), ["run_1"]);
    // It is blocked once more, by what came after that event.
    s.settle(&again[0], block(302), 303).await;
    assert!(s.claim(10, 8_999).await.is_empty());
    let by_itself = s.claim(10, 9_000).await;
    assert_eq!(runs(&by_itself), ["run_1"]);
    s.settle(&by_itself[0], super::over(RunState::Succeeded), 9_001).await;
    assert_eq!(runs(&s.claim(10, 9_002).await), ["run_2"]);
}

//! The contract's part about damage: a record that cannot be read takes nothing else down, and is named.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::connection::FixedFacts;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::{ConnectionName, EventId, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Accepted, Deploy, Deployed, EventWait, Filter, Offer, SealedSecret, Settlement, StoreError,
};
use deskwire_core::run::RunState;

use super::tokens::{name, state};
use super::{LEASE, Stores, arrival, at, done, over, runs};

/// Damages a record of a store, by a way that leads around the store.
pub trait Hurt: Send + Sync {
    /// Makes what is kept under this key unreadable: an event's id, a run's, a connection's, a workflow's or a document's
    /// name, a secret's name for its first version.
    fn hurt<'a>(&'a self, kind: RecordKind, key: &'a str) -> BoxFuture<'a, ()>;
}

impl Stores {
    /// The same, with a way to damage its records.
    #[must_use]
    pub fn hurt_by(self, hurt: Arc<dyn Hurt>) -> Self {
        Self { hurt: Some(hurt), ..self }
    }

    async fn hurt(&self, kind: RecordKind, key: &str) {
        self.hurt.as_ref().expect("the store's tests say how it is damaged").hurt(kind, key).await;
    }

    async fn is_named(&self, kind: RecordKind) -> bool {
        let found = self.inspection.inspect(1_000).await.expect("inspecting works");
        assert!(!found.cut);
        for damaged in &found.damaged {
            assert!(!damaged.why.is_empty() && !kind.what_to_do(&damaged.key).is_empty());
        }
        found.damaged.iter().any(|damaged| damaged.kind == kind)
    }
}

fn is_corrupt<T>(read: &Result<T, StoreError>) -> bool {
    matches!(read, Err(StoreError::Corrupt(_)))
}

/// An event that cannot be read hides no other, is still known as a repeat, and goes when it is old.
pub async fn an_unreadable_event_hides_no_other(s: Stores) {
    for (id, n) in [("e1", 1), ("e2", 2), ("e3", 3)] {
        s.accept(arrival(id, id, &[], n)).await;
    }
    assert!(!s.is_named(RecordKind::Event).await);
    s.hurt(RecordKind::Event, "e2").await;
    let listed = s.history.events(Filter::default()).await.expect("a list");
    assert_eq!(listed.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e3", "e1"]);
    assert!(is_corrupt(&s.history.event("e2").await));
    assert!(s.history.event("e3").await.expect("reading works").is_some());
    assert!(s.is_named(RecordKind::Event).await);
    assert_eq!(s.accept(arrival("e2", "e2", &[("a", "run_2")], 9)).await, Accepted::Repeat);
    let mut other = arrival("e4", "e4", &[], 10);
    other.also_known_as = vec![EventId::new("e2")];
    assert_eq!(s.accept(other).await, Accepted::Repeat);
    s.history.counts().await.expect("counting works");
    assert_eq!(s.history.purge(at(3), 10).await.expect("removing works"), 2);
    assert!(!s.is_named(RecordKind::Event).await);
}

/// A run that cannot be read hides no other; when its turn comes it is set aside, visibly, and its lane goes on.
pub async fn an_unreadable_run_is_set_aside_and_its_lane_goes_on(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1"), ("b", "run_2")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_3")], 2)).await;
    s.accept(arrival("e3", "t2", &[("a", "run_4")], 3)).await;
    s.hurt(RecordKind::Run, "run_1").await;
    let ids = ["run_1", "run_2", "run_3", "run_4"].map(RunId::new).to_vec();
    assert!(s.history.runs_by_id(ids).await.expect("a list").len() >= 3);
    assert!(s.history.runs(Filter::default()).await.expect("a list").len() >= 3);
    assert!(!s.history.event("e1").await.expect("reading works").expect("it is there").runs.is_empty());
    assert!(s.is_named(RecordKind::Run).await);
    let mut claimed = Vec::new();
    for now in 10..14 {
        claimed.extend(s.claim(10, now).await.into_iter().map(|claim| claim.run.id.to_string()));
    }
    claimed.sort();
    assert_eq!(claimed, ["run_2", "run_3", "run_4"]);
    s.history.counts().await.expect("counting works");
    let listed = s.history.runs(Filter { state: Some("dead".to_owned()), ..Filter::default() }).await.expect("a list");
    assert_eq!(listed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_1"]);
    assert!(listed[0].reason.as_deref().expect("a reason").contains("Set aside"));
}

/// The same for whoever is told of the run by a queue: it has nothing to do.
pub async fn an_unreadable_run_that_is_asked_for_alone_is_set_aside(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    s.hurt(RecordKind::Run, "run_1").await;
    let offer =
        async |run: &str| s.work.claim_one(&RunId::new(run), "runner", LEASE, at(10)).await.expect("it answers");
    assert!(matches!(offer("run_1").await, Offer::Nothing));
    assert!(matches!(offer("run_2").await, Offer::Ours(_)));
}

/// One that stands behind an unreadable run takes its turn, also where nobody asks for the unreadable one.
pub async fn a_run_behind_an_unreadable_one_takes_its_turn(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    s.accept(arrival("e3", "t1", &[("a", "run_3")], 3)).await;
    let first = s.claim(10, 5).await.remove(0);
    assert!(s.claim(10, 6).await.is_empty());
    s.hurt(RecordKind::Run, "run_2").await;
    s.settle(&first, over(RunState::Succeeded), 7).await;
    let mut claimed = Vec::new();
    for now in 8..12 {
        claimed.extend(s.claim(10, now).await.into_iter().map(|claim| claim.run.id.to_string()));
    }
    assert_eq!(claimed, ["run_3"]);
}

/// A run whose journal cannot be read is not carried on, since nobody knows what was done; what can be read of it is shown.
pub async fn a_run_whose_journal_is_unreadable_is_set_aside_and_shown(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    let claim = s.claim(10, 10).await.remove(0);
    for step in ["one", "two"] {
        s.work.record(&claim.fence, vec![done(step, 1.into())], at(1_000)).await.expect("recording works");
    }
    s.hurt(RecordKind::Journal, "run_1").await;
    assert!(s.is_named(RecordKind::Journal).await);
    let mut claimed = Vec::new();
    for now in 1_000..1_004 {
        claimed.extend(s.claim(10, now).await.into_iter().map(|claim| claim.run.id.to_string()));
    }
    assert_eq!(claimed, ["run_2"]);
    let shown = s.history.run("run_1").await.expect("reading works").expect("it is there");
    assert_eq!((shown.summary.state, shown.journal.len(), shown.unreadable), (RunState::Dead, 1, 1));
    assert!(shown.summary.reason.expect("a reason").contains("Set aside"));
    let late = s.work.settle(&claim.fence, vec![], over(RunState::Succeeded), None, at(1_005)).await;
    assert!(matches!(late, Err(StoreError::Fenced)));
}

/// A run whose event cannot be read is set aside, and its lane goes on.
pub async fn a_run_whose_event_is_unreadable_is_set_aside(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    s.hurt(RecordKind::Event, "e1").await;
    let mut claimed = Vec::new();
    for now in 10..14 {
        claimed.extend(s.claim(10, now).await.into_iter().map(|claim| claim.run.id.to_string()));
    }
    assert_eq!(claimed, ["run_2"]);
    assert_eq!(s.history.runs(Filter::default()).await.expect("a list").len(), 2);
}

/// What runs changed, and what we share, is left out where it cannot be read.
pub async fn an_unreadable_change_stops_no_run(s: Stores) {
    use deskwire_core::run::Entry;
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(1, 10).await.remove(0);
    let step = deskwire_core::ids::StepPath::new("update");
    let calling = Entry::Calling { step, at: at(11), subject: Some("t1".to_owned()) };
    s.work.record(&claim.fence, vec![calling], at(60_000)).await.expect("recording works");
    s.accept(arrival("e2", "t1", &[("b", "run_2")], 12)).await;
    s.hurt(RecordKind::Change, "run_1").await;
    assert!(s.is_named(RecordKind::Change).await);
    assert_eq!(runs(&s.claim(10, 13).await), ["run_2"]);
}

/// An event is taken in although a run that may wait for it has a wait that cannot be read.
pub async fn an_unreadable_wait_stops_no_event(s: Stores) {
    for (event, subject, run) in [("e1", "t1", "run_1"), ("e2", "t1", "run_2")] {
        s.accept(arrival(event, subject, &[(if run == "run_1" { "a" } else { "b" }, run)], 1)).await;
    }
    for claim in s.claim(10, 10).await {
        let event = EventWait {
            source: SourceName::parse("zendesk-support").expect("a name"),
            subject: "t1".to_owned(),
            events: vec!["ticket.*".to_owned()],
            since: at(20),
            seen: 0,
        };
        s.settle(&claim, Settlement::Wait { until: at(9_000), event: Some(event), reason: "w".to_owned() }, 20).await;
    }
    s.hurt(RecordKind::Wait, "run_1").await;
    assert!(s.is_named(RecordKind::Wait).await);
    assert_eq!(s.accept(arrival("e3", "t1", &[], 30)).await, Accepted::New);
    assert_eq!(runs(&s.claim(10, 31).await), ["run_2"]);
    assert_eq!(runs(&s.claim(10, 9_000).await), ["run_1"], "it comes back when its wait ends");
}

/// What is known of one connection's tokens hides nothing of another's, and can be written anew or forgotten.
pub async fn an_unreadable_token_record_hides_no_other(s: Stores) {
    for connection in ["abc", "slack", "zendesk"] {
        let state = deskwire_core::token::TokenState { announced: false, ..state(connection, Some(5)) };
        s.tokens.put_tokens(state, None).await.expect("writing works");
    }
    s.hurt(RecordKind::Tokens, "slack").await;
    let names = |states: Vec<deskwire_core::token::TokenState>| -> Vec<String> {
        states.into_iter().map(|state| state.connection.to_string()).collect()
    };
    assert_eq!(names(s.tokens.token_states().await.expect("a list")), ["abc", "zendesk"]);
    assert_eq!(names(s.tokens.unannounced_tokens(2).await.expect("a list")), ["abc", "zendesk"]);
    assert_eq!(s.tokens.due_tokens(at(10), 2).await.expect("a list"), [name("abc"), name("zendesk")]);
    assert!(is_corrupt(&s.tokens.token_state(&name("slack")).await));
    assert!(s.is_named(RecordKind::Tokens).await);
    s.tokens.release_tokens(&name("slack"), "somebody").await.expect("giving a lease back works");
    s.tokens.forget_tokens(&name("slack")).await.expect("forgetting works");
    assert!(s.tokens.put_tokens(state("slack", None), None).await.expect("writing works"));
    assert_eq!(s.tokens.token_states().await.expect("a list").len(), 3);
    assert!(!s.is_named(RecordKind::Tokens).await);
}

/// A secret that cannot be read hides no other, and can be forgotten.
pub async fn an_unreadable_secret_hides_no_other(s: Stores) {
    for name in ["secret/a", "secret/b", "token/slack"] {
        let secret = SealedSecret {
            name: name.to_owned(),
            version: 1,
            key: "k1".to_owned(),
            sealed: b"sealed".to_vec(),
            stored_at: at(1),
        };
        assert!(s.secrets.put_secret(secret).await.expect("storing works"));
    }
    s.hurt(RecordKind::Secret, "secret/a").await;
    let listed = s.secrets.secrets("").await.expect("a list");
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["secret/b", "token/slack"]);
    assert!(s.is_named(RecordKind::Secret).await);
    s.secrets.retire_secrets("secret/a", 2, at(5)).await.expect("retiring works");
    s.secrets.erase_secrets(at(4)).await.expect("erasing works");
    assert_eq!(s.secrets.forget_secret("secret/a").await.expect("forgetting works"), 1);
    assert!(!s.is_named(RecordKind::Secret).await);
}

/// A workflow in force, what is fixed of a connection, or a document that cannot be read hides no other, and is written anew
/// by whoever deploys it again.
pub async fn what_is_in_force_and_unreadable_hides_no_other(s: Stores) {
    let put = |workflow: &str| {
        Deploy::Put(Deployed {
            name: WorkflowName::parse(workflow).expect("a name"),
            version: WorkflowVersion::new("v1"),
            active: true,
            file_active: None,
            file: format!("workflows/{workflow}.yaml"),
            applied_at: at(1),
            text: "text".to_owned(),
        })
    };
    let fixed = |connection: &str| {
        Deploy::Connection(FixedFacts {
            name: ConnectionName::parse(connection).expect("a name"),
            kind: "bearer".to_owned(),
            allowed_domain: "slack.com".to_owned(),
            header: None,
        })
    };
    let document = |name: &str| Deploy::Document { name: name.to_owned(), text: "text".to_owned() };
    let all = vec![put("a"), put("b"), fixed("slack"), fixed("zendesk"), document("one"), document("two")];
    s.registry.deploy(all, at(1)).await.expect("deploying works");
    for (kind, key) in [(RecordKind::Workflow, "a"), (RecordKind::Connection, "slack"), (RecordKind::Document, "one")] {
        s.hurt(kind, key).await;
        assert!(s.is_named(kind).await, "{kind:?}");
    }
    let deployed = s.registry.deployed().await.expect("a list");
    assert_eq!(deployed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(s.registry.in_force().await.expect("a list").len(), 1);
    let facts = s.registry.fixed_connections().await.expect("a list");
    assert_eq!(facts.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["zendesk"]);
    assert!(is_corrupt(&s.registry.document("one").await));
    assert_eq!(s.registry.document("two").await.expect("reading works").as_deref(), Some("text"));
    let forget = Deploy::ForgetConnection(ConnectionName::parse("slack").expect("a name"));
    let again = vec![put("a"), document("one"), forget];
    s.registry.deploy(again, at(2)).await.expect("deploying works");
    s.registry.deploy(vec![fixed("slack")], at(3)).await.expect("deploying works");
    assert_eq!(s.registry.deployed().await.expect("a list").len(), 2);
    assert_eq!(s.registry.fixed_connections().await.expect("a list").len(), 2);
    for kind in [RecordKind::Workflow, RecordKind::Connection, RecordKind::Document] {
        assert!(!s.is_named(kind).await, "{kind:?}");
    }
}

/// What was queued is due although the clock was set back since.
pub async fn a_clock_that_is_set_back_delays_nothing_that_is_queued(s: Stores) {
    const HOUR: i64 = 3_600_000;
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 2 * HOUR)).await;
    s.accept(arrival("e2", "t2", &[("a", "run_2")], 2 * HOUR + 4_000)).await;
    assert_eq!(runs(&s.claim(10, HOUR).await), ["run_1", "run_2"]);
    s.accept(arrival("e3", "t3", &[("a", "run_3")], 2 * HOUR)).await;
    let alone = s.work.claim_one(&RunId::new("run_3"), "runner", LEASE, at(HOUR + 1)).await.expect("it answers");
    assert!(matches!(alone, Offer::Ours(_)));
}

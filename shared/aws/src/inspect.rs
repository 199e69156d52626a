//! One item read as its users read it.

use deskwire_core::damage::RecordKind;
use deskwire_core::event::EventState;
use deskwire_core::ports::{EventWait, StoreError, StoreResult};
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;

use crate::keys::{BUSY, GENERATION, REGISTRY, SECRETS, SHARED, TIME, TOKENS};
use crate::rows::{EventLine, EventRow, RunLine, RunRow};
use crate::table::{Item, attribute, content, number};
use crate::{changes, registry, secrets, tokens, waits};

/// Journal entries that go on in the next item of their run.
#[derive(Default)]
pub(crate) struct Parts {
    run: String,
    text: String,
}

/// Which record cannot be read, and why; `None` where this item is well.
pub(crate) fn look(item: &Item, parts: &mut Parts) -> Option<(RecordKind, String, String)> {
    let (pk, sk) = (attribute(item, "pk").ok()?, attribute(item, "sk").ok()?);
    let (kind, key) = kind_of(item, pk, sk)?;
    let read = read(item, pk, sk, parts);
    read.err().map(|error| {
        let why = match error {
            StoreError::Corrupt(why) => why,
            other => other.to_string(),
        };
        (kind, key, why)
    })
}

fn kind_of(item: &Item, pk: &str, sk: &str) -> Option<(RecordKind, String)> {
    let after = |text: &str, prefix: &str| text.strip_prefix(prefix).map(str::to_owned);
    Some(match (pk, sk) {
        (REGISTRY, GENERATION) => (RecordKind::Workflow, "generation".to_owned()),
        (REGISTRY, _) => {
            let kinds = [("W#", RecordKind::Workflow), ("X#", RecordKind::Connection), ("D#", RecordKind::Document)];
            kinds.into_iter().find_map(|(prefix, kind)| Some((kind, after(sk, prefix)?)))?
        }
        (TOKENS, name) => (RecordKind::Tokens, name.to_owned()),
        (SECRETS, place) => (RecordKind::Secret, secrets::in_words(place)),
        (SHARED, place) => (RecordKind::Shared, place.to_owned()),
        _ => match pk.split_at_checked(2)? {
            ("E#", _) => {
                // Its id stands beside what cannot be read, where it is short enough.
                (RecordKind::Event, attribute(item, "id").unwrap_or(pk).to_owned())
            }
            ("R#", run) if sk == "R" => (RecordKind::Run, run.to_owned()),
            ("R#", run) => (RecordKind::Journal, run.to_owned()),
            ("L#", _) => (RecordKind::Run, format!("{pk} {sk}")),
            ("S#" | "K#", _) => (RecordKind::Wait, sk.trim_start_matches("W#").to_owned()),
            ("C#", _) => (RecordKind::Change, sk.split('#').next().unwrap_or(sk).to_owned()),
            ("V#", name) => (RecordKind::Workflow, format!("{name} version {sk}")),
            _ => return None,
        },
    })
}

fn read(item: &Item, pk: &str, sk: &str, parts: &mut Parts) -> StoreResult<()> {
    match (pk, sk) {
        (REGISTRY, GENERATION) => number(item, "n").map(drop),
        (REGISTRY, _) => registry::look(item, sk),
        (TOKENS, _) => tokens::look(item),
        (SECRETS, _) => secrets::look(item),
        (SHARED, place) if place.starts_with("H#") => content::<Timestamp>(item).map(drop),
        _ => match pk.split_at_checked(2) {
            Some(("E#", _)) => event(item),
            Some(("R#", _)) if sk == "R" => RunRow::read(item).and_then(|_| RunLine::read(item)).map(drop),
            Some(("R#", run)) => journal(item, run, parts),
            Some(("L#", _)) if sk == TIME => content::<Timestamp>(item).map(drop),
            Some(("L#", _)) if sk == BUSY => content::<String>(item).and_then(|_| number(item, "waiters")).map(drop),
            Some(("L#" | "V#", _)) => content::<String>(item).map(drop),
            Some(("S#", _)) if sk.starts_with("W#") => content::<EventWait>(item).map(drop),
            Some(("S#" | "K#", _)) => waits::look(item, sk),
            Some(("C#", _)) => changes::look(item),
            _ => Ok(()),
        },
    }
}

fn event(item: &Item) -> StoreResult<()> {
    let row: EventRow = content(item)?;
    EventLine::read(item)?;
    let body = attribute(item, "b")?;
    row.event(body)?;
    if row.state == EventState::Rejected.as_str() {
        return Ok(());
    }
    let read = deskwire_core::json::from_str::<serde::de::IgnoredAny>(body);
    read.map(drop).map_err(|error| StoreError::Corrupt(format!("its data: {error}")))
}

fn journal(item: &Item, run: &str, parts: &mut Parts) -> StoreResult<()> {
    if parts.run != run {
        *parts = Parts { run: run.to_owned(), text: String::new() };
    }
    parts.text.push_str(attribute(item, "b")?);
    if item.contains_key("more") {
        return Ok(());
    }
    let text = std::mem::take(&mut parts.text);
    let read = deskwire_core::json::from_str::<Vec<Entry>>(&text);
    read.map(drop).map_err(|error| StoreError::Corrupt(format!("a journal entry: {error}")))
}

//! `deskwire doctor`: what is wrong, what will stop working and when, and what to do about it.

pub(crate) mod needs;

use anstyle::Style;
use deskwire_core::connection::OAuthGrant;
use deskwire_core::damage::RecordKind;
use deskwire_core::provider::{Provider, provider};
use deskwire_core::signature::Algorithm;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_core::token::Standing;
use deskwire_workflows::Severity;
use serde::Serialize;
use serde_json::json;

use self::needs::{ByConnection, Needs};
use super::connections::Stood;
use super::{read_project, start};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs};
use crate::output::{BOLD, DIM, GREEN, RED, YELLOW, cell, line, paint, styled, table, time};

/// A connection whose refresh token lapses within this many days is told of.
const LAPSES_SOON: u64 = 14;

/// How bad it is. In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// It does not work now.
    Broken,
    /// It will not work one day.
    Ends,
    /// It could be better.
    Weak,
}

impl Level {
    const fn mark(self) -> (&'static str, Style) {
        match self {
            Self::Broken => ("✗", RED),
            Self::Ends => ("!", YELLOW),
            Self::Weak => ("·", DIM),
        }
    }
}

/// Something that a person should know.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    level: Level,
    /// `connection zendesk`
    about: String,
    /// What it is.
    what: String,
    /// What to do.
    next: String,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    stops: Option<Timestamp>,
}

pub(crate) async fn run(project: &ProjectArgs, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let now = SystemClock.now();
    let mut found = Vec::new();
    let files = read_project(project)?;
    let loaded = deskwire_startup::check(&files, data.allow_loopback());
    let mistakes = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let mut needs = needs::planned(&loaded.project);
    let (mut looked_at, mut left_out) = (0, Vec::new());
    if mistakes > 0 {
        let what = format!("it has {mistakes} mistake{}", if mistakes == 1 { "" } else { "s" });
        found.push(finding(Level::Broken, "project", what, "`deskwire check` shows where"));
    } else {
        match start(project, data, data.place_if_any().await?).await {
            Ok(deskwire) => {
                for (name, version) in deskwire.vault.damaged().await? {
                    let key = format!("{name} version {version}");
                    let what = "it was changed since it was sealed, and cannot be opened";
                    let next = RecordKind::Secret.what_to_do(&key);
                    found.push(finding(Level::Broken, &format!("secret {key}"), what, next));
                }
                looked_at = needs::observe(&mut needs, &deskwire, now).await?;
                left_out.clone_from(&deskwire.left_out);
            }
            Err(error) => {
                found.push(finding(
                    Level::Broken,
                    "project",
                    format!("{error:#}"),
                    "nothing runs until this is mended",
                ));
            }
        }
    }
    for missing in left_out {
        let next = "without it, `deskwire serve` does not start";
        let why = missing.why.strip_prefix(&format!("{}: ", missing.what)).unwrap_or(&missing.why);
        found.push(finding(Level::Broken, &missing.what, why, next));
    }
    let cut = damage(data, &mut found).await?;
    let none = Needs::default();
    let connections = Stood::all(project, data).await?;
    for one in &connections {
        let needs = needs.get(&one.config.name).unwrap_or(&none);
        sign_in(one, needs, &mut found);
        tokens(one, now, &mut found);
        scopes(one, needs, &mut found);
    }
    for source in &loaded.project.sources {
        let facts = provider(&source.provider).and_then(|facts| facts.scheme(&source.scheme));
        let about = format!("source {}", source.name);
        if facts.is_some_and(|scheme| scheme.algorithm == Algorithm::Static) {
            let what = "its requests are not signed: they carry a secret, and whoever sees one can send others";
            found.push(finding(Level::Weak, &about, what, "use a signed scheme where the provider has one"));
        }
        if source.accept_test_secret {
            let what = "it takes what is signed with the provider's public test secret, so anybody can send it events";
            found.push(finding(Level::Broken, &about, what, "take `accept_test_secret` out of deskwire.yaml"));
        }
    }
    let mut found = each_once(found);
    found.sort_by_key(|one| (one.level, one.stops, one.about.clone()));
    let outcome = if found.iter().any(|one| one.level == Level::Broken) { Outcome::Failed } else { Outcome::Fine };
    if as_json {
        let calls: Vec<_> = needs.iter().map(|(name, needs)| json!({
            "connection": name, "scopes": needs.scopes, "calls": needs.actions, "more_than_these": needs.unknown,
        })).collect();
        crate::output::json(&json!({
            "findings": found, "connections": calls, "runs_looked_at": looked_at, "all_records_read": !cut,
        }));
    } else {
        show(&found, &needs, looked_at);
        if cut {
            line(paint(
                DIM,
                format_args!("of each kind of record, the newest {MOST_READ} were read to see whether they can be"),
            ));
        }
    }
    Ok(outcome)
}

/// Each thing once: what holds for several is told of them together.
fn each_once(found: Vec<Finding>) -> Vec<Finding> {
    let mut once: Vec<Finding> = Vec::new();
    for one in found {
        let same = |known: &&mut Finding| {
            known.level == one.level && known.what == one.what && known.next == one.next && known.stops == one.stops
        };
        match once.iter_mut().find(same) {
            Some(known) if known.about.split(", ").any(|about| about == one.about) => {}
            Some(known) => known.about = format!("{}, {}", known.about, one.about),
            None => once.push(one),
        }
    }
    once
}

/// How many records of each kind are read, the newest first.
const MOST_READ: usize = 100_000;

/// The records of the store that cannot be read. Answers whether there were too many to look at all of them.
async fn damage(data: &DataArgs, found: &mut Vec<Finding>) -> anyhow::Result<bool> {
    // Without a store, nothing has run here yet.
    let Some(store) = data.open_if_any().await? else { return Ok(false) };
    let inspected = store.inspect(MOST_READ).await?;
    for damaged in &inspected.damaged {
        let about = format!("{} {}", damaged.kind.in_words(), damaged.key);
        let what = format!("the store holds it and cannot read it: {}", damaged.why);
        found.push(finding(Level::Broken, &about, what, damaged.kind.what_to_do(&damaged.key)));
    }
    Ok(inspected.cut)
}

fn finding(level: Level, about: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { level, about: about.to_owned(), what: what.into(), next: next.into(), stops: None }
}

/// Ways to sign in that a provider will turn down.
fn sign_in(one: &Stood, needs: &Needs, found: &mut Vec<Finding>) {
    let Some(facts) = provider(&one.config.provider) else { return };
    for retiring in facts.retiring.iter().filter(|retiring| retiring.covers(&one.config.auth)) {
        let what = format!("{} ({})", retiring.about, retiring.page);
        let scopes =
            if needs.scopes.is_empty() { String::new() } else { format!(" with the scopes {}", joined(needs)) };
        let next = format!(
            "make an OAuth client at {}, declare it under `oauth_clients`{scopes}, and give the calls a new connection with \
             `auth: {{ type: oauth2, client: … }}`",
            facts.title
        );
        let about = format!("connection {}", one.config.name);
        let stops = Timestamp::parse(&format!("{}T00:00:00Z", retiring.from)).ok();
        found.push(Finding { stops, ..finding(Level::Ends, &about, what, next) });
    }
}

/// How its tokens stand.
fn tokens(one: &Stood, now: Timestamp, found: &mut Vec<Finding>) {
    let Some(client) = &one.client else { return };
    let (about, name) = (format!("connection {}", one.config.name), &one.config.name);
    let connect = format!("`deskwire connections connect {name}`");
    // What is damaged is told of with all other records.
    if one.damaged.is_some() {
        return;
    }
    let Some(state) = &one.state else {
        if client.grant == OAuthGrant::AuthorizationCode {
            found.push(finding(Level::Broken, &about, "nobody has connected it yet", connect));
        }
        return;
    };
    let reason = state.reason.clone().unwrap_or_default();
    match state.standing {
        Standing::NeedsReauthorization => {
            let what = format!("it needs re-authorisation since {}: {reason}", time(state.since));
            found.push(finding(Level::Broken, &about, what, connect));
        }
        Standing::Disconnected => {
            found.push(finding(
                Level::Broken,
                &about,
                format!("it is disconnected since {}", time(state.since)),
                connect,
            ));
        }
        Standing::Connected => {
            if state.failures > 0 {
                let next = "it is tried again by itself; `deskwire connections test` shows what comes of it";
                found.push(finding(Level::Ends, &about, format!("renewing its tokens fails: {reason}"), next));
            }
            let end = if state.renewable { state.lapses_at } else { state.expires_at };
            let soon = now.plus(std::time::Duration::from_hours(24 * LAPSES_SOON));
            if let Some(end) = end.filter(|end| *end < soon) {
                let (what, next) = if state.renewable {
                    (
                        "its refresh token lapses then unless it is used",
                        "keep `deskwire serve` running: it renews it before",
                    )
                } else {
                    ("its token ends then, and nothing can renew it", connect.as_str())
                };
                found.push(Finding { stops: Some(end), ..finding(Level::Ends, &about, what, next) });
            }
        }
    }
}

/// Are the scopes it has those that its calls need?
fn scopes(one: &Stood, needs: &Needs, found: &mut Vec<Finding>) {
    let facts = provider(&one.config.provider).and_then(|facts: &Provider| facts.oauth.as_ref());
    let (Some(facts), Some(client)) = (facts, &one.client) else { return };
    let (about, name) = (format!("connection {}", one.config.name), &one.config.name);
    let lacks = |granted: &[String]| {
        let lacking = needs.scopes.iter().copied().filter(|needed| !facts.gives(granted, needed));
        lacking.collect::<Vec<_>>().join(" ")
    };
    let granted = one.state.as_ref().filter(|state| state.version > 0 && !state.scopes_cut).map(|state| &state.scopes);
    match granted.filter(|scopes| !scopes.is_empty()).map(|scopes| lacks(scopes)) {
        Some(lacking) if !lacking.is_empty() => {
            let next = format!(
                "add them to the OAuth client {} in deskwire.yaml and at the provider, then `deskwire connections connect {name}`",
                client.name
            );
            found.push(finding(
                Level::Broken,
                &about,
                format!("its calls need scopes it was not given: {lacking}"),
                next,
            ));
        }
        Some(_) => {}
        None => {
            let lacking = lacks(&client.scopes);
            if !client.scopes.is_empty() && !lacking.is_empty() {
                let what =
                    format!("its calls need scopes that its OAuth client {} does not ask for: {lacking}", client.name);
                found.push(finding(Level::Weak, &about, what, "add them to `scopes` in deskwire.yaml"));
            }
        }
    }
}

fn joined(needs: &Needs) -> String {
    needs.scopes.iter().copied().collect::<Vec<_>>().join(" ")
}

fn show(found: &[Finding], needs: &ByConnection, looked_at: usize) {
    for one in found {
        let (mark, style) = one.level.mark();
        // A day is as near as a person needs it.
        let stops = one.stops.map(|stops| format!("stops on {}: ", &stops.to_string()[..10])).unwrap_or_default();
        line(format_args!("{} {}  {stops}{}", paint(style, mark), paint(BOLD, &one.about), one.what));
        line(format_args!("  {} {}", paint(DIM, "→"), one.next));
    }
    if found.is_empty() {
        line(format_args!("{} nothing is wrong, and nothing is known to end soon", paint(GREEN, "✓")));
    }
    if needs.is_empty() {
        return;
    }
    line("");
    let rows = needs.iter().map(|(name, needs)| {
        let calls = needs.actions.values().sum::<u64>();
        let more = if needs.unknown { " and those of its http.request calls" } else { "" };
        let scopes = if needs.scopes.is_empty() && needs.unknown { "those of its http.request calls" } else { more };
        vec![styled(name, BOLD), cell(calls), cell(format!("{}{scopes}", joined(needs)))]
    });
    table(&["connection", "calls", "scopes they need"], &rows.collect::<Vec<_>>());
    line(paint(
        DIM,
        format_args!("calls of {looked_at} runs of the last 30 days; scopes of these and of the project's workflows"),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_and_of_all_it_holds_for() {
        let unset = |about: &str| finding(Level::Broken, about, "the variable TOKEN is not set", "set it");
        let other = finding(Level::Weak, "source a", "the variable TOKEN is not set", "set it");
        let found = each_once(vec![unset("source a"), unset("connection b"), other, unset("source a")]);
        let told: Vec<&str> = found.iter().map(|one| one.about.as_str()).collect();
        assert_eq!(told, ["source a, connection b", "source a"]);
    }
}

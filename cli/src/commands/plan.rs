//! `deskwire plan` and `deskwire apply`: what the project's files would put in force, and doing it.

use std::sync::Arc;

use deskwire_core::connection::FixedFacts;
use deskwire_core::ports::Store;
use deskwire_core::secret::SecretRef;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_startup::{Change, ChangeKind, Plan, ProjectFiles};
use deskwire_storage::SqliteStore;
use deskwire_workflows::Project;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::{print_diagnostics, read_project};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs};
use crate::failure::{mistaken, refuse};
use crate::output::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, line, note, paint};

pub(crate) async fn plan(project: &ProjectArgs, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let Some(Made { plan, project, .. }) = make(project, data, false, as_json).await? else {
        return Ok(Outcome::Failed);
    };
    let out_of_reach = data.is_on_aws() && told_of_secrets_elsewhere(&project);
    if as_json {
        crate::output::json(&to_json(&plan));
        return Ok(if out_of_reach { Outcome::Failed } else { outcome(&plan) });
    }
    plan.connections.iter().for_each(new_connection);
    for change in plan.changed() {
        head(change);
        if change.kind != ChangeKind::Switched {
            diff(change);
        }
    }
    summary(&plan, "to change");
    if refused(&plan) || out_of_reach {
        return Ok(Outcome::Failed);
    }
    if plan.changed().next().is_some() {
        line("`deskwire apply` puts this in force. Nothing has been changed.");
    }
    Ok(Outcome::Fine)
}

pub(crate) async fn apply(project: &ProjectArgs, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let Some(Made { plan, store, files, project }) = make(project, data, true, as_json).await? else {
        return Ok(Outcome::Failed);
    };
    if data.is_on_aws() && told_of_secrets_elsewhere(&project) {
        return Ok(Outcome::Failed);
    }
    let now = SystemClock.now();
    plan.apply(store.as_ref(), now).await?;
    if plan.refused.is_empty() {
        // Whoever runs what was put in force has the project from there.
        if data.is_on_aws() {
            deskwire_startup::share(&files, &project, store.as_ref(), now).await?;
        } else {
            deskwire_startup::share_project(&files, store.as_ref(), now).await?;
        }
    }
    if as_json {
        crate::output::json(&to_json(&plan));
        return Ok(outcome(&plan));
    }
    if refused(&plan) {
        return Ok(Outcome::Failed);
    }
    plan.connections.iter().for_each(new_connection);
    plan.changed().for_each(head);
    summary(&plan, "changed");
    how_to_switch_on(&plan);
    Ok(Outcome::Fine)
}

fn to_json(plan: &Plan) -> Value {
    json!({ "changes": plan.changes, "connections": plan.connections, "refused": plan.refused })
}

fn outcome(plan: &Plan) -> Outcome {
    if plan.refused.is_empty() { Outcome::Fine } else { Outcome::Failed }
}

/// One line about a connection that is new.
fn new_connection(facts: &FixedFacts) {
    let FixedFacts { name, kind, allowed_domain, header } = facts;
    let header = header.as_ref().map(|header| format!(" in {header}")).unwrap_or_default();
    let text = format_args!("connection, new, {kind}{header}, only to {allowed_domain}");
    line(format_args!("{} {}  {text}", paint(GREEN, "+"), paint(BOLD, name)));
}

/// Says what cannot change, if anything.
fn refused(plan: &Plan) -> bool {
    for one in &plan.refused {
        refuse(format_args!("{one}"));
    }
    if !plan.refused.is_empty() {
        note("nothing can be put in force while a connection would change what it was given for");
    }
    !plan.refused.is_empty()
}

/// Says which secrets functions on AWS cannot reach, if any.
fn told_of_secrets_elsewhere(project: &Project) -> bool {
    let elsewhere = secrets_elsewhere(project);
    for (user, reference) in &elsewhere {
        refuse(format_args!("{user}: its secret is in {reference}, which functions on AWS do not have"));
    }
    if !elsewhere.is_empty() {
        note("write { secret: NAME } there, and store it with `deskwire secrets set NAME --target aws:STACK`");
    }
    !elsewhere.is_empty()
}

/// The secrets that are not in the secret store: who needs them, and where they are.
fn secrets_elsewhere(project: &Project) -> Vec<(String, &SecretRef)> {
    let sources = project.sources.iter().flat_map(|source| {
        source.signing_secrets.iter().map(move |reference| (format!("source {}", source.name), reference))
    });
    let connections = project.connections.iter().flat_map(|connection| {
        let references = connection.auth.secret().into_iter().chain(connection.secret_url.as_ref());
        references.map(move |reference| (format!("connection {}", connection.name), reference))
    });
    let clients = project.oauth_clients.iter().flat_map(|client| {
        client.client_secret.iter().map(move |reference| (format!("OAuth client {}", client.name), reference))
    });
    let all = sources.chain(connections).chain(clients);
    all.filter(|(_, reference)| !matches!(reference, SecretRef::Stored(_))).collect()
}

/// A project compared with what is in force.
struct Made {
    plan: Plan,
    store: Arc<dyn Store>,
    files: ProjectFiles,
    project: Project,
}

/// Compares the project with what is in force. `None` if the project has mistakes, which have been shown.
async fn make(project: &ProjectArgs, data: &DataArgs, to_apply: bool, as_json: bool) -> anyhow::Result<Option<Made>> {
    let files: ProjectFiles = read_project(project)?;
    let loaded = deskwire_startup::check(&files, data.allow_loopback());
    if loaded.has_errors() {
        if as_json {
            let message = "the project has mistakes, so nothing can be put in force";
            let error = mistaken(message, &loaded.diagnostics);
            crate::output::json(&json!({ "ok": false, "mistakes": loaded.diagnostics, "error": error }));
        } else {
            print_diagnostics(&loaded.diagnostics, &files, super::colour_on_stdout());
            refuse("the project has mistakes, so nothing can be put in force");
        }
        return Ok(None);
    }
    let store = match data.open_if_any().await? {
        Some(store) if !to_apply => store,
        // Nothing is in force in a store that is not there, and a look makes none.
        None if !to_apply => Arc::new(SqliteStore::in_memory()?),
        _ => data.open_or_make().await?,
    };
    let plan = Plan::of(&loaded.project, store.as_ref()).await?;
    Ok(Some(Made { plan, store, files, project: loaded.project }))
}

/// One line about a change.
pub(crate) fn head(change: &Change) {
    let (sign, style) = match change.kind {
        ChangeKind::New => ("+", GREEN),
        ChangeKind::Removed => ("-", RED),
        ChangeKind::Changed => ("~", YELLOW),
        ChangeKind::Switched => ("*", CYAN),
        ChangeKind::Unchanged => (" ", DIM),
    };
    line(format_args!("{} {}  {}", paint(style, sign), paint(BOLD, &change.name), in_words(change)));
}

/// What becomes of a workflow, in words.
pub(crate) fn in_words(change: &Change) -> String {
    let version = |version: &Option<_>| version.as_ref().map(ToString::to_string).unwrap_or_default();
    let state = |active| if active { "active" } else { "inactive" };
    match change.kind {
        ChangeKind::New => format!("new, {}, version {}", state(change.active), version(&change.to)),
        ChangeKind::Removed => "removed: it takes no more events, and runs under way go on".to_owned(),
        ChangeKind::Changed if change.active == change.was_active => {
            format!("version {} → {}, {}", version(&change.from), version(&change.to), state(change.active))
        }
        ChangeKind::Changed => {
            let (from, to) = (version(&change.from), version(&change.to));
            format!("version {from} → {to}, {} → {}", state(change.was_active), state(change.active))
        }
        ChangeKind::Switched => format!("{} → {}", state(change.was_active), state(change.active)),
        ChangeKind::Unchanged => "unchanged".to_owned(),
    }
}

fn diff(change: &Change) {
    let diff = TextDiff::from_lines(&change.old_text, &change.new_text);
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            line(paint(DIM, "    …"));
        }
        for one in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = one.value().trim_end_matches('\n');
            match one.tag() {
                ChangeTag::Delete => line(paint(RED, format_args!("    - {text}"))),
                ChangeTag::Insert => line(paint(GREEN, format_args!("    + {text}"))),
                ChangeTag::Equal => line(paint(DIM, format_args!("      {text}"))),
            }
        }
    }
    line("");
}

fn summary(plan: &Plan, what: &str) {
    let changed = plan.changed().count();
    let unchanged = plan.changes.len() - changed;
    let plural = if changed == 1 { "workflow" } else { "workflows" };
    line(format_args!("{changed} {plural} {what}, {unchanged} unchanged"));
}

/// Which new workflows are not switched on, and how to do that.
pub(crate) fn how_to_switch_on(plan: &Plan) {
    for change in plan.changed().filter(|change| change.kind == ChangeKind::New && !change.active) {
        note(format_args!(
            "{} is inactive: `deskwire workflows activate {}` switches it on, or `active: true` in its file",
            change.name, change.name
        ));
    }
}

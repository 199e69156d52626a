//! `deskwire sources`: where events come from, and having providers send them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;
use deskwire_connectors::provision::Done;
use deskwire_connectors::qualtrics::subscription::{self, Subscriptions};
use deskwire_connectors::zendesk::webhook::{self, Webhook};
use deskwire_core::action::CallError;
use deskwire_core::ids::ConnectionName;
use deskwire_core::known_events;
use deskwire_core::ports::Filter;
use deskwire_core::provider::provider;
use deskwire_core::public_url::below;
use deskwire_core::random::Random;
use deskwire_core::secret::{ExposeSecret, SecretRef, SecretString};
use deskwire_core::source::SourceConfig;
use deskwire_core::time::{Clock, SystemClock, show_duration};
use deskwire_startup::{Deskwire, OsRandom};
use deskwire_workflows::{Project, StepKind, Trigger, Wait};
use serde_json::{Value, json};
use url::Url;

use super::secrets::vault;
use super::{read_project, secrets, start_for};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs, ProvisionArgs, SourcesCommand};
use crate::failure::refuse;
use crate::output::{BOLD, DIM, GREEN, RED, cell, for_people, line, note, paint, styled, table, time};
use crate::server;

/// How long what was signed with the secret before still counts: deliveries that are tried again are hours old.
const GRACE: Duration = Duration::from_hours(24);

/// How long a running server takes to take over a secret that was stored.
const TAKEN_OVER: Duration = Duration::from_secs(3);

/// The same for the functions of a deployment, which look every ten seconds.
const TAKEN_OVER_ON_AWS: Duration = Duration::from_secs(12);

pub(crate) async fn run(command: SourcesCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        SourcesCommand::List { data } => {
            let shown = all(&data, None).await?;
            if as_json {
                crate::output::json(&Value::from(shown));
            } else {
                list(&shown);
            }
            Ok(Outcome::Fine)
        }
        SourcesCommand::Show { name, data } => {
            let Some(shown) = all(&data, Some(&name)).await?.pop() else { return unknown(&name, &data.project) };
            if as_json {
                crate::output::json(&shown);
            } else {
                crate::output::fields(&for_people(&shown), 0);
            }
            Ok(Outcome::Fine)
        }
        SourcesCommand::Provision(arguments) => provision(&arguments, as_json).await,
    }
}

fn loaded(project: &ProjectArgs) -> anyhow::Result<Project> {
    Ok(deskwire_startup::check(&read_project(project)?, true).project)
}

fn unknown(name: &str, project: &ProjectArgs) -> anyhow::Result<Outcome> {
    let project = loaded(project)?;
    let names: Vec<&str> = project.sources.iter().map(|source| source.name.as_str()).collect();
    refuse(format_args!("there is no source `{name}`; there are: {}", names.join(", ")));
    Ok(Outcome::Failed)
}

/// The sources, or the one of this name, for people and programs.
async fn all(data: &DataArgs, only: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let (data, args) = (&data.asked().await?, &data.project);
    data.tell_if_empty();
    let project = loaded(args)?;
    let found = secrets(args);
    let store = data.open_if_any().await?;
    if let Some(store) = &store {
        found.take_stored(vault(store, args, data)?.set_secrets(SystemClock.now()).await?);
    }
    let public_url = data.reached_at().await.unwrap_or_default();
    let mut shown = Vec::new();
    for source in project.sources.iter().filter(|source| only.is_none_or(|name| source.name.as_str() == name)) {
        let used_by = format!("source {}", source.name);
        let missing: Vec<String> = source
            .signing_secrets
            .iter()
            .filter_map(|reference| found.resolve(reference, &used_by).err().map(|error| error.to_string()))
            .collect();
        let last = match &store {
            Some(store) => {
                let filter = Filter { limit: 1, source: Some(source.name.to_string()), ..Filter::default() };
                store.events(filter).await?.pop().map(|event| event.received_at)
            }
            None => None,
        };
        let path = format!("/webhooks/{}/{}", source.provider, source.name);
        let url = public_url.as_ref().map(|base| below(base, &path));
        let scheme = provider(&source.provider).and_then(|facts| facts.scheme(&source.scheme));
        shown.push(json!({
            "name": source.name,
            "provider": source.provider,
            "path": path,
            "url": url,
            "signed": scheme.map(|scheme| &scheme.about),
            "page": scheme.map(|scheme| &scheme.page),
            "secrets": source.signing_secrets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "missing": missing,
            "tolerance": show_duration(source.tolerance),
            "connection": source.connection,
            "events_wanted": wanted(&project, source),
            "last_event_at": last,
        }));
    }
    Ok(shown)
}

fn list(shown: &[Value]) {
    if shown.is_empty() {
        line("No sources. Add some to `sources` in deskwire.yaml.");
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = shown.iter().map(|one| {
        let missing = one["missing"].as_array().is_some_and(|missing| !missing.is_empty());
        let events = one["events_wanted"].as_array().map_or(0, Vec::len);
        let last = serde_json::from_value(one["last_event_at"].clone()).map(time);
        vec![
            styled(text(&one["name"]), BOLD),
            cell(text(&one["path"])),
            if missing { styled("missing", RED) } else { styled("there", GREEN) },
            cell(events),
            cell(last.unwrap_or_else(|_| "never".to_owned())),
        ]
    });
    table(&["source", "path", "secret", "types wanted", "last event"], &rows.collect::<Vec<_>>());
}

/// The types of this source's events that the project's workflows want, those that a prefix stands for one by one.
fn wanted(project: &Project, source: &SourceConfig) -> BTreeSet<String> {
    let mut patterns: Vec<&String> = Vec::new();
    for workflow in &project.workflows {
        if let Trigger::Event(trigger) = &workflow.trigger
            && trigger.source == source.name
        {
            patterns.extend(&trigger.events);
        }
        for step in workflow.all_steps() {
            if let StepKind::Wait(wait) = &step.kind
                && let Wait::Event(event) = wait.as_ref()
                && event.source == source.name
            {
                patterns.extend(&event.events);
            }
        }
    }
    let one_by_one = |pattern: &String| {
        if pattern.ends_with(".*") {
            known_events::covered_by(&source.provider, pattern).iter().map(|known| known.kind.to_owned()).collect()
        } else {
            vec![pattern.clone()]
        }
    };
    patterns.into_iter().flat_map(one_by_one).collect()
}

async fn provision(arguments: &ProvisionArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let ProvisionArgs { name, data, .. } = arguments;
    let args = &data.project;
    let project = loaded(args)?;
    let Some(source) = project.sources.iter().find(|source| source.name.as_str() == name) else {
        return unknown(name, args);
    };
    let Some(stored) = source.signing_secrets.iter().find_map(|reference| match reference {
        SecretRef::Stored(stored) => Some(stored),
        _ => None,
    }) else {
        bail!(
            "what {name}'s requests are signed with would have nowhere to go: write `signing_secrets: [{{ secret: {name} }}]` \
             for it in deskwire.yaml, then come again"
        )
    };
    let endpoint = endpoint(arguments, source).await?;
    let connection = connection(arguments, source, &project)?;
    let Some(config) = project.connections.iter().find(|one| one.name == connection) else {
        bail!("there is no connection `{connection}` in deskwire.yaml")
    };
    let topics = topics(arguments, source, &project)?;
    let deskwire = start_for(config, args, data, data.place().await?).await?;
    let done = match source.provider.as_str() {
        "zendesk" => at_zendesk(&deskwire, &connection, arguments, &endpoint, &topics, stored).await?,
        _ => at_qualtrics(&deskwire, &connection, arguments, &endpoint, &topics, stored).await?,
    };
    let (done, ids) = match done {
        Ok(done) => done,
        Err(error) => {
            if as_json {
                crate::output::json(&json!({ "source": name, "code": error.code, "why": error.message }));
            } else {
                note(format_args!("{} {name}: {}", paint(RED, "✗"), error.message));
            }
            return Ok(Outcome::Failed);
        }
    };
    if as_json {
        crate::output::json(&json!({
            "source": name, "done": done, "ids": ids, "endpoint": endpoint, "events": topics, "secret": stored,
        }));
        return Ok(Outcome::Fine);
    }
    let what = match done {
        Done::Created => "was made",
        Done::Changed => "is as it should be now",
        Done::Unchanged => "was as it should be",
    };
    let title = provider(&source.provider).map_or(source.provider.as_str(), |facts| facts.title.as_str());
    line(format_args!("{} {title} sends {name}'s events to {endpoint}: {} {what}", paint(GREEN, "✓"), ids.join(", ")));
    for topic in &topics {
        line(format_args!("  {}", paint(DIM, topic)));
    }
    if arguments.by_triggers {
        line(
            "Now add a trigger or automation in the Admin Center that notifies this webhook, with a JSON body such as",
        );
        line(r#"  {"type": "ticket.escalated", "subject": "ticket:{{ticket.id}}", "detail": {"id": "{{ticket.id}}"}}"#);
    }
    Ok(Outcome::Fine)
}

async fn endpoint(arguments: &ProvisionArgs, source: &SourceConfig) -> anyhow::Result<Url> {
    let base = match &arguments.public_url {
        Some(url) => url.clone(),
        None => match arguments.data.reached_at().await? {
            Some(url) => url,
            None => bail!("nobody knows where this server is reached: say so with --public-url https://…"),
        },
    };
    if base.scheme() != "https" {
        bail!("providers deliver to https addresses only, and {base} is none: give --public-url https://…")
    }
    Ok(below(&base, &format!("webhooks/{}/{}", source.provider, source.name)))
}

fn connection(arguments: &ProvisionArgs, source: &SourceConfig, project: &Project) -> anyhow::Result<ConnectionName> {
    if let Some(name) = &arguments.connection {
        return ConnectionName::parse(name).map_err(|why| anyhow::anyhow!("`{name}` {why}"));
    }
    if let Some(connection) = &source.connection {
        return Ok(connection.clone());
    }
    let mut all = project.connections.iter().filter(|one| one.provider == source.provider).map(|one| &one.name);
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => bail!("no connection of deskwire.yaml leads to {}; add one", source.provider),
        (Some(_), Some(_)) => bail!(
            "several connections lead to {}: say which with --connection NAME, or with `connection: NAME` at the source",
            source.provider
        ),
    }
}

fn topics(arguments: &ProvisionArgs, source: &SourceConfig, project: &Project) -> anyhow::Result<Vec<String>> {
    match source.provider.as_str() {
        "zendesk" if arguments.by_triggers => Ok(Vec::new()),
        "zendesk" => {
            // What authors of triggers name themselves is none of Zendesk's own types.
            let types = wanted(project, source).into_iter().filter(|kind| !kind.starts_with("trigger."));
            let types: Vec<String> = types.collect();
            if types.is_empty() {
                bail!(
                    "no workflow takes Zendesk's own events of source {}, so there is nothing to subscribe to: write one first, \
                     or use --by-triggers",
                    source.name
                )
            }
            Ok(types)
        }
        "qualtrics" if arguments.topics.is_empty() => {
            bail!("say what to subscribe to, such as --topic surveyengine.completedResponse.SV_0abc")
        }
        "qualtrics" => Ok(arguments.topics.clone()),
        other => bail!("nothing is known of how {other} is told to send events; set it up there by hand"),
    }
}

type Outcomes = Result<(Done, Vec<String>), CallError>;

async fn at_zendesk(
    deskwire: &Deskwire,
    connection: &ConnectionName,
    arguments: &ProvisionArgs,
    endpoint: &Url,
    events: &[String],
    stored: &str,
) -> anyhow::Result<Outcomes> {
    let name = format!("Deskwire: {}", arguments.name);
    let webhook = Webhook { name: &name, endpoint, events, new_secret: arguments.new_secret };
    let made = match webhook::provision(&deskwire.client(), connection, &webhook).await {
        Ok(made) => made,
        Err(error) => return Ok(Err(error)),
    };
    store(deskwire, stored, &made.secret).await?;
    Ok(Ok((made.done, made.ids)))
}

async fn at_qualtrics(
    deskwire: &Deskwire,
    connection: &ConnectionName,
    arguments: &ProvisionArgs,
    endpoint: &Url,
    topics: &[String],
    stored: &str,
) -> anyhow::Result<Outcomes> {
    let key = SecretString::from(format!("{:032x}{:032x}", OsRandom.bits(), OsRandom.bits()));
    // Before the subscription: its first delivery may come at once.
    store(deskwire, stored, &key).await?;
    if arguments.data.is_on_aws() || server::is_running(&arguments.data.folder()) {
        note("waiting until what is running knows the new key");
        tokio::time::sleep(if arguments.data.is_on_aws() { TAKEN_OVER_ON_AWS } else { TAKEN_OVER }).await;
    }
    let wanted = Subscriptions { endpoint, topics, key: &key };
    let made = subscription::provision(&deskwire.client(), connection, &wanted).await;
    Ok(made.map(|made| (made.done, made.ids)))
}

/// Stores what a source is signed with, unless it is there already.
async fn store(deskwire: &Deskwire, name: &str, secret: &SecretString) -> anyhow::Result<()> {
    let now = deskwire.clock.now();
    let known = deskwire.vault.set_secrets(now).await?;
    let latest = known.get(name).and_then(|versions| versions.first());
    if latest.is_none_or(|latest| latest.expose_secret() != secret.expose_secret()) {
        deskwire.vault.set(name, secret.expose_secret(), now, now.plus(GRACE)).await?;
        deskwire_startup::tell_of_secrets(deskwire.store.as_ref(), now).await?;
    }
    Ok(())
}

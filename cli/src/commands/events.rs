//! `deskwire events`: what arrived, who wanted it, and sending a sample as its provider would.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use deskwire_core::domain::AllowedDomain;
use deskwire_core::event::JsonText;
use deskwire_core::personal::{HIDDEN, redact_event};
use deskwire_core::ports::{EventDetail, EventSummary, Filter};
use deskwire_core::provider::provider;
use deskwire_core::random::Random;
use deskwire_core::secret::ExposeSecret;
use deskwire_core::signature::{Place, TimestampFormat, sign};
use deskwire_core::source::SourceConfig;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_core::visible::one_line;
use deskwire_egress::{Egress, EgressOptions, Request};
use deskwire_history::event_not_found;
use deskwire_secrets::Secrets;
use deskwire_startup::OsRandom;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use url::Url;

use super::secrets::vault;
use super::{open_store, read_project, runs, samples, secrets};
use crate::Outcome;
use crate::args::{DataArgs, EventsCommand, ProjectArgs};
use crate::failure::refuse;
use crate::marker::{self, Answers};
use crate::more;
use crate::output::{BOLD, DIM, GREEN, RED, YELLOW, cell, line, note, paint, shorten, styled, table, time};
use crate::server::SANDBOX_SIGNING_SECRET;

pub(crate) async fn run(command: EventsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        EventsCommand::List { source, state, subject, kind, since, until, limit, data } => {
            let now = SystemClock.now();
            let moment = |text: Option<String>| text.map(|text| runs::moment(&text, now)).transpose();
            let (since, until) = (moment(since)?, moment(until)?);
            let filter =
                Filter { limit: more::to_ask(limit), source, state, subject, kind, since, until, ..Filter::default() };
            let events = more::cut(open_store(&data).await?.events(filter).await?, limit);
            if as_json {
                crate::output::json(&json!(events.shown));
            } else {
                list(&events.shown);
            }
            events.tell("events", "--source, --state, --subject, --type, --since and --until");
            Ok(Outcome::Fine)
        }
        EventsCommand::Show { id, personal, data } => {
            let store = open_store(&data).await?;
            let Some(mut event) = store.event(&id).await? else {
                let why = event_not_found(store.as_ref(), &id).await?;
                refuse(format_args!("{why}; `deskwire events list` lists them"));
                return Ok(Outcome::Failed);
            };
            if !personal {
                hide(&mut event);
                note("personal fields are hidden; --personal shows them");
            }
            if as_json {
                crate::output::json(&to_json(&event));
            } else {
                show(&event);
            }
            Ok(Outcome::Fine)
        }
        EventsCommand::Samples { name: None } => {
            samples::list(as_json);
            Ok(Outcome::Fine)
        }
        EventsCommand::Samples { name: Some(name) } => {
            line(samples::found(&name)?.trim_end());
            Ok(Outcome::Fine)
        }
        EventsCommand::Send { body, source, to, new, data } => {
            let data = data.sent_to().await?;
            let project = &data.project;
            let stored = if data.sandbox { None } else { stored(project, &data).await? };
            let named = to.is_some();
            let url = if let Some(url) = to {
                url
            } else {
                let base = data.reached_at().await?.map_or_else(|| Url::parse("http://127.0.0.1:8787"), Ok)?;
                webhook_at(&base, project, &source)?
            };
            if !data.is_on_aws() {
                serves_this(&url, named, data.sandbox, project).await?;
            }
            send(&body, &source, url, new, stored, project, as_json).await
        }
    }
}

fn list(events: &[EventSummary]) {
    if events.is_empty() {
        line("No events. `deskwire events send FILE --source NAME` sends one, as its provider would.");
        return;
    }
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            let style = match event.state.as_str() {
                "accepted" => GREEN,
                "rejected" => RED,
                _ => DIM,
            };
            vec![
                styled(event.number, DIM),
                styled(event.state.as_str(), style),
                styled(&event.kind, BOLD),
                cell(&event.subject),
                cell(&event.source),
                cell(time(event.received_at)),
                cell(shorten(event.reason.as_deref().unwrap_or_default(), 80)),
            ]
        })
        .collect();
    table(&["no", "state", "type", "subject", "source", "received", "why"], &rows);
}

/// Hides what is personal: marked fields of an event, and the whole of a body that is none.
fn hide(detail: &mut EventDetail) {
    match &mut detail.event {
        Some(event) => *event = redact_event(event),
        None => detail.body = JsonText::from(&json!(HIDDEN)),
    }
}

fn to_json(event: &EventDetail) -> Value {
    json!({
        "summary": event.summary,
        "event": event.event.as_ref().and_then(|event| event.to_json().ok()),
        "body": if event.event.is_none() { Some(event.body.as_str()) } else { None },
        "declined": event.declined,
        "runs": event.runs,
    })
}

fn show(event: &EventDetail) {
    let summary = &event.summary;
    let (kind, subject) = (one_line(&summary.kind), one_line(&summary.subject));
    line(format_args!("{}  {subject}  {}", paint(BOLD, kind), summary.state.as_str()));
    let id = one_line(&summary.id);
    line(format_args!("from {}, received {}, id {}", summary.source, time(summary.received_at), id));
    if let Some(request) = event.event.as_ref().and_then(|event| event.request_id.as_ref()) {
        line(format_args!("request {request}"));
    }
    if let Some(reason) = &summary.reason {
        line(paint(YELLOW, one_line(reason)));
    }
    for declined in &event.declined {
        line(format_args!("{} did not want it: {}", paint(BOLD, &declined.workflow), one_line(&declined.reason)));
    }
    if !event.runs.is_empty() {
        line("");
        runs::list(&event.runs);
    }
    line("");
    match event.event.as_ref().and_then(|event| event.data.value().ok()) {
        Some(data) => line(format_args!("{data:#}")),
        None => line(event.body.as_str()),
    }
}

/// Where the project's secrets are found, those of the secret store included.
async fn stored(project: &ProjectArgs, data: &DataArgs) -> anyhow::Result<Option<Secrets>> {
    let found = secrets(project);
    if let Some(store) = data.open_if_any().await? {
        found.take_stored(vault(&store, project, data)?.set_secrets(SystemClock.now()).await?);
    }
    Ok(Some(found))
}

/// Where a source's webhook is, on the server or deployment that is reached here.
fn webhook_at(base: &Url, project: &ProjectArgs, source: &str) -> anyhow::Result<Url> {
    let provider = source_config(project, source)?.provider;
    let url = format!("{}/webhooks/{provider}/{source}", base.as_str().trim_end_matches('/'));
    Url::parse(&url).with_context(|| format!("{url} is no address"))
}

/// Makes sure that it is this project's server that answers there, before anything is sent to it. Where somebody has
/// named an address themselves, what answers may also be a function alone, or stand behind something else.
async fn serves_this(url: &Url, named: bool, sandbox: bool, project: &ProjectArgs) -> anyhow::Result<()> {
    let mut base = url.clone();
    base.set_query(None);
    base.set_path(url.path().split_once("/webhooks/").map_or("", |(before, _)| before));
    let at = base.as_str().trim_end_matches('/').to_owned();
    let here = matches!(url.host(), Some(url::Host::Ipv4(ip)) if ip.is_loopback())
        || matches!(url.host(), Some(url::Host::Ipv6(ip)) if ip.is_loopback())
        || url.host_str() == Some("localhost");
    let folder = project.project.display();
    match marker::ask(&base).await {
        // A copy of the project on another machine lies in another folder.
        Answers::Deskwire(found) if here && !found.serves(&project.project) => bail!(
            "the Deskwire at {at} serves another project than {folder}, so nothing was sent: start `deskwire serve` for this \
             one with a --listen of its own, and name that with --to; or name the other project with --project"
        ),
        Answers::Deskwire(found) if found.sandbox && !sandbox => {
            note(format_args!("the Deskwire at {at} was started with --sandbox: it takes what is sent with --sandbox"));
        }
        Answers::Deskwire(found) if !found.sandbox && sandbox => {
            note(format_args!("the Deskwire at {at} was started without --sandbox: it takes what is sent without"));
        }
        Answers::Other if !named => bail!(
            "what answers at {at} is no Deskwire but another program, so nothing was sent: start `deskwire serve --listen \
             127.0.0.1:0` for this project, and name its address with --to"
        ),
        // Where nobody is there, sending says so.
        Answers::Deskwire(_) | Answers::Other | Answers::Nobody => {}
    }
    Ok(())
}

async fn send(
    file: &Path,
    source: &str,
    url: Url,
    new: bool,
    secrets: Option<Secrets>,
    project: &ProjectArgs,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let body = samples::read(file)?;
    let body = if new { renewed(&body).with_context(|| format!("{} is not JSON", file.display()))? } else { body };
    let config = source_config(project, source)?;
    let secret = match secrets {
        None => SANDBOX_SIGNING_SECRET.to_owned(),
        Some(secrets) => {
            let Some(reference) = config.signing_secrets.first() else {
                bail!("source {source} has no signing secret")
            };
            secrets.resolve(reference, &format!("source {source}"))?.expose_secret().to_owned()
        }
    };
    let place = url.clone();
    let answer = deliver(&config, &secret, Bytes::from(body), url).await?;
    if !answer.is_ours() {
        bail!(
            "what answers at {place} is no Deskwire but another program (it says {}): start `deskwire serve` for this project, \
             and name its address with --to",
            answer.status
        );
    }
    if as_json {
        crate::output::json(&json!({ "status": answer.status, "answer": answer.body }));
    } else {
        answer.print();
    }
    Ok(if answer.status < 400 { Outcome::Fine } else { Outcome::Failed })
}

fn source_config(project: &ProjectArgs, name: &str) -> anyhow::Result<SourceConfig> {
    let files = read_project(project)?;
    let sources = deskwire_startup::check(&files, true).project.sources;
    let names: Vec<String> = sources.iter().map(|source| source.name.to_string()).collect();
    sources.into_iter().find(|source| source.name.as_str() == name).with_context(|| {
        format!("there is no source `{name}` in {}; there are: {}", project.project.display(), names.join(", "))
    })
}

/// The same body with an id and a time of its own.
fn renewed(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body: Value = deskwire_core::json::from_slice(body)?;
    if let Some(object) = body.as_object_mut() {
        let id = format!("{:032x}", OsRandom.bits());
        if object.contains_key("ResponseID") {
            object.insert("ResponseID".to_owned(), Value::from(format!("R_{}", &id[..15])));
        } else {
            let key = if object.contains_key("id") { "id" } else { "event_id" };
            object.insert(key.to_owned(), Value::from(id));
        }
        if object.contains_key("time") {
            object.insert("time".to_owned(), json!(SystemClock.now()));
        }
    }
    Ok(serde_json::to_vec(&body)?)
}

/// `2021-03-25T05:09:27Z`, as Zendesk writes it.
fn whole_seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// What a webhook answered.
pub(crate) struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// Is it the answer of a webhook of ours? Each names the request.
    fn is_ours(&self) -> bool {
        self.body.get("request_id").is_some()
    }

    fn print(&self) {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (self.status, text("status").as_str()) {
            (202, _) => {
                line(format_args!("{} event {}", paint(GREEN, "202 accepted:"), text("event")));
                for run in
                    self.body.get("runs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
                {
                    line(format_args!("  started {run}; `deskwire runs show {run}` shows how it goes"));
                }
            }
            (200, "repeat") => line(format_args!(
                "{} event {} was received before, so nothing was started; --new sends it as a new one",
                paint(YELLOW, "200 repeat:"),
                text("event")
            )),
            (200, _) => line(format_args!(
                "{} no workflow wants event {}; `deskwire events show {}` says why",
                paint(YELLOW, "200 kept:"),
                text("event"),
                text("event")
            )),
            (status, _) => line(format_args!("{} {}. {}", paint(RED, status), text("title"), text("detail"))),
        }
    }
}

/// Signs a body as the source's provider would and sends it.
pub(crate) async fn deliver(config: &SourceConfig, secret: &str, body: Bytes, url: Url) -> anyhow::Result<Answer> {
    let scheme = provider(&config.provider)
        .and_then(|provider| provider.scheme(&config.scheme))
        .with_context(|| format!("provider {} has no scheme {}", config.provider, config.scheme))?;
    let mut headers = Vec::new();
    let mut stamp = String::new();
    if let Some(rule) = &scheme.timestamp {
        let now = SystemClock.now();
        stamp = match rule.formats.first() {
            Some(TimestampFormat::UnixSeconds) => now.as_unix_seconds().to_string(),
            _ => whole_seconds(now),
        };
        headers.push((rule.header.clone(), stamp.clone()));
    }
    let signature = sign(scheme, secret, &stamp, &body);
    let (kind, body) = match (&scheme.signature, &scheme.payload) {
        (Place::Header(name) | Place::Credential(name), Place::Body) => {
            headers.push((name.clone(), signature));
            ("application/json", body)
        }
        (Place::FormField(signed), Place::FormField(content)) => {
            let message = std::str::from_utf8(&body).context("the file is not UTF-8 text")?;
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            if config.provider == "qualtrics" {
                form.append_pair("Topic", &qualtrics_webhook::topic_of(&deskwire_core::json::from_str(message)?));
            }
            form.append_pair(signed, &signature).append_pair(content, message);
            ("application/x-www-form-urlencoded", Bytes::from(form.finish()))
        }
        _ => bail!("events of provider {} cannot be sent: it signs in a place of its own", config.provider),
    };
    headers.push(("content-type".to_owned(), kind.to_owned()));
    let (status, body) = post(url, &headers, body).await?;
    Ok(Answer { status, body })
}

/// Posts to a webhook. What it answers is JSON or nothing.
pub(crate) async fn post(url: Url, headers: &[(String, String)], body: Bytes) -> anyhow::Result<(u16, Value)> {
    let mut header_map = HeaderMap::new();
    for (name, value) in headers {
        header_map.insert(HeaderName::try_from(name)?, HeaderValue::from_str(value)?);
    }
    let host = url.host_str().with_context(|| format!("{url} names no host"))?;
    // A loopback address is let through by the option; any other host is its own allowed domain.
    let allowed_domain = AllowedDomain::parse(host).or_else(|_| AllowedDomain::parse("example.com"))?;
    let egress = Egress::new(EgressOptions {
        allow_loopback: true,
        total_timeout: Duration::from_secs(15),
        ..EgressOptions::default()
    });
    let place = url.clone();
    let request = Request {
        method: Method::POST,
        url,
        allowed_domain: &allowed_domain,
        headers: header_map,
        body,
        time_limit: None,
    };
    // What the client's error says is enough; its causes are the library's inner life.
    let response = egress.send(request).await.map_err(|error| {
        anyhow::anyhow!("cannot send to {place}: {error}; is `deskwire serve` running there? --to names another place")
    })?;
    Ok((response.status.as_u16(), deskwire_core::json::from_slice(&response.body).unwrap_or(Value::Null)))
}

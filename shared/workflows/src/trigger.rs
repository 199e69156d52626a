//! A workflow's trigger: events of a source, a schedule, or a person.

use deskwire_core::ids::SourceName;
use deskwire_core::time::Timestamp;

use crate::compile::Compiler;
use crate::fields::{Fields, name, text};
use crate::names::Spot;
use crate::outline::{self, Outline};
use crate::report::Report;
use crate::schedule::{self, Missed, Schedule};
use crate::schema::Schema;
use crate::workflow::{EventTrigger, Trigger};
use crate::yaml::{Kind, Node};
use crate::{events, manual, suggest, zone, zone_names};

const EVENT_KEYS: [&str; 3] = ["source", "event", "when"];
const SCHEDULE_KEYS: [&str; 3] = ["schedule", "zone", "missed"];
const KEYS: [&str; 7] = ["source", "event", "when", "schedule", "zone", "missed", "manual"];
/// The sources of the events that we make ourselves.
pub(crate) const OWN_SOURCES: [&str; 3] = ["schedule", "manual", DESKWIRE];
/// The source of events about Deskwire itself. Triggers and waits may name it without declaring it.
pub(crate) const DESKWIRE: &str = "deskwire";
/// Where the search for a schedule's first tick begins. Any time will do to find out whether there is one.
const SOME_TIME: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What is known of the trigger's event, and of its inputs if a person starts the workflow.
pub(crate) fn known<'n>(node: &'n Node, compiler: &Compiler<'n>) -> (Schema<'n>, Option<Schema<'n>>) {
    if outline::member(node, "schedule").is_some() {
        return (events::schema(Some("schedule"), &["schedule.tick"]), None);
    }
    if let Some(inputs) = outline::member(node, "manual") {
        return (events::schema(Some("manual"), &["manual.run"]), Some(manual::schema(inputs)));
    }
    let source = outline::text(node, "source").map(|(source, _)| source);
    let patterns = outline::member(node, "event").map(events::words).unwrap_or_default();
    (events::schema(compiler.provider_of(source), &patterns), None)
}

/// Reads the trigger.
pub(crate) fn read(
    node: &Node,
    outline: &Outline<'_>,
    compiler: &Compiler<'_>,
    report: &mut Report<'_>,
) -> Option<Trigger> {
    let has = |name| outline::member(node, name).is_some();
    let (keys, kind): (&[&str], _) = match (has("schedule"), has("manual")) {
        (true, false) if !has("source") && !has("event") => (&SCHEDULE_KEYS, "schedule"),
        (false, true) if !has("source") && !has("event") => (&["manual"], "manual"),
        (false, false) => (if has("zone") || has("missed") { &KEYS } else { &EVENT_KEYS }, "event"),
        _ => {
            Fields::read(node, "the trigger", &KEYS, report)?;
            let help =
                "a workflow is started by events (`source` and `event`), by a `schedule`, or by a person (`manual`)";
            report.error_with_help(node.span.start..node.span.start, "the trigger is of several kinds at once", help);
            return None;
        }
    };
    let fields = Fields::read(node, "the trigger", keys, report)?;
    match kind {
        "schedule" => read_schedule(&fields, report).map(Trigger::Schedule),
        "manual" => outline::member(node, "manual").map(|inputs| Trigger::Manual(manual::read(inputs, report))),
        _ => read_event(&fields, outline, compiler, report).map(Trigger::Event),
    }
}

fn read_event(
    fields: &Fields<'_>,
    outline: &Outline<'_>,
    compiler: &Compiler<'_>,
    report: &mut Report<'_>,
) -> Option<EventTrigger> {
    let source = fields.require("source", "source: zendesk-support", report);
    let sender = compiler.sender_of(source.and_then(|node| text_of(node)));
    let source = source.and_then(|node| compiler.source(node, report));
    let event = fields.require("event", "event: ticket.created", report);
    let events = event.map(|node| events::read(node, sender, report)).unwrap_or_default();
    let when = fields.get("when").and_then(|node| {
        let spot = Spot { in_trigger: true, ..Spot::new(outline, "the trigger") };
        let test = compiler.test(node, "when", &spot, report)?;
        if test.always() == Some(false) {
            let help = "remove it, or say what must hold; `active: false` switches a workflow off";
            report.warning(node.span.clone(), "`when` is always false: no event starts this workflow", help);
        }
        Some(test)
    });
    Some(EventTrigger { source: source?, events, when })
}

fn text_of(node: &Node) -> Option<&str> {
    if let Kind::Text(text) = &node.kind { Some(text) } else { None }
}

impl Compiler<'_> {
    /// Reads the name of a source; it must be declared.
    pub(crate) fn source(&self, node: &Node, report: &mut Report<'_>) -> Option<SourceName> {
        let (given, span) = text(node, "`source`", report)?;
        if let Some(declared) =
            self.declared.filter(|declared| given != DESKWIRE && !declared.sources.contains_key(given))
        {
            let known = declared.sources.keys().map(String::as_str);
            let help = match given {
                "schedule" => "a schedule is a trigger of its own: `trigger: { schedule: \"0 9 * * *\" }`".to_owned(),
                "manual" => "a start by a person is a trigger of its own: `trigger: { manual: {} }`".to_owned(),
                _ => suggest::help(given, known, "declare it under `sources` in deskwire.yaml"),
            };
            report.error_with_help(span, format!("there is no source `{given}`"), help);
            return None;
        }
        name(given, span, "`source`", SourceName::parse, report)
    }
}

fn read_schedule(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Schedule> {
    let words = [("latest", Missed::Latest), ("skip", Missed::Skip), ("all", Missed::All)];
    let missed = fields.word("missed", &words, report).unwrap_or_default();
    let zone = read_zone(fields, report);
    let cron = fields.require("schedule", "schedule: \"0 9 * * mon\"", report)?;
    let (cron, span) = text(cron, "`schedule`", report)?;
    if let Err(bad) = schedule::parse(cron) {
        let help = "such as `0 9 * * mon-fri`: minute 0 of hour 9, Monday to Friday";
        report.error_with_help(span, bad.to_string(), help);
        return None;
    }
    let schedule = Schedule { cron: cron.to_owned(), zone: zone?, missed };
    if matches!(schedule.next_after(SOME_TIME), Ok(None)) {
        let message = format!("`{cron}` never comes: there is no such day");
        report.error_with_help(span, message, "compare the day of the month with the month");
        return None;
    }
    Some(schedule)
}

/// Reads `zone`; `UTC` unless the file says otherwise.
pub(crate) fn read_zone(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    if fields.get("zone").is_none() {
        return Some("UTC".to_owned());
    }
    let (given, span) = fields.text("zone", report)?;
    if zone::zone(given).is_some() {
        if let Some(name) = zone_names::instead_of(given) {
            let message = format!("`{given}` is no place, so nobody knows whose summer time it follows, if any");
            report.warning(span, message, format!("did you mean `{name}`?"));
        }
        return Some(given.to_owned());
    }
    let help = if report.is_full() { String::new() } else { zone_names::help(given) };
    report.error_with_help(span, format!("there is no time zone `{given}`"), help);
    None
}

//! Compiling waits: for a duration, until a time, or for an event.

use std::time::Duration;

use deskwire_core::ids::SourceName;
use deskwire_core::time::{BadDuration, BadTimestamp, Timestamp, read_duration, show_duration};

use crate::compile::Compiler;
use crate::events;
use crate::fields::{Fields, text};
use crate::names::Spot;
use crate::outline;
use crate::report::Report;
use crate::step::Around;
use crate::trigger::read_zone;
use crate::workflow::{NextTime, StepKind, Wait, WaitForEvent};
use crate::yaml::{Kind, Node};

const EVENT_KEYS: [&str; 5] = ["event", "source", "subject", "when", "timeout"];
const KEYS: [&str; 8] = ["for", "until", "zone", "event", "source", "subject", "when", "timeout"];
const HOW: &str = "write `wait: 4h`, `wait: { until: \"09:00\", zone: Europe/Berlin }` or \
                   `wait: { event: ticket.comment_added, timeout: 24h }`";
/// Nobody remembers what a run was about after more than a year.
const MAX_WAIT: Duration = Duration::from_hours(400 * 24);
const LEAST_WAIT: Duration = Duration::from_secs(1);

impl<'s> Compiler<'s> {
    pub(crate) fn wait(&self, fields: &Fields<'s>, around: &Around<'s>, report: &mut Report<'_>) -> Option<StepKind> {
        let node = fields.get("wait")?;
        let wait = match &node.kind {
            Kind::Text(given) if read_duration(given) != Err(BadDuration::NoDuration) => {
                fields.duration_within("wait", LEAST_WAIT..=MAX_WAIT, report).map(Wait::For)
            }
            Kind::Text(given) => {
                let message = format!("`wait` must be a duration or a map, and `{given}` is none");
                report.error_with_help(node.span.clone(), message, HOW);
                None
            }
            Kind::Map(_) => self.wait_by_map(node, around, report),
            Kind::Broken => None,
            other => {
                report.error_with_help(node.span.clone(), format!("`wait` cannot be {}", other.what()), HOW);
                None
            }
        };
        wait.map(|wait| StepKind::Wait(Box::new(wait)))
    }

    fn wait_by_map(&self, node: &'s Node, around: &Around<'s>, report: &mut Report<'_>) -> Option<Wait> {
        let has = |key| outline::member(node, key).is_some();
        let forms: Vec<&str> = ["for", "until", "event"].into_iter().filter(|key| has(key)).collect();
        let keys: &[&str] = match forms[..] {
            ["for"] => &["for"],
            ["until"] => &["until", "zone"],
            ["event"] => &EVENT_KEYS,
            _ => &KEYS,
        };
        let fields = Fields::read(node, "`wait`", keys, report)?;
        match forms[..] {
            ["for"] => fields.duration_within("for", LEAST_WAIT..=MAX_WAIT, report).map(Wait::For),
            ["until"] => self.until(&fields, &around.spot, report),
            ["event"] => self.wait_for_event(&fields, around, report).map(Wait::Event),
            _ => {
                let message =
                    if forms.is_empty() { "`wait` does not say for what" } else { "`wait` is for several things" };
                report.error_with_help(node.span.clone(), message, HOW);
                None
            }
        }
    }

    fn until(&self, fields: &Fields<'_>, spot: &Spot<'_>, report: &mut Report<'_>) -> Option<Wait> {
        let node = fields.require("until", "until: \"09:00\"", report)?;
        let (given, span) = text(node, "`until`", report)?;
        if given.contains("{{") {
            if let Some(zone) = fields.key("zone") {
                let help = "it goes with a clock's time such as `until: \"09:00\"`; remove it";
                report.error_with_help(zone, "`zone` means nothing here: a template gives a point in time", help);
            }
            return self.template(node, "until", spot, report).map(Wait::Until);
        }
        match Timestamp::parse(given) {
            Ok(_) => return self.template(node, "until", spot, report).map(Wait::Until),
            Err(far @ BadTimestamp::TooFar(_)) => {
                report.error(span, far.to_string());
                return None;
            }
            Err(BadTimestamp::NoTime(_)) => {}
        }
        let Some((hour, minute)) = clock(given) else {
            let message = format!("`{given}` is no time of day");
            let help = "write hours and minutes such as \"09:00\", or a template that gives an RFC 3339 time";
            report.error_with_help(span, message, help);
            return None;
        };
        let zone = read_zone(fields, report)?;
        Some(Wait::Clock(NextTime { hour, minute, zone }))
    }

    fn wait_for_event(
        &self,
        fields: &Fields<'s>,
        around: &Around<'s>,
        report: &mut Report<'_>,
    ) -> Option<WaitForEvent> {
        let spot = &around.spot;
        let own = own_source(fields).or(around.source);
        let source = match fields.get("source") {
            Some(node) => self.source(node, report),
            None => trigger_source(fields, around, report),
        };
        let provider = self.provider_of(own);
        let sender = self.sender_of(own);
        let events = fields.get("event").map(|node| events::read(node, sender, report)).unwrap_or_default();
        let subject = fields.get("subject").and_then(|node| self.template(node, "subject", spot, report));
        let when = fields.get("when").and_then(|node| {
            let patterns: Vec<&str> = events.iter().map(String::as_str).collect();
            let arrived = Some(events::schema(provider, &patterns));
            self.test(node, "when", &Spot { arrived, ..spot.clone() }, report)
        });
        if fields.get("timeout").is_none() {
            let help = format!("add one, such as `timeout: 24h`; {} is the most", show_duration(MAX_WAIT));
            report.error_with_help(fields.span.clone(), "a `wait` for an event needs a `timeout`", help);
            return None;
        }
        let timeout = fields.duration_within("timeout", LEAST_WAIT..=MAX_WAIT, report)?;
        Some(WaitForEvent { source: source?, subject, events, when, timeout })
    }
}

/// The trigger's source, for a wait that names none.
fn trigger_source(fields: &Fields<'_>, around: &Around<'_>, report: &mut Report<'_>) -> Option<SourceName> {
    if let Some(source) = around.source {
        return SourceName::parse(source).ok();
    }
    let help = "this workflow's trigger has no source whose events could be waited for";
    let place = fields.key("event").unwrap_or(fields.span.clone());
    report.error_with_help(place, "a `wait` for an event needs a `source`", help);
    None
}

/// The source that a wait names.
fn own_source<'n>(fields: &Fields<'n>) -> Option<&'n str> {
    match fields.get("source").map(|node| &node.kind) {
        Some(Kind::Text(source)) => Some(source),
        _ => None,
    }
}

/// `09:00` as hours and minutes.
fn clock(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| {
        (part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i8>().ok())?
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60 && text.len() >= 4).then_some((hour, minute))
}

//! The event types that triggers and waits name: read, looked up in the table of those we know, and what their events hold.

use deskwire_core::event::pattern_covers;
use deskwire_core::known_events::{self, KnownEvent};
use deskwire_core::provider;

use crate::fields::text;
use crate::report::Report;
use crate::schema::Schema;
use crate::suggest;
use crate::trigger::DESKWIRE;
use crate::yaml::{Kind, Node};

/// The attributes of an event (CloudEvents 1.0), and its data.
pub(crate) const ATTRIBUTES: [&str; 7] = ["id", "source", "type", "subject", "time", "specversion", "data"];

/// Who sends the events of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'s> {
    pub source: &'s str,
    pub provider: &'s str,
    /// May types that the provider is not known to send be asked for?
    pub open: bool,
}

/// What an event of one of these types holds. Types that are not known are passed over, so that slips in what is known of
/// the others are found.
pub(crate) fn schema<'s>(provider: Option<&str>, patterns: &[&str]) -> Schema<'s> {
    let mut known: Vec<KnownEvent> = Vec::new();
    if let Some(provider) = provider {
        for found in patterns.iter().flat_map(|pattern| known_events::covered_by(provider, pattern)) {
            if !known.iter().any(|known| known.kind == found.kind) {
                known.push(found);
            }
        }
    }
    with_data(Schema::union(known.into_iter().map(|known| Schema::new(known.schema))))
}

fn with_data(data: Schema<'_>) -> Schema<'_> {
    let mut data = Some(data);
    Schema::object(ATTRIBUTES.map(|name| match name {
        "data" => (name, data.take().unwrap_or_default()),
        _ => (name, Schema::plain("string")),
    }))
}

/// The texts of `event`, a word or a list of words, without a word about anything else.
pub(crate) fn words(node: &Node) -> Vec<&str> {
    let single = std::slice::from_ref(node);
    let items = if let Kind::List(items) = &node.kind { items.as_slice() } else { single };
    items.iter().filter_map(|item| if let Kind::Text(text) = &item.kind { Some(text.as_str()) } else { None }).collect()
}

/// Reads `event`. A type that its provider is not known to send is a mistake, since nothing would ever start the workflow,
/// unless the source allows it: providers add types.
pub(crate) fn read(node: &Node, sender: Option<Sender<'_>>, report: &mut Report<'_>) -> Vec<String> {
    let single = std::slice::from_ref(node);
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => single,
    };
    if items.is_empty() {
        report.error_with_help(node.span.clone(), "`event` names no event", "add one, such as `ticket.created`");
    }
    let mut events = Vec::new();
    for item in items {
        let Some((given, span)) = text(item, "`event`", report) else { continue };
        if !is_pattern(given) {
            let help = "write a type such as `ticket.created`, or a prefix with `.*` at its end such as `ticket.*`";
            report.error_with_help(span, format!("`{given}` is no event type"), help);
            continue;
        }
        if let Some(Sender { source, provider, open: false }) = sender
            && known_events::kinds(provider).next().is_some()
            && known_events::covered_by(provider, given).is_empty()
            && !report.is_full()
        {
            let message = format!("{provider} is not known to send `{given}`");
            let mut help = likely(provider, given);
            if source != DESKWIRE {
                let allow = format!("a new one needs `allow_unknown_events: true` at the source `{source}`");
                help = format!("{help}; {allow}");
            }
            report.error_with_help(span, message, help);
        }
        events.push(given.to_owned());
    }
    events
}

/// The type that was probably meant, or those of the same family. Families are compared by themselves, since what follows
/// them is long and often alike.
fn likely(provider: &str, given: &str) -> String {
    // As Zendesk's own pages and payloads name them.
    let bare = given.strip_prefix("zen:event-type:").unwrap_or(given);
    let kinds: Vec<&'static str> = known_events::kinds(provider).map(|known| known.kind).collect();
    let same = |known: &str| letters(known) == letters(bare);
    if let Some(kind) = kinds.iter().find(|kind| same(kind)) {
        return format!("did you mean `{kind}`?");
    }
    if let Some(kind) =
        kinds.iter().filter(|kind| pattern_covers(&format!("{kind}.*"), bare)).max_by_key(|kind| kind.len())
    {
        return format!("did you mean `{kind}`? What follows it is in the event's `data`, for `when` to ask");
    }
    let elsewhere = |other: &&str| *other != provider && !known_events::covered_by(other, bare).is_empty();
    if let Some(other) = provider::names().find(|other| elsewhere(other)) {
        return format!("{other} sends that: is the `source` the right one?");
    }
    if let Some((_, meant)) = ALIASES.iter().find(|(alias, meant)| *alias == bare && kinds.contains(meant)) {
        return format!("did you mean `{meant}`?");
    }
    let (family, name) = bare.split_once('.').unwrap_or((bare, ""));
    let split = |kind: &'static str| kind.split_once('.').unwrap_or((kind, ""));
    let kinds: Vec<(&str, &str)> = kinds.into_iter().map(split).collect();
    let mut families: Vec<&str> = kinds.iter().map(|(family, _)| *family).collect();
    families.dedup();
    let Some(close) = suggest::closest(family, families.iter().copied()) else {
        return format!("its types begin with: {}", families.join(", "));
    };
    if name == "*" {
        return format!("did you mean `{close}.*`?");
    }
    let family = close;
    let names = || kinds.iter().filter(|(known, _)| *known == family).map(|(_, name)| *name);
    if let Some(name) = suggest::closest(name, names().filter(|name| *name != "*")) {
        return format!("did you mean `{family}.{name}`?");
    }
    // What is named alike in part comes first.
    let asked = words_of(name);
    let mut listed: Vec<&str> = names().collect();
    listed.sort_by_key(|name| std::cmp::Reverse(words_of(name).iter().filter(|word| asked.contains(word)).count()));
    let more = if listed.len() > SHOWN { ", …" } else { "" };
    let listed: Vec<String> = listed.into_iter().take(SHOWN).map(|name| format!("{family}.{name}")).collect();
    format!("there are: {}{more}", listed.join(", "))
}

/// How many types are listed where none is close.
const SHOWN: usize = 8;

/// What people call events that have another name.
const ALIASES: [(&str, &str); 13] = [
    ("ticket.solved", "ticket.status_changed"),
    ("ticket.closed", "ticket.status_changed"),
    ("ticket.opened", "ticket.created"),
    ("ticket.new", "ticket.created"),
    ("ticket.reopened", "ticket.status_changed"),
    ("ticket.assigned", "ticket.agent_assignment_changed"),
    ("ticket.assignee_changed", "ticket.agent_assignment_changed"),
    ("ticket.deleted", "ticket.soft_deleted"),
    ("ticket.commented", "ticket.comment_added"),
    ("ticket.comment_created", "ticket.comment_added"),
    ("ticket.replied", "ticket.comment_added"),
    ("ticket.tagged", "ticket.tags_changed"),
    ("survey.response", "surveyengine.completedResponse"),
];

/// The letters and digits of a type, however its words are joined.
fn letters(kind: &str) -> String {
    kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '*').map(|c| c.to_ascii_lowercase()).collect()
}

fn words_of(name: &str) -> Vec<&str> {
    name.split(['_', '.']).filter(|word| !word.is_empty()).collect()
}

/// A type in words joined by dots, or such a prefix with `.*` at its end.
fn is_pattern(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/'))
    };
    text.strip_suffix(".*").unwrap_or(text).split('.').all(word)
}

//! The event types that triggers and waits name: read, looked up in the table of those we know, and what their events hold.

use deskwire_core::known_events::{self, KnownEvent};

use crate::fields::text;
use crate::report::Report;
use crate::schema::Schema;
use crate::suggest;
use crate::yaml::{Kind, Node};

/// The attributes of an event (CloudEvents 1.0), and its data.
pub(crate) const ATTRIBUTES: [&str; 7] = ["id", "source", "type", "subject", "time", "specversion", "data"];

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

/// Reads `event`. A type that we do not know is a warning: providers add types.
pub(crate) fn read(node: &Node, provider: Option<&str>, report: &mut Report<'_>) -> Vec<String> {
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
        if let Some(provider) = provider
            && known_events::kinds(provider).next().is_some()
            && known_events::covered_by(provider, given).is_empty()
            && !report.is_full()
        {
            let message = format!("{provider} is not known to send `{given}`");
            report.warning(span, message, likely(provider, given));
        }
        events.push(given.to_owned());
    }
    events
}

/// The type that was probably meant, or those of the same family. Families are compared by themselves, since what follows
/// them is long and often alike.
fn likely(provider: &str, given: &str) -> String {
    let split = |kind: &'static str| kind.split_once('.').unwrap_or((kind, ""));
    let kinds: Vec<(&str, &str)> = known_events::kinds(provider).map(|known| split(known.kind)).collect();
    let (family, name) = given.split_once('.').unwrap_or((given, ""));
    let mut families: Vec<&str> = kinds.iter().map(|(family, _)| *family).collect();
    families.dedup();
    let Some(family) = suggest::closest(family, families.iter().copied()) else {
        return format!("its types begin with: {}; if it is new, leave it as it is", families.join(", "));
    };
    let names = || kinds.iter().filter(|(known, _)| *known == family).map(|(_, name)| *name);
    if let Some(name) = suggest::closest(name, names()) {
        return format!("did you mean `{family}.{name}`?");
    }
    let some: Vec<String> = names().take(8).map(|name| format!("{family}.{name}")).collect();
    let more = if names().count() > some.len() { ", …" } else { "" };
    format!("there are: {}{more}; if it is new, leave it as it is", some.join(", "))
}

/// A type in words joined by dots, or such a prefix with `.*` at its end.
fn is_pattern(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/'))
    };
    text.strip_suffix(".*").unwrap_or(text).split('.').all(word)
}

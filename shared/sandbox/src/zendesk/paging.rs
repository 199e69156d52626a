//! Lists in pages: by cursor where `page[size]` is given, else by number with 100 on a page.
//! <https://developer.zendesk.com/api-reference/introduction/pagination/>, checked 2026-11-23.
//!
//! As recorded: `has_more` can be true on the page that holds the last record; an empty page follows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What the query asks for.
pub(crate) type Query = [(String, String)];

/// A page number of an offset page.
const PER_PAGE: usize = 100;

/// The last value of a parameter.
pub(crate) fn parameter<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Which records are on the page, and what stands beside them.
pub(crate) struct Page {
    pub start: usize,
    pub size: usize,
    pub beside: Map<String, Value>,
}

/// The page that the query asks for, of a list with `total` records at `url`. The error is the parameter that is wrong.
pub(crate) fn page(query: &Query, total: usize, url: &str) -> Result<Page, &'static str> {
    if parameter(query, "page[size]").is_some() || parameter(query, "page[after]").is_some() {
        by_cursor(query, total, url)
    } else {
        by_number(query, total, url)
    }
}

fn by_cursor(query: &Query, total: usize, url: &str) -> Result<Page, &'static str> {
    let size = match parameter(query, "page[size]") {
        None => PER_PAGE,
        Some(size) => size.parse().ok().filter(|size| (1..=PER_PAGE).contains(size)).ok_or("page[size]")?,
    };
    let start = match parameter(query, "page[after]") {
        None => 0,
        Some(cursor) => read_cursor(cursor).ok_or("page[after]")?,
    };
    let end = total.min(start + size);
    // Zendesk knows that a page is full, not that nothing comes behind it.
    let has_more = end.saturating_sub(start) == size;
    let (after, before) = (has_more.then(|| write_cursor(end)), (end > start).then(|| write_cursor(start)));
    let link = |name: &str, cursor: &Option<String>| {
        cursor.as_ref().map(|cursor| {
            let mut link = url::form_urlencoded::Serializer::new(format!("{url}?"));
            link.append_pair(name, cursor).append_pair("page[size]", &size.to_string());
            link.finish()
        })
    };
    let beside = json!({
        "meta": { "has_more": has_more, "after_cursor": after, "before_cursor": before },
        "links": { "prev": link("page[before]", &before), "next": link("page[after]", &after) },
    });
    Ok(Page { start: start.min(total), size, beside: object(beside) })
}

fn by_number(query: &Query, total: usize, url: &str) -> Result<Page, &'static str> {
    let number = |name, default| match parameter(query, name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().ok().filter(|&number| number > 0).ok_or(name),
    };
    let (page, size) = (number("page", 1)?, number("per_page", PER_PAGE)?.min(PER_PAGE));
    let start = (page - 1).saturating_mul(size);
    let beside = json!({
        "next_page": (start + size < total).then(|| format!("{url}?page={}&per_page={size}", page + 1)),
        "previous_page": (page > 1).then(|| format!("{url}?page={}&per_page={size}", page - 1)),
        "count": total,
    });
    Ok(Page { start: start.min(total), size, beside: object(beside) })
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(object) = value { object } else { Map::new() }
}

fn write_cursor(place: usize) -> String {
    STANDARD.encode(format!("place:{place}"))
}

fn read_cursor(cursor: &str) -> Option<usize> {
    String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?.strip_prefix("place:")?.parse().ok()
}

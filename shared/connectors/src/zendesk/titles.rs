//! The titles of an account's ticket fields: `GET /api/v2/ticket_fields`,
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/#list-ticket-fields> (checked 2026-11-23).
//! Called by `look_up_ticket`, to show custom fields by the name that people know.

use std::collections::BTreeMap;

use deskwire_core::action::{CallError, ErrorClass};
use serde_json::{Map, Value};

use crate::zendesk::{Zendesk, list, next_cursor};

/// So many pages of 100 fields are read at most.
const MAX_PAGES: usize = 10;

/// Titles by the field's id.
pub(crate) type Titles = BTreeMap<u64, String>;

/// The titles that the connection's user may see. They are a convenience: where they cannot be read for good, as without
/// the right to see them, there are none, and the ticket is looked up all the same.
pub(crate) async fn read(zendesk: Zendesk<'_>) -> Result<Titles, CallError> {
    let mut titles = Titles::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut query = vec![("page[size]", "100")];
        query.extend(cursor.as_deref().map(|cursor| ("page[after]", cursor)));
        let page = match zendesk.get("api/v2/ticket_fields", &query, "the ticket fields").await {
            Ok(page) => page,
            Err(error) if error.class == ErrorClass::Fail => return Ok(Titles::new()),
            Err(error) => return Err(error),
        };
        for field in list(&page, "ticket_fields") {
            let id = field.get("id").and_then(Value::as_u64);
            if let (Some(id), Some(title)) = (id, field.get("title").and_then(Value::as_str)) {
                titles.insert(id, title.to_owned());
            }
        }
        cursor = next_cursor(&page);
        if cursor.is_none() {
            break;
        }
    }
    Ok(titles)
}

/// A ticket's custom fields by their id.
pub(crate) fn by_id(ticket: &Value) -> Map<String, Value> {
    fields(ticket).map(|(id, value)| (id.to_string(), value.clone())).collect()
}

/// A ticket's custom fields by their title. Of several with one title, the first that has a value counts.
pub(crate) fn by_title(ticket: &Value, titles: &Titles) -> Map<String, Value> {
    let mut found = Map::new();
    for (id, value) in fields(ticket) {
        if let Some(title) = titles.get(&id)
            && found.get(title).is_none_or(Value::is_null)
        {
            found.insert(title.clone(), value.clone());
        }
    }
    found
}

fn fields(ticket: &Value) -> impl Iterator<Item = (u64, &Value)> {
    let fields = list(ticket, "custom_fields").iter();
    fields.filter_map(|field| Some((field.get("id")?.as_u64()?, field.get("value").unwrap_or(&Value::Null))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_fields_with_one_title_the_first_with_a_value_counts() {
        let ticket = json!({ "custom_fields": [
            { "id": 1, "value": null }, { "id": 2, "value": "7781" }, { "id": 3, "value": "9" }, { "id": 4, "value": 1 }
        ] });
        let titles = Titles::from([1, 2, 3].map(|id| (id, "Order".to_owned())));
        assert_eq!(Value::Object(by_title(&ticket, &titles)), json!({ "Order": "7781" }));
        assert_eq!(Value::Object(by_id(&ticket)), json!({ "1": null, "2": "7781", "3": "9", "4": 1 }));
    }
}

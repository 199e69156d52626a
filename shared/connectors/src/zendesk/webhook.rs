//! A source's webhook at Zendesk, made and kept as it should be. Not an action: `deskwire sources provision` calls it.
//!
//! <https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/> (checked 2026-11-23). It needs an
//! administrator's rights, or the scopes `webhooks:read` and `webhooks:write`.

use deskwire_core::action::CallError;
use deskwire_core::action::ErrorClass;
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::Url;

use super::failure::Asked;
use super::{Write, Zendesk, list, next_cursor};
use crate::client::Client;
use crate::provision::{Done, Provisioned};
use crate::several;

const PATH: &str = "api/v2/webhooks";

/// What Zendesk calls a webhook that its triggers and automations call.
const BY_TRIGGERS: &str = "conditional_ticket_events";

/// What stands before the names of event types.
const EVENT_TYPE: &str = "zen:event-type:";

/// A page of webhooks, and how many pages are looked through: an account has at most a few hundred.
const PAGE_SIZE: &str = "100";
const MOST_PAGES: usize = 10;

/// A webhook as it should be.
#[derive(Debug, Clone)]
pub struct Webhook<'a> {
    /// Its name in the Admin Center; it is found again by it and by its endpoint.
    pub name: &'a str,
    /// Where it delivers.
    pub endpoint: &'a Url,
    /// The event types it subscribes to, such as `ticket.created`; with none, triggers and automations call it.
    pub events: &'a [String],
    /// Is its signing secret made anew? The one before it is invalid at once.
    pub new_secret: bool,
}

impl Webhook<'_> {
    fn subscriptions(&self) -> Vec<String> {
        if self.events.is_empty() {
            return vec![BY_TRIGGERS.to_owned()];
        }
        let mut all: Vec<String> = self.events.iter().map(|event| format!("{EVENT_TYPE}{event}")).collect();
        all.sort_unstable();
        all
    }
}

/// Makes the webhook, or changes the one that is there already, and reads its signing secret. May be repeated.
pub async fn provision(
    client: &Client,
    connection: &ConnectionName,
    webhook: &Webhook<'_>,
) -> Result<Provisioned, CallError> {
    let zendesk = Zendesk::on(client, connection)?;
    let subscriptions = webhook.subscriptions();
    let found = find(&zendesk, webhook).await?;
    let (id, done) = match found {
        None => (create(&zendesk, webhook, &subscriptions).await?, Done::Created),
        Some(found) => {
            let id = text(&found, "/id").ok_or_else(|| zendesk.not_zendesk(WEBHOOK, ErrorClass::Retry))?;
            let mut there: Vec<&str> = list(&found, "subscriptions").iter().filter_map(Value::as_str).collect();
            there.sort_unstable();
            if there == subscriptions && text(&found, "/status").as_deref() == Some("active") {
                (id, Done::Unchanged)
            } else {
                let body = json!({ "webhook": { "status": "active", "subscriptions": subscriptions } });
                change(&zendesk, Method::PATCH, &format!("{PATH}/{id}"), &body).await?;
                (id, Done::Changed)
            }
        }
    };
    let mut before = several::Done::default();
    match done {
        Done::Created => before.add(format!("the webhook {id} was created")),
        Done::Changed => before.add(format!("the webhook {id} was changed")),
        Done::Unchanged => {}
    }
    let path = format!("{PATH}/{id}/signing_secret");
    let answer = if webhook.new_secret && done != Done::Created {
        let asking = |error| before.failed_at(&format!("POST /{path}"), error);
        change(&zendesk, Method::POST, &path, &Value::Null).await.map_err(asking)?
    } else {
        let asking = |error| before.failed_at(&format!("GET /{path}"), error);
        zendesk.get(&path, &[], "the webhook's signing secret").await.map_err(asking)?
    };
    let secret = text(&answer, "/signing_secret/secret");
    let secret = secret.ok_or_else(|| zendesk.not_zendesk("the webhook's signing secret", ErrorClass::Retry))?;
    Ok(Provisioned { ids: vec![id], done, secret: SecretString::from(secret) })
}

const WEBHOOK: &str = "the webhook";

async fn find(zendesk: &Zendesk<'_>, webhook: &Webhook<'_>) -> Result<Option<Value>, CallError> {
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut query = vec![("filter[name_contains]", webhook.name), ("page[size]", PAGE_SIZE)];
        query.extend(cursor.as_deref().map(|cursor| ("page[after]", cursor)));
        let page = zendesk.get(PATH, &query, "the account's webhooks").await?;
        let ours = |one: &&Value| text(one, "/endpoint").as_deref() == Some(webhook.endpoint.as_str());
        if let Some(found) = list(&page, "webhooks").iter().find(ours) {
            return Ok(Some(found.clone()));
        }
        cursor = next_cursor(&page);
        if cursor.is_none() {
            break;
        }
    }
    Ok(None)
}

async fn create(zendesk: &Zendesk<'_>, webhook: &Webhook<'_>, subscriptions: &[String]) -> Result<String, CallError> {
    let body = json!({ "webhook": {
        "name": webhook.name,
        "description": "Sends events to Deskwire, which made it. Change it there: deskwire sources provision.",
        "status": "active",
        "endpoint": webhook.endpoint,
        "http_method": "POST",
        "request_format": "json",
        "subscriptions": subscriptions,
    } });
    let answer = change(zendesk, Method::POST, PATH, &body).await?;
    text(&answer, "/webhook/id").ok_or_else(|| zendesk.not_zendesk(WEBHOOK, ErrorClass::Retry))
}

async fn change(zendesk: &Zendesk<'_>, method: Method, path: &str, body: &Value) -> Result<Value, CallError> {
    // A lost answer is no harm: whoever comes again finds what is there.
    let asked = Asked::change(WEBHOOK);
    Ok(zendesk.write(Write { method, path, query: &[], headers: HeaderMap::new(), body, asked }).await?.body)
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use deskwire_core::secret::ExposeSecret;
    use wiremock::matchers::{body_partial_json, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::client;

    const OURS: &str = "https://relay.example.com/webhooks/zendesk/support";

    async fn provisioned(server: &MockServer, events: &[&str], new_secret: bool) -> Result<Provisioned, CallError> {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        let endpoint = Url::parse(OURS).unwrap();
        let webhook = Webhook { name: "Deskwire: support", endpoint: &endpoint, events: &events, new_secret };
        provision(&client(server), &ConnectionName::parse("zendesk").unwrap(), &webhook).await
    }

    async fn lists(server: &MockServer, webhooks: Value, meta: Value) {
        let page = ResponseTemplate::new(200).set_body_json(json!({ "webhooks": webhooks, "meta": meta }));
        Mock::given(method("GET")).and(path("/api/v2/webhooks")).respond_with(page).mount(server).await;
    }

    async fn has_secret(server: &MockServer, verb: &str, status: u16) {
        let secret = json!({ "signing_secret": { "algorithm": "SHA256", "secret": "s3cr3t" } });
        let answer = ResponseTemplate::new(status).set_body_json(secret);
        let at = path("/api/v2/webhooks/01HX/signing_secret");
        Mock::given(method(verb)).and(at).respond_with(answer).expect(1).mount(server).await;
    }

    fn there(subscriptions: &Value) -> Value {
        json!([
            { "id": "01HA", "name": "Deskwire: support", "endpoint": "https://old.example.com/", "status": "active",
              "subscriptions": subscriptions },
            { "id": "01HX", "name": "Deskwire: support", "endpoint": OURS, "status": "active",
              "subscriptions": subscriptions },
        ])
    }

    #[tokio::test]
    async fn a_webhook_is_made_with_what_workflows_want_and_its_secret_is_read() {
        let server = MockServer::start().await;
        lists(&server, json!([]), json!({ "has_more": false })).await;
        let body = json!({ "webhook": { "endpoint": OURS, "http_method": "POST", "request_format": "json", "status": "active",
            "subscriptions": ["zen:event-type:ticket.created", "zen:event-type:ticket.status_changed"] } });
        let created = ResponseTemplate::new(201).set_body_json(json!({ "webhook": { "id": "01HX" } }));
        let create = Mock::given(method("POST")).and(path("/api/v2/webhooks")).and(body_partial_json(body));
        create.respond_with(created).expect(1).mount(&server).await;
        has_secret(&server, "GET", 200).await;
        let done = provisioned(&server, &["ticket.status_changed", "ticket.created"], true).await.unwrap();
        assert_eq!((done.done, done.secret.expose_secret()), (Done::Created, "s3cr3t"));
    }

    #[tokio::test]
    async fn the_one_that_delivers_here_is_kept_or_changed_and_never_doubled() {
        let wanted = json!(["zen:event-type:ticket.created"]);
        let server = MockServer::start().await;
        lists(&server, there(&wanted), json!({ "has_more": false })).await;
        has_secret(&server, "GET", 200).await;
        let done = provisioned(&server, &["ticket.created"], false).await.unwrap();
        assert_eq!((done.ids, done.done), (vec!["01HX".to_owned()], Done::Unchanged));

        let server = MockServer::start().await;
        lists(&server, there(&wanted), json!({ "has_more": false })).await;
        let body =
            json!({ "webhook": { "subscriptions": ["zen:event-type:ticket.created", "zen:event-type:user.created"] } });
        let change = Mock::given(method("PATCH")).and(path("/api/v2/webhooks/01HX")).and(body_partial_json(body));
        change.respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
        has_secret(&server, "POST", 201).await;
        let done = provisioned(&server, &["user.created", "ticket.created"], true).await.unwrap();
        assert_eq!(done.done, Done::Changed);
    }

    #[tokio::test]
    async fn it_is_found_on_a_later_page() {
        let server = MockServer::start().await;
        let page = ResponseTemplate::new(200)
            .set_body_json(json!({ "webhooks": there(&json!([BY_TRIGGERS])), "meta": { "has_more": false } }));
        let second = Mock::given(method("GET")).and(path("/api/v2/webhooks")).and(query_param("page[after]", "next"));
        second.respond_with(page).mount(&server).await;
        lists(&server, json!([]), json!({ "has_more": true, "after_cursor": "next" })).await;
        has_secret(&server, "GET", 200).await;
        assert_eq!(provisioned(&server, &[], false).await.unwrap().done, Done::Unchanged, "triggers call it");
    }

    #[tokio::test]
    async fn a_user_who_is_no_administrator_is_told_so() {
        let server = MockServer::start().await;
        let refused =
            ResponseTemplate::new(403).set_body_json(json!({ "error": "Forbidden", "description": "No access" }));
        Mock::given(method("GET")).respond_with(refused).mount(&server).await;
        let error = provisioned(&server, &["ticket.created"], false).await.unwrap_err();
        assert!(error.message.contains("account's webhooks"), "{}", error.message);
    }
}

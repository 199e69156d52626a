//! `qualtrics.send_json_event`: starts a Qualtrics workflow that has a JSON event, by a POST to the address that its editor
//! shows. <https://www.qualtrics.com/support/survey-platform/actions-module/json-events/>, checked 2026-11-23.
//!
//! The address is a secret by itself: whoever has it can start the workflow, unless the trigger asks for a sign-in. So it
//! comes from the connection's `secret_url`, and stands in no input, journal or message.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{PROVIDER, Qualtrics, budget, errors};
use crate::client::Client;
use crate::input;
use crate::schema;

const NAME: &str = "qualtrics.send_json_event";
const PAGE: &str = "https://www.qualtrics.com/support/survey-platform/actions-module/json-events/";

/// The largest event, in bytes.
const MOST: usize = 100 * 1024;

/// Our code for an event that is larger.
const TOO_LARGE: &str = "event_too_large";

const EXAMPLE: &str = "\
- id: survey
  action: qualtrics.send_json_event
  connection: qualtrics-events
  with:
    event:
      email: \"{{ steps.requester.email }}\"
      ticket_id: \"{{ steps.ticket.id }}\"
      subject: \"{{ steps.ticket.subject }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SendJsonEventInput {
    /// The event, at most 100 KB as JSON. The trigger in Qualtrics picks fields out of it by `JSONPath`.
    #[schemars(extend("x-personal" = true))]
    pub event: Map<String, Value>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SendJsonEventOutput {
    /// Was it taken? What the workflow in Qualtrics does with it is not known.
    pub accepted: bool,
    /// Qualtrics' id of the request, where it gives one.
    pub request_id: Option<String>,
}

/// The action.
pub struct SendJsonEvent {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl SendJsonEvent {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Starts a Qualtrics workflow by a JSON event.",
            input: schema::of::<SendJsonEventInput>(),
            output: schema::of::<SendJsonEventOutput>(),
            effect: Effect::Unprovable,
            // JSON events take an API token and no OAuth.
            scopes: &[],
            errors: errors(&[
                ErrorHelp { code: TOO_LARGE, class: ErrorClass::Fail, help: "The event is over 100 KB; send less." },
                ErrorHelp {
                    code: "no_secret_url",
                    class: ErrorClass::Fail,
                    help: "The connection has no `secret_url`: the address that the JSON event's editor in Qualtrics shows.",
                },
            ]),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn send(&self, call: Call<'_>) -> Result<Value, CallError> {
        let Some(event) = input::map(call.input, "event")? else {
            return Err(input::bad("`event` is none: there is nothing to send.".to_owned()));
        };
        let body = Bytes::from(Value::Object(event.clone()).to_string());
        if body.len() > MOST {
            let message = format!("The event is {} bytes long; Qualtrics takes {MOST} at most. Send less.", body.len());
            return Err(CallError::new(ErrorClass::Fail, TOO_LARGE, message));
        }
        let answer = Qualtrics::on(&self.client, call.connection)?.tell(body).await?;
        let request = answer.pointer("/meta/requestId").cloned().unwrap_or(Value::Null);
        Ok(json!({ "accepted": true, "request_id": request }))
    }
}

impl Action for SendJsonEvent {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.send(call))
    }
}

#[cfg(test)]
mod tests {
    use deskwire_core::action::EffectKey;
    use deskwire_core::ids::ConnectionName;
    use deskwire_core::secret::SecretString;
    use wiremock::matchers::{body_json, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::{self, connection_at};

    const TOKEN: &str = "0a1b2c3d-marker-url-token";

    /// Sends through a connection that has such an address.
    async fn send(server: &MockServer, event: Value) -> Result<Value, CallError> {
        let url =
            SecretString::from(format!("{}/inbound-event/v1/events/json/triggers?urlTokenId={TOKEN}", server.uri()));
        let connection = connection_at("qualtrics", &server.uri()).with_secret_url(&url).unwrap();
        call(connection, event).await
    }

    async fn call(connection: crate::Connection, event: Value) -> Result<Value, CallError> {
        let options = deskwire_egress::EgressOptions { allow_loopback: true, ..Default::default() };
        let client = Client::new(Arc::new(deskwire_egress::Egress::new(options)), [connection]);
        let (name, input) = (ConnectionName::parse("qualtrics").unwrap(), json!({ "event": event }));
        let key = EffectKey("0123456789abcdef".repeat(4));
        let (not_before, time_limit) = (testing::not_before(), testing::time_limit());
        let called = SendJsonEvent::new(Arc::new(client))
            .call(Call { connection: &name, input: &input, key: &key, not_before, time_limit, request_id: None })
            .await;
        assert!(!format!("{called:?}").contains("marker"), "{called:?}");
        called
    }

    #[tokio::test]
    async fn an_event_goes_to_the_secret_address_as_it_stands() {
        let server = MockServer::start().await;
        let event = json!({ "email": "ada@example.com", "ticket_id": "48213" });
        let taken =
            ResponseTemplate::new(200).set_body_json(json!({ "meta": { "httpStatus": "200 - OK", "requestId": "r" } }));
        let post =
            Mock::given(method("POST")).and(path("/inbound-event/v1/events/json/triggers")).and(body_json(&event));
        post.and(query_param("urlTokenId", TOKEN)).respond_with(taken).expect(1).mount(&server).await;
        assert_eq!(send(&server, event).await.unwrap(), json!({ "accepted": true, "request_id": "r" }));
        let calls = server.received_requests().await.unwrap();
        assert!(calls[0].headers.contains_key("x-api-token"));
    }

    #[tokio::test]
    async fn what_is_too_large_or_has_nowhere_to_go_is_not_sent() {
        let server = MockServer::start().await;
        let error = send(&server, json!({ "x": "y".repeat(MOST) })).await.unwrap_err();
        assert_eq!(error.code, TOO_LARGE);
        assert_eq!(send(&server, Value::Null).await.unwrap_err().code, "bad_input");
        let without = call(connection_at("qualtrics", &server.uri()), json!({})).await.unwrap_err();
        assert!(without.code == "no_secret_url" && without.message.contains("secret_url"), "{without}");
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_lost_answer_is_unknown_and_no_failure_tells_the_address() {
        for (status, class) in
            [(500, ErrorClass::Unknown), (504, ErrorClass::Unknown), (429, ErrorClass::Retry), (404, ErrorClass::Fail)]
        {
            let server = MockServer::start().await;
            Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
            assert_eq!(send(&server, json!({})).await.unwrap_err().class, class, "{status}");
        }
    }

    #[test]
    fn a_secret_address_lies_within_the_allowed_domain_and_is_never_shown() {
        for bad in [
            "not a url marker",
            "http://fra1.qualtrics.com/?urlTokenId=marker",
            "https://evil.example.com/?urlTokenId=marker",
            "https://u:marker@fra1.qualtrics.com/",
        ] {
            let connection = connection_at("qualtrics", "https://fra1.qualtrics.com");
            let error = connection.with_secret_url(&SecretString::from(bad)).unwrap_err();
            assert!(
                error.to_string().contains("secret_url") && !format!("{error} {error:?}").contains("marker"),
                "{error}"
            );
        }
    }
}

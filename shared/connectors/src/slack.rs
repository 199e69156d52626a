//! Slack's Web API: one way to call a method, and what its answers mean. Called by the actions in this folder.
//!
//! Every method takes a POST with a form (<https://docs.slack.dev/apis/web-api>, checked 2026-11-23), reads too; that is
//! what Slack's own SDKs send. Whether a call succeeded stands in the body's `ok`; only 429 and 5xx say it by status, and
//! error pages are HTML.

pub mod add_reaction;
mod blocks;
mod channels;
pub(crate) mod codes;
mod content;
pub mod get_message;
pub mod get_thread_messages;
pub mod look_up_user;
mod message;
mod post;
pub mod post_message;
mod posting;
pub mod reply_in_thread;
pub mod send_direct_message;
mod split;
mod thread;
mod trace;

use bytes::Bytes;
use deskwire_core::action::{Call, CallError, ErrorClass, HoldKey};
use deskwire_core::ids::ConnectionName;
use deskwire_egress::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use crate::client::{Client, DEFAULT_WAIT, NoJson, Outgoing, broken_answer, json_of, lost_advice, quoted, unreadable};
use crate::connection::Connection;
use deskwire_core::retry_after::retry_after;

/// The provider's name in the facts table.
pub(crate) const PROVIDER: &str = "slack";

/// The budget of a method: Slack counts per method and workspace, and a 429 blocks the method for the whole workspace
/// (<https://docs.slack.dev/apis/web-api/rate-limits>).
pub(crate) fn method_budget(connection: &ConnectionName, method: &str) -> HoldKey {
    HoldKey(format!("{connection}|{method}"))
}

/// A connection to one workspace, for the time of one call of an action.
#[derive(Clone, Copy)]
pub(crate) struct Slack<'a> {
    client: &'a Client,
    connection: &'a Connection,
}

impl<'a> Slack<'a> {
    pub(crate) fn open(client: &'a Client, call: Call<'a>) -> Result<Self, CallError> {
        Ok(Self { client, connection: client.connection(call.connection, PROVIDER)? })
    }

    pub(crate) fn connection_name(&self) -> &'a ConnectionName {
        &self.connection.name
    }

    /// Calls a method and answers with the body of a success. `if_lost` is the class of an answer that was lost.
    pub(crate) async fn call(
        &self,
        method: &str,
        form: &[(&str, &str)],
        if_lost: ErrorClass,
    ) -> Result<Value, CallError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        // No charset: Slack answers a form that carries one with a warning.
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let outgoing = Outgoing { method: Method::POST, path: method, query: &[], headers, body: Bytes::from(body) };
        let response = self.client.send(self.connection, outgoing, if_lost).await?;
        self.read(method, &response, if_lost)
    }

    fn read(&self, method: &str, response: &Response, if_lost: ErrorClass) -> Result<Value, CallError> {
        let (status, connection) = (response.status, &self.connection.name);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.rate_limited(method, "ratelimited", &response.headers));
        }
        if status.is_server_error() {
            let message = format!(
                "Slack answered {method} on connection {connection} with status {}. {}",
                status.as_u16(),
                lost_advice(if_lost)
            );
            let mut error = CallError::new(if_lost, format!("http_{}", status.as_u16()), message);
            error.retry_after = retry_after(&response.headers);
            return Err(error);
        }
        let body = match json_of(response) {
            Ok(body) => Some(body),
            Err(NoJson::Broken(why)) if status.is_success() => {
                return Err(broken_answer(self.connection, method, &why, if_lost));
            }
            Err(_) => None,
        };
        match body.as_ref().and_then(|body| body.get("ok")?.as_bool()) {
            Some(true) if status.is_success() => Ok(body.unwrap_or_default()),
            Some(false) => Err(self.refused(method, &body.unwrap_or_default(), &response.headers, if_lost)),
            _ => {
                let class = if status.is_success() { unreadable(if_lost) } else { ErrorClass::Fail };
                let message = format!(
                    "What answered {method} on connection {connection} (status {}) does not speak Slack's Web API. \
                     Check the connection's base_url; it ends in /api/.",
                    status.as_u16()
                );
                Err(CallError::new(class, format!("http_{}", status.as_u16()), message))
            }
        }
    }

    fn rate_limited(&self, method: &str, code: &str, headers: &HeaderMap) -> CallError {
        let (connection, wait) = (&self.connection.name, retry_after(headers).unwrap_or(DEFAULT_WAIT));
        let message = format!(
            "Slack takes no more {method} calls on connection {connection} for {} s; nothing was done, and it will be \
             tried again.",
            wait.as_secs()
        );
        CallError::rate_limited(code, message, wait, method_budget(connection, method))
    }

    /// Words a refusal (`ok: false`) by the table of codes.
    fn refused(&self, method: &str, body: &Value, headers: &HeaderMap, if_lost: ErrorClass) -> CallError {
        let connection = &self.connection.name;
        let code = body.get("error").and_then(Value::as_str).map_or_else(|| "no_code".to_owned(), quoted);
        let Some(row) = codes::find(&code) else {
            let message = format!(
                "Slack refused {method} on connection {connection}: {code}, an error that Deskwire does not know. See \
                 the method's page on docs.slack.dev."
            );
            return CallError::new(ErrorClass::Fail, code, message);
        };
        if row.class == codes::Class::RateLimited {
            return self.rate_limited(method, row.code, headers);
        }
        let class = row.class.of_call(if_lost);
        let mut sentences =
            vec![format!("Slack refused {method} on connection {connection}: {code}."), row.help.into()];
        if let Some(needed) = body.get("needed").and_then(Value::as_str) {
            let provided = body.get("provided").and_then(Value::as_str).unwrap_or("unknown");
            sentences.push(format!("Needed: {}; the token has: {}.", quoted(needed), quoted(provided)));
        }
        if let Some(detail) = text_at(body, "/response_metadata/messages/0") {
            sentences.push(format!("Slack says: {}", quoted(detail)));
        }
        match class {
            ErrorClass::NeedsReauthorization => {
                sentences.push(self.connection.remedy());
            }
            ErrorClass::Unknown => sentences.push(lost_advice(class).into()),
            ErrorClass::Retry | ErrorClass::Fail => {}
        }
        CallError::new(class, code, sentences.join(" "))
    }

    /// A success that lacks what its method promises.
    pub(crate) fn incomplete(&self, method: &str, field: &str, if_lost: ErrorClass) -> CallError {
        let message = format!(
            "Slack answered {method} on connection {} without `{field}`. Check the connection's base_url.",
            self.connection.name
        );
        CallError::new(unreadable(if_lost), "incomplete_answer", message)
    }
}

/// The text of an answer's field, found by its JSON pointer.
pub(crate) fn text_at<'a>(answer: &'a Value, pointer: &str) -> Option<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;

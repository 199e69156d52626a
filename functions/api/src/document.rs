//! The OpenAPI 3.1 document (<https://spec.openapis.org/oas/v3.1.1.html>), made from the table of endpoints.

use serde_json::{Map, Value, json};

use crate::endpoints::{ENDPOINTS, Endpoint};

/// The document.
pub(crate) fn openapi() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deskwire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What came in, what was done about it, and what a person decides.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token that was set with `deskwire secrets set api-token`.",
                },
            },
            "schemas": schemas(),
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let in_path = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(endpoint.query.iter().map(
        |(name, about)| json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } }),
    ));
    let problem = |about: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        json!({ "description": about, "content": { "application/problem+json": { "schema": schema } } })
    };
    let id: String = endpoint.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut operation = json!({
        "operationId": format!("{}{}", endpoint.method, id.trim_end_matches('_')),
        "summary": endpoint.about,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The answer.",
                "content": { "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{}", endpoint.answer) },
                } },
            },
            "400": problem("The question is not understood."),
            "401": problem("The token is missing or wrong."),
            "404": problem("There is no such thing."),
            "409": problem("That cannot be done now."),
            "503": problem("The store is away; come again after `Retry-After`."),
        },
    });
    if let Some(body) = endpoint.body {
        let schema = json!({ "$ref": format!("#/components/schemas/{body}") });
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": "string", "format": "date-time" });
    let none_or = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let number = || json!({ "type": "integer" });
    let list_of = |name: &str| json!({ "type": "array", "items": { "$ref": format!("#/components/schemas/{name}") } });
    let steps = || json!({ "type": "array", "items": { "type": "string" } });
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required });
    let event = json!({
        "number": number(), "source": text(), "id": text(), "type": text(), "subject": text(), "received_at": time(),
        "state": { "enum": ["accepted", "unwanted", "rejected"] }, "reason": none_or(text()),
    });
    let run = json!({
        "number": number(), "id": text(), "workflow": text(), "version": text(),
        "state": { "enum": ["queued", "running", "retrying", "waiting", "unknown", "succeeded", "failed", "skipped", "dead"] },
        "reason": none_or(text()), "source": text(), "event_id": text(), "event_type": text(), "subject": text(),
        "queued_at": time(), "ended_at": none_or(time()), "due_at": none_or(time()), "deliveries": number(), "replay": number(),
    });
    json!({
        "EventLine": object(event, &["number", "source", "id", "type", "subject", "received_at", "state"]),
        "RunLine": object(run, &["number", "id", "workflow", "version", "state", "queued_at"]),
        "EventPage": object(json!({ "items": list_of("EventLine"), "next": none_or(number()) }), &["items", "next"]),
        "RunPage": object(json!({ "items": list_of("RunLine"), "next": none_or(number()) }), &["items", "next"]),
        "Event": object(json!({
            "event": { "$ref": "#/components/schemas/EventLine" }, "data": {}, "declined": { "type": "array" },
            "runs": list_of("RunLine"),
        }), &["event", "runs"]),
        "Run": object(json!({
            "run": { "$ref": "#/components/schemas/RunLine" }, "event": {}, "journal": { "type": "array" },
        }), &["run", "journal"]),
        "ReplayPlan": object(json!({ "run": text(), "done": steps(), "unknown": steps(), "failed": steps() }), &["run"]),
        "Replayed": object(json!({ "replayed": text(), "run": text() }), &["replayed", "run"]),
        "Decision": object(json!({
            "step": { "type": "string", "description": "which step, where several are unknown" },
            "happened": { "type": "boolean" },
            "output": { "description": "what later steps see as its output, where it happened" },
        }), &["happened"]),
        "Settled": object(json!({ "run": text(), "step": text(), "happened": { "type": "boolean" } }), &["run", "step"]),
        "WorkflowList": object(json!({ "items": { "type": "array", "items": object(json!({
            "name": text(), "version": text(), "active": { "type": "boolean" }, "file": text(), "applied_at": time(),
        }), &["name", "version", "active"]) } }), &["items"]),
        "Switched": object(json!({ "name": text(), "active": { "type": "boolean" } }), &["name", "active"]),
        "ConnectionList": object(json!({ "items": { "type": "array", "items": object(json!({
            "connection": text(), "standing": text(), "reason": none_or(text()), "since": time(), "expires_at": none_or(time()),
        }), &["connection", "standing"]) } }), &["items"]),
        "Problem": object(json!({
            "type": text(), "title": text(), "status": number(), "detail": text(), "request_id": text(),
        }), &["type", "title", "status", "detail", "request_id"]),
    })
}

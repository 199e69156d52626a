//! The schema of `deskwire.yaml`.

use deskwire_core::provider;
use serde_json::{Value, json};

use super::{DRAFT, duration, map, names, part};

const NAME: &str = "^[a-z0-9][a-z0-9_-]*$";

/// JSON Schema of `deskwire.yaml`.
pub fn project() -> Value {
    let providers: Vec<&str> = provider::names().collect();
    let schemes: Vec<&str> = provider::names()
        .filter_map(provider::provider)
        .flat_map(|provider| provider.signatures.iter().map(|scheme| scheme.name.as_str()))
        .collect();
    let mut schemes = schemes;
    schemes.sort_unstable();
    schemes.dedup();
    json!({
        "$schema": DRAFT,
        "title": "Deskwire project",
        "description": "Where events come from, what steps may call, and how long things are kept.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "sources": {
                "type": "object",
                "description": "Where events come from, by name. The name is the last part of the webhook's path.",
                "propertyNames": { "allOf": [names(NAME), { "not": { "enum": ["schedule", "manual", "deskwire"] } }] },
                "additionalProperties": { "$ref": "#/$defs/source" },
            },
            "oauth_clients": {
                "type": "object",
                "description": "OAuth 2.0 clients, by name; connections name them.",
                "propertyNames": names(NAME),
                "additionalProperties": { "$ref": "#/$defs/oauth_client" },
            },
            "connections": {
                "type": "object",
                "description": "Stored credentials for services, by name; steps name them.",
                "propertyNames": names(NAME),
                "additionalProperties": { "$ref": "#/$defs/connection" },
            },
            "retention": part("duration", "How long events are kept, with their runs and journals: 90d unless given, at least 1d."),
        },
        "$defs": {
            "duration": duration(),
            "secret": secret(),
            "source": map("A webhook endpoint.", &["provider"], &json!({
                "provider": { "enum": providers, "description": "Who sends the events." },
                "scheme": { "enum": schemes, "description": "Which of the provider's signature schemes it uses; the usual one unless given." },
                "signing_secrets": {
                    "description": "What its requests are signed with; during a rotation there are several.",
                    "anyOf": [{ "$ref": "#/$defs/secret" }, { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/secret" } }],
                },
                "shared_key": part("secret", "The key it is signed with, where the provider calls it that."),
                "tolerance": part("duration", "How far a signed timestamp may lie from our clock: 5m unless given."),
                "repeat_window": part("duration", "How long equal bodies without an id count as repeats: 5m unless given."),
                "max_age": part("duration", "How old what an event reports may be, where the provider signs no timestamp; without end unless given."),
                "account_id": { "type": ["string", "integer"], "description": "The provider's account; events that name another one are rejected." },
                "connection": { "type": "string", "description": "The connection by which `deskwire sources provision` sets it up." },
                "allow_unknown_events": { "type": "boolean", "description": "Lets workflows ask for event types that the provider is not known to send, such as those of a new release." },
                "accept_test_secret": { "type": "boolean", "description": "For setting up: takes the provider's public test secret too, which anyone can sign with." },
            })),
            "oauth_client": map("What tokens are asked for as.", &["provider", "grant", "client_id"], &json!({
                "provider": { "enum": providers, "description": "Whose tokens they are; `http` for any other server." },
                "grant": { "enum": ["authorization_code", "client_credentials"], "description": "A person agrees once, or the client asks for itself." },
                "client_id": { "type": "string", "description": "Who we are to the provider." },
                "client_secret": part("secret", "What proves it; none for a public client."),
                "scopes": {
                    "description": "What is asked for.",
                    "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                },
                "tenant": { "type": "string", "description": "Your own name in the provider's addresses: a Zendesk subdomain, a Salesforce My Domain, a data centre." },
                "authorize_url": { "type": "string", "description": "Where a person agrees, unless the provider is known." },
                "token_url": { "type": "string", "description": "Where tokens are given out, unless the provider is known." },
                "pkce": { "type": "boolean", "description": "Bind codes to their requester (RFC 7636); as the provider wants it unless given." },
            })),
            "connection": map("A service that steps can call.", &["provider", "auth", "allowed_domain"], &json!({
                "provider": { "enum": providers, "description": "Which service it is." },
                "display_name": { "type": "string", "maxLength": 80, "description": "What people call it. It may be changed at any time." },
                "auth": { "$ref": "#/$defs/auth" },
                "allowed_domain": { "type": "string", "description": "Its credentials go to this host only, or with `*.` in front to its subdomains." },
                "secret_url": part("secret", "Where an address is that is a secret itself, as that of a Qualtrics JSON event."),
                "base_url": { "type": "string", "description": "Where its API is, unless the provider has one address for all." },
            })),
            "auth": auth(),
        },
    })
}

fn secret() -> Value {
    let one = |key: &str, what: &str| map(what, &[key], &json!({ key: { "type": "string", "description": what } }));
    json!({
        "description": "Where a secret is. Secrets themselves never stand in a file.",
        "oneOf": [
            one("env", "The environment variable that holds it."),
            one("file", "The file that holds it."),
            one("secret", "Its name in the secret store."),
        ],
    })
}

fn auth() -> Value {
    let kind = |word: &str| json!({ "const": word, "description": "How it signs in." });
    json!({
        "description": "How it signs in.",
        "oneOf": [
            map("A token.", &["type", "token"], &json!({
                "type": kind("bearer"),
                "token": part("secret", "The token."),
            })),
            map("A user and a password.", &["type", "username", "password"], &json!({
                "type": kind("basic"),
                "username": { "type": "string", "description": "The user; for a Zendesk API token, `EMAIL/token`." },
                "password": part("secret", "The password or API token."),
            })),
            map("A key in a header.", &["type", "header", "key"], &json!({
                "type": kind("api_key"),
                "header": { "type": "string", "description": "The header's name." },
                "key": part("secret", "The key."),
            })),
            map("Tokens that are given out and renewed.", &["type", "client"], &json!({
                "type": kind("oauth2"),
                "client": { "type": "string", "description": "An entry of `oauth_clients`." },
            })),
        ],
    })
}

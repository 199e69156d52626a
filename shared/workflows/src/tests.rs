//! Projects as people write them, sound and not.

mod advice;
mod bad_workflows;
mod editor_schemas;
mod flow;
mod knowledge;
mod piped;
mod project_files;
mod schedules;
mod sound;
mod triggers;
mod yaml_trouble;

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, HoldKey};
use deskwire_core::limit::{Limit, Rule};
use deskwire_templates::{Limits, Templates};
use serde_json::{Value, json};

use crate::{Diagnostic, Loaded, Options, SourceFile, Workflow, load};

/// What `any.call` takes.
const LIMITS: [Limit; 3] = [
    Limit { input: "tags", provider: "Acme", rule: Rule::Words, advice: "" },
    Limit { input: "note", provider: "Acme", rule: Rule::Characters(5), advice: "shorten it" },
    Limit { input: "data.*", provider: "Acme", rule: Rule::Characters(5), advice: "shorten it" },
];

/// An action that is only looked at.
struct Shown(ActionSpec);

impl Action for Shown {
    fn spec(&self) -> &ActionSpec {
        &self.0
    }

    fn limits(&self) -> &[Limit] {
        if self.0.name == "any.call" { &LIMITS } else { &[] }
    }

    fn hold_keys(&self, _: Call<'_>) -> Vec<HoldKey> {
        Vec::new()
    }

    fn call<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async { Ok(Value::Null) })
    }
}

fn action(name: &'static str, input: Value, output: Value) -> Arc<dyn Action> {
    let provider = name.split('.').next().unwrap();
    Arc::new(Shown(ActionSpec {
        name,
        provider,
        summary: "",
        input: input.into(),
        output: output.into(),
        effect: if name.contains("look_up") { Effect::Read } else { Effect::Unprovable },
        scopes: &[],
        errors: Vec::new(),
        example: "",
        page: "",
    }))
}

fn object(properties: &Value, required: &[&str], closed: bool) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": !closed })
}

/// Actions with the inputs and outputs of real ones.
fn actions() -> Actions {
    let id = json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] });
    let text = json!({ "type": "string" });
    let via = object(&json!({ "channel": text }), &[], false);
    let ticket = json!({ "id": { "type": "integer" }, "subject": { "type": ["string", "null"] },
                         "assignee_id": { "type": ["integer", "null"] }, "via": { "anyOf": [via, { "type": "null" }] } });
    let user = json!({ "id": { "type": "integer" }, "email": { "$ref": "#/$defs/text" } });
    let mut closed_user = object(&user, &[], true);
    closed_user["$defs"] = json!({ "text": text });
    let message = json!({ "type": "string", "x-markup": "mrkdwn" });
    let direct = object(&json!({ "email": text, "message": message }), &["email", "message"], true);
    let post = json!({ "channel": text, "message": message, "count": { "type": "integer" }, "broadcast": { "type": "boolean" },
                       "parse": { "enum": ["full", "none"], "type": "string" },
                       "blocks": { "type": "array", "items": object(&json!({ "type": text }), &[], true) } });
    Actions::new([
        action(
            "zendesk.look_up_ticket",
            object(&json!({ "ticket_id": id }), &["ticket_id"], true),
            object(&ticket, &[], false),
        ),
        action("zendesk.look_up_user", object(&json!({ "user_id": id }), &["user_id"], true), closed_user),
        action("slack.send_direct_message", direct, object(&json!({ "ts": text }), &[], false)),
        action(
            "slack.post_message",
            object(&post, &["channel", "message"], true),
            object(&json!({ "ts": text }), &[], false),
        ),
        action("any.call", object(&json!({}), &[], false), object(&json!({}), &[], false)),
    ])
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

const PROJECT: &str = r#"
sources:
  zendesk-support: { provider: zendesk, signing_secrets: [{ env: ZENDESK_SIGNING_SECRET }], tolerance: 5m }
connections:
  slack: { provider: slack, auth: { type: bearer, token: { env: SLACK_BOT_TOKEN } }, allowed_domain: slack.com }
  zendesk: { provider: zendesk, auth: { type: basic, username: "ops@example.com/token", password: { env: ZENDESK_API_TOKEN } },
             allowed_domain: acme.zendesk.com, base_url: "https://acme.zendesk.com" }
"#;

/// Loads a project, with stand-ins allowed or not.
fn load_with(project: &str, workflows: &[&str], allow_loopback: bool) -> Loaded {
    let (actions, templates) = (actions(), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback };
    let files: Vec<SourceFile> =
        workflows.iter().enumerate().map(|(at, text)| file(&format!("workflows/{at}.yaml"), text)).collect();
    load(Some(&file("deskwire.yaml", project)), &files, &options)
}

fn load_workflow(text: &str) -> Loaded {
    load_with(PROJECT, &[text], false)
}

fn compile(text: &str) -> Result<Workflow, Vec<Diagnostic>> {
    let (actions, templates) = (actions(), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    Workflow::compile(&file("w.yaml", text), &options)
}

/// The mistakes as `line:column message (help)`.
fn told(loaded: &Loaded) -> Vec<String> {
    let one = |d: &Diagnostic| {
        let help = d.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}:{} {}{help}", d.line, d.column, d.message)
    };
    loaded.diagnostics.iter().map(one).collect()
}

/// A workflow whose steps are these lines, indented as they are.
fn with_steps(steps: &str) -> String {
    format!("name: w\ntrigger: {{ source: zendesk-support, event: ticket.created }}\nsteps:\n{steps}")
}

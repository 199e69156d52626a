//! The schema of workflow files.

use deskwire_core::action::Actions;
use serde_json::{Map, Value, json};

use super::{DRAFT, action, duration, map, names, part, template};
use crate::step::KINDS;

const WORD: &str = "^[a-z][a-z0-9_]*$";

/// JSON Schema of a workflow file that may call these actions.
pub fn workflow(actions: &Actions) -> Value {
    let mut definitions = Map::new();
    for (name, schema) in [
        ("template", template()),
        ("duration", duration()),
        ("condition", condition()),
        ("events", events()),
        (
            "zone",
            json!({ "type": "string", "description": "An IANA time zone, such as Europe/Berlin; UTC unless given." }),
        ),
        ("trigger", trigger()),
        ("input", input()),
        ("steps", json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/step" } })),
        ("case", case()),
        ("wait", wait()),
        ("step", step(actions)),
    ] {
        definitions.insert(name.to_owned(), schema);
    }
    definitions.extend(actions.specs().map(|spec| (action::definition(spec), action::input(spec))));
    let mut schema = map(
        "A trigger, and steps that are done for each event.",
        &["name", "trigger", "steps"],
        &json!({
            "name": { "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$", "maxLength": 64, "description": "The workflow's id, which cannot change." },
            "description": { "type": "string", "description": "What it is for." },
            "active": { "type": "boolean", "description": "Does it take events? A new workflow starts inactive unless this says otherwise." },
            "lane": {
                "description": "How it takes several events about one subject: every one in order, only the latest, or the latest after a pause.",
                "anyOf": [
                    { "enum": ["every", "latest"] },
                    map("The latest, once none has come for so long.", &["debounce"], &json!({ "debounce": part("duration", "How long, from 1s to 1h.") })),
                ],
            },
            "skip_stale": { "type": "boolean", "description": "Skips events whose object was changed before that of an event that was handled already." },
            "max_hops": { "type": "integer", "minimum": 0, "maximum": 10, "description": "How many runs of ours may stand between an event from outside and one that it takes; with 0 it skips what our own writes cause." },
            "trigger": { "$ref": "#/$defs/trigger" },
            "steps": part("steps", "What is done, in order."),
        }),
    );
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!("Deskwire workflow");
    schema["$defs"] = Value::Object(definitions);
    schema
}

fn condition() -> Value {
    let several = json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/condition" } });
    let one_or_several = json!({ "anyOf": [several, { "$ref": "#/$defs/condition" }] });
    json!({
        "description": "An expression, a list of which all must hold, or `all:`, `any:` or `not:`.",
        "anyOf": [
            { "type": ["string", "boolean"] },
            several,
            map("All must hold.", &["all"], &json!({ "all": one_or_several })),
            map("At least one must hold.", &["any"], &json!({ "any": one_or_several })),
            map("It must not hold.", &["not"], &json!({ "not": { "$ref": "#/$defs/condition" } })),
        ],
    })
}

fn events() -> Value {
    let one = json!({ "type": "string", "description": "A type, such as ticket.created, or a prefix that ends in .*" });
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

fn trigger() -> Value {
    json!({
        "description": "What starts it: events of a source, a schedule, or a person.",
        "oneOf": [
            map("Events of a source.", &["source", "event"], &json!({
                "source": { "type": "string", "description": "A source that deskwire.yaml declares." },
                "event": part("events", "Which types: a name, a list, or a prefix that ends in .*"),
                "when": part("condition", "What must hold for the event."),
            })),
            map("A schedule.", &["schedule"], &json!({
                "schedule": { "type": "string", "description": "Cron with five fields: minute, hour, day of the month, month, day of the week." },
                "zone": part("zone", "The time zone it is meant in; UTC unless given."),
                "missed": { "enum": ["latest", "skip", "all"], "description": "What becomes of ticks that nobody was there for: one run for the latest, none, or one each." },
            })),
            map("A person.", &["manual"], &json!({
                "manual": {
                    "description": "What it asks for; `inputs.NAME` in templates.",
                    "type": ["object", "null"],
                    "propertyNames": names(WORD),
                    "additionalProperties": { "$ref": "#/$defs/input" },
                },
            })),
        ],
    })
}

fn input() -> Value {
    let kind = json!({ "enum": ["text", "integer", "number", "boolean"], "description": "What it takes." });
    let value = json!(["string", "number", "boolean"]);
    json!({
        "anyOf": [
            kind,
            map("An input.", &["type"], &json!({
                "type": kind,
                "description": { "type": "string", "description": "What it is for." },
                "required": { "type": "boolean", "description": "Must it be given?" },
                "default": { "type": value, "description": "What it is where it is not given." },
                "choices": { "type": "array", "minItems": 1, "items": { "type": value }, "description": "The values it can have." },
            })),
        ],
    })
}

fn case() -> Value {
    map(
        "A case: the first that holds is taken.",
        &["when", "steps"],
        &json!({
            "when": part("condition", "What must hold."),
            "steps": part("steps", "What is done then."),
        }),
    )
}

fn wait() -> Value {
    json!({
        "description": "For a duration, until a time, or for an event. A run that waits leaves its lane.",
        "anyOf": [
            { "$ref": "#/$defs/duration" },
            map("For so long.", &["for"], &json!({ "for": part("duration", "How long, at most 400d.") })),
            map("Until a time.", &["until"], &json!({
                "until": { "type": "string", "description": "A time of day such as \"09:00\", or a template that gives an RFC 3339 time." },
                "zone": part("zone", "The zone of a time of day; UTC unless given."),
            })),
            map("For an event.", &["event", "timeout"], &json!({
                "event": part("events", "Which types."),
                "source": { "type": "string", "description": "Where it comes from; the trigger's source unless given." },
                "subject": { "type": "string", "description": "What it is about; what the run is about unless given." },
                "when": part("condition", "What must hold, with the event as `arrived`."),
                "timeout": part("duration", "How long at most, up to 400d."),
            })),
        ],
    })
}

fn step(actions: &Actions) -> Value {
    let names: Vec<&str> = actions.specs().map(|spec| spec.name).collect();
    let calls = actions.specs().map(|spec| {
        let with = json!({ "with": { "$ref": format!("#/$defs/{}", action::definition(spec)) } });
        let needs_input = spec.input.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        let required: &[&str] = if needs_input { &["connection", "with"] } else { &["connection"] };
        json!({
            "if": { "required": ["action"], "properties": { "action": { "const": spec.name } } },
            "then": { "properties": with, "required": required },
        })
    });
    let kinds = KINDS.map(|(key, keys)| json!({ "required": [key], "propertyNames": { "enum": keys } }));
    let mut step = map(
        "A step.",
        &["id"],
        &json!({
            "id": { "type": "string", "pattern": WORD, "maxLength": 64, "description": "Its name, unique in the file: later steps see its output as `steps.ID`." },
            "if": part("condition", "The step is left out unless this holds."),
            "action": { "enum": names, "description": "The action it calls." },
            "connection": { "type": "string", "description": "A connection that deskwire.yaml declares." },
            "with": { "type": "object", "description": "What the action is given." },
            "retry": map("How often and when it is tried again.", &[], &json!({
                "attempts": { "type": "integer", "minimum": 1, "maximum": 50, "description": "How often it is called altogether." },
                "first_wait": part("duration", "The longest wait before the second attempt; it doubles each time."),
                "longest_wait": part("duration", "No wait is longer."),
            })),
            "timeout": part("duration", "How long one attempt may take, from 1s to 10m."),
            "on_error": { "enum": ["fail", "continue"], "description": "What follows when it has failed for good: the run fails, or goes on with the reason in `steps.ID.error`." },
            "on_unknown": { "enum": ["wait", "retry"], "description": "What follows when nobody knows whether it happened: a person decides, or it is called again." },
            "choose": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/case" }, "description": "Cases, of which the first that holds is taken." },
            "otherwise": part("steps", "What is done where no case holds."),
            "for_each": part("template", "The list it goes over: one whole `{{ … }}`."),
            "as": { "type": "string", "pattern": WORD, "maxLength": 64, "description": "What the item is called in its steps; `item` unless given." },
            "parallel": { "type": "integer", "minimum": 1, "maximum": 32, "description": "How many items are under way at once; one unless given." },
            "result": { "description": "What an item's entry in `steps.ID.results` is; the output of its last step unless given." },
            "steps": part("steps", "What is done with each item."),
            "wait": { "$ref": "#/$defs/wait" },
            "stop": { "type": "string", "description": "Ends the run as succeeded, with this reason." },
            "fail": { "type": "string", "description": "Ends the run as failed, with this reason." },
        }),
    );
    step["oneOf"] = json!(kinds);
    step["allOf"] = calls.collect();
    step
}

//! Files of responses: asked for, made in a while, fetched.

use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use super::api::{Refused, shown};
use super::brand::{Brand, Export, id};
use crate::Sandbox;

/// So often a new file is asked for before it is made.
const UNFINISHED: u32 = 1;

pub(super) fn start(sandbox: &Sandbox, brand: &mut Brand, given: &Value) -> Result<Value, Refused> {
    let time = |name: &str| match given.get(name) {
        None => Ok(None),
        Some(said) => {
            let read = said.as_str().and_then(|said| Timestamp::parse(said).ok());
            read.map(Some).ok_or_else(|| Refused::new(400, "ERS_1", format!("{name} is no time")))
        }
    };
    if given.get("format") != Some(&json!("json")) || given.get("compress") != Some(&json!(false)) {
        return Err(Refused::new(400, "ERS_1", "Only plain files of JSON are made here."));
    }
    let limit = given.get("limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let made = Export {
        progress: id("ES_", sandbox.random()),
        file: format!("{:032x}-def", deskwire_core::random::Random::bits(sandbox.random())),
        since: time("startDate")?.unwrap_or_default(),
        until: time("endDate")?,
        limit,
        unfinished: UNFINISHED,
    };
    let begun = json!({ "progressId": made.progress, "percentComplete": 0.0, "status": "inProgress" });
    brand.exports.push(made);
    Ok(begun)
}

pub(super) fn progress(brand: &mut Brand, progress: &str) -> Result<Value, Refused> {
    let made = brand.exports.iter_mut().find(|made| made.progress == progress);
    let made = made.ok_or_else(|| Refused::missing("ERS_2", progress))?;
    if made.unfinished > 0 {
        made.unfinished -= 1;
        return Ok(json!({ "fileId": null, "percentComplete": 40.0, "status": "inProgress" }));
    }
    Ok(json!({ "fileId": made.file, "percentComplete": 100.0, "status": "complete" }))
}

pub(super) fn file(brand: &Brand, file: &str) -> Result<Value, Refused> {
    let made = brand.exports.iter().find(|made| made.file == file);
    let made = made.ok_or_else(|| Refused::missing("ERS_3", file))?;
    let within = |time: Timestamp| time >= made.since && made.until.is_none_or(|until| time < until);
    let responses = brand.responses.iter().filter(|response| within(response.completed_at));
    let responses: Vec<Value> = responses.take(made.limit.unwrap_or(usize::MAX)).map(shown).collect();
    Ok(json!({ "responses": responses }))
}

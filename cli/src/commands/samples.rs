//! The sample events that are built in: listing them, and reading one where a file may be named, too.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use deskwire_sandbox::{Sample, samples};
use serde_json::{Value, json};

use crate::output::{BOLD, cell, line, styled, table};

pub(crate) fn list(as_json: bool) {
    if as_json {
        let to_json = |one: &Sample| json!({ "name": one.name, "provider": one.provider, "type": kind(one) });
        crate::output::json(&samples().iter().map(to_json).collect::<Value>());
        return;
    }
    let row = |one: &Sample| vec![styled(one.name, BOLD), cell(one.provider), cell(kind(one))];
    table(&["sample", "provider", "type in its body"], &samples().iter().map(row).collect::<Vec<_>>());
    line("");
    line("`deskwire events send NAME --source SOURCE` sends one; `deskwire events samples NAME` prints it.");
}

/// What its body says that it is, if it says so.
fn kind(sample: &Sample) -> String {
    let body: Value = deskwire_core::json::from_str(sample.body).unwrap_or_default();
    let word = ["type", "event", "Status"].iter().find_map(|name| body.get(name).and_then(Value::as_str));
    word.unwrap_or_default().to_owned()
}

/// The sample of this name: `ticket.created`, `zendesk/ticket.created`, or either with `.json`.
fn by_name(name: &str) -> Option<&'static Sample> {
    let name = name.strip_suffix(".json").unwrap_or(name);
    samples().iter().find(|one| {
        let provider = name.strip_suffix(one.name).and_then(|rest| rest.strip_suffix('/'));
        one.name == name || provider == Some(one.provider)
    })
}

/// Does a name stand for a sample?
pub(crate) fn is_one(name: &str) -> bool {
    by_name(name).is_some()
}

/// The body of the sample of this name.
pub(crate) fn found(name: &str) -> anyhow::Result<&'static str> {
    match by_name(name) {
        Some(sample) => Ok(sample.body),
        None => bail!("there is no sample `{name}`{}; `deskwire events samples` lists them", alike(name)),
    }
}

/// The body in a file, or in the sample of this name where there is no such file.
pub(crate) fn read(reference: &Path) -> anyhow::Result<Vec<u8>> {
    let name = reference.to_string_lossy();
    match std::fs::read(reference) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => match by_name(&name) {
            Some(sample) => Ok(sample.body.as_bytes().to_vec()),
            None => bail!(
                "there is neither a file nor a sample `{name}`{}; `deskwire events samples` lists the samples",
                alike(&name)
            ),
        },
        Err(error) => Err(error).with_context(|| format!("cannot read {name}")),
    }
}

/// The sample that was probably meant, if one is near.
fn alike(name: &str) -> String {
    let stem = Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.strip_suffix(".json").unwrap_or(&stem);
    deskwire_workflows::closest(stem, samples().iter().map(|one| one.name))
        .map(|near| format!(", did you mean `{near}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_found_by_its_name_with_or_without_its_provider() {
        for name in ["ticket.created", "zendesk/ticket.created", "ticket.created.json", "zendesk/ticket.created.json"] {
            assert_eq!(read(Path::new(name)).unwrap(), found("ticket.created").unwrap().as_bytes(), "{name}");
        }
        for name in ["created", "/ticket.created", "qualtrics/ticket.created", "events/ticket.created", ""] {
            assert!(!is_one(name), "{name}");
        }
    }

    #[test]
    fn a_file_counts_before_a_sample() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ticket.created");
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(read(&file).unwrap(), b"mine");
    }

    #[test]
    fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
        for wrong in ["ticket.priority_change", "events/zendesk/ticket.priority_chaged.json"] {
            let said = read(Path::new(wrong)).unwrap_err().to_string();
            assert!(said.contains("`ticket.priority_changed`") && said.contains("deskwire events samples"), "{said}");
        }
    }
}

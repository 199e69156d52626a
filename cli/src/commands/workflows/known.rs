//! What the project's files say beside what is in force: every workflow that is in one of them, or in both.

use std::collections::BTreeMap;
use std::sync::Arc;

use anstyle::Style;
use deskwire_core::ids::WorkflowVersion;
use deskwire_core::ports::Deployed;
use deskwire_startup::ProjectFiles;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Diagnostic, Options, Severity, SourceFile, Workflow};
use serde_json::{Value, json};

use super::trigger_json;
use crate::args::DataArgs;
use crate::commands::{colour_on_stderr, read_project, rendered};
use crate::output::{DIM, GREEN, RED, YELLOW, note, raw_note};

/// A workflow of the project, and what of it is in force.
pub(super) struct Known {
    pub name: String,
    /// As its file has it, where that has no mistakes.
    written: Option<Arc<Workflow>>,
    /// Its file, and the mistakes in it.
    mistaken: Option<(String, Vec<Diagnostic>)>,
    pub deployed: Option<Deployed>,
    /// As it is in force, where nothing sound is written.
    running: Option<Workflow>,
}

/// All workflows that files or the store know.
pub(super) struct Listed {
    pub all: Vec<Known>,
    files: ProjectFiles,
    mistakes: Vec<Diagnostic>,
}

impl Listed {
    pub(super) async fn of(data: &DataArgs) -> anyhow::Result<Self> {
        let files = read_project(&data.project)?;
        let loaded = deskwire_startup::check(&files, true);
        let data = data.asked().await?;
        data.tell_if_empty();
        let mut deployed: BTreeMap<String, Deployed> = match data.open_if_any().await? {
            Some(store) => store.deployed().await?.into_iter().map(|one| (one.name.to_string(), one)).collect(),
            // Nothing has been applied yet.
            None => BTreeMap::new(),
        };
        let mut all = Vec::new();
        for workflow in loaded.project.workflows {
            let name = workflow.name.to_string();
            let deployed = deployed.remove(&name);
            all.push(Known { name, written: Some(workflow), mistaken: None, deployed, running: None });
        }
        for unusable in loaded.unusable {
            let stem =
                |file: &str| std::path::Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let name = unusable.name.or_else(|| stem(&unusable.file)).unwrap_or_default();
            let its = loaded.diagnostics.iter().filter(|one| one.file == unusable.file).cloned().collect();
            let deployed = deployed.remove(&name);
            let running = deployed.as_ref().and_then(as_it_runs);
            all.push(Known { name, written: None, mistaken: Some((unusable.file, its)), deployed, running });
        }
        for (name, one) in deployed {
            let running = as_it_runs(&one);
            all.push(Known { name, written: None, mistaken: None, deployed: Some(one), running });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let mut mistakes = loaded.diagnostics;
        mistakes.retain(|one| one.severity == Severity::Error);
        Ok(Self { all, files, mistakes })
    }

    /// Says on the standard error what is wrong with the files, each with its line.
    pub(super) fn tell_mistakes(&self) {
        if self.mistakes.is_empty() {
            return;
        }
        if crate::failure::is_json() {
            raw_note(&json!({ "note": "the project has mistakes", "mistakes": self.mistakes }));
            return;
        }
        for mistake in &self.mistakes {
            note(rendered(mistake, &self.files, colour_on_stderr()));
        }
        note("the project has mistakes: where a file cannot be used, what is in force stays as it is");
    }
}

/// A workflow as the store has it; `None` where this Deskwire cannot read it any more.
fn as_it_runs(deployed: &Deployed) -> Option<Workflow> {
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: true };
    let file = SourceFile { path: deployed.file.clone(), text: deployed.text.clone() };
    Workflow::compile(&file, &options).ok()
}

impl Known {
    /// As its file has it, else as it is in force.
    pub(super) fn workflow(&self) -> Option<&Workflow> {
        self.written.as_deref().or(self.running.as_ref())
    }

    /// The version of its file, where that can be used.
    pub(super) fn version(&self) -> Option<&WorkflowVersion> {
        self.written.as_ref().map(|workflow| &workflow.version)
    }

    /// In a word: is it in force, and is that what the file says?
    pub(super) fn state(&self) -> (&'static str, Style) {
        let Some(deployed) = &self.deployed else {
            return if self.mistaken.is_some() { ("has mistakes", RED) } else { ("not applied yet", YELLOW) };
        };
        match (&self.written, &self.mistaken) {
            (Some(workflow), _) if workflow.version != deployed.version => ("changed, not applied", YELLOW),
            (Some(_), _) if deployed.active => ("active", GREEN),
            (Some(_), _) => ("inactive", DIM),
            (None, Some(_)) => ("has mistakes", RED),
            (None, None) => ("not in the files", YELLOW),
        }
    }

    /// Does it take events now?
    pub(super) fn active(&self) -> &'static str {
        match &self.deployed {
            Some(deployed) if deployed.active => "yes",
            Some(_) => "no",
            None => "–",
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let workflow = self.workflow();
        let file = workflow.map(|workflow| workflow.file.clone());
        json!({
            "name": self.name,
            "description": workflow.and_then(|workflow| workflow.description.clone()),
            "state": self.state().0,
            "active": self.deployed.as_ref().is_some_and(|deployed| deployed.active),
            "in_files": self.written.is_some() || self.mistaken.is_some(),
            "in_force": self.deployed.is_some(),
            "version": self.version(),
            "version_in_force": self.deployed.as_ref().map(|deployed| &deployed.version),
            "applied_at": self.deployed.as_ref().map(|deployed| deployed.applied_at),
            "file": self.mistaken.as_ref().map(|(file, _)| file.clone()).or(file),
            "mistakes": self.mistaken.as_ref().map(|(_, mistakes)| mistakes).into_iter().flatten().collect::<Vec<_>>(),
            "trigger": workflow.map(|workflow| trigger_json(&workflow.trigger)),
            "steps": workflow.map(|workflow| workflow.all_steps().iter().map(|step| json!({
                "id": step.id,
                "path": step.path,
                "does": step.word(),
                "if": step.condition.as_ref().map(ToString::to_string),
                "line": step.line,
            })).collect::<Vec<_>>()).unwrap_or_default(),
        })
    }
}

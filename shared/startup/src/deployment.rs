//! Which workflows and connections are in force: what the project's files would change, and making it so.
//!
//! The store's registry is the authority; files take effect when they are applied. A file that says `active` decides when
//! what it says changes; what an operator switched since then stays.

use std::sync::Arc;

use deskwire_core::connection::{ConnectionConfig, FixedFacts};
use deskwire_core::ids::{ConnectionName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed, Registry, StoreResult};
use deskwire_core::time::Timestamp;
use deskwire_workflows::{Project, Workflow};
use serde::Serialize;

use crate::ProjectFiles;
use crate::shared_project::PROJECT;

/// What applying the project's files would change about one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The workflow.
    pub name: WorkflowName,
    /// What becomes of it.
    pub kind: ChangeKind,
    /// The version in force now.
    pub from: Option<WorkflowVersion>,
    /// The version in force afterwards.
    pub to: Option<WorkflowVersion>,
    /// Does it take events now?
    pub was_active: bool,
    /// Does it take events afterwards?
    pub active: bool,
    /// The text in force now; empty where there is none.
    #[serde(skip)]
    pub old_text: String,
    /// The text in force afterwards; empty where there is none.
    #[serde(skip)]
    pub new_text: String,
}

/// What becomes of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    New,
    /// It gets a new version.
    Changed,
    /// Its file is gone: it takes no more events; runs under way go on.
    Removed,
    /// The same version, switched on or off by its file.
    Switched,
    /// Nothing.
    Unchanged,
}

/// What applying a project would change.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// By workflow, those that stay unchanged among them.
    pub changes: Vec<Change>,
    /// Connections that are new.
    pub connections: Vec<FixedFacts>,
    /// What the files would change about connections and cannot. With one of these, nothing is put in force.
    pub refused: Vec<Refused>,
    deploys: Vec<Deploy>,
}

/// A change to a connection that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The connection.
    pub connection: ConnectionName,
    /// The fact, in the word of project files.
    pub fact: &'static str,
    /// What it is.
    pub is: String,
    /// What the files say.
    pub wanted: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { connection, fact, is, wanted } = self;
        write!(
            f,
            "connection {connection}: its {fact} is {is} for good, and deskwire.yaml now says {wanted}; give the changed \
             connection a name of its own, or erase the old one first with `deskwire connections delete {connection}`"
        )
    }
}

impl Plan {
    /// Compares the project's workflows with those in force.
    pub fn new(workflows: &[Arc<Workflow>], deployed: &[Deployed]) -> Self {
        let mut plan = Self::default();
        for workflow in workflows {
            plan.put(workflow, deployed.iter().find(|one| one.name == workflow.name));
        }
        for gone in deployed.iter().filter(|one| workflows.iter().all(|workflow| workflow.name != one.name)) {
            plan.changes.push(Change {
                name: gone.name.clone(),
                kind: ChangeKind::Removed,
                from: Some(gone.version.clone()),
                to: None,
                was_active: gone.active,
                active: false,
                old_text: gone.text.clone(),
                new_text: String::new(),
            });
            plan.deploys.push(Deploy::Remove(gone.name.clone()));
        }
        plan.changes.sort_by(|a, b| a.name.cmp(&b.name));
        plan
    }

    /// Compares the project with what is in force in a store.
    pub async fn of(project: &Project, registry: &dyn Registry) -> StoreResult<Self> {
        let (deployed, fixed) = tokio::try_join!(registry.deployed(), registry.fixed_connections())?;
        Ok(Self::between(project, &deployed, &fixed))
    }

    /// Compares the project with workflows in force and with what is fixed of connections.
    pub fn between(project: &Project, deployed: &[Deployed], fixed: &[FixedFacts]) -> Self {
        let mut plan = Self::new(&project.workflows, deployed);
        plan.connect(&project.connections, fixed);
        plan
    }

    /// Compares its connections alone.
    pub fn of_connections(project: &Project, fixed: &[FixedFacts]) -> Self {
        let mut plan = Self::default();
        plan.connect(&project.connections, fixed);
        plan
    }

    fn connect(&mut self, connections: &[ConnectionConfig], fixed: &[FixedFacts]) {
        for facts in connections.iter().map(ConnectionConfig::fixed) {
            let Some(known) = fixed.iter().find(|known| known.name == facts.name) else {
                self.deploys.push(Deploy::Connection(facts.clone()));
                self.connections.push(facts);
                continue;
            };
            self.refused.extend(known.differences(&facts).into_iter().map(|(fact, is, wanted)| Refused {
                connection: facts.name.clone(),
                fact,
                is,
                wanted,
            }));
        }
    }

    /// Keeps `deskwire.yaml` with what is put in force, where it is not what is kept already: what was good last can then run
    /// whatever becomes of the file.
    pub(crate) fn keep_project(&mut self, files: &ProjectFiles, kept: Option<&str>) {
        if let Some(file) = files.project.as_ref().filter(|file| kept != Some(file.text.as_str())) {
            self.deploys.push(Deploy::Document { name: PROJECT.to_owned(), text: file.text.clone() });
        }
    }

    fn put(&mut self, workflow: &Workflow, now: Option<&Deployed>) {
        let active = match now {
            None => workflow.active.unwrap_or(false),
            // What the file says counts where it says something new.
            Some(now) if workflow.active != now.file_active => workflow.active.unwrap_or(now.active),
            Some(now) => now.active,
        };
        let kind = match now {
            None => ChangeKind::New,
            Some(now) if now.version != workflow.version => ChangeKind::Changed,
            Some(now) if now.active != active => ChangeKind::Switched,
            Some(_) => ChangeKind::Unchanged,
        };
        self.changes.push(Change {
            name: workflow.name.clone(),
            kind,
            from: now.map(|now| now.version.clone()),
            to: Some(workflow.version.clone()),
            was_active: now.is_some_and(|now| now.active),
            active,
            old_text: now.map(|now| now.text.clone()).unwrap_or_default(),
            new_text: workflow.text.clone(),
        });
        let moved = now.is_some_and(|now| now.file_active != workflow.active || now.file != workflow.file);
        if kind != ChangeKind::Unchanged || moved {
            self.deploys.push(Deploy::Put(Deployed {
                name: workflow.name.clone(),
                version: workflow.version.clone(),
                active,
                file_active: workflow.active,
                file: workflow.file.clone(),
                applied_at: Timestamp::default(),
                text: workflow.text.clone(),
            }));
        }
    }

    /// Those that do not stay as they are.
    pub fn changed(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.kind != ChangeKind::Unchanged)
    }

    /// Makes it so: all of it, or nothing. Nothing where a change is refused: ask `refused` first. `false` where there was
    /// nothing to do.
    pub async fn apply(&self, registry: &dyn Registry, now: Timestamp) -> StoreResult<bool> {
        if self.deploys.is_empty() || !self.refused.is_empty() {
            return Ok(false);
        }
        registry.deploy(self.deploys.clone(), now).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;

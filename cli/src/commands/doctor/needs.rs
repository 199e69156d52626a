//! What connections are called for, and the rights that takes: by the project's workflows, and by what runs have called.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deskwire_core::action::{ANY_PROVIDER, Actions};
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{Filter, StoreError};
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;
use deskwire_startup::Deskwire;
use deskwire_workflows::{Project, StepKind, Workflow};

/// How far back runs are looked at, and how many at most.
const LOOK_BACK: Duration = Duration::from_hours(30 * 24);
const MOST_RUNS: usize = 500;

/// What one connection is called for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The scopes that the actions need.
    pub scopes: BTreeSet<&'static str>,
    /// The actions, and how often runs called them lately.
    pub actions: BTreeMap<&'static str, u64>,
    /// Is something called whose scopes nobody can know?
    pub unknown: bool,
}

pub(crate) type ByConnection = BTreeMap<ConnectionName, Needs>;

/// What the project's workflows call.
pub(crate) fn planned(project: &Project) -> ByConnection {
    let actions = deskwire_startup::actions_alone();
    let mut needs = ByConnection::new();
    for (connection, action) in project.workflows.iter().flat_map(|workflow| calls(workflow)) {
        note(&mut needs, &actions, connection, action, 0);
    }
    needs
}

/// Adds what runs have called lately. Answers with how many runs were looked at.
pub(crate) async fn observe(needs: &mut ByConnection, deskwire: &Deskwire, now: Timestamp) -> anyhow::Result<usize> {
    let actions = deskwire_startup::actions_alone();
    let filter = Filter { limit: MOST_RUNS, since: Some(now.minus(LOOK_BACK)), ..Filter::default() };
    let runs = deskwire.store.runs(filter).await?;
    for run in &runs {
        // What cannot be read of one run says nothing about the others; the doctor names it elsewhere.
        let detail = match deskwire.store.run(run.id.as_str()).await {
            Err(StoreError::Corrupt(_)) => continue,
            detail => detail?,
        };
        let Some(detail) = detail else { continue };
        // A version that cannot be compiled any more says nothing.
        let Ok(workflow) = deskwire.versions.get(&run.workflow, &run.version).await else { continue };
        for entry in &detail.journal {
            let (Entry::Done { step, .. } | Entry::Attempt { step, .. }) = entry else { continue };
            // In loops, numbers of turns stand within a path; ids are unique in a workflow.
            let id = step.as_str().rsplit('/').next().unwrap_or_default();
            let step = workflow.all_steps().into_iter().find(|step| step.id == id);
            if let Some(StepKind::Action(action)) = step.map(|step| &step.kind)
                && let Some(connection) = &action.connection
            {
                note(needs, &actions, connection, &action.action, 1);
            }
        }
    }
    Ok(runs.len())
}

fn calls(workflow: &Workflow) -> impl Iterator<Item = (&ConnectionName, &str)> {
    workflow.all_steps().into_iter().filter_map(|step| match &step.kind {
        StepKind::Action(action) => Some((action.connection.as_ref()?, action.action.as_str())),
        _ => None,
    })
}

fn note(needs: &mut ByConnection, actions: &Actions, connection: &ConnectionName, action: &str, times: u64) {
    let Some(action) = actions.get(action) else { return };
    let spec = action.spec();
    let needs = needs.entry(connection.clone()).or_default();
    needs.scopes.extend(spec.scopes);
    needs.unknown |= spec.provider == ANY_PROVIDER;
    *needs.actions.entry(spec.name).or_default() += times;
}

//! Asking workflows' conditions (`when`) when an event is accepted, where templates are at hand.

use std::collections::HashMap;

use deskwire_accept::Conditions;
use deskwire_core::event::Event;
use deskwire_core::ids::WorkflowName;
use deskwire_core::route::Route;
use deskwire_templates::Scope;
use deskwire_workflows::{InForce, Wants};
use serde_json::Value;

/// The workflows in force, by name.
pub struct ByTemplates(HashMap<WorkflowName, InForce>);

impl ByTemplates {
    /// Asks these.
    pub fn new(workflows: &[InForce]) -> Self {
        Self(workflows.iter().map(|one| (one.workflow.name.clone(), one.clone())).collect())
    }
}

impl Conditions for ByTemplates {
    fn declined(&self, event: &Event, data: &Value, of: &[&Route]) -> Vec<Option<String>> {
        // Made once for all of them, since it copies the event.
        let mut scope = Scope::new();
        scope.set("event", &event.with_data(data));
        let verdict = |route: &&Route| {
            let InForce { workflow, active } = self.0.get(&route.workflow)?;
            match workflow.wants(event, *active, || &scope) {
                Wants::Declined(reason) => Some(reason),
                Wants::No | Wants::Yes => None,
            }
        };
        of.iter().map(verdict).collect()
    }
}

/// What accepting needs of workflows in force, with their conditions.
pub fn catalogue(sources: Vec<deskwire_accept::Source>, workflows: &[InForce]) -> deskwire_accept::Catalogue {
    let routes = workflows.iter().map(|one| one.workflow.route(one.active)).collect();
    deskwire_accept::Catalogue::new(sources, routes, Some(std::sync::Arc::new(ByTemplates::new(workflows))))
}

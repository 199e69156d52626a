//! What a running process knows of the project: its sources with their secrets, and the workflows by source.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use deskwire_core::event::Event;
use deskwire_core::ids::SourceName;
use deskwire_core::ports::{Declined, LanePolicy};
use deskwire_core::route::Route;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::Scheme;
use deskwire_core::source::SourceConfig;
use serde_json::Value;

/// A source that can take events in: its configuration, scheme and secrets.
#[derive(Debug, Clone)]
pub struct Source {
    /// As the project file declares it.
    pub config: SourceConfig,
    /// How its requests are signed.
    pub scheme: &'static Scheme,
    /// The active signing secrets.
    pub secrets: Vec<SecretString>,
}

impl Source {
    /// Are all the secrets missing that would tell its senders? Nothing can be taken in then, and nothing is refused for
    /// good: the secret may be set any moment.
    pub const fn lacks_secrets(&self) -> bool {
        self.secrets.is_empty() && !self.config.signing_secrets.is_empty()
    }
}

/// Asks the conditions of workflows (`when`). A process that knows templates gives one; without it, every conditional
/// workflow gets its event, and the runner asks.
pub trait Conditions: Send + Sync {
    /// For each of these routes, all of them conditional: why it does not want the event, if it does not.
    fn declined(&self, event: &Event, data: &Value, of: &[&Route]) -> Vec<Option<String>>;
}

/// Sources and workflows, indexed for accepting.
#[derive(Default)]
pub struct Catalogue {
    sources: HashMap<String, Source>,
    routes: HashMap<SourceName, Vec<Route>>,
    awaiting: Vec<Route>,
    conditions: Option<Arc<dyn Conditions>>,
}

/// The catalogue of a running process, which is exchanged as a whole when the project changes.
#[derive(Default)]
pub struct CurrentCatalogue(RwLock<Arc<Catalogue>>);

impl CurrentCatalogue {
    /// Begins with this one.
    pub fn new(catalogue: Catalogue) -> Self {
        Self(RwLock::new(Arc::new(catalogue)))
    }

    /// The one that holds now. A delivery keeps the one it began with.
    pub fn get(&self) -> Arc<Catalogue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in its place.
    pub fn replace(&self, catalogue: Catalogue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }
}

impl Catalogue {
    /// Indexes sources and what is in force.
    pub fn new(sources: Vec<Source>, routes: Vec<Route>, conditions: Option<Arc<dyn Conditions>>) -> Self {
        let mut by_source: HashMap<SourceName, Vec<Route>> = HashMap::new();
        let awaiting = routes.iter().filter(|route| !route.awaits.is_empty()).cloned().collect();
        for route in routes {
            // Schedules and people start the others.
            if let Some(events) = &route.takes {
                by_source.entry(events.source.clone()).or_default().push(route);
            }
        }
        let sources = sources.into_iter().map(|source| (source.config.name.to_string(), source)).collect();
        Self { sources, routes: by_source, awaiting, conditions }
    }

    /// The source of this name, if it is of this provider.
    pub fn source(&self, provider: &str, name: &str) -> Option<&Source> {
        self.sources.get(name).filter(|source| source.config.provider == provider)
    }

    /// Which active workflows want the event, and which looked and did not.
    pub fn matching(&self, event: &Event, data: &Value) -> (Vec<&Route>, Vec<Declined>) {
        let (mut wanted, mut declined) = (Vec::new(), Vec::new());
        let routes = self.routes.get(&event.source).map_or(&[][..], Vec::as_slice);
        let taking: Vec<&Route> = routes.iter().filter(|route| route.takes(event)).collect();
        let conditional: Vec<&Route> =
            taking.iter().copied().filter(|route| route.active && route.conditional).collect();
        let verdicts = match &self.conditions {
            Some(conditions) if !conditional.is_empty() => conditions.declined(event, data, &conditional),
            _ => Vec::new(),
        };
        let mut verdicts = verdicts.into_iter();
        for route in taking {
            let reason = if !route.active {
                let name = &route.workflow;
                Some(format!("the workflow is inactive; `deskwire workflows activate {name}` switches it on"))
            } else if route.conditional {
                verdicts.next().flatten()
            } else {
                None
            };
            match reason {
                Some(reason) => declined.push(Declined { workflow: route.workflow.clone(), reason }),
                None => wanted.push(route),
            }
        }
        (wanted, declined)
    }

    /// Must the workflow's condition be asked before its run joins its lane, and nobody here can?
    pub fn leaves_to_ask(&self, route: &Route) -> bool {
        self.conditions.is_none() && route.conditional && (route.lane != LanePolicy::Every || route.by_change)
    }

    /// How many active workflows events start.
    pub fn active(&self) -> usize {
        self.routes.values().flatten().filter(|route| route.active).count()
    }

    /// May a run wait for such an event? What Deskwire says about itself may always be waited for.
    pub fn is_awaited(&self, event: &Event) -> bool {
        event.source == SourceName::deskwire() || self.awaiting.iter().any(|route| route.awaits(event))
    }
}

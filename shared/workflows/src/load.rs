//! A whole project: every file read, what is sound kept, every mistake told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deskwire_core::action::Actions;
use deskwire_core::connection::{ConnectionConfig, OAuthClientConfig};
use deskwire_core::source::SourceConfig;
use deskwire_templates::Templates;

use crate::compile;
use crate::diagnostic::{Diagnostic, Severity};
use crate::project_file::{self, Declared};
use crate::report::Report;
use crate::workflow::Workflow;
use crate::yaml::{Kind, Node};

/// A project file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, for messages.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// What compiling needs to know.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The actions there are.
    pub actions: &'a Actions,
    /// The template language.
    pub templates: &'a Templates,
    /// May connections lead to this machine, over plain http too?
    pub allow_loopback: bool,
}

/// How long events, runs and journals are kept unless the project file says otherwise.
pub const DEFAULT_RETENTION: Duration = Duration::from_hours(90 * 24);

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its sources.
    pub sources: Vec<SourceConfig>,
    /// Its OAuth clients.
    pub oauth_clients: Vec<OAuthClientConfig>,
    /// Its connections.
    pub connections: Vec<ConnectionConfig>,
    /// Its workflows.
    pub workflows: Vec<Arc<Workflow>>,
    /// `retention`: how long events are kept, with their runs and journals. At least a day.
    pub retention: Duration,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            oauth_clients: Vec::new(),
            connections: Vec::new(),
            workflows: Vec::new(),
            retention: DEFAULT_RETENTION,
        }
    }
}

/// What loading brought.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Everything that is sound.
    pub project: Project,
    /// The mistakes, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The workflow files that cannot be used.
    pub unusable: Vec<Unusable>,
}

/// A workflow file with a mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The file's path.
    pub file: String,
    /// The name that it gives, if it comes to that.
    pub name: Option<String>,
}

impl Loaded {
    /// Is there a mistake that keeps a file from being used?
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// The largest file that is read. Workflows of a hundred steps stay below a quarter of it.
const MAX_FILE: usize = 256 * 1024;

/// Loads a project from its texts. Without a project file, sources and connections are not looked up.
pub fn load(project_file: Option<&SourceFile>, workflow_files: &[SourceFile], options: &Options<'_>) -> Loaded {
    let mut loaded = Loaded::default();
    let mut declared = None;
    if let Some(file) = project_file {
        let mut report = Report::new(file);
        if let Some(found) = project_file::read(&mut report, options) {
            loaded.project.sources = found.sources;
            loaded.project.oauth_clients = found.oauth_clients;
            loaded.project.connections = found.connections;
            loaded.project.retention = found.retention;
            declared = Some(found.declared);
        }
        loaded.diagnostics.extend(report.finish());
    }
    load_workflows(workflow_files, options, declared.as_ref(), &mut loaded);
    loaded
}

fn load_workflows(files: &[SourceFile], options: &Options<'_>, declared: Option<&Declared>, loaded: &mut Loaded) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for file in files {
        let mut report = Report::new(file);
        let compiled = compile::workflow(&mut report, options, declared);
        let given = compiled.name.as_ref().map(|(name, _)| name.clone());
        let first = compiled.name.is_none_or(|(name, place)| match taken.get(&name) {
            Some(other) => {
                let message = format!("the workflow `{name}` is in {other} already");
                report.error_with_help(place, message, "give one of the two another name");
                false
            }
            None => taken.insert(name, &file.path).is_none(),
        });
        let workflow = compiled.workflow.filter(|_| first).map(Arc::new);
        if workflow.is_none() {
            loaded.unusable.push(Unusable { file: file.path.clone(), name: given });
        }
        loaded.project.workflows.extend(workflow);
        loaded.diagnostics.extend(report.finish());
    }
}

/// Reads a file of the project as a map. `None` if there is nothing to work with.
pub(crate) fn read_file(report: &mut Report<'_>, empty_help: &str) -> Option<Node> {
    let size = report.file.text.len();
    if size > MAX_FILE {
        let message = format!("the file is {size} bytes long; {MAX_FILE} are the most");
        report.error_with_help(0..0, message, "a project file holds no data: move what is not configuration elsewhere");
        return None;
    }
    let before = report.errors();
    let root = crate::yaml::read(report);
    match root {
        Some(Node { kind: Kind::Null, .. }) | None if report.errors() == before => {
            report.error_with_help(0..0, "the file is empty", empty_help);
            None
        }
        other => other,
    }
}

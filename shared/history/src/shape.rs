//! The steps of the workflow version that a run is pinned to: what each calls, and which of them the run never reached.

use std::collections::{HashMap, HashSet};

use deskwire_core::action::{ActionSpec, Actions};
use deskwire_core::ids::StepPath;
use deskwire_core::ports::RunDetail;
use deskwire_core::run::Entry;
use deskwire_templates::Templates;
use deskwire_workflows::{Options, SourceFile, Step, StepKind, Workflow};

/// The steps of one workflow version.
#[derive(Debug)]
pub struct Shape {
    workflow: Workflow,
}

/// A step that a run never reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// Its path, without the turns of loops.
    pub path: StepPath,
    /// What it does: an action's name, or the word of its kind.
    pub word: String,
    /// Why not.
    pub why: Why,
}

/// Why a step was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The run ended before it.
    Ended,
    /// The run has not come to it yet.
    NotYet,
    /// It is in a case that was not taken.
    NotTaken,
    /// The list of the loop around it was empty.
    NoItems,
}

impl Why {
    /// In words, to follow "never reached: ".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Ended => "the run ended before it",
            Self::NotYet => "the run has not come to it yet",
            Self::NotTaken => "its case was not taken",
            Self::NoItems => "the loop had no items",
        }
    }
}

impl Shape {
    /// From the text of a version that was published; `None` where this Deskwire no longer understands it.
    pub fn compile(text: String, actions: &Actions, templates: &Templates) -> Option<Self> {
        let file = SourceFile { path: String::new(), text };
        let options = Options { actions, templates, allow_loopback: true };
        Workflow::compile(&file, &options).ok().map(|workflow| Self { workflow })
    }

    /// The workflow.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The steps that the run never reached, in the order of the file.
    pub fn unreached(&self, run: &RunDetail) -> Vec<Unreached> {
        let why = if run.summary.state.is_over() { Why::Ended } else { Why::NotYet };
        let mut walk = Walk { seen: Seen::read(&run.journal), found: Vec::new() };
        walk.steps(&self.workflow.steps, why);
        walk.found
    }
}

/// Which action each step of a run calls.
#[derive(Debug)]
pub struct Specs<'a>(HashMap<String, &'a ActionSpec>);

impl<'a> Specs<'a> {
    /// By the run's version, and where that is not understood any more by what the journal says of results.
    pub fn new(shape: Option<&Shape>, journal: &[Entry], actions: &'a Actions) -> Self {
        let mut specs = HashMap::new();
        let mut add = |id: &str, action: &str| {
            if let Some(action) = actions.get(action) {
                specs.insert(id.to_owned(), action.spec());
            }
        };
        match shape {
            Some(shape) => shape.workflow.all_steps().into_iter().for_each(|step| add(&step.id, step.word())),
            None => journal.iter().for_each(|entry| {
                if let Entry::Done { step, action, .. } = entry {
                    add(id(step), action);
                }
            }),
        }
        Self(specs)
    }

    /// The action of the step at this path, which may lead through turns of loops.
    pub fn get(&self, path: &StepPath) -> Option<&'a ActionSpec> {
        self.0.get(id(path)).copied()
    }
}

/// The id of the step at a path: no two steps of a workflow share one.
pub(crate) fn id(path: &StepPath) -> &str {
    let last = path.as_str().rsplit('/').next().unwrap_or_default();
    last.split('[').next().unwrap_or_default()
}

/// What a journal says by step id, over all turns of loops.
#[derive(Default)]
struct Seen<'j> {
    ids: HashSet<&'j str>,
    cases: HashMap<&'j str, HashSet<u32>>,
    items: HashMap<&'j str, usize>,
}

impl<'j> Seen<'j> {
    fn read(journal: &'j [Entry]) -> Self {
        let mut seen = Self::default();
        for entry in journal {
            let Some(path) = entry.step() else { continue };
            // Whatever is around a step was reached as well, though it may not have an entry yet.
            seen.ids.extend(path.as_str().split('/').filter_map(|part| part.split('[').next()));
            match entry {
                Entry::Chose { case, .. } => {
                    seen.cases.entry(id(path)).or_default().insert(case.unwrap_or(0));
                }
                Entry::Looping { items, .. } => *seen.items.entry(id(path)).or_default() += items.len(),
                _ => {}
            }
        }
        seen
    }
}

struct Walk<'j> {
    seen: Seen<'j>,
    found: Vec<Unreached>,
}

impl Walk<'_> {
    fn steps<'s>(&mut self, steps: impl IntoIterator<Item = &'s Step>, why: Why) {
        for step in steps {
            if self.seen.ids.contains(step.id.as_str()) {
                self.within(step, why);
            } else {
                self.found.push(Unreached { path: step.path.clone(), word: step.word().to_owned(), why });
                self.steps(step.inner(), why);
            }
        }
    }

    /// The steps within one that was reached. Where it was left out, it says so itself.
    fn within(&mut self, step: &Step, why: Why) {
        match &step.kind {
            StepKind::Choose(choose) => {
                let Some(taken) = self.seen.cases.get(step.id.as_str()).cloned() else { return };
                for (number, case) in (1u32..).zip(&choose.cases) {
                    self.steps(&case.steps, if taken.contains(&number) { why } else { Why::NotTaken });
                }
                self.steps(&choose.otherwise, if taken.contains(&0) { why } else { Why::NotTaken });
            }
            StepKind::ForEach(each) => {
                let Some(items) = self.seen.items.get(step.id.as_str()) else { return };
                self.steps(&each.steps, if *items == 0 { Why::NoItems } else { why });
            }
            StepKind::Action(_) | StepKind::Wait(_) | StepKind::Stop(_) | StepKind::Fail(_) => {}
        }
    }
}

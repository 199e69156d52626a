//! What a workflow's steps can know of each other before any of them is compiled: their order, the branches and loops they
//! stand in, and what their outputs hold. Here ids that stand twice are told, and too many steps.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::compile::Compiler;
use crate::events;
use crate::report::Report;
use crate::schema::Schema;
use crate::yaml::{Kind, Node};

/// More steps than anybody follows; it bounds what one run can do.
const MAX_STEPS: usize = 200;

/// A place that steps stand in: a branch of a `choose`, or a turn of a loop. `owner` is the step's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub owner: usize,
    pub branch: Branch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    Case(usize),
    Otherwise,
    Turn,
}

/// A step as other steps see it.
#[derive(Debug)]
pub(crate) struct Known<'n> {
    pub id: &'n str,
    /// The action it calls, if it does.
    pub action: Option<&'n str>,
    pub output: Schema<'n>,
    /// Does the workflow go on when it fails, with `error` as its output?
    pub continues: bool,
    /// The branches and loops around it, the outermost first.
    pub within: Vec<Part>,
    /// Its own `if`.
    pub condition: Option<&'n Node>,
    /// The number of the first step that is neither it nor within it.
    pub after: usize,
}

/// All that the names of a workflow can stand for.
pub(crate) struct Outline<'n> {
    /// The event that starts it.
    pub event: Schema<'n>,
    /// The inputs of a workflow that a person starts.
    pub inputs: Option<Schema<'n>>,
    /// Every step, in the order of the file.
    pub steps: Vec<Known<'n>>,
    /// Are there more steps than a workflow may have?
    pub too_many: bool,
    /// The steps' numbers by the byte at which they begin.
    numbers: HashMap<usize, usize>,
}

impl<'n> Outline<'n> {
    /// Reads the steps. `source` is the trigger's, which waits listen to unless they say otherwise.
    pub(crate) fn read(
        items: &'n [Node],
        source: Option<&'n str>,
        compiler: &Compiler<'n>,
        report: &mut Report<'_>,
    ) -> Self {
        let mut reader =
            Reader { compiler, source, steps: Vec::new(), numbers: HashMap::new(), lines: BTreeMap::new() };
        reader.list(items, &[], report);
        let count = reader.steps.len();
        if count > MAX_STEPS
            && let Some(first) = items.first()
        {
            let message = format!("the workflow has {count} steps; {MAX_STEPS} are the most");
            report.error_with_help(first.span.start..first.span.start, message, "split it into several workflows");
        }
        let (steps, numbers, too_many) = (reader.steps, reader.numbers, count > MAX_STEPS);
        Self { event: Schema::default(), inputs: None, steps, too_many, numbers }
    }

    /// The number of the step that this node is.
    pub(crate) fn number(&self, node: &Node) -> Option<usize> {
        self.numbers.get(&node.span.start).copied()
    }

    /// The number of the step of this id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }
}

struct Reader<'c, 'n> {
    compiler: &'c Compiler<'n>,
    source: Option<&'n str>,
    steps: Vec<Known<'n>>,
    numbers: HashMap<usize, usize>,
    lines: BTreeMap<&'n str, usize>,
}

impl<'n> Reader<'_, 'n> {
    /// Reads a list of steps; the last one's output comes back.
    fn list(&mut self, items: &'n [Node], within: &[Part], report: &mut Report<'_>) -> Schema<'n> {
        let mut last = Schema::default();
        for item in items.iter().filter(|item| matches!(item.kind, Kind::Map(_))) {
            let number = self.step(item, within, report);
            last = if self.steps[number].continues { Schema::default() } else { self.steps[number].output.clone() };
        }
        last
    }

    fn step(&mut self, item: &'n Node, within: &[Part], report: &mut Report<'_>) -> usize {
        let (id, place) = text(item, "id").unwrap_or_default();
        let line = report.place(place.start).0;
        if let Some(first) = self.lines.get(id).filter(|_| !id.is_empty()) {
            let message = format!("a step `{id}` stands in line {first} already");
            report.error_with_help(place, message, "give each step an id of its own");
        } else {
            self.lines.insert(id, line);
        }
        let number = self.steps.len();
        self.numbers.insert(item.span.start, number);
        let continues = text(item, "on_error").is_some_and(|(word, _)| word == "continue");
        let (within, condition) = (within.to_vec(), member(item, "if"));
        let action = text(item, "action").map(|(action, _)| action);
        self.steps.push(Known { id, action, output: Schema::default(), continues, within, condition, after: 0 });
        let output = self.output(item, number, report);
        let after = self.steps.len();
        let known = &mut self.steps[number];
        (known.output, known.after) = (output, after);
        // A loop that goes on says so in its results.
        known.continues = continues && member(item, "for_each").is_none();
        number
    }

    fn output(&mut self, item: &'n Node, number: usize, report: &mut Report<'_>) -> Schema<'n> {
        let part = |branch| Part { owner: number, branch };
        let around = self.steps[number].within.clone();
        let inside = |branch| [around.as_slice(), &[part(branch)]].concat();
        if let Some((action, _)) = text(item, "action") {
            let action = self.compiler.options.actions.get(action);
            return action.map_or_else(Schema::default, |action| Schema::new(&action.spec().output));
        }
        if let Some(cases) = member(item, "choose") {
            for (at, case) in list(cases).iter().enumerate() {
                if let Some(steps) = member(case, "steps") {
                    self.list(list(steps), &inside(Branch::Case(at)), report);
                }
            }
            if let Some(steps) = member(item, "otherwise") {
                self.list(list(steps), &inside(Branch::Otherwise), report);
            }
            return Schema::object([("case", Schema::plain("integer"))]);
        }
        if member(item, "for_each").is_some() {
            let steps = member(item, "steps").map(list).unwrap_or_default();
            let last = self.list(steps, &inside(Branch::Turn), report);
            let entry = if member(item, "result").is_some() { Schema::default() } else { last };
            let failed = Schema::object([("error", Schema::plain("string"))]);
            let entry = if self.steps[number].continues { Schema::union([entry, failed]) } else { entry };
            return Schema::object([
                ("results", Schema::list(entry)),
                ("count", Schema::plain("integer")),
                ("failed", Schema::plain("integer")),
            ]);
        }
        match member(item, "wait") {
            Some(wait) if member(wait, "event").is_some() => {
                let source = text(wait, "source").map(|(source, _)| source).or(self.source);
                let patterns = member(wait, "event").map(events::words).unwrap_or_default();
                let event = events::schema(self.compiler.provider_of(source), &patterns);
                Schema::object([("event", event), ("timed_out", Schema::plain("boolean"))])
            }
            Some(_) => Schema::object([("waited_until", Schema::plain("string"))]),
            None => Schema::default(),
        }
    }
}

/// A member of a map, without a word about anything else.
pub(crate) fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Kind::Map(members) = &node.kind else { return None };
    members.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
}

/// A text member of a map.
pub(crate) fn text<'n>(node: &'n Node, name: &str) -> Option<(&'n str, Range<usize>)> {
    match member(node, name)? {
        Node { kind: Kind::Text(text), span } => Some((text, span.clone())),
        _ => None,
    }
}

/// A list's items; none of anything else.
pub(crate) fn list(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => &[],
    }
}

//! Loops: one turn per item, a bounded number of them side by side.
//!
//! Items begin in their order. A turn that waits (for a retry, for a budget) keeps its place among those under way, so a
//! loop with one at a time never overtakes itself. Turns that ended are gone through again from the journal when a run
//! comes back; nothing of theirs is called.

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ids::StepPath;
use deskwire_core::ports::StoreResult;
use deskwire_core::run::Entry;
use deskwire_templates::Scope;
use deskwire_workflows::{ForEach, OnError, Step};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::delivery::{Delivery, End, Place};
use crate::flow::Flow;
use crate::journal::Ended;

/// The most items a loop goes over.
const MOST_ITEMS: usize = 10_000;

/// How one item's turn ended.
enum Turn {
    Done(Value),
    /// It failed, and the loop goes on.
    Failed(String),
    /// It failed, and so does the loop.
    Broken(String),
    /// It ends the delivery.
    End(End),
}

impl Delivery<'_> {
    pub(crate) async fn for_each(
        &self,
        step: &Step,
        each: &ForEach,
        path: StepPath,
        place: &Place,
        scope: &mut Scope,
    ) -> StoreResult<Flow> {
        let items = match self.state(&path).items {
            Some(items) => items,
            None => match list(each, scope) {
                Ok(items) => {
                    self.note(Entry::Looping { step: path.clone(), at: self.now(), items: items.clone() });
                    items.into()
                }
                Err(error) => return Ok(self.fail(step, &path, place, scope, error)),
            },
        };
        if each.parallel > 1 {
            // Whatever was under way beside others was announced.
            self.note_resumption(None);
        }
        let mut results = vec![Value::Null; items.len()];
        let (mut failed, mut next, mut waiting) = (0, 0, 0);
        let (mut ends, mut broken) = (Vec::new(), None);
        let mut under_way = FuturesUnordered::new();
        let base: &Scope = scope;
        loop {
            while next < items.len() && under_way.len() + waiting < each.parallel && broken.is_none() && !is_over(&ends)
            {
                under_way.push(self.turn(each, &path, place, base, &items, next));
                next += 1;
            }
            match under_way.next().await {
                None => break,
                Some((at, turn)) => match turn? {
                    Turn::Done(result) => results[at] = result,
                    Turn::Failed(error) => {
                        failed += 1;
                        results[at] = json!({ "error": error });
                    }
                    Turn::Broken(error) => {
                        broken.get_or_insert(error);
                    }
                    Turn::End(end) => {
                        waiting += 1;
                        ends.push(end);
                    }
                },
            }
        }
        drop(under_way);
        if let Some(error) = broken {
            return Ok(self.fail(step, &path, place, scope, CallError::new(ErrorClass::Fail, "item_failed", error)));
        }
        if let Some(end) = End::combine(ends) {
            return Ok(Flow::End(end));
        }
        let output = json!({ "results": results, "count": items.len(), "failed": failed });
        scope.set_step(&step.id, &output);
        self.note_done(&path, "for_each", output);
        Ok(Flow::On)
    }

    async fn turn(
        &self,
        each: &ForEach,
        path: &StepPath,
        place: &Place,
        base: &Scope,
        items: &[Value],
        at: usize,
    ) -> (usize, StoreResult<Turn>) {
        let mut scope = base.clone();
        scope.set(&each.item, &items[at]);
        let (first, last) = (at == 0, at + 1 == items.len());
        scope.set(
            "loop",
            &json!({ "index": at + 1, "index0": at, "first": first, "last": last, "length": items.len() }),
        );
        let inner = Place {
            prefix: format!("{path}[{at}]"),
            caught: place.caught || each.on_error == OnError::Continue,
            beside_others: place.beside_others || each.parallel > 1,
        };
        let flow = self.steps(&each.steps, &inner, &mut scope).await;
        let turn = flow.map(|flow| match flow {
            Flow::On => match self.result(each, &inner, &scope) {
                Ok(result) => Turn::Done(result),
                Err(error) => failed_turn(each, error),
            },
            Flow::ItemFailed(error) => failed_turn(each, error),
            Flow::End(end) => Turn::End(end),
        });
        (at, turn)
    }

    /// An item's entry in the list of results.
    fn result(&self, each: &ForEach, inner: &Place, scope: &Scope) -> Result<Value, String> {
        if let Some(result) = &each.result {
            return result.resolve(scope).map_err(|error| format!("`result`: {error}"));
        }
        let last = each.steps.last().map(|step| self.state(&inner.path(&step.id)).ended);
        Ok(match last.flatten() {
            Some(Ended::Done(output)) => output,
            Some(Ended::FailedOn(error)) => json!({ "error": error }),
            Some(Ended::Skipped) | None => Value::Null,
        })
    }
}

fn failed_turn(each: &ForEach, error: String) -> Turn {
    if each.on_error == OnError::Continue { Turn::Failed(error) } else { Turn::Broken(error) }
}

fn is_over(ends: &[End]) -> bool {
    ends.iter().any(|end| matches!(end, End::Over { .. }))
}

fn list(each: &ForEach, scope: &Scope) -> Result<Vec<Value>, CallError> {
    let bad = |message: String| CallError::new(ErrorClass::Fail, "bad_list", message);
    match each.items.render(scope).map_err(|error| bad(format!("`for_each`: {}", error.message)))? {
        Value::Array(items) if items.len() <= MOST_ITEMS => Ok(items),
        Value::Array(items) => {
            Err(bad(format!("`for_each` goes over at most {MOST_ITEMS} items, and the list has {}", items.len())))
        }
        other => Err(bad(format!("`for_each` needs a list, and its value is {}", kind(&other)))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

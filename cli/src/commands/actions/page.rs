//! The page of one action, for `deskwire actions show NAME`: lines of at most 80 columns, whatever it is printed on, save
//! for the example, which is there to be copied.

use deskwire_core::action::{ANY_PROVIDER, Action, ActionSpec, ErrorClass};
use deskwire_core::limit::Limit;

use super::effects::{self, meaning};
use super::properties::{self, names_personal};
use crate::output::{BOLD, CYAN, DIM, paint};

const WIDTH: usize = 80;

/// A first column is at most so wide; what is longer has a line of its own.
const WIDEST_NAME: usize = 24;

/// The page's lines.
pub(super) fn of(action: &dyn Action) -> Vec<String> {
    let spec = action.spec();
    let mut lines = vec![paint(BOLD, spec.name)];
    lines.extend(wrapped(spec.summary, WIDTH));
    lines.extend(facts(action));
    lines.extend(section("Inputs, under `with`", &input_rows(spec)));
    lines.extend(section("Limits, kept to before anything is sent", &limit_rows(action)));
    lines.extend(section(&format!("Outputs, as `steps.ID.{}`", first_output(spec)), &output_rows(spec)));
    if [&*spec.input, &*spec.output].into_iter().any(names_personal) {
        lines.push(String::new());
        lines.extend(wrapped("What is personal is about people: lists and logs do not show it.", WIDTH));
    }
    lines.extend(section("Errors", &error_rows(spec)));
    lines.extend([String::new(), paint(BOLD, "Example")]);
    lines.extend(spec.example.lines().map(|line| format!("  {line}").trim_end().to_owned()));
    lines.extend([String::new(), format!("{}  {}", paint(DIM, "page"), spec.page)]);
    lines
}

/// A row of a table: what it is about, a word on its kind, and what to know.
struct Row {
    name: String,
    kind: String,
    text: String,
}

fn facts(action: &dyn Action) -> Vec<String> {
    let spec = action.spec();
    let connection = match spec.provider {
        ANY_PROVIDER => "of any provider".to_owned(),
        provider => format!("of {provider}"),
    };
    let cases = effects::cases(action);
    let effect = match cases.as_slice() {
        [] => Row { name: "effect".to_owned(), kind: spec.effect.as_str().to_owned(), text: meaning(spec.effect) },
        _ => Row { name: "effect".to_owned(), kind: "depends on the input".to_owned(), text: String::new() },
    };
    let mut rows = vec![Row { name: "connection".to_owned(), kind: connection, text: String::new() }];
    if !spec.scopes.is_empty() {
        rows.push(Row { name: "needs".to_owned(), kind: spec.scopes.join(", "), text: String::new() });
    }
    rows.push(effect);
    let mut lines = vec![String::new()];
    lines.extend(table(&rows));
    if !cases.is_empty() {
        let rows: Vec<Row> = cases
            .into_iter()
            .map(|case| Row { name: case.when, kind: case.effect.as_str().to_owned(), text: meaning(case.effect) })
            .collect();
        lines.extend(section("Effect", &rows));
    }
    lines
}

fn input_rows(spec: &ActionSpec) -> Vec<Row> {
    rows(properties::rows(&spec.input, true))
}

fn limit_rows(action: &dyn Action) -> Vec<Row> {
    let row = |limit: &Limit| Row { name: limit.input.to_owned(), kind: limit.rule.in_words(), text: String::new() };
    action.limits().iter().map(row).collect()
}

fn output_rows(spec: &ActionSpec) -> Vec<Row> {
    rows(properties::rows(&spec.output, false))
}

fn rows(rows: Vec<properties::Row>) -> Vec<Row> {
    rows.into_iter().map(|row| Row { name: row.name, kind: row.kind, text: row.meaning }).collect()
}

/// An output to show how outputs are named.
fn first_output(spec: &ActionSpec) -> &str {
    spec.output["properties"].as_object().and_then(|outputs| outputs.keys().next()).map_or("NAME", String::as_str)
}

/// Codes that follow each other and mean the same share a row.
fn error_rows(spec: &ActionSpec) -> Vec<Row> {
    let alike = spec.errors.chunk_by(|one, next| (one.class, one.help) == (next.class, next.help));
    let rows = alike.map(|errors| Row {
        name: errors.iter().map(|error| error.code).collect::<Vec<_>>().join(", "),
        kind: handling(errors[0].class).to_owned(),
        text: errors[0].help.to_owned(),
    });
    rows.collect()
}

const fn handling(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Retry => "is tried again",
        ErrorClass::Unknown => "may have happened: the effect decides",
        ErrorClass::NeedsReauthorization => "needs a new credential",
        ErrorClass::Fail => "fails for good",
    }
}

fn section(title: &str, rows: &[Row]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), paint(BOLD, title)];
    lines.extend(table(rows));
    lines
}

/// Names in a first column, and beside them the kind with the text below it.
fn table(rows: &[Row]) -> Vec<String> {
    let fitting = rows.iter().map(|row| row.name.chars().count()).filter(|width| *width <= WIDEST_NAME);
    let column = fitting.max().unwrap_or(WIDEST_NAME / 2) + 4;
    let room = WIDTH - column;
    let mut lines = Vec::new();
    for row in rows {
        let kind = wrapped(&row.kind, room).into_iter().map(|line| paint(CYAN, line));
        let mut beside = kind.chain(wrapped(&row.text, room)).peekable();
        let width = row.name.chars().count() + 2;
        if width + 2 <= column
            && let Some(first) = beside.next()
        {
            lines.push(format!("  {}{}{first}", row.name, " ".repeat(column - width)));
        } else {
            lines.extend(wrapped(&row.name, WIDTH - 2).into_iter().map(|line| format!("  {line}")));
        }
        lines.extend(beside.map(|line| format!("{}{line}", " ".repeat(column))));
    }
    lines
}

/// Text in lines of at most `width` characters, broken between words. A longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;

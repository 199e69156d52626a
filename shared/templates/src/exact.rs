//! The second form of a template, for numbers that keep their text (`number.rs`): the same text with a conversion around
//! every operand, in an engine whose filters and tests convert what they are given.
//!
//! Made when a template first meets such a number, so that nothing else pays for it.

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize as _;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::convert::to_json;
use crate::number::{after_comparing, for_calculating, for_comparing};

/// What is done with an operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operand {
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
    /// Is it compared? Else it is calculated with.
    pub compared: bool,
}

const BEFORE: &str = "((";
const COMPARED: &str = ") | for_comparing)";
const CALCULATED: &str = ") | for_calculating)";

/// Filters and tests that calculate.
const CALCULATING: [&str; 5] = ["abs", "round", "int", "float", "format"];
const CALCULATING_TESTS: [&str; 7] = ["odd", "even", "divisibleby", "number", "integer", "int", "float"];
/// Filters and tests that compare.
const COMPARING: [&str; 5] = ["sort", "min", "max", "unique", "dictsort"];
const COMPARING_TESTS: [&str; 18] = [
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "in",
    "true",
    "false",
];

/// The engine as its makers made it.
static BUILT_IN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine
});

/// Teaches an engine to convert.
pub(crate) fn teach(engine: &mut Environment<'static>, output_bytes: usize) {
    engine.add_filter("for_comparing", |value: Value| for_comparing(&value));
    engine.add_filter("for_calculating", |value: Value| for_calculating(&value));
    let known = |engine: &Environment<'_>, what: &str, name: &str| {
        engine.empty_state().perform_test(what, &[Value::from(name)]).unwrap_or(false)
    };
    for name in CALCULATING.into_iter().filter(|name| known(engine, "filter", name)).collect::<Vec<_>>() {
        engine.add_filter(name, move |arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let arguments: Vec<Value> = arguments.into_values().iter().map(for_calculating).collect();
            BUILT_IN.empty_state().apply_filter(name, &arguments)
        });
    }
    for name in COMPARING.into_iter().filter(|name| known(engine, "filter", name)).collect::<Vec<_>>() {
        engine.add_filter(name, move |arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let arguments: Vec<Value> = arguments.into_values().iter().map(for_comparing).collect();
            BUILT_IN.empty_state().apply_filter(name, &arguments).map(|value| after_comparing(&value))
        });
    }
    for (names, convert) in
        [(&CALCULATING_TESTS[..], for_calculating as fn(&Value) -> Value), (&COMPARING_TESTS[..], for_comparing)]
    {
        for name in names.iter().copied().filter(|name| known(engine, "test", name)).collect::<Vec<_>>() {
            engine.add_test(name, move |arguments: Rest<ValueOrKwargs>| -> Result<bool, Error> {
                let arguments: Vec<Value> = arguments.into_values().iter().map(convert).collect();
                BUILT_IN.empty_state().perform_test(name, &arguments)
            });
        }
    }
    engine.add_filter("tojson", move |value: Value, indent: Option<usize>, named: Kwargs| -> Result<Value, Error> {
        let indent = if indent.is_some() { indent } else { named.get("indent")? };
        named.assert_all_used()?;
        json(&value, indent, output_bytes)
    });
}

/// As the engine's own `tojson` writes it, numbers as they are written.
fn json(value: &Value, indent: Option<usize>, output_bytes: usize) -> Result<Value, Error> {
    let bad = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    let json = to_json(value, output_bytes, crate::escape::Escape::None)
        .map_err(|_| bad("cannot serialize to JSON".to_owned()))?;
    let mut bytes = Vec::new();
    let spaces = " ".repeat(indent.unwrap_or_default().min(16));
    let done = if indent.is_none() {
        json.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))
    } else {
        let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
        json.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
    };
    done.map_err(|error| bad(error.to_string()))?;
    // These stand only within texts.
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for (character, escape) in [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")] {
        text = text.replace(character, escape);
    }
    Ok(Value::from_safe_string(text))
}

/// `{"a": 1, "b": 2}`
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A text with conversions around its operands.
#[derive(Debug, Clone)]
pub(crate) struct Converted {
    pub text: String,
    /// Where in the first text something was put in, and how many bytes, in order.
    put_in: Vec<(usize, usize)>,
}

impl Converted {
    /// Puts the conversions in. The places are those of the operands in `text` after its first `shift` bytes.
    pub(crate) fn new(text: &str, operands: &[Operand], shift: usize) -> Self {
        let mut pieces: Vec<(usize, bool, &str)> = Vec::with_capacity(operands.len() * 2);
        for operand in operands {
            let after = if operand.compared { COMPARED } else { CALCULATED };
            pieces.push((operand.range.start + shift, true, BEFORE));
            pieces.push((operand.range.end + shift, false, after));
        }
        // Where one operand ends and another begins, the one ends first. Of operands that end together the inner one was found
        // first.
        pieces.sort_by_key(|(at, begins, _)| (*at, *begins));
        let mut converted = Self { text: String::with_capacity(text.len() * 2), put_in: Vec::new() };
        let mut from = 0;
        for (at, _, piece) in pieces {
            converted.text.push_str(text.get(from..at).unwrap_or_default());
            converted.text.push_str(piece);
            converted.put_in.push((at, piece.len()));
            from = at;
        }
        converted.text.push_str(text.get(from..).unwrap_or_default());
        converted
    }

    /// The place in the text as it was of a place in the text as it is.
    pub(crate) fn back(&self, range: Range<usize>) -> Range<usize> {
        let one = |place: usize| {
            let mut more = 0;
            for (at, length) in &self.put_in {
                if at + more >= place {
                    break;
                }
                if place < at + more + length {
                    return *at;
                }
                more += length;
            }
            place - more
        };
        one(range.start)..one(range.end)
    }
}

//! The engine, configured once: what the language has, how values print, and its limits.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use crate::convert::{number, to_json};
use crate::escape::Escape;
use crate::number::written;

/// What one template may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The engine's unit of work: an instruction, or about 64 bytes of data made or read.
    pub fuel: u64,
    /// The largest result, in bytes of text or JSON.
    pub output_bytes: usize,
    /// The longest template, in bytes.
    pub template_bytes: usize,
}

impl Default for Limits {
    /// A result may be 1 MiB of text, the most that a call through `http.request` takes, and what stands around it. The
    /// engine charges a unit for each 64 bytes that it reads or writes, so this text costs 16 384 units to print and twice
    /// that for each filter it goes through, and 262 144 as the JSON of a list: 300 000 units let it pass. The same 300 000
    /// end a loop that does nothing useful after milliseconds, since an instruction takes some tens of nanoseconds.
    fn default() -> Self {
        Self { fuel: 300_000, output_bytes: (1024 + 64) * 1024, template_bytes: 64 * 1024 }
    }
}

/// What the language leaves out: what can put one large value into a list many times over. Such a list costs next to nothing
/// to make and has no end when it is turned into text, which is not charged on the way.
const REMOVED_FILTERS: [&str; 7] = ["batch", "slice", "groupby", "zip", "chain", "sum", "pprint"];

/// Where the value of a template that is one expression is left for [`taken`].
const SLOT: &str = "value";

/// What happens to the value of a `{{ … }}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Printing {
    /// It becomes text, escaped for its place.
    Text(Escape),
    /// It is kept as a value, and texts it is put together from are escaped on the way (`safe ~ unsafe`).
    Kept(Escape),
}

/// How text is told from tags. A last line break belongs to the text.
pub(crate) fn delimiters() -> SyntaxConfig {
    // The default delimiters cannot be invalid; the fallback differs only in the last line break.
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// The engine without templates. Clones share its filters and tests.
pub(crate) fn engine(limits: Limits, printing: Printing) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_syntax(delimiters());
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine.set_fuel(Some(limits.fuel));
    // Loops that call themselves take stack; nobody needs many levels in a message.
    engine.set_recursion_limit(32);
    // Errors name the value that is missing, and where.
    engine.set_debug(true);
    for filter in REMOVED_FILTERS {
        engine.remove_filter(filter);
    }
    crate::piped::teach(&mut engine);
    crate::filters::teach(&mut engine);
    // `debug` prints everything in scope; a `namespace` lets a loop build values of any depth.
    engine.remove_global("debug");
    engine.remove_global("namespace");
    // A name of an escaping scheme makes the engine treat captured text (`{% set x %}…`) as escaped already, and lets its
    // filter `escape` print by our formatter; without one, that filter writes HTML.
    let (Printing::Text(escape) | Printing::Kept(escape)) = printing;
    engine.set_auto_escape_callback(move |_| match escape.scheme() {
        Some(scheme) => AutoEscape::Custom(scheme.into()),
        None => AutoEscape::None,
    });
    let output_bytes = limits.output_bytes;
    match printing {
        // The engine formats parts first and the whole last, so the whole is what stays in the slot.
        Printing::Kept(_) => engine.set_formatter(move |out, state, value| {
            state.set_temp(SLOT, value.clone());
            if escape.scheme().is_some() { print(out, value, output_bytes, escape) } else { Ok(()) }
        }),
        Printing::Text(_) => engine.set_formatter(move |out, _, value| print(out, value, output_bytes, escape)),
    }
    engine
}

/// The value that a rendering with [`Printing::Kept`] left behind.
pub(crate) fn taken(state: &State<'_, '_>) -> Option<Value> {
    state.get_temp(SLOT)
}

/// Writes a value as people and JSON write it: nothing for none, `true`, numbers unchanged, JSON for lists and maps.
fn print(out: &mut Output<'_>, value: &Value, limit: usize, escape: Escape) -> Result<(), Error> {
    if let Some(number) = written(value) {
        return out.write_str(number.as_str()).map_err(Error::from);
    }
    let written = match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(()),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match number(value) {
            Ok(number) => write!(out, "{number}"),
            Err(_) => write!(out, "{value}"),
        },
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if value.is_safe() { out.write_str(text) } else { out.write_str(&escape.part(text)) }
        }
        _ => {
            let json = to_json(value, limit, Escape::None).map_err(|why| match why {
                crate::convert::NoJson::TooLong => Error::from(ErrorKind::OutOfFuel),
                crate::convert::NoJson::Kind(why) => Error::new(ErrorKind::InvalidOperation, why),
            })?;
            // The engine charges what is written for a list or a map sixteenfold, since walking it costs more than copying.
            let text = json.to_string();
            out.write_str(&escape.part(&text))
        }
    };
    written.map_err(Error::from)
}

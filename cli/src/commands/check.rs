//! `deskwire check`: every mistake of a project in one run.

use deskwire_workflows::Severity;
use serde_json::json;

use super::{colour_on_stdout, print_diagnostics, read_project};
use crate::Outcome;
use crate::args::ProjectArgs;
use crate::failure;
use crate::output::{GREEN, RED, line, paint};

pub(crate) fn run(project: &ProjectArgs, json: bool) -> anyhow::Result<Outcome> {
    let files = read_project(project)?;
    let loaded = deskwire_startup::check(&files, project.allow_loopback);
    let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = loaded.diagnostics.len() - errors;
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    if json {
        let mut document = json!({
            "ok": errors == 0,
            "errors": errors,
            "warnings": warnings,
            "diagnostics": loaded.diagnostics,
            "sources": loaded.project.sources.len(),
            "connections": loaded.project.connections.len(),
            "workflows": loaded.project.workflows.len(),
        });
        if errors > 0 {
            let message = format!("the project has {}", plural(errors, "mistake"));
            document["error"] = failure::mistaken(&message, &loaded.diagnostics);
        }
        crate::output::json(&document);
    } else {
        print_diagnostics(&loaded.diagnostics, &files, colour_on_stdout());
        if errors == 0 {
            let also = if warnings == 0 { String::new() } else { format!(", {}", plural(warnings, "warning")) };
            line(format_args!(
                "{} {}, {}, {}{also}",
                paint(GREEN, "ok:"),
                plural(loaded.project.workflows.len(), "workflow"),
                plural(loaded.project.connections.len(), "connection"),
                plural(loaded.project.sources.len(), "source"),
            ));
        } else {
            line(paint(RED, format_args!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))));
        }
    }
    Ok(if errors == 0 { Outcome::Fine } else { Outcome::Failed })
}

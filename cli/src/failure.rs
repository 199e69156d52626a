//! How a command says that it failed: sentences on the standard error for people, or with `--json` one document on the
//! standard output, so that whoever reads that always finds exactly one.
//!
//! The document has one shape whatever went wrong: `{"ok": false, "error": {"code", "message", "messages", "diagnostics"}}`.
//! `code` is `usage` (exit status 2), `mistakes` where project files have some, or `failed`. A command whose answer is no
//! (`connections test`, `doctor`) answers with its own document instead, which holds no `error`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use deskwire_workflows::Diagnostic;
use serde_json::{Value, json};

use crate::output::{self, RED, paint};

static AS_JSON: AtomicBool = AtomicBool::new(false);
/// Does the standard output hold its document already?
static ANSWERED: AtomicBool = AtomicBool::new(false);
static SAID: Mutex<Said> = Mutex::new(Said { messages: Vec::new(), diagnostics: Vec::new() });

/// What went wrong so far.
struct Said {
    messages: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// Answers in JSON from now on.
pub(crate) fn speak_json() {
    AS_JSON.store(true, Ordering::Relaxed);
}

/// Are answers JSON?
pub(crate) fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// Notes that the document has been printed.
pub(crate) fn answered() {
    ANSWERED.store(true, Ordering::Relaxed);
}

/// Says why a command fails, in a sentence. It still has to return that it failed.
pub(crate) fn refuse(why: impl std::fmt::Display) {
    if is_json() {
        said().messages.push(plain(why));
    } else {
        output::note(format_args!("{}: {why}", paint(RED.bold(), "error")));
    }
}

/// Keeps mistakes in project files for the document.
pub(crate) fn mistakes(diagnostics: &[Diagnostic]) {
    said().diagnostics.extend_from_slice(diagnostics);
}

/// The status of a command that failed, once everything has been said.
pub(crate) fn end() -> ExitCode {
    let said = said();
    if is_json() && !(said.messages.is_empty() && said.diagnostics.is_empty()) {
        let code = if said.diagnostics.is_empty() { "failed" } else { "mistakes" };
        let message = said.messages.first().map_or("the project has mistakes", String::as_str);
        let document = document(code, message, &said.messages, &said.diagnostics);
        if ANSWERED.load(Ordering::Relaxed) {
            // The answer says itself that it is not well; this says why, beside it.
            output::raw_note(&document);
        } else {
            output::json(&document);
        }
    }
    ExitCode::FAILURE
}

/// The status where the command line itself was wrong, or asked for help.
pub(crate) fn usage(error: &clap::Error, as_json: bool) -> ExitCode {
    let status = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    if !as_json || !error.use_stderr() {
        // Whoever went away (`| head`) needs no help.
        let _ = error.print();
        return status;
    }
    let text = plain(error);
    let bare = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let (message, more) =
        if bare { ("a command is missing", &*text) } else { text.split_once('\n').unwrap_or((text.as_str(), "")) };
    let message = message.strip_prefix("error: ").unwrap_or(message).trim();
    let mut document = document("usage", message, &[message.to_owned()], &[]);
    let more: Vec<&str> = more.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    document["error"]["help"] = json!(more.join("\n"));
    output::json(&document);
    status
}

/// What the documents of commands that read a project have as `error` where it has mistakes.
pub(crate) fn mistaken(message: &str, diagnostics: &[Diagnostic]) -> Value {
    document("mistakes", message, &[message.to_owned()], diagnostics)["error"].take()
}

/// The one shape of what went wrong.
fn document(code: &str, message: &str, messages: &[String], diagnostics: &[Diagnostic]) -> Value {
    json!({
        "ok": false,
        "error": { "code": code, "message": message, "messages": messages, "diagnostics": diagnostics },
    })
}

fn plain(text: impl std::fmt::Display) -> String {
    anstream::adapter::strip_str(&text.to_string()).to_string()
}

fn said() -> std::sync::MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

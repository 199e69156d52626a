//! `deskwire init`: a project to begin with, which runs in the sandbox as it is. Files that are there are never changed.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::{samples, schema};
use crate::Outcome;
use crate::args::Schema;
use crate::output::{BOLD, DIM, line, paint};

/// What makes a folder a project. It is written first.
const PROJECT: &str = "deskwire.yaml";

/// The samples that the project begins with. The first starts its workflow.
const SAMPLES: [&str; 3] = ["ticket.priority_changed", "ticket.agent_assignment_changed", "ticket.comment_added"];

/// What one does next, and why.
const NEXT: [(&str, &str); 3] = [
    ("deskwire check", "finds the mistakes in it"),
    ("deskwire serve --sandbox", "runs it against built-in stand-ins of Zendesk and Slack"),
    (
        "deskwire events send ticket.priority_changed --source zendesk-support",
        "starts the workflow, from a second terminal",
    ),
];

/// A file of the new project.
struct NewFile {
    path: String,
    about: &'static str,
    text: String,
}

fn files() -> anyhow::Result<Vec<NewFile>> {
    let file = |path: &str, about, text: &str| NewFile { path: path.to_owned(), about, text: text.to_owned() };
    let mut files = vec![
        file(PROJECT, "sources and connections", include_str!("../../init/deskwire.yaml")),
        file("workflows/urgent.yaml", "a workflow", include_str!("../../init/workflows/urgent.yaml")),
        file(".gitignore", "keeps data and secrets out of git", include_str!("../../init/gitignore")),
        file("schemas/deskwire.schema.json", "for editors", &schema::text(Schema::Project)),
        file("schemas/workflow.schema.json", "for editors", &schema::text(Schema::Workflow)),
    ];
    for name in SAMPLES {
        files.push(file(&format!("events/{name}.json"), "a sample event", samples::found(name)?));
    }
    Ok(files)
}

pub(crate) fn run(folder: &Path, as_json: bool) -> anyhow::Result<Outcome> {
    let made = |path: &Path| {
        std::fs::create_dir_all(path).with_context(|| {
            format!("cannot make the folder {}; name another one, `deskwire init DIR`", path.display())
        })
    };
    made(folder)?;
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for file in files()? {
        let path = folder.join(&file.path);
        made(path.parent().unwrap_or(folder))?;
        if write_new(&path, &file.text)? {
            written.push(file);
        } else if file.path == PROJECT {
            bail!(
                "{} is there already, so this folder is a project; nothing was changed. `deskwire check` looks at it, and \
                 `deskwire init DIR` begins another one",
                path.display()
            );
        } else {
            kept.push(file);
        }
    }
    if as_json {
        let paths = |files: &[NewFile]| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        let next: Vec<&str> = NEXT.iter().map(|(command, _)| *command).collect();
        crate::output::json(
            &json!({ "project": folder, "written": paths(&written), "kept": paths(&kept), "next": next }),
        );
        return Ok(Outcome::Fine);
    }
    tell(folder, &written, &kept);
    Ok(Outcome::Fine)
}

/// Writes a file that is not there yet. `false` if something has its name.
fn write_new(path: &PathBuf, text: &str) -> anyhow::Result<bool> {
    let written = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => Err(error),
    };
    written.map(|()| true).with_context(|| format!("cannot write {}", path.display()))
}

fn tell(folder: &Path, written: &[NewFile], kept: &[NewFile]) {
    let here = folder == Path::new(".");
    let name = if here { "This folder".to_owned() } else { folder.display().to_string() };
    line(format_args!("{name} is a Deskwire project now:"));
    let width = written.iter().chain(kept).map(|file| file.path.len()).max().unwrap_or(0);
    for file in written {
        line(format_args!("  {:width$}  {}", file.path, paint(DIM, file.about)));
    }
    for file in kept {
        line(format_args!("  {:width$}  {}", file.path, paint(DIM, "was there already, and stays as it is")));
    }
    line("");
    line(if here { "Next:".to_owned() } else { format!("Next, in {name}:") });
    let width = NEXT.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, why) in NEXT {
        line(format_args!("  {}{:pad$}  {}", paint(BOLD, command), "", paint(DIM, why), pad = width - command.len()));
    }
}

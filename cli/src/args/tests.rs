//! What holds for every command.

use clap::{Command, CommandFactory};

use super::Cli;

/// Commands that read the project's files and nothing else.
const FILES_ALONE: [&str; 4] = ["check", "clients list", "clients show", "slack manifest"];

/// Every command that does something, with its path.
fn commands(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name()).trim().to_owned();
        if !below.has_subcommands() || !below.is_subcommand_required_set() {
            found.push((path.clone(), below.clone()));
        }
        commands(below, &path, found);
    }
}

fn takes(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|one| one.get_long() == Some(name))
}

#[test]
fn every_command_that_takes_the_data_takes_the_project_and_the_other_way_round() {
    let mut found = Vec::new();
    commands(&Cli::command(), "", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for (path, command) in &found {
        let (project, data) = (takes(command, "project"), takes(command, "data"));
        assert!(!data || project, "`{path}` takes --data and not --project");
        assert_eq!(data, takes(command, "sandbox"), "`{path}`: --sandbox names data");
        assert_eq!(data, takes(command, "target"), "`{path}`: --target names data");
        assert_eq!(project && !data, FILES_ALONE.contains(&path.as_str()), "`{path}` takes --project alone");
    }
}

#[test]
fn what_a_command_takes_does_not_contradict_itself() {
    Cli::command().debug_assert();
}

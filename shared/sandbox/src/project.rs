//! The sample project that ships with the program: a library of workflows that support teams begin with, most useful first.
//! `deskwire demo` runs them all; `tests/stories/examples.rs` says of each what it does.

/// A file below the project folder, built into the program.
macro_rules! files {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!("../project/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "deskwire.yaml",
    "workflows/notify-assignee.yaml",
    "workflows/urgent-to-channel.yaml",
    "workflows/urgent-reopened.yaml",
    "workflows/urgent-solved.yaml",
    "workflows/reply-reminder.yaml",
    "workflows/comment-storm.yaml",
    "workflows/triage.yaml",
    "workflows/task-due.yaml",
    "workflows/new-user-profile.yaml",
    "workflows/organization-record.yaml",
    "workflows/message-to-ticket.yaml",
    "workflows/ai-thread-summary.yaml",
    "workflows/tell-many.yaml",
    "workflows/weekly-digest.yaml",
    "workflows/morning-handover.yaml",
    "workflows/survey-answer.yaml",
    "workflows/survey-respondent.yaml",
    "workflows/survey-after-solved.yaml",
    "workflows/weekly-detractors.yaml",
    "workflows/connection-lost.yaml",
];

/// The project's files: path below the project folder, and text.
pub fn project_files() -> &'static [(&'static str, &'static str)] {
    FILES
}

#[cfg(test)]
mod tests;

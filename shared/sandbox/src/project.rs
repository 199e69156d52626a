//! The sample project that ships with the program: Zendesk's recipe of telling an agent in Slack about a new assignment.

const FILES: &[(&str, &str)] = &[
    ("deskwire.yaml", include_str!("../project/deskwire.yaml")),
    ("workflows/notify-assignee.yaml", include_str!("../project/workflows/notify-assignee.yaml")),
];

/// The project's files: path below the project folder, and text.
pub fn project_files() -> &'static [(&'static str, &'static str)] {
    FILES
}

#[cfg(test)]
mod tests;

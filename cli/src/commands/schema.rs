//! `deskwire schema`: the JSON Schemas of project files, for editors.

use deskwire_startup::actions_alone;
use deskwire_workflows::schemas;

use crate::Outcome;
use crate::args::Schema;
use crate::output::line;

pub(crate) fn run(what: Schema) -> Outcome {
    line(text(what).trim_end());
    Outcome::Fine
}

/// The schema as it is committed: indented, with a line feed at the end.
pub(crate) fn text(what: Schema) -> String {
    let schema = match what {
        Schema::Workflow => schemas::workflow(&actions_alone()),
        Schema::Project => schemas::project(),
    };
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_is_committed() {
        assert_eq!(text(Schema::Workflow), include_str!("../../../schemas/workflow.schema.json"));
        assert_eq!(text(Schema::Project), include_str!("../../../schemas/deskwire.schema.json"));
    }
}

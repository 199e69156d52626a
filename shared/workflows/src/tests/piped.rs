//! Piped text of Qualtrics in workflow files.

use deskwire_templates::Scope;

use super::*;
use crate::{StepKind, Workflow};

fn compiled(message: &str, with_response: bool) -> Result<Workflow, Vec<String>> {
    let any = || object(&json!({}), &[], false);
    let (actions, templates) = (
        Actions::new([action("qualtrics.get_response", any(), any()), action("any.call", any(), any())]),
        Templates::new(Limits::default()),
    );
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    let response = "  - { id: answers, action: qualtrics.get_response, connection: q, with: { survey_id: SV_1 } }\n";
    let text = format!(
        "name: w\ntrigger: {{ source: csat, event: surveyengine.completedResponse }}\nsteps:\n{}  - id: tell\n    \
         action: any.call\n    connection: q\n    with:\n      message: '{message}'\n",
        if with_response { response } else { "" }
    );
    let told = |d: &Diagnostic| format!("{}:{} {}", d.line, d.column, d.message);
    Workflow::compile(&file("w.yaml", &text), &options).map_err(|mistakes| mistakes.iter().map(told).collect())
}

#[test]
fn what_people_have_in_qualtrics_works_as_it_stands() {
    let workflow = compiled("${m://FirstName}: ${q://QID1/ChoiceGroup/SelectedChoices} {{ event.id }}", true).unwrap();
    let StepKind::Action(step) = &workflow.steps[1].kind else { panic!("no action") };
    let mut scope = Scope::new();
    scope.set("event", &json!({ "id": "e1" }));
    let answers = json!({ "QID1": { "label": "Very", "value": 5 } });
    scope.set_step("answers", &json!({ "recipient": { "first_name": "Ada" }, "answers": answers }));
    assert_eq!(step.input.resolve(&scope).unwrap(), json!({ "message": "Ada: Very e1" }));
}

#[test]
fn mistakes_in_it_are_told_with_their_place() {
    let told = |message: &str, with_response| compiled(message, with_response).unwrap_err();
    assert_eq!(told("Dear ${m://Phone}", true), ["9:22 `${m://Phone}` cannot be piped"]);
    assert_eq!(
        told("a ${m://Email}", false),
        ["8:19 piped text needs a survey's answers, and no step before this one fetches them"]
    );
    assert_eq!(
        told("${m://Email} ${q://QID1/No} {{ steps.nobody.x }} ${loc://City}", true),
        ["9:30 `${q://QID1/No}` cannot be piped", "9:66 `${loc://City}` cannot be piped"]
    );
    // A name in a template beside it is found where the file has it.
    assert!(
        told("${m://Email} {{ steps.nobody.x }}", true)[0].starts_with("9:33 "),
        "{:?}",
        told("${m://Email} {{ steps.nobody.x }}", true)
    );
}

#[test]
fn text_that_only_looks_like_it_stays() {
    let workflow = compiled("${HOME} costs $5 and {q://QID1}", true).unwrap();
    let StepKind::Action(step) = &workflow.steps[1].kind else { panic!("no action") };
    assert_eq!(step.input.resolve(&Scope::new()).unwrap(), json!({ "message": "${HOME} costs $5 and {q://QID1}" }));
}

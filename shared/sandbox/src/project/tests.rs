//! The shipped message, rendered with what the stand-ins answer.

use deskwire_templates::{Escape, Limits, Scope, Templates};
use serde_json::{Value, json};

use super::project_files;
use crate::testing::{sandbox, zendesk};
use crate::world::{DANA, HELMETS, JONAS, KILN};

/// Numbers as prose writes them.
const WORDS: [&str; 31] = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "twenty-one",
    "twenty-two",
    "twenty-three",
    "twenty-four",
    "twenty-five",
    "twenty-six",
    "twenty-seven",
    "twenty-eight",
    "twenty-nine",
    "thirty",
];

/// The lines below `message: |-`, without their indentation.
fn message_template() -> String {
    let (_, workflow) = project_files().iter().find(|(path, _)| path.ends_with("notify-assignee.yaml")).unwrap();
    let (_, block) = workflow.split_once("message: |-\n").unwrap();
    block.lines().map(|line| line.strip_prefix("        ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The message about a ticket; `change` sets what the stand-ins would not.
async fn message(ticket: u64, change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let sandbox = sandbox();
    let read = async |path: String, key: &str| zendesk(&sandbox, &path).await.json()[key].clone();
    let mut found = read(format!("tickets/{ticket}"), "ticket").await;
    let mut requester = read(format!("users/{}", found["requester_id"]), "user").await;
    let comments = read(format!("tickets/{ticket}/comments?sort=-created_at"), "comments").await;
    let update = comments.as_array().unwrap().iter().find(|comment| comment["author_id"] != found["requester_id"]);
    found["latest_agent_update"] = update.cloned().unwrap_or(Value::Null);
    change(&mut found, &mut requester);
    let mut scope = Scope::new();
    scope.set_step("assignee", &read(format!("users/{DANA}"), "user").await);
    if requester["organization_id"].is_u64() {
        let path = format!("organizations/{}", requester["organization_id"]);
        scope.set_step("organization", &read(path, "organization").await);
    }
    scope.set_step("ticket", &found);
    scope.set_step("requester", &requester);
    let template = Templates::new(Limits::default()).value(&message_template(), Escape::Slack).unwrap();
    template.render(&scope).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_message_says_who_what_and_what_was_done_so_far() {
    let expected = "\
:ticket: *Order 7781: three of twelve helmets arrived cracked*
Dana Quist, ticket *#48213* is now yours.

*From* Mina Oort · mina.oort@example.net · Halden Bicycles
*Language* nl · *Time zone* Europe/Amsterdam
*Notes* Prefers a call before noon. Orders for the whole club; do not split deliveries.

*Description*
> Hello,
>\u{20}
> we unpacked order 7781 this morning and three of the twelve helmets are cracked at the rim. The box was dented on one \
side. Our spring tour starts on Friday and every rider needs one, so please tell me how quickly you can send new ones.
>\u{20}
> Kind regards
> Mina Oort, Halden Bicycles

*Latest update by an agent*
> Photos checked: the carrier's tape is on the box, so this is transport damage. Three replacements are in stock. \
Whoever takes this: offer express.";
    assert_eq!(message(HELMETS, |_, _| ()).await, expected);
}

#[tokio::test]
async fn without_organization_notes_and_update_their_lines_are_left_out() {
    let text = message(HELMETS, |ticket, requester| {
        requester["organization_id"] = Value::Null;
        requester["notes"] = json!("");
        ticket["latest_agent_update"] = Value::Null;
    })
    .await;
    assert!(text.contains("*From* Mina Oort · mina.oort@example.net\n*Language* nl"), "{text}");
    assert!(!text.contains("*Notes*") && !text.contains("*Latest update"), "{text}");
    assert!(text.ends_with("> Mina Oort, Halden Bicycles"), "{text:?}");
}

#[tokio::test]
async fn what_a_customer_writes_is_escaped() {
    let text = message(KILN, |_, _| ()).await;
    assert!(text.contains("link &lt;PDF&gt; is broken &amp; leads nowhere"), "{text}");
    assert!(text.contains("&lt;!channel&gt;") && !text.contains("<!channel>"), "{text}");
}

#[tokio::test]
async fn the_longest_ticket_fits_into_one_message() {
    let text = message(HELMETS, |ticket, requester| {
        ticket["description"] = json!("d".repeat(60_000));
        ticket["latest_agent_update"]["body"] = json!("u".repeat(60_000));
        ticket["subject"] = json!("s".repeat(150));
        requester["notes"] = json!("n".repeat(300));
    })
    .await;
    assert!(text.chars().count() < 4_000, "{}", text.chars().count());
}

#[tokio::test]
async fn a_ticket_without_description_and_a_requester_without_time_zone_make_a_message_too() {
    let text = message(HELMETS, |ticket, requester| {
        ticket["description"] = Value::Null;
        requester["id"] = json!(JONAS);
        requester["iana_time_zone"] = Value::Null;
    })
    .await;
    assert!(text.contains("*Time zone* \n"), "{text:?}");
}

#[test]
fn the_project_holds_no_secret_and_every_file_of_it_is_shipped() {
    let shipped: Vec<&str> = project_files().iter().map(|(path, _)| *path).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("project/workflows");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = format!("workflows/{}", file.unwrap().file_name().to_str().unwrap());
        assert!(shipped.contains(&path.as_str()), "{path} is not shipped");
    }
    for name in ["ZENDESK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "ZENDESK_API_TOKEN", "LLM_API_KEY"] {
        assert!(project_files()[0].1.contains(&format!("{{ env: {name} }}")), "{name}");
    }
}

#[test]
fn the_readme_names_every_example_and_counts_them_rightly() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let folder = "shared/sandbox/project/workflows/";
    let mut files: Vec<String> = std::fs::read_dir(format!("{root}/{folder}"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let row = |line: &str| Some(line.strip_prefix("| [")?.split_once(folder)?.1.split_once(')')?.0.to_owned());
    let mut rows: Vec<String> = readme.lines().filter_map(row).collect();
    rows.sort();
    assert_eq!(rows, files, "the table has a row for each file");
    let counted = format!("with {} workflows to begin from", WORDS[files.len()]);
    assert!(readme.contains(&counted), "README.md does not say {counted:?}");
}

//! What is suggested for an action's name that is nearly right, by the actions that there are.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use deskwire_startup::actions_alone;
use deskwire_workflows::action_help;

/// Wrong names, and the one that was meant.
const MEANT: &[(&str, &str)] = &[
    ("slack.send_message", "slack.post_message"),
    ("slack.sendMessage", "slack.post_message"),
    ("slack.sned_message", "slack.post_message"),
    ("slack.post_mesage", "slack.post_message"),
    ("slack.postMessage", "slack.post_message"),
    ("slack.postmessage", "slack.post_message"),
    ("slack.write_message", "slack.post_message"),
    ("slack.create_message", "slack.post_message"),
    ("slack.add_message", "slack.post_message"),
    ("slack.publish_message", "slack.post_message"),
    ("slack.message", "slack.post_message"),
    ("slack.notify", "slack.post_message"),
    ("slack.notify_channel", "slack.post_message"),
    ("slack.chat.postMessage", "slack.post_message"),
    ("chat.postMessage", "slack.post_message"),
    ("Slack.Post_Message", "slack.post_message"),
    ("slak.post_message", "slack.post_message"),
    ("post_message", "slack.post_message"),
    ("zendesk.post_message", "slack.post_message"),
    ("slack.dm", "slack.send_direct_message"),
    ("slack.send_dm", "slack.send_direct_message"),
    ("slack.dm_user", "slack.send_direct_message"),
    ("slack.notify_user", "slack.send_direct_message"),
    ("slack.post_direct_message", "slack.send_direct_message"),
    ("slack.send_private_direct_message", "slack.send_direct_message"),
    ("slack.reply", "slack.reply_in_thread"),
    ("slack.post_reply", "slack.reply_in_thread"),
    ("slack.reply_to_thread", "slack.reply_in_thread"),
    ("slack.post_in_thread", "slack.reply_in_thread"),
    ("slack.react", "slack.add_reaction"),
    ("slack.add_emoji", "slack.add_reaction"),
    ("slack.create_reaction", "slack.add_reaction"),
    ("slack.reactions.add", "slack.add_reaction"),
    ("slack.find_user", "slack.look_up_user"),
    ("slack.get_user", "slack.look_up_user"),
    ("slack.fetch_user", "slack.look_up_user"),
    ("slack.lookup_user", "slack.look_up_user"),
    ("slack.find_user_by_email", "slack.look_up_user"),
    ("users.lookupByEmail", "slack.look_up_user"),
    ("slack.read_message", "slack.get_message"),
    ("slack.find_message", "slack.get_message"),
    ("slack.get_thread", "slack.get_thread_messages"),
    ("slack.list_thread_messages", "slack.get_thread_messages"),
    ("zendesk.get_ticket", "zendesk.look_up_ticket"),
    ("zendesk.find_ticket", "zendesk.look_up_ticket"),
    ("zendesk.fetch_ticket", "zendesk.look_up_ticket"),
    ("zendesk.lookup_ticket", "zendesk.look_up_ticket"),
    ("zendesk.look_up_tickt", "zendesk.look_up_ticket"),
    ("zendesk.search_tickets", "zendesk.look_up_ticket"),
    ("zendesk.get_requester", "zendesk.look_up_user"),
    ("zendesk.find_org", "zendesk.look_up_organization"),
    ("zendesk.get_organisation", "zendesk.look_up_organization"),
    ("zendesk.new_ticket", "zendesk.create_ticket"),
    ("zendesk.open_ticket", "zendesk.create_ticket"),
    ("zendesk.add_ticket", "zendesk.create_ticket"),
    ("zendesk.edit_ticket", "zendesk.update_ticket"),
    ("zendesk.change_ticket", "zendesk.update_ticket"),
    ("zendesk.close_ticket", "zendesk.update_ticket"),
    ("zendesk.add_comment", "zendesk.update_ticket"),
    ("zendesk.add_internal_note", "zendesk.update_ticket"),
    ("zendesk.add_tags", "zendesk.update_ticket"),
    ("zendesk.set_priority", "zendesk.update_ticket"),
    ("zendesk.assign_ticket", "zendesk.update_ticket"),
    ("zendesk.make_profile", "zendesk.create_profile"),
    ("zendesk.add_record", "zendesk.create_record"),
    ("zendesk.edit_record", "zendesk.update_record"),
    ("qualtrics.find_response", "qualtrics.get_response"),
    ("qualtrics.look_up_response", "qualtrics.get_response"),
    ("qualtrics.search_responses", "qualtrics.list_responses"),
    ("qualtrics.post_json_event", "qualtrics.send_json_event"),
    ("qualtrics.send_event", "qualtrics.send_json_event"),
    ("qualtrics.create_link", "qualtrics.create_distribution_link"),
    ("qualtrics.send_survey", "qualtrics.create_distribution_link"),
    ("http.get", "http.request"),
    ("http.post", "http.request"),
    ("http.call", "http.request"),
];

#[test]
fn what_people_call_actions_leads_to_the_one_they_mean() {
    let actions = actions_alone();
    let wrong: Vec<String> = MEANT
        .iter()
        .map(|(given, meant)| (given, meant, action_help(given, &actions)))
        .filter(|(_, meant, help)| *help != format!("did you mean `{meant}`?"))
        .map(|(given, meant, help)| format!("{given}: {help} (not {meant})"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const WRITING: [&str; 30] = [
    "send", "post", "write", "publish", "notify", "tell", "dm", "reply", "respond", "add", "create", "make", "new",
    "insert", "open", "update", "edit", "change", "set", "modify", "assign", "close", "delete", "remove", "upsert",
    "archive", "put", "patch", "submit", "react",
];
const READING: [&str; 14] = [
    "get", "find", "fetch", "lookup", "look_up", "read", "list", "search", "query", "show", "load", "retrieve",
    "check", "view",
];
const OBJECTS: [&str; 14] = [
    "message",
    "direct_message",
    "thread",
    "thread_messages",
    "reaction",
    "user",
    "ticket",
    "organization",
    "profile",
    "record",
    "response",
    "responses",
    "json_event",
    "link",
];

/// The actions that a sentence suggests: those before a list that begins with what there is.
fn suggested(help: &str) -> Vec<&str> {
    if !help.starts_with("did you mean") {
        return Vec::new();
    }
    help.split('`').skip(1).step_by(2).collect()
}

#[test]
fn no_name_that_writes_is_answered_with_an_action_that_only_reads_and_none_that_reads_with_one_that_writes() {
    let actions = actions_alone();
    let mut asked = 0;
    for provider in ["slack", "zendesk", "qualtrics"] {
        for (verbs, writes) in [(&WRITING[..], true), (&READING[..], false)] {
            for verb in verbs {
                for object in OBJECTS {
                    let name = format!("{provider}.{verb}_{object}");
                    if actions.get(&name).is_some() {
                        continue;
                    }
                    asked += 1;
                    let help = action_help(&name, &actions);
                    for action in suggested(&help) {
                        let effect = actions.get(action).unwrap_or_else(|| panic!("{action} exists")).spec().effect;
                        assert_eq!(effect.writes(), writes, "{name}: {help}");
                    }
                }
            }
        }
    }
    assert!(asked > 1_500, "{asked} names");
}

#[test]
fn what_nobody_means_is_answered_with_what_there_is() {
    let actions = actions_alone();
    let help = |name: &str| action_help(name, &actions);
    assert!(help("teams.frobnicate").contains("http, qualtrics, slack, zendesk"), "{}", help("teams.frobnicate"));
    assert!(
        help("zendesk.delete_ticket").starts_with("those that change something are: "),
        "{}",
        help("zendesk.delete_ticket")
    );
    assert!(help("slack.frobnicate").contains("slack.post_message"), "{}", help("slack.frobnicate"));
    for odd in ["", ".", "slack.", "slack", ".post_message", "slack..x", "ü.ä", &"x".repeat(500)] {
        assert!(!help(odd).is_empty(), "{odd}");
    }
}

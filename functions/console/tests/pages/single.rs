//! The page of one run and the page of one event.

use axum::http::StatusCode;

use crate::stories::filled;
use crate::{NOW, get, run_page};

#[tokio::test]
async fn a_run_that_is_over_is_not_followed_any_longer() {
    let world = filled(NOW).await.unwrap();
    let over = get(&world, &format!("/console/runs/{}?refresh=1", world.runs["dead"])).await;
    over.does_not_say("http-equiv");
    let open = get(&world, &format!("/console/runs/{}?refresh=1", world.runs["retrying"])).await;
    open.says(r#"<meta http-equiv="refresh" content="2">"#);
}

#[tokio::test]
async fn a_failed_run_shows_the_error_its_class_and_the_command_that_replays_it() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "signed_out").await;
    page.says("Step <code>tell</code> failed: Slack no longer accepts the token of connection slack");
    page.says("<code>token_revoked</code>: nothing happened outside; the connection needs a person.");
    page.says("renew the connection&#39;s credentials, then replay the run.");
    page.says("Failed for good; the workflow says to go on.");
    page.says("Failed for good; the run ends here.");
    page.says(&format!(">deskwire runs replay {}</pre>", world.runs["signed_out"]));
}

#[tokio::test]
async fn every_attempt_of_a_dead_run_is_shown_with_its_wait() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "dead").await;
    for attempt in 1..=6 {
        page.says(&format!("Attempt {attempt} failed after 1.8 s: Slack answered 503"));
    }
    page.says("Tried again after a wait of 3 min 21 s.");
    page.says("It is not tried again: no attempt is left");
    page.says(r#"<rect class="pause""#);
}

#[tokio::test]
async fn a_run_that_waits_says_when_its_next_try_is() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "retrying").await;
    page.says("waits for its next try");
    page.says("Next try in 33 s, at 16:00:33 UTC.");
    page.does_not_say("deskwire runs replay");
}

#[tokio::test]
async fn an_unknown_step_is_explained_and_left_to_a_person() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "unknown").await;
    page.says("may or may not have happened");
    page.says("<code>timeout</code>: the call may have happened.");
    page.says("It is not called again by itself.");
    page.says("If it did not happen, this does it again and goes on from there:");
    page.says(&format!(">deskwire runs replay {}</pre>", world.runs["unknown"]));
}

#[tokio::test]
async fn held_resumed_found_and_skipped_entries_are_each_one_sentence() {
    let world = filled(NOW).await.unwrap();
    let retried = run_page(&world, "retried").await;
    retried.says("the rate budget slack|chat.postMessage|C024BE91L is used up. Nothing was called");
    retried.says("Answered at attempt 2 in 280 ms.");
    let resumed = run_page(&world, "resumed").await;
    resumed.says("The process stopped and another one went on. This step may have been under way");
    resumed.says("the trace of the call was found in 410 ms, so it was not called again.");
    run_page(&world, "skipped").await.says("Left out: <code>if</code> is false: steps.assignee.email");
}

#[tokio::test]
async fn inputs_and_outputs_are_folded_away_as_indented_json() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "plain").await;
    page.says("<details><summary>Input</summary><pre tabindex=\"0\">{\n  &#34;ticket_id&#34;: 48213\n}</pre>");
    page.says("&#34;assignee_id&#34;: 8447388090494,\n");
}

#[tokio::test]
async fn what_a_replay_keeps_is_shown_as_done_before_and_has_no_bar() {
    let world = filled(NOW).await.unwrap();
    let new = run_page(&world, "replayed").await;
    new.says("done before");
    new.says("Done by the run that this one replays; not called again.");
    assert_eq!(new.text.matches(r#"<svg class="bar""#).count(), 1);
    new.says(&format!("/console/runs/{}", world.runs["failed"]));
    let old = run_page(&world, "failed").await;
    old.says("It was replayed already");
    old.says(&format!("/console/runs/{}", world.runs["replayed"]));
}

#[tokio::test]
async fn a_run_is_found_by_a_beginning_of_its_id() {
    let world = filled(NOW).await.unwrap();
    let id = world.runs["dead"].as_str();
    get(&world, &format!("/console/runs/{}", &id[..20])).await.says(id);
}

#[tokio::test]
async fn an_event_shows_its_attributes_runs_declining_workflows_and_body() {
    let world = filled(NOW).await.unwrap();
    let list = get(&world, "/console/events?state=unwanted&subject=zen:ticket:48160").await;
    let link = list.text.split("href=\"").find(|rest| rest.starts_with("/console/events/")).unwrap();
    let page = get(&world, link.split('"').next().unwrap()).await;
    page.says("zendesk-support");
    page.says("ticket.priority_changed");
    page.says("It started no run.");
    page.says("Workflows that looked at it and did not want it");
    page.says("event.data.detail.priority == &#39;LOW&#39;");
    page.says("&#34;priority&#34;: &#34;URGENT&#34;");
    let run = run_page(&world, "failed").await;
    let link = run.text.split("href=\"").find(|rest| rest.starts_with("/console/events/")).unwrap();
    assert_eq!(get(&world, link.split('"').next().unwrap()).await.rows(), 2);
}

#[tokio::test]
async fn an_event_is_found_by_its_number() {
    let world = filled(NOW).await.unwrap();
    let page = get(&world, "/console/events/1").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("zen:ticket:48119");
}

#[tokio::test]
async fn a_long_loop_is_folded_to_its_count_and_the_turns_that_failed() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "looped").await;
    page.says("Goes over 12 items: 11 done, 1 failed. Turns that went well are folded away");
    page.says("<code>route/each[7]/tell</code>");
    page.does_not_say("<code>route/each[3]/tell</code>");
    page.says("12 items, of which 1 failed.");
    page.says("Case 1 holds: event.data.detail.id.");
}

#[tokio::test]
async fn the_steps_that_a_run_never_reached_are_named_with_the_reason() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "looped").await;
    page.says("<code>route/nobody</code> <span class=\"word\">stop</span> its case was not taken");
    page.says("<code>thanks</code> <span class=\"word\">slack.add_reaction</span> the run ended before it");
    let waiting = run_page(&world, "waiting").await;
    waiting.says("<code>remind</code> <span class=\"word\">slack.post_message</span> the run has not come to it yet");
}

#[tokio::test]
async fn a_wait_says_how_long_it_still_takes_and_what_ended_it() {
    let world = filled(NOW).await.unwrap();
    let waiting = run_page(&world, "waiting").await;
    waiting.says("<dt>Wait ends at the latest</dt>");
    waiting.says("It ends in 3 h at the latest, at 2025-11-24 19:59:30.000 UTC.");
    waiting.says(r#"<span class="badge rest">waiting</span>"#);
    let answered = run_page(&world, "answered").await;
    answered.says("The event came: ticket.comment_added.");
    answered.says("Stopped on purpose: an agent answered.");
}

#[tokio::test]
async fn an_unknown_step_is_settled_by_one_of_two_commands() {
    let world = filled(NOW).await.unwrap();
    let page = run_page(&world, "unknown").await;
    for word in ["happened", "did-not-happen"] {
        page.says(&format!("deskwire runs settle {} --step task --{word}\n", world.runs["unknown"]));
    }
}

#[tokio::test]
async fn personal_fields_are_shown_only_to_a_reader_who_asks_for_them() {
    let world = filled(NOW).await.unwrap();
    for name in ["plain", "answered"] {
        let path = format!("/console/runs/{}", world.runs[name]);
        let hidden = get(&world, &path).await;
        hidden.says("[personal]");
        hidden.says(&format!(r#"href="{path}?personal=1">Show personal fields"#));
        for personal in ["ada@example.com", "The printer on floor 3", "Elm 5"] {
            hidden.does_not_say(personal);
        }
    }
    let plain = get(&world, &format!("/console/runs/{}?personal=1", world.runs["plain"])).await;
    plain.says("ada@example.com");
    plain.says("Hide personal fields");
    let event = get(&world, "/console/events/1").await;
    event.does_not_say("The printer on floor 3");
    get(&world, "/console/events/1?personal=1").await.says("The printer on floor 3");
}

//! The list of runs and the list of events.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use deskwire_core::run::RunState;
use deskwire_storage::SqliteStore;

use crate::stories::filled;
use crate::{NOW, ask, get};

#[tokio::test]
async fn an_empty_console_says_what_to_do_next() {
    let empty = Arc::new(SqliteStore::in_memory().unwrap());
    let runs = ask(Arc::clone(&empty), Method::GET, "/console").await;
    assert_eq!(runs.status, StatusCode::OK);
    runs.says("Nothing has arrived yet");
    runs.says("deskwire events send FILE --source NAME --new");
    ask(empty, Method::GET, "/console/events").await.says("deskwire events send FILE --source NAME --new");
}

#[tokio::test]
async fn the_list_shows_every_run_with_its_state_and_one_sentence() {
    let world = filled(NOW).await.unwrap();
    let page = get(&world, "/console").await;
    assert_eq!(page.rows(), 32);
    for state in RunState::ALL {
        page.says(&format!(">{}</span></td>", state.as_str()));
    }
    page.says("6 runs did not get through: 1 unknown, 1 dead, 4 failed.");
    page.says("Step <code>tell</code> failed and its 6 attempts are used up");
    page.says("next try in 33 s");
    page.says("ends in 3 h at the latest");
    page.does_not_say("The printer on floor 3");
    page.says(r#"<time datetime="2025-11-24T15:59:12.000Z" title="2025-11-24 15:59:12.000 UTC">48 s ago</time>"#);
}

#[tokio::test]
async fn a_stale_reason_is_not_shown_for_a_run_that_is_under_way() {
    let world = filled(NOW).await.unwrap();
    get(&world, "/console?state=running").await.says("A runner is at it.");
    get(&world, "/console?state=queued")
        .await
        .says("It waits for a runner, or for an earlier run of the same subject.");
}

#[tokio::test]
async fn the_list_is_filtered_by_state_workflow_and_subject() {
    let world = filled(NOW).await.unwrap();
    assert_eq!(get(&world, "/console?state=failed").await.rows(), 4);
    assert_eq!(get(&world, "/console?workflow=csat-to-channel").await.rows(), 3);
    assert_eq!(get(&world, "/console?subject=zen%3Aticket%3A48220").await.rows(), 2);
    let both = get(&world, "/console?subject=zen%3Aticket%3A48220&state=queued").await;
    assert_eq!(both.rows(), 1);
    both.says("<option selected>queued</option>");
    both.says(r#"name="subject" value="zen:ticket:48220""#);
}

#[tokio::test]
async fn a_filter_that_finds_nothing_leads_to_the_events_of_that_subject() {
    let world = filled(NOW).await.unwrap();
    let page = get(&world, "/console?subject=zen:ticket:48160").await;
    page.says("No run fits these filters");
    page.says(r#"href="/console/events?subject=zen%3Aticket%3A48160""#);
}

#[tokio::test]
async fn a_page_is_loaded_anew_only_when_that_is_asked_for() {
    let world = filled(NOW).await.unwrap();
    let calm = get(&world, "/console?state=dead").await;
    calm.does_not_say("http-equiv");
    calm.says(r#"href="/console?state=dead&#38;refresh=1""#);
    let following = get(&world, "/console?state=dead&refresh=1").await;
    following.says(r#"<meta http-equiv="refresh" content="2">"#);
    following.says(r#"<input type="hidden" name="refresh" value="1">"#);
    following.says("Stop refreshing");
}

#[tokio::test]
async fn the_list_of_events_says_what_became_of_each() {
    let world = filled(NOW).await.unwrap();
    let page = get(&world, "/console/events").await;
    assert_eq!(page.rows(), 34);
    page.says("No workflow listens to this type of event from this source");
    page.says("vip-escalation: <code>when</code> is false");
    page.says("The body is not JSON");
    assert_eq!(get(&world, "/console/events?state=rejected").await.rows(), 1);
    assert_eq!(get(&world, "/console/events?source=nowhere").await.rows(), 0);
    assert_eq!(get(&world, "/console/events?subject=zen:ticket:48220").await.rows(), 2);
}

#[tokio::test]
async fn a_list_goes_back_an_hour_a_day_or_a_week() {
    let world = filled(NOW).await.unwrap();
    let hour = get(&world, "/console?since=hour&state=failed").await;
    assert_eq!(hour.rows(), 3, "the one of an hour and a half ago is left out");
    hour.says(r#"<option value="hour" selected>in the last hour</option>"#);
    assert_eq!(get(&world, "/console?since=week&state=failed").await.rows(), 4);
    assert_eq!(get(&world, "/console/events?since=hour&subject=zen:ticket:48177").await.rows(), 0);
}

#[tokio::test]
async fn the_workflows_in_force_are_shown_with_what_starts_them_and_how_they_go() {
    let world = filled(NOW).await.unwrap();
    let page = get(&world, "/console/workflows").await;
    assert_eq!(page.rows(), 4);
    page.says("ticket.status_changed from zendesk-support");
    page.says("0 9 * * mon in Europe/Berlin");
    page.says(r#"next <time datetime="2025-12-01T08:00:00.000Z""#);
    page.says("by hand, with channel, thread_ts");
    page.says("<code>deskwire workflows activate thread-summary</code>");
    page.says(r#"href="/console?state=failed&#38;workflow=tell-many&#38;since=day""#);
    get(&world, "/console?workflow=tell-many").await.says(&format!("/console/runs/{}", world.runs["looped"]));
    let empty = ask(Arc::new(SqliteStore::in_memory().unwrap()), Method::GET, "/console/workflows").await;
    empty.says(">deskwire apply</pre>");
}

#[tokio::test]
async fn every_link_to_an_event_and_a_run_leads_there() {
    let world = filled(NOW).await.unwrap();
    for list in ["/console", "/console/events", "/console/events?state=rejected"] {
        let page = get(&world, list).await;
        let links = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for link in links.filter(|link| link.starts_with("/console/")).map(|link| link.replace("&#38;", "&")) {
            let there = get(&world, &link).await;
            assert_eq!(there.status, StatusCode::OK, "{link}");
        }
    }
}

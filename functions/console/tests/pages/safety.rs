//! What a page must never do, whatever a provider sent: markup, loose headers, changes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use deskwire_core::ports::History;
use tower::ServiceExt;

use crate::stories::filled;
use crate::world::HOSTILE;
use crate::{NOW, ask, get};

#[tokio::test]
async fn nothing_that_a_provider_sends_becomes_markup() {
    let world = filled(NOW).await.unwrap();
    let subject = "zen:ticket:%3Cscript%3Ealert('x')%3C/script%3E";
    let event = format!(
        "/console/events/zendesk-support/{}",
        world.store.run(world.runs["hostile"].as_str()).await.unwrap().unwrap().event.id
    );
    let pages = [
        "/console".to_owned(),
        format!("/console?subject={subject}&workflow=%22%3E{HOSTILE}").replace('<', "%3C").replace('>', "%3E"),
        format!("/console/runs/{}", world.runs["hostile"]),
        "/console/runs/%3Cscript%3Ealert('x')%3C/script%3E".to_owned(),
        "/console/events".to_owned(),
        "/console/events/zendesk-support/sha256:5f2c9d".to_owned(),
        event,
    ];
    for path in pages {
        let page = get(&world, &path).await;
        page.does_not_say("<script");
        assert!(page.text.contains("&#60;script&#62;") || path.contains("runs/%3C"), "{path} does not show it at all");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = filled(NOW).await.unwrap();
    let run = format!("/console/runs/{}", world.runs["dead"]);
    for path in [
        "/console",
        &run,
        "/console/events",
        "/console/events/1",
        "/console/nothing/here",
        "/console/",
        "/console/runs/%FF",
    ] {
        let answer = get(&world, path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{path}: {policy}");
        assert!(policy.ends_with("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn no_page_needs_what_the_policy_forbids() {
    let world = filled(NOW).await.unwrap();
    let run = format!("/console/runs/{}", world.runs["dead"]);
    for path in ["/console", &run, "/console/events", "/console/events/1", "/console/workflows", "/console/nothing"] {
        let page = get(&world, path).await;
        for forbidden in [" style=", "<script", "<img", "<link", "<iframe", "http://", "https://", " onclick"] {
            page.does_not_say(forbidden);
        }
        assert_eq!(page.text.matches("<style>").count(), 1);
    }
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_a_page_in_the_same_dress() {
    let world = filled(NOW).await.unwrap();
    for (path, words) in [
        ("/console/runs/run_nothing", "There is no run <code>run_nothing</code>, and none whose id begins so."),
        (
            "/console/runs/run_",
            "<code>run_</code> is too short to tell runs apart: give at least 5 characters of the id.",
        ),
        ("/console/events/99999", "There is no event <code>99999</code>."),
        ("/console/events/zendesk-support/none", "There is no event <code>zendesk-support/none</code>."),
        ("/console/elsewhere", "The console has no page at this address."),
        ("/console/runs/%FF", "The console has no page at this address."),
    ] {
        let answer = get(&world, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        answer.says(words);
        answer.says(r#"<nav aria-label="Console">"#);
    }
}

#[tokio::test]
async fn the_console_changes_nothing() {
    let world = filled(NOW).await.unwrap();
    for path in ["/console", "/console/events", "/console/workflows"] {
        let answer = ask(Arc::new(world.store.clone()), Method::POST, path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn it_can_be_mounted_beside_other_functions_and_their_fallback() {
    let world = filled(NOW).await.unwrap();
    let console = crate::router(Arc::new(world.store.clone()));
    let process = Router::new().merge(console).fallback(|| async { "elsewhere" });
    let ask = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        process.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(ask("/console").await, StatusCode::OK);
    assert_eq!(ask("/console/nothing").await, StatusCode::NOT_FOUND);
    assert_eq!(ask("/webhooks").await, StatusCode::OK);
}

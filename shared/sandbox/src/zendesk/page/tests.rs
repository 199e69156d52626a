//! The page `/zendesk`.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, StatusCode};

use crate::SignedDelivery;
use crate::testing::{Answer, get, sandbox, sandbox_with, send};
use crate::world::{DANA, HELMETS, TEO};

async fn assign(sandbox: &crate::Sandbox, agent: &str, site: &str) -> Answer {
    let request = Request::post(format!("/zendesk/tickets/{HELMETS}/assign"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", site)
        .body(Body::from(format!("agent={agent}")))
        .unwrap();
    send(sandbox, request).await
}

#[tokio::test]
async fn tickets_are_listed_with_what_was_said_and_markup_is_shown_as_text() {
    let page = get(&sandbox(), "/zendesk").await.text();
    for part in
        ["#48213", "Mina Oort · Halden Bicycles", "internal note", "Nobody yet", "Closed tickets take no changes"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("link &#60;PDF&#62; is broken") && !page.contains("<a href=\"https://shop"));
}

#[tokio::test]
async fn a_press_of_the_button_assigns_hands_the_webhooks_over_and_says_so() {
    let delivered: Arc<Mutex<Vec<SignedDelivery>>> = Arc::default();
    let kept = Arc::clone(&delivered);
    let sandbox = sandbox_with(Some(Arc::new(move |deliveries| kept.lock().unwrap().extend(deliveries))));
    let answer = assign(&sandbox, &DANA.to_string(), "same-origin").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "../../../zendesk?assigned=48213&webhooks=2#ticket-48213");
    assert_eq!((sandbox.zendesk().assignee(HELMETS), delivered.lock().unwrap().len()), (Some(DANA), 2));
    let page = get(&sandbox, "/zendesk?assigned=48213&webhooks=2").await.text();
    assert!(page.contains("is now with <strong>Dana Quist</strong>") && page.contains("2 webhooks were sent"));
}

#[tokio::test]
async fn without_anybody_to_deliver_the_notice_says_that_too() {
    let sandbox = sandbox();
    assign(&sandbox, &TEO.to_string(), "none").await;
    let page = get(&sandbox, "/zendesk?assigned=48213&webhooks=2").await.text();
    assert!(page.contains("nothing here delivers them"));
}

#[tokio::test]
async fn nobody_can_be_chosen_and_nothing_changed_is_said() {
    let sandbox = sandbox();
    let answer = assign(&sandbox, "", "same-origin").await;
    assert!(answer.header("location").contains("webhooks=0"));
    assert!(get(&sandbox, "/zendesk?assigned=48213&webhooks=0").await.text().contains("Nothing changed"));
}

#[tokio::test]
async fn another_sites_page_cannot_assign() {
    let sandbox = sandbox();
    assert_eq!(assign(&sandbox, &DANA.to_string(), "cross-site").await.status, StatusCode::FORBIDDEN);
    assert_eq!(sandbox.zendesk().assignee(HELMETS), None);
}

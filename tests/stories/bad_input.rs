//! What a webhook answers to whatever should not have been sent, and that nothing is lost by it.

use std::time::Duration;

use deskwire_core::time::{Clock, SystemClock};

use crate::harness::{Delivery, POST_WORKFLOW, Project, Server, answer, client, status_changed};

fn project() -> Project {
    Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW)
}

/// A problem is RFC 9457, names its request, says what to do, and holds nothing internal.
async fn refused(delivery: Delivery, server: &Server, status: u16, kind: &str) {
    let answer = delivery.send(server).await;
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["type"], format!("/problems/{kind}"));
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().unwrap());
    assert!(answer.body["detail"].as_str().unwrap().len() > 20);
}

#[tokio::test]
async fn signatures_that_are_wrong_stale_missing_or_doubled_are_refused_alike() {
    let (project, body) = (project(), status_changed("e1", 1, 1));
    let server = project.serve();
    let old = SystemClock.now().minus(Duration::from_secs(301));
    let ahead = SystemClock.now().plus(Duration::from_secs(310));
    let signature = "x-zendesk-webhook-signature";
    let stamp = "x-zendesk-webhook-signature-timestamp";
    let mut other_body = Delivery::new(body.clone());
    other_body.body.push(b'\n');
    let cases = [
        other_body,
        Delivery::new(body.clone()).without(signature).with(signature, "MozdKEGb+oSahchEU+xjapPNMIAjrv1j/RD1zoM9vaU="),
        Delivery::signed_at(body.clone(), old),
        Delivery::signed_at(body.clone(), ahead),
        Delivery::new(body.clone()).without(signature),
        Delivery::new(body.clone()).without(stamp),
        Delivery::new(body.clone()).with(signature, "MozdKEGb+oSahchEU+xjapPNMIAjrv1j/RD1zoM9vaU="),
        Delivery::new(body.clone()).with(stamp, "2026-01-15T09:30:00Z"),
        Delivery::new(body.clone()).without(signature).with(signature, "not base 64"),
    ];
    let mut answers = Vec::new();
    for case in cases {
        let answer = case.send(&server).await;
        assert_eq!((answer.status, answer.body["type"].as_str()), (401, Some("/problems/bad-signature")));
        answers.push(answer.body["detail"].clone());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answer does not tell which part was wrong");
    assert_eq!(Delivery::new(body).send(&server).await.status, 202, "the true one is still taken");
}

#[tokio::test]
async fn bodies_that_are_signed_but_no_events_are_kept_with_the_reason() {
    let project = project();
    let server = project.serve();
    let whole = status_changed("e1", 1, 1);
    let deep = format!("{{\"type\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [(&[u8], &str); 7] = [
        (&whole[..whole.len() / 2], "not JSON"),
        (b"", "not JSON"),
        (b"{\"a\":\"\xff\"}", "invalid UTF-8"),
        (deep.as_bytes(), "recursion limit"),
        (b"[1, 2]", "must be a JSON object"),
        (br#"{"type":"zen:event-type:ticket.created","subject":"zen:ticket:1"}"#, "`id`"),
        (br#"{"type":"zen:event-type:ticket.created","id":"x","subject":"zen:ticket:1","time":"yesterday"}"#, "`time`"),
    ];
    for (body, reason) in bodies {
        let answer = Delivery::new(body).send(&server).await;
        assert_eq!((answer.status, answer.body["type"].as_str()), (400, Some("/problems/rejected")));
        assert!(answer.body["detail"].as_str().unwrap().contains(reason), "{answer:?}");
    }
    let kept = project.json(&["events", "list", "--state", "rejected"]);
    assert_eq!(kept.as_array().unwrap().len(), 7);
    assert!(kept[6]["reason"].as_str().unwrap().contains("not JSON"));
    assert_eq!(project.json(&["runs", "list"]).as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_refused_and_the_next_one_taken() {
    let project = project();
    let server = project.serve();
    refused(Delivery::new(vec![b'x'; 10 * 1024 * 1024]), &server, 413, "too-large").await;
    assert_eq!(Delivery::new(status_changed("e1", 1, 1)).send(&server).await.status, 202);
}

#[tokio::test]
async fn a_wrong_media_type_is_refused() {
    let project = project();
    let server = project.serve();
    let body = status_changed("e1", 1, 1);
    let kind = "content-type";
    refused(Delivery::new(body.clone()).without(kind).with(kind, "text/xml"), &server, 415, "wrong-type").await;
    refused(Delivery::new(body.clone()).without(kind), &server, 415, "wrong-type").await;
    let charset = Delivery::new(body).without(kind).with(kind, "application/json; charset=utf-8");
    assert_eq!(charset.send(&server).await.status, 202);
}

#[tokio::test]
async fn an_unknown_source_provider_or_method_is_refused() {
    let project = project();
    let server = project.serve();
    for path in [
        "/webhooks/zendesk/nothing",
        "/webhooks/slack/zendesk",
        "/webhooks/zendesk",
        "/webhooks/zendesk/a/b",
        "/nothing",
    ] {
        let answer = Delivery::new(status_changed("e1", 1, 1)).send_to(&server.url(path)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    let get = answer(client().get(server.url("/webhooks/zendesk/zendesk")).send().await.unwrap()).await;
    assert_eq!((get.status, get.headers["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn a_repeat_starts_nothing_and_an_event_nobody_wants_is_kept() {
    let project = project();
    let server = project.serve();
    let body = status_changed("e1", 1, 1);
    assert_eq!(Delivery::new(body.clone()).send(&server).await.status, 202);
    let repeat = Delivery::new(body).send(&server).await;
    assert_eq!((repeat.status, repeat.body["status"].as_str()), (200, Some("repeat")));
    let created = String::from_utf8(status_changed("e2", 1, 1)).unwrap().replace("status_changed", "created");
    let unwanted = Delivery::new(created).send(&server).await;
    assert_eq!((unwanted.status, unwanted.body["status"].as_str()), (200, Some("unwanted")));
    let shown = project.json(&["events", "show", "e2"]);
    assert_eq!(shown["summary"]["state"], "unwanted");
    assert_eq!(shown["event"]["type"], "ticket.created");
    assert_eq!(project.json(&["runs", "list"]).as_array().unwrap().len(), 1);
}

//! What a webhook answers to whatever should not have been sent, and that nothing is lost by it: on one machine, and at the
//! door of a deployment.

use std::time::Duration;

use deskwire_core::time::{Clock, SystemClock};

use crate::harness::{Answer, Delivery, POST_WORKFLOW, Project, answer, client, status_changed};
use crate::on_aws::Deployed;

/// Where webhooks are taken in, and the project that they are for.
struct Door<'a> {
    project: &'a Project,
    url: String,
    /// A body of so many bytes is too large.
    too_large: usize,
    /// Is everything below the address ours, what is not known there too?
    all_is_ours: bool,
}

impl Door<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    async fn takes(&self, delivery: Delivery) -> Answer {
        delivery.send_to(&self.url("/webhooks/zendesk/zendesk")).await
    }

    /// A problem is RFC 9457, names its request, says what to do, and holds nothing internal.
    async fn refuses(&self, delivery: Delivery, status: u16, kind: &str) {
        let answer = self.takes(delivery).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["type"], format!("/problems/{kind}"));
        assert_eq!(answer.body["status"], status);
        assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().unwrap());
        assert!(answer.body["detail"].as_str().unwrap().len() > 20);
    }
}

fn project() -> Project {
    Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW)
}

/// On this machine.
async fn at_home(check: impl AsyncFnOnce(&Door<'_>)) {
    let project = project();
    let server = project.serve();
    let door = Door { project: &project, url: server.url(""), too_large: 10 * 1024 * 1024, all_is_ours: true };
    check(&door).await;
}

#[tokio::test]
async fn signatures_that_are_wrong_stale_missing_or_doubled_are_refused_alike() {
    at_home(async |door| signatures(door).await).await;
}

#[tokio::test]
async fn bodies_that_are_signed_but_no_events_are_kept_with_the_reason() {
    at_home(async |door| bodies(door).await).await;
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_refused_and_the_next_one_taken() {
    at_home(async |door| sizes(door).await).await;
}

#[tokio::test]
async fn a_wrong_media_type_is_refused() {
    at_home(async |door| media_types(door).await).await;
}

#[tokio::test]
async fn an_unknown_source_provider_or_method_is_refused() {
    at_home(async |door| addresses(door).await).await;
}

#[tokio::test]
async fn a_repeat_starts_nothing_and_an_event_nobody_wants_is_kept() {
    at_home(async |door| repeats(door).await).await;
}

#[tokio::test]
async fn the_door_of_a_deployment_refuses_and_keeps_the_same() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    let door = Door {
        project: &deployed.project,
        url: deployed.stack.door.url.clone(),
        too_large: deskwire_accept::LARGEST_SHARED_BODY + 1,
        all_is_ours: false,
    };
    bodies(&door).await;
    signatures(&door).await;
    sizes(&door).await;
    media_types(&door).await;
    addresses(&door).await;
    repeats(&door).await;
}

async fn signatures(door: &Door<'_>) {
    let body = status_changed("signatures", 1, 1);
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
        let answer = door.takes(case).await;
        assert_eq!((answer.status, answer.body["type"].as_str()), (401, Some("/problems/bad-signature")));
        answers.push(answer.body["detail"].clone());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answer does not tell which part was wrong");
    assert_eq!(door.takes(Delivery::new(body)).await.status, 202, "the true one is still taken");
}

async fn bodies(door: &Door<'_>) {
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
    // A gateway that hands bodies on as text has changed what is no text, and with it what was signed.
    let changed = |body: &[u8]| !door.all_is_ours && std::str::from_utf8(body).is_err();
    let expected = bodies.iter().filter(|(body, _)| !changed(body)).count();
    for (body, reason) in bodies {
        let answer = door.takes(Delivery::new(body)).await;
        if changed(body) {
            assert_eq!(answer.status, 401, "{answer:?}");
            continue;
        }
        assert_eq!((answer.status, answer.body["type"].as_str()), (400, Some("/problems/rejected")), "{reason}");
        assert!(answer.body["detail"].as_str().unwrap().contains(reason), "{answer:?}");
    }
    let kept = door.project.json(&["events", "list", "--state", "rejected"]);
    assert_eq!(kept.as_array().unwrap().len(), expected);
    assert!(kept[expected - 1]["reason"].as_str().unwrap().contains("not JSON"));
    assert_eq!(door.project.json(&["runs", "list"]).as_array().unwrap().len(), 0);
}

async fn sizes(door: &Door<'_>) {
    door.refuses(Delivery::new(vec![b'x'; door.too_large]), 413, "too-large").await;
    assert_eq!(door.takes(Delivery::new(status_changed("sizes", 1, 1))).await.status, 202);
}

async fn media_types(door: &Door<'_>) {
    let body = status_changed("media types", 1, 1);
    let kind = "content-type";
    door.refuses(Delivery::new(body.clone()).without(kind).with(kind, "text/xml"), 415, "wrong-type").await;
    door.refuses(Delivery::new(body.clone()).without(kind), 415, "wrong-type").await;
    let charset = Delivery::new(body).without(kind).with(kind, "application/json; charset=utf-8");
    assert_eq!(door.takes(charset).await.status, 202);
}

async fn addresses(door: &Door<'_>) {
    let refused = async |path: &str| {
        let answer = Delivery::new(status_changed("addresses", 1, 1)).send_to(&door.url(path)).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.headers["content-type"].to_str().unwrap().to_owned()
    };
    assert_eq!(refused("/webhooks/zendesk/nothing").await, "application/problem+json");
    for path in ["/webhooks/slack/zendesk", "/webhooks/zendesk", "/webhooks/zendesk/a/b", "/nothing"] {
        let kind = refused(path).await;
        assert!(!door.all_is_ours || kind == "application/problem+json", "{path}");
    }
    let get = answer(client().get(door.url("/webhooks/zendesk/zendesk")).send().await.unwrap()).await;
    if door.all_is_ours {
        assert_eq!((get.status, get.headers["allow"].to_str().unwrap()), (405, "POST"));
    } else {
        assert_eq!(get.status, 404, "an HTTP API knows no such route");
    }
}

async fn repeats(door: &Door<'_>) {
    let runs = || door.project.json(&["runs", "list"]).as_array().unwrap().len();
    let (body, before) = (status_changed("repeats", 1, 1), runs());
    assert_eq!(door.takes(Delivery::new(body.clone())).await.status, 202);
    let repeat = door.takes(Delivery::new(body)).await;
    assert_eq!((repeat.status, repeat.body["status"].as_str()), (200, Some("repeat")));
    let created = String::from_utf8(status_changed("unwanted", 1, 1)).unwrap().replace("status_changed", "created");
    let unwanted = door.takes(Delivery::new(created)).await;
    assert_eq!((unwanted.status, unwanted.body["status"].as_str()), (200, Some("unwanted")));
    let shown = door.project.json(&["events", "show", "unwanted"]);
    assert_eq!(shown["summary"]["state"], "unwanted");
    assert_eq!(shown["event"]["type"], "ticket.created");
    assert_eq!(runs(), before + 1);
}

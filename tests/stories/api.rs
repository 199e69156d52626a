//! Programs ask the API, once somebody has set a token.

use std::time::Duration;

use test_case::test_case;

use crate::harness::{Answer, Delivery, POST_WORKFLOW, Webhooks, all_runs_over, answer, client, status_changed};
use crate::house::{House, Place, world};

async fn ask(server: &House, path: &str, token: &str) -> Answer {
    answer(client().get(server.address_of(path)).bearer_auth(token).send().await.unwrap()).await
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_answered_with_the_token_that_was_set_while_the_server_runs(place: Place) {
    let (_outside, project, server) = world(place, POST_WORKFLOW).await;
    let before = ask(&server, "/api/v1/runs", "marker-token").await;
    assert_eq!((before.status, &before.headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    assert!(before.body["detail"].as_str().unwrap().contains("deskwire secrets set api-token"), "{}", before.body);
    Delivery::new(status_changed("e1", 7, 1)).send(&server).await;
    all_runs_over(&project).await;
    assert!(project.run_with(&["secrets", "set", "api-token"], "marker-token").status.success());
    let mut answered = before;
    for _ in 0..300 {
        answered = ask(&server, "/api/v1/runs?state=succeeded", "marker-token").await;
        if answered.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(answered.body["items"][0]["workflow"], "post", "{}", answered.body);
    let document = ask(&server, "/api/v1/openapi.json", "").await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert!(!server.said().contains("marker-token"));
}

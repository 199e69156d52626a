//! Zendesk's REST API as its pages and recorded answers describe the real one.

use http::StatusCode;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::testing::{basic, sandbox, zendesk, zendesk_as, zendesk_put};
use crate::world::{ADDRESS, DANA, HALDEN, HELMETS, INES, INTEGRATION, JONAS, MINA, TEO, VOUCHER};

async fn read(sandbox: &Sandbox, path: &str) -> Value {
    let answer = zendesk(sandbox, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn ids_are_numbers_and_enums_lower_case() {
    let ticket = read(&sandbox(), &format!("tickets/{HELMETS}.json")).await["ticket"].clone();
    assert_eq!((&ticket["id"], &ticket["requester_id"]), (&json!(HELMETS), &json!(MINA)));
    assert_eq!((&ticket["status"], &ticket["priority"]), (&json!("new"), &json!("high")));
    assert_eq!((&ticket["assignee_id"], &ticket["organization_id"]), (&Value::Null, &json!(HALDEN)));
    assert!(ticket["description"].as_str().unwrap().starts_with("Hello,"));
}

#[tokio::test]
async fn people_and_organizations_are_read() {
    let user = read(&sandbox(), &format!("users/{MINA}")).await["user"].clone();
    assert_eq!((&user["role"], &user["iana_time_zone"]), (&json!("end-user"), &json!("Europe/Amsterdam")));
    let organization = read(&sandbox(), &format!("organizations/{HALDEN}.json")).await["organization"].clone();
    assert_eq!(organization["name"], "Halden Bicycles");
    assert_eq!(read(&sandbox(), &format!("users/{JONAS}")).await["user"]["organization_id"], Value::Null);
}

#[tokio::test]
async fn a_user_with_token_and_a_bearer_token_are_let_in_and_nobody_else() {
    let path = format!("tickets/{HELMETS}");
    let good = basic("ops@example.com/token", "zendesk-marker");
    for authorization in [good.as_str(), "Bearer zendesk-marker"] {
        assert_eq!(zendesk_as(&sandbox(), Some(authorization), &path).await.status, StatusCode::OK);
    }
    let without_token = basic("ops@example.com", "zendesk-marker");
    for authorization in [None, Some(without_token.as_str()), Some("Bearer other"), Some("Basic ???")] {
        let answer = zendesk_as(&sandbox(), authorization, &path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json(), json!({ "error": "Couldn't authenticate you" }));
    }
}

#[tokio::test]
async fn with_a_wrong_password_users_me_answers_200_and_nobody() {
    let wrong = basic("ops@example.com/token", "other");
    for authorization in [None, Some(wrong.as_str())] {
        let answer = zendesk_as(&sandbox(), authorization, "users/me.json").await;
        let user = answer.json()["user"].clone();
        assert_eq!((answer.status, &user["id"]), (StatusCode::OK, &Value::Null));
        assert_eq!(user["name"], "Anonymous user");
    }
    let me = read(&sandbox(), "users/me").await;
    assert_eq!((&me["user"]["id"], &me["user"]["email"]), (&json!(INTEGRATION), &json!("ops@example.com")));
}

#[tokio::test]
async fn what_is_missing_and_what_is_no_endpoint_are_told_apart() {
    let cases = [
        ("tickets/1", "RecordNotFound"),
        ("tickets/1/comments", "RecordNotFound"),
        ("users/1", "RecordNotFound"),
        ("organizations/1", "RecordNotFound"),
        ("ticket", "InvalidEndpoint"),
        ("no/such", "InvalidEndpoint"),
    ];
    for (path, error) in cases {
        let answer = zendesk(&sandbox(), path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json(), json!({ "error": error, "description": "Not found" }), "{path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

fn authors(page: &Value) -> Vec<u64> {
    page["comments"].as_array().unwrap().iter().map(|comment| comment["author_id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn comments_come_in_either_order_with_their_authors_beside_them() {
    let path = format!("tickets/{HELMETS}/comments");
    let oldest_first = read(&sandbox(), &path).await;
    assert_eq!((authors(&oldest_first), oldest_first.get("users")), (vec![MINA, INES], None));
    assert_eq!((&oldest_first["count"], &oldest_first["next_page"]), (&json!(2), &Value::Null));
    let newest_first = read(&sandbox(), &format!("{path}?sort=-created_at&include=users&page%5Bsize%5D=100")).await;
    assert_eq!(authors(&newest_first), [INES, MINA]);
    assert_eq!(
        (&newest_first["comments"][0]["public"], &newest_first["meta"]["has_more"]),
        (&json!(false), &json!(false))
    );
    let roles: Vec<&Value> = newest_first["users"].as_array().unwrap().iter().map(|user| &user["role"]).collect();
    assert_eq!(roles, ["end-user", "admin"]);
}

#[tokio::test]
async fn has_more_is_true_on_a_full_last_page_and_an_empty_page_follows() {
    let sandbox = sandbox();
    let path = format!("tickets/{ADDRESS}/comments?page[size]=3");
    let full = read(&sandbox, &path).await;
    assert_eq!((authors(&full), &full["meta"]["has_more"]), (vec![JONAS, TEO, JONAS], &json!(true)));
    assert!(full["links"]["prev"].is_string(), "recorded: it is there on the first page too");
    assert!(full["links"]["next"].as_str().unwrap().starts_with("https://acme.zendesk.com/api/v2/"));
    let cursor = full["meta"]["after_cursor"].as_str().unwrap().replace('=', "%3D");
    let empty = read(&sandbox, &format!("{path}&page[after]={cursor}")).await;
    assert_eq!(empty["comments"], json!([]));
    assert_eq!(empty["meta"], json!({ "has_more": false, "after_cursor": null, "before_cursor": null }));
    assert_eq!(empty["links"], json!({ "prev": null, "next": null }));
}

#[tokio::test]
async fn comments_are_read_a_page_at_a_time_by_cursor_and_by_number() {
    let sandbox = sandbox();
    let path = format!("tickets/{ADDRESS}/comments");
    let first = read(&sandbox, &format!("{path}?page[size]=2")).await;
    let cursor = first["meta"]["after_cursor"].as_str().unwrap().replace('=', "%3D");
    let second = read(&sandbox, &format!("{path}?page[size]=2&page[after]={cursor}")).await;
    assert_eq!([authors(&first), authors(&second)], [vec![JONAS, TEO], vec![JONAS]]);
    let second = read(&sandbox, &format!("{path}?per_page=2&page=2")).await;
    assert_eq!((authors(&second), &second["next_page"]), (vec![JONAS], &Value::Null));
}

#[tokio::test]
async fn paging_that_makes_no_sense_is_refused() {
    for query in ["page[size]=0", "page[size]=101", "page[size]=2&page[after]=x", "sort=updated_at", "page=0"] {
        let answer = zendesk(&sandbox(), &format!("tickets/{ADDRESS}/comments?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["errors"][0]["code"], "InvalidPaginationParameter");
    }
}

#[tokio::test]
async fn an_update_answers_with_the_ticket_and_its_audit() {
    let sandbox = sandbox();
    let body = json!({ "ticket": { "assignee_id": DANA, "priority": "urgent",
        "comment": { "body": "On its way", "public": false } } });
    let answer = zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await.json();
    let ticket = &answer["ticket"];
    let changed = (&ticket["assignee_id"], &ticket["status"], &ticket["priority"]);
    assert_eq!(changed, (&json!(DANA), &json!("open"), &json!("urgent")), "an assigned new ticket is open");
    let fields: Vec<&Value> = answer["audit"]["events"].as_array().unwrap().iter().map(|e| &e["field_name"]).collect();
    assert_eq!(fields, [&json!("assignee_id"), &json!("status"), &json!("priority"), &Value::Null]);
    let comments = read(&sandbox, &format!("tickets/{HELMETS}/comments?sort=-created_at&page[size]=1")).await;
    assert_eq!((authors(&comments), &comments["comments"][0]["public"]), (vec![INTEGRATION], &json!(false)));
}

#[tokio::test]
async fn a_comment_that_does_not_say_so_is_as_public_as_the_first_one() {
    let sandbox = sandbox();
    let body = json!({ "ticket": { "comment": { "body": "meant as a note" } } });
    zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await;
    let comments = read(&sandbox, &format!("tickets/{HELMETS}/comments?sort=-created_at&page[size]=1")).await;
    assert_eq!(comments["comments"][0]["public"], true);
}

#[tokio::test]
async fn an_update_that_cannot_be_saved_says_which_field_is_wrong() {
    let cases = [
        (VOUCHER, json!({ "status": "open" }), "status"),
        (HELMETS, json!({ "status": "great" }), "status"),
        (HELMETS, json!({ "assignee_id": MINA }), "assignee"),
        (HELMETS, json!({ "assignee_email": "nobody@example.com" }), "assignee"),
        (HELMETS, json!({ "priority": "HIGH" }), "priority"),
        (HELMETS, json!({ "comment": { "body": " " } }), "comment"),
    ];
    for (ticket, change, field) in cases {
        let answer = zendesk_put(&sandbox(), &format!("tickets/{ticket}"), &json!({ "ticket": change })).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("RecordInvalid"))
        );
        assert!(answer.json()["details"][field][0]["description"].is_string(), "{}", answer.text());
    }
    let missing = zendesk_put(&sandbox(), "tickets/1", &json!({ "ticket": {} })).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let empty = zendesk_put(&sandbox(), &format!("tickets/{HELMETS}"), &json!({})).await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_safe_update_of_a_changed_ticket_is_a_conflict() {
    let sandbox = sandbox();
    let path = format!("tickets/{HELMETS}");
    let stamp = read(&sandbox, &path).await["ticket"]["updated_at"].clone();
    let update = |status: &str| json!({ "ticket": { "status": status, "safe_update": true, "updated_stamp": stamp } });
    assert_eq!(zendesk_put(&sandbox, &path, &update("open")).await.status, StatusCode::OK);
    assert_eq!(zendesk_put(&sandbox, &path, &update("pending")).await.status, StatusCode::CONFLICT);
}

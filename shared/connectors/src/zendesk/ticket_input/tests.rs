//! How the inputs of a ticket are read.

use super::*;

fn read(given: &Value) -> Value {
    Value::Object(fields(given).unwrap())
}

#[test]
fn values_are_taken_as_people_and_as_zendesk_write_them() {
    for status in ["On-hold", "on hold", "hold", "HOLD"] {
        assert_eq!(read(&json!({ "status": status })), json!({ "status": "hold" }));
    }
    let given = json!({ "priority": "Urgent", "type": "INCIDENT", "assignee_id": "1500003000007" });
    assert_eq!(read(&given), json!({ "assignee_id": 1_500_003_000_007_u64, "priority": "urgent", "type": "incident" }));
    let error = fields(&json!({ "status": "done" })).unwrap_err();
    assert!(error.message.starts_with("`status` is none of New, Open, Pending, On-hold"), "{error}");
}

#[test]
fn what_is_none_or_blank_is_left_out() {
    let given = json!({ "subject": "", "assignee_id": null, "group_id": "0", "requester": { "email": null },
                        "status": " ", "custom_fields": {}, "email_ccs": [], "followers": "" });
    assert_eq!(read(&given), json!({}));
    assert_eq!(comment(&json!({ "comment_body": " " }), None, false).unwrap(), None);
}

#[test]
fn custom_fields_are_a_map_or_a_list_and_none_empties_one() {
    let expected = json!({ "custom_fields": [{ "id": 7, "value": "x" }, { "id": 8, "value": null }] });
    assert_eq!(read(&json!({ "custom_fields": { "7": "x", "8": null } })), expected);
    assert_eq!(read(&json!({ "custom_fields": [{ "id": 7, "value": "x" }, { "id": "8" }] })), expected);
    let error = fields(&json!({ "custom_fields": { "Order": "x" } })).unwrap_err();
    assert!(error.message.contains("no numeric id"), "{error}");
}

#[test]
fn people_are_copied_in_by_address_or_id_or_as_an_object_says() {
    let expected = json!([{ "user_email": "a@example.net", "action": "put" }, { "user_id": "7", "action": "put" }]);
    assert_eq!(read(&json!({ "email_ccs": "a@example.net, 7" }))["email_ccs"], expected);
    assert_eq!(read(&json!({ "followers": ["a@example.net", 7] }))["followers"], expected);
    let out = json!([{ "user_id": 7, "action": "delete" }, "a@example.net", { "user_email": " b@example.net " }]);
    let expected = json!([{ "user_id": "7", "action": "delete" }, { "user_email": "a@example.net", "action": "put" },
                          { "user_email": "b@example.net", "action": "put" }]);
    assert_eq!(read(&json!({ "followers": out }))["followers"], expected);
    for (wrong, part) in [
        (json!({ "user": 7 }), "`followers[0]` has `user`"),
        (json!({ "action": "put" }), "names nobody"),
        (json!({ "user_id": 7, "action": "remove" }), "neither `put` nor `delete`"),
    ] {
        let error = fields(&json!({ "followers": [wrong] })).unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn a_time_that_is_none_is_refused_before_anything_is_sent() {
    assert_eq!(read(&json!({ "due_at": " 2026-02-03T08:15:42Z " })), json!({ "due_at": "2026-02-03T08:15:42Z" }));
    for wrong in ["tomorrow", "2026-02-03", "2026-02-30T00:00:00Z"] {
        let error = fields(&json!({ "due_at": wrong })).unwrap_err();
        assert!(error.message.contains(wrong) && error.message.contains("Nothing was sent."), "{error}");
    }
}

#[test]
fn a_comment_always_says_whether_it_is_public() {
    let read = |given: Value, public| comment(&given, None, public).unwrap().unwrap();
    let given = json!({ "comment_body": "hi", "author_id": 7 });
    assert_eq!(read(given, false), json!({ "body": "hi", "public": false, "author_id": 7 }));
    let given = json!({ "comment_body": "hi", "comment_html_body": "<p>hi</p>", "public": "false" });
    assert_eq!(read(given, true), json!({ "html_body": "<p>hi</p>", "public": false }));
}

#[test]
fn zendesks_fields_are_named_by_the_input_that_gave_them() {
    let given = json!({ "assignee_email": "x@example.com", "comment_body": "hi", "group_id": 7, "status": "open" });
    let named = |field| input_name(&given, field, &json!({}));
    assert_eq!(named("assignee").as_deref(), Some("assignee_email"));
    assert_eq!(named("comment").as_deref(), Some("comment_body"));
    assert_eq!(named("group").as_deref(), Some("group_id"));
    assert_eq!((named("status").as_deref(), named("base")), (Some("status"), None));
    let field = input_name(&given, "base", &json!({ "ticket_field_id": 360_u64 }));
    assert_eq!(field.as_deref(), Some("custom_fields.360"));
}

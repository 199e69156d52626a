//! The account's objects as JSON: over REST with numbers and lower case, in events with text and capitals.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>, checked 2026-11-23.

use serde_json::{Value, json};

use crate::calendar::whole_seconds;
use crate::world::{GROUP, SUBDOMAIN};
use crate::zendesk::account::{Organization, User};
use crate::zendesk::fields::CUSTOM;
use crate::zendesk::ticket::{Comment, Priority, Ticket};

pub(crate) fn url(path: &str) -> String {
    format!("https://{SUBDOMAIN}.zendesk.com/api/v2/{path}.json")
}

/// A ticket over REST.
pub(crate) fn ticket(ticket: &Ticket) -> Value {
    let custom_fields: Vec<Value> =
        CUSTOM.into_iter().map(|id| json!({ "id": id, "value": ticket.custom_fields.get(&id) })).collect();
    let collaborators = [ticket.follower_ids.as_slice(), ticket.email_cc_ids.as_slice()].concat();
    json!({
        "url": url(&format!("tickets/{}", ticket.id)),
        "id": ticket.id,
        "external_id": ticket.external_id,
        "via": { "channel": ticket.channel, "source": { "from": {}, "to": {}, "rel": null } },
        "created_at": whole_seconds(ticket.created_at),
        "updated_at": whole_seconds(ticket.updated_at),
        "generated_timestamp": ticket.updated_at.as_unix_seconds(),
        "type": ticket.kind,
        "subject": ticket.subject,
        "raw_subject": ticket.subject,
        "description": ticket.description(),
        "priority": ticket.priority.map(Priority::name),
        "status": ticket.status.name(),
        "recipient": null,
        "requester_id": ticket.requester_id,
        "submitter_id": ticket.submitter_id,
        "assignee_id": ticket.assignee_id,
        "organization_id": ticket.organization_id,
        "group_id": ticket.group_id,
        "collaborator_ids": collaborators,
        "follower_ids": ticket.follower_ids,
        "email_cc_ids": ticket.email_cc_ids,
        "forum_topic_id": null,
        "problem_id": null,
        "has_incidents": false,
        "is_public": ticket.is_public(),
        "due_at": ticket.due_at,
        "tags": ticket.tags,
        "custom_fields": custom_fields,
        "satisfaction_rating": { "score": "unoffered" },
        "sharing_agreement_ids": [],
        "custom_status_id": ticket.shown_custom_status(),
        "fields": custom_fields,
        "followup_ids": [],
        "ticket_form_id": ticket.form_id,
        "brand_id": ticket.brand_id,
        "allow_channelback": false,
        "allow_attachments": true,
        "from_messaging_channel": false,
    })
}

/// A ticket as the `detail` of an event.
pub(crate) fn event_detail(ticket: &Ticket, actor: u64) -> Value {
    let text = |id: u64| id.to_string();
    json!({
        "actor_id": text(actor),
        "assignee_id": ticket.assignee_id.map(text),
        "brand_id": text(ticket.brand_id),
        "created_at": whole_seconds(ticket.created_at),
        "custom_status": text(ticket.shown_custom_status()),
        "description": ticket.description(),
        "external_id": ticket.external_id,
        "form_id": text(ticket.form_id),
        "group_id": text(ticket.group_id),
        "id": text(ticket.id),
        "is_public": ticket.is_public(),
        "organization_id": ticket.organization_id.map(text),
        "priority": ticket.priority.map(|priority| priority.name().to_uppercase()),
        "requester_id": text(ticket.requester_id),
        "status": ticket.status.name().to_uppercase(),
        "subject": ticket.subject,
        "submitter_id": text(ticket.submitter_id),
        "tags": ticket.tags,
        "type": ticket.kind.map(str::to_uppercase),
        "updated_at": whole_seconds(ticket.updated_at),
        "via": { "channel": ticket.channel },
    })
}

/// A comment over REST.
pub(crate) fn comment(comment: &Comment) -> Value {
    let escaped = comment.body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>");
    let html = comment.html_body.clone().unwrap_or_else(|| format!("<p dir=\"auto\">{escaped}</p>"));
    json!({
        "id": comment.id,
        "type": "Comment",
        "author_id": comment.author_id,
        "body": comment.body,
        "html_body": format!("<div class=\"zd-comment\" dir=\"auto\">{html}</div>"),
        "plain_body": comment.body,
        "public": comment.public,
        "attachments": [],
        "audit_id": comment.audit_id,
        "via": { "channel": "web", "source": { "from": {}, "to": {}, "rel": null } },
        "created_at": whole_seconds(comment.created_at),
        "metadata": { "system": {}, "custom": {} },
    })
}

/// A user over REST.
pub(crate) fn user(user: &User) -> Value {
    let is_staff = user.role.is_staff();
    json!({
        "id": user.id,
        "url": url(&format!("users/{}", user.id)),
        "name": user.name,
        "email": user.email,
        "created_at": whole_seconds(user.created_at),
        "updated_at": whole_seconds(user.created_at),
        "time_zone": user.time_zone,
        "iana_time_zone": user.iana_time_zone,
        "phone": user.phone,
        "shared_phone_number": null,
        "photo": null,
        "locale_id": 1,
        "locale": user.locale,
        "organization_id": user.organization_id,
        "role": user.role.name(),
        "verified": true,
        "external_id": null,
        "tags": user.tags,
        "alias": "",
        "active": true,
        "shared": false,
        "shared_agent": false,
        "last_login_at": null,
        "two_factor_auth_enabled": is_staff,
        "signature": null,
        "details": user.details,
        "notes": user.notes,
        "role_type": null,
        "custom_role_id": null,
        "moderator": is_staff,
        "ticket_restriction": if is_staff { Value::Null } else { "requested".into() },
        "only_private_comments": false,
        "restricted_agent": !is_staff,
        "suspended": false,
        "default_group_id": is_staff.then_some(GROUP),
        "report_csv": false,
        "user_fields": {},
    })
}

/// Who asks without valid credentials, as recorded: a user without an id.
pub(crate) fn anonymous() -> Value {
    json!({ "id": null, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user", "active": false })
}

/// An organization over REST.
pub(crate) fn organization(organization: &Organization) -> Value {
    json!({
        "url": url(&format!("organizations/{}", organization.id)),
        "id": organization.id,
        "name": organization.name,
        "shared_tickets": false,
        "shared_comments": false,
        "external_id": null,
        "created_at": whole_seconds(organization.created_at),
        "updated_at": whole_seconds(organization.created_at),
        "domain_names": organization.domain_names,
        "details": organization.details,
        "notes": organization.notes,
        "group_id": null,
        "tags": organization.tags,
        "organization_fields": {},
    })
}

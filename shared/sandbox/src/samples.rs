//! The sample events, built into the program: bodies of webhooks as the providers send them, and as `events/` holds them.

/// A body that a provider might send.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// `ticket.created`; no two have the same.
    pub name: &'static str,
    /// Whose it is.
    pub provider: &'static str,
    /// The body: of Qualtrics' event subscriptions, the signed message.
    pub body: &'static str,
}

/// Files of `events/`.
macro_rules! samples {
    ($($provider:literal: [$($name:literal,)*],)*) => {
        &[$($(Sample {
            name: $name,
            provider: $provider,
            body: include_str!(concat!("../../../events/", $provider, "/", $name, ".json")),
        },)*)*]
    };
}

const SAMPLES: &[Sample] = samples![
    "zendesk": [
        "organization.created",
        "organization.custom_field_changed",
        "organization.deleted",
        "organization.external_id_changed",
        "organization.name_changed",
        "organization.tags_changed",
        "ticket.agent_assignment_changed",
        "ticket.attachment_linked_to_comment",
        "ticket.attachment_redacted_from_comment",
        "ticket.brand_changed",
        "ticket.comment_added",
        "ticket.comment_made_private",
        "ticket.comment_redacted",
        "ticket.created",
        "ticket.csat_received",
        "ticket.csat_requested",
        "ticket.custom_field_changed",
        "ticket.custom_status_changed",
        "ticket.description_changed",
        "ticket.email_ccs_changed",
        "ticket.external_id_changed",
        "ticket.followers_changed",
        "ticket.form_changed",
        "ticket.group_assignment_changed",
        "ticket.marked_as_spam",
        "ticket.merged",
        "ticket.next_sla_breach_changed",
        "ticket.ola_policy_changed",
        "ticket.organization_changed",
        "ticket.permanently_deleted",
        "ticket.priority_changed",
        "ticket.problem_link_changed",
        "ticket.requester_changed",
        "ticket.schedule_changed",
        "ticket.sla_policy_changed",
        "ticket.soft_deleted",
        "ticket.status_changed",
        "ticket.subject_changed",
        "ticket.submitter_changed",
        "ticket.tags_changed",
        "ticket.task_due_at_changed",
        "ticket.type_changed",
        "ticket.undeleted",
        "trigger",
        "user.active_changed",
        "user.created",
        "user.deleted",
        "user.group_membership_created",
        "user.identity_changed",
        "user.merged",
        "user.name_changed",
        "user.notes_changed",
        "user.organization_membership_created",
        "user.tags_changed",
    ],
    "qualtrics": [
        "surveyengine.completedResponse",
        "task",
    ],
];

/// Every sample, by provider and name.
pub fn samples() -> &'static [Sample] {
    SAMPLES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_sample_event_of_a_provider_is_built_in_under_a_name_of_its_own() {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut files = BTreeSet::new();
        for provider in ["zendesk", "qualtrics"] {
            for entry in std::fs::read_dir(events.join(provider)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                files.insert(format!("{provider}/{name}"));
            }
        }
        let built_in: BTreeSet<String> =
            SAMPLES.iter().map(|one| format!("{}/{}.json", one.provider, one.name)).collect();
        assert_eq!(built_in, files);
        let names: BTreeSet<&str> = SAMPLES.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), SAMPLES.len());
    }
}

//! What happens in Zendesk beside tickets: people and organizations come, get tags and change their names; and the looks
//! that tests and `deskwire demo` take at what was written.
//!
//! <https://developer.zendesk.com/api-reference/webhooks/event-types/user-events/> and `…/organization-events/`, checked
//! 2026-11-23.

use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::calendar::whole_seconds;
use crate::world::INES;
use crate::zendesk::account::{Organization, User};
use crate::zendesk::change::Change;
use crate::zendesk::ticket::Comment;
use crate::zendesk::{SignedDelivery, Zendesk, events, show};

impl Zendesk {
    /// Somebody writes for the first time; answers with their id too.
    pub fn create_user(&self, name: &str, email: &str) -> (u64, Vec<SignedDelivery>) {
        let now = self.0.now();
        let mut account = self.0.account();
        let id = account.add_customer(name, email, now);
        let told = account.user(id).map(|user| self.user_told("created", user, json!({}), now));
        (id, told.into_iter().collect())
    }

    /// The team's lead puts a tag on a person.
    pub fn tag_user(&self, user: u64, tag: &str) -> Vec<SignedDelivery> {
        let now = self.0.now();
        let mut account = self.0.account();
        let Some(user) = account.users.iter_mut().find(|known| known.id == user) else { return Vec::new() };
        if user.tags.iter().any(|known| known == tag) {
            return Vec::new();
        }
        user.tags.push(tag.to_owned());
        let event = json!({ "added": { "tags": [tag] }, "removed": { "tags": [] } });
        vec![self.user_told("tags_changed", user, event, now)]
    }

    /// The team's lead adds an organization; answers with its id too.
    pub fn create_organization(&self, name: &str) -> (u64, Vec<SignedDelivery>) {
        let now = self.0.now();
        let mut account = self.0.account();
        let id = account.organizations.iter().map(|known| known.id).max().unwrap_or(360_363_695_000) + 1;
        let name = name.to_owned();
        let organization =
            Organization { id, name, domain_names: &[], details: "", notes: "", tags: &[], created_at: now };
        let told = self.organization_told("created", &organization, json!({}), now);
        account.organizations.push(organization);
        (id, vec![told])
    }

    /// The team's lead gives an organization another name.
    pub fn rename_organization(&self, organization: u64, name: &str) -> Vec<SignedDelivery> {
        let now = self.0.now();
        let mut account = self.0.account();
        let found = account.organizations.iter_mut().find(|known| known.id == organization);
        let Some(found) = found.filter(|known| known.name != name) else { return Vec::new() };
        let previous = std::mem::replace(&mut found.name, name.to_owned());
        vec![self.organization_told("name_changed", found, json!({ "current": name, "previous": previous }), now)]
    }

    /// The team's lead makes a ticket a task that is due then.
    pub fn set_due(&self, ticket: u64, due: Timestamp) -> Vec<SignedDelivery> {
        let due_at = Some(Some(whole_seconds(due)));
        self.save(ticket, INES, Change { kind: Some(Some("task")), due_at, ..Change::default() })
    }

    /// A ticket as REST shows it.
    pub fn ticket(&self, id: u64) -> Option<Value> {
        self.0.account().ticket(id).map(show::ticket)
    }

    /// All tickets as REST shows them.
    pub fn tickets(&self) -> Vec<Value> {
        self.0.account().tickets.iter().map(show::ticket).collect()
    }

    /// The comments of a ticket: text, and whether the customer can read it. The first one is the description.
    pub fn comments(&self, ticket: u64) -> Vec<(String, bool)> {
        let account = self.0.account();
        let comments = account.ticket(ticket).map(|ticket| ticket.comments.as_slice()).unwrap_or_default();
        comments.iter().map(|Comment { body, public, .. }| (body.clone(), *public)).collect()
    }

    /// All profiles as the API shows them.
    pub fn profiles(&self) -> Vec<Value> {
        self.0.account().profiles.iter().map(|profile| profile.show()["profile"].clone()).collect()
    }

    /// All records of custom objects as the API shows them.
    pub fn records(&self) -> Vec<Value> {
        self.0.account().records.iter().map(super::records::Record::show).collect()
    }

    fn user_told(&self, what: &str, user: &User, event: Value, now: Timestamp) -> SignedDelivery {
        let detail = json!({
            "created_at": whole_seconds(user.created_at),
            "default_group_id": "0",
            "email": user.email,
            "external_id": "",
            "id": user.id.to_string(),
            "organization_id": user.organization_id.map(|id| id.to_string()),
            "role": user.role.name(),
            "updated_at": whole_seconds(now),
        });
        events::about(&self.0, &format!("user.{what}"), &format!("zen:user:{}", user.id), detail, event, now)
    }

    fn organization_told(
        &self,
        what: &str,
        organization: &Organization,
        event: Value,
        now: Timestamp,
    ) -> SignedDelivery {
        let id = organization.id;
        let detail = json!({
            "created_at": whole_seconds(organization.created_at),
            "external_id": null,
            "group_id": null,
            "id": id.to_string(),
            "name": organization.name,
            "shared_comments": false,
            "shared_tickets": false,
            "updated_at": whole_seconds(now),
        });
        events::about(&self.0, &format!("organization.{what}"), &format!("zen:organization:{id}"), detail, event, now)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::sandbox;
    use crate::world::{HALDEN, MINA};
    use crate::zendesk::SignedDelivery;

    fn told(deliveries: &[SignedDelivery]) -> Vec<(String, serde_json::Value)> {
        let read = |delivery: &SignedDelivery| {
            let body: serde_json::Value = deskwire_core::json::from_slice(&delivery.body).unwrap();
            let about = format!("{} of {}", body["type"].as_str().unwrap(), body["subject"].as_str().unwrap());
            (about, body["event"].clone())
        };
        deliveries.iter().map(read).collect()
    }

    #[test]
    fn a_change_of_a_person_or_an_organization_is_told_once_and_nothing_where_it_changes_nothing() {
        let zendesk = sandbox().zendesk();
        let tagged = zendesk.tag_user(MINA, "club");
        let event = serde_json::json!({ "added": { "tags": ["club"] }, "removed": { "tags": [] } });
        assert_eq!(told(&tagged), [(format!("zen:event-type:user.tags_changed of zen:user:{MINA}"), event)]);
        assert!(zendesk.tag_user(MINA, "club").is_empty());

        let renamed = zendesk.rename_organization(HALDEN, "Halden Cycles");
        let event = serde_json::json!({ "current": "Halden Cycles", "previous": "Halden Bicycles" });
        let about = format!("zen:event-type:organization.name_changed of zen:organization:{HALDEN}");
        assert_eq!(told(&renamed), [(about, event)]);
        assert!(zendesk.rename_organization(HALDEN, "Halden Cycles").is_empty());
        assert!(zendesk.rename_organization(1, "Nobody").is_empty());
    }

    #[test]
    fn new_people_and_organizations_get_ids_of_their_own() {
        let zendesk = sandbox().zendesk();
        let (user, deliveries) = zendesk.create_user("Ulla Brandt", "ulla.brandt@example.net");
        assert_eq!(told(&deliveries)[0].0, format!("zen:event-type:user.created of zen:user:{user}"));
        let (organization, deliveries) = zendesk.create_organization("Brandt Seile");
        let about = format!("zen:event-type:organization.created of zen:organization:{organization}");
        assert_eq!(told(&deliveries)[0].0, about);
        assert_ne!(zendesk.create_organization("Brandt Tauwerk").0, organization);
    }
}

//! The endpoints of the REST API that the stand-in has, and what faults and the log call them.

use http::Method;

use crate::world::{BICYCLE, CUSTOMER};
use crate::zendesk::write::Tagging;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident $(($($field:ty),*))? = $operation:literal,)*) => {
        /// An endpoint, understood.
        #[derive(Debug, Clone)]
        pub(crate) enum Endpoint {
            $($(#[$doc])* $name $(($($field),*))?,)*
        }

        /// What faults and the log call the endpoints.
        pub(crate) const OPERATIONS: [&str; [$($operation),*].len()] = [$($operation),*];

        impl Endpoint {
            pub(crate) const fn operation(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $operation,)*
                }
            }
        }
    };
}

endpoints! {
    ShowTicket(u64) = "zendesk.show_ticket",
    CreateTicket = "zendesk.create_ticket",
    UpdateTicket(u64) = "zendesk.update_ticket",
    /// All, or those with an external id.
    ListTickets = "zendesk.list_tickets",
    ListComments(u64) = "zendesk.list_comments",
    ListAudits(u64) = "zendesk.list_audits",
    ListTags(u64) = "zendesk.list_tags",
    ChangeTags(u64, Tagging) = "zendesk.change_tags",
    ListTicketFields = "zendesk.list_ticket_fields",
    ShowMe = "zendesk.show_me",
    ShowUser(u64) = "zendesk.show_user",
    ShowOrganization(u64) = "zendesk.show_organization",
    Search = "zendesk.search",
    CountFound = "zendesk.count_found",
    ShowProfile = "zendesk.show_profile",
    /// Of this user, if one is named; true merges.
    WriteProfile(Option<u64>, bool) = "zendesk.write_profile",
    /// Of the custom object with this key.
    ListRecords(&'static str) = "zendesk.list_records",
    /// True writes into one that is there already.
    CreateRecord(&'static str, bool) = "zendesk.create_record",
    ShowRecord(String) = "zendesk.show_record",
    UpdateRecord(String) = "zendesk.update_record",
    /// All, or those with a part of a name.
    ListWebhooks = "zendesk.list_webhooks",
    CreateWebhook = "zendesk.create_webhook",
    UpdateWebhook(String) = "zendesk.update_webhook",
    /// True makes a new one.
    SigningSecret(String, bool) = "zendesk.signing_secret",
}

impl Endpoint {
    /// The `.json` behind a path is optional.
    pub(crate) fn find(method: &Method, path: &str) -> Option<Self> {
        let (_, path) = path.split_once("/api/v2/")?;
        let parts: Vec<&str> = path.strip_suffix(".json").unwrap_or(path).split('/').collect();
        let id = |text: &str| text.parse().ok();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["tickets"]) => Some(Self::ListTickets),
            ("POST", ["tickets"]) => Some(Self::CreateTicket),
            ("GET", ["tickets", ticket]) => Some(Self::ShowTicket(id(ticket)?)),
            ("PUT", ["tickets", ticket]) => Some(Self::UpdateTicket(id(ticket)?)),
            ("GET", ["tickets", ticket, "comments"]) => Some(Self::ListComments(id(ticket)?)),
            ("GET", ["tickets", ticket, "audits"]) => Some(Self::ListAudits(id(ticket)?)),
            ("GET", ["tickets", ticket, "tags"]) => Some(Self::ListTags(id(ticket)?)),
            ("POST", ["tickets", ticket, "tags"]) => Some(Self::ChangeTags(id(ticket)?, Tagging::Set)),
            ("PUT", ["tickets", ticket, "tags"]) => Some(Self::ChangeTags(id(ticket)?, Tagging::Add)),
            ("DELETE", ["tickets", ticket, "tags"]) => Some(Self::ChangeTags(id(ticket)?, Tagging::Remove)),
            ("GET", ["ticket_fields"]) => Some(Self::ListTicketFields),
            ("GET", ["users", "me"]) => Some(Self::ShowMe),
            ("GET", ["users", user]) => Some(Self::ShowUser(id(user)?)),
            ("GET", ["organizations", organization]) => Some(Self::ShowOrganization(id(organization)?)),
            ("GET", ["user_profiles"]) => Some(Self::ShowProfile),
            ("PUT", ["user_profiles"]) => Some(Self::WriteProfile(None, false)),
            ("PATCH", ["user_profiles"]) => Some(Self::WriteProfile(None, true)),
            ("PUT", ["users", user, "profiles"]) => Some(Self::WriteProfile(Some(id(user)?), false)),
            ("PATCH", ["users", user, "profiles"]) => Some(Self::WriteProfile(Some(id(user)?), true)),
            ("GET", ["webhooks"]) => Some(Self::ListWebhooks),
            ("POST", ["webhooks"]) => Some(Self::CreateWebhook),
            ("PATCH", ["webhooks", id]) => Some(Self::UpdateWebhook((*id).to_owned())),
            (method @ ("GET" | "POST"), ["webhooks", id, "signing_secret"]) => {
                Some(Self::SigningSecret((*id).to_owned(), method == "POST"))
            }
            ("GET", ["search"]) => Some(Self::Search),
            ("GET", ["search", "count"]) => Some(Self::CountFound),
            (_, ["custom_objects", key, "records", rest @ ..]) => {
                let object = [BICYCLE, CUSTOMER].into_iter().find(|object| object == key)?;
                Self::record(object, method, rest)
            }
            _ => None,
        }
    }

    fn record(object: &'static str, method: &Method, rest: &[&str]) -> Option<Self> {
        match (method.as_str(), rest) {
            ("GET", []) => Some(Self::ListRecords(object)),
            ("POST", []) => Some(Self::CreateRecord(object, false)),
            ("PATCH", []) => Some(Self::CreateRecord(object, true)),
            ("GET", [id]) => Some(Self::ShowRecord((*id).to_owned())),
            ("PATCH", [id]) => Some(Self::UpdateRecord((*id).to_owned())),
            _ => None,
        }
    }
}

//! The account: its people, organizations and tickets. Plain state, no HTTP.

use deskwire_core::time::Timestamp;

use crate::zendesk::idempotency::Keys;
use crate::zendesk::profiles::Profile;
use crate::zendesk::records::Record;
use crate::zendesk::ticket::Ticket;
use crate::zendesk::webhooks::Webhook;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    EndUser,
    Agent,
    Admin,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EndUser => "end-user",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }

    pub(crate) const fn is_staff(self) -> bool {
        !matches!(self, Self::EndUser)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub organization_id: Option<u64>,
    pub locale: &'static str,
    pub time_zone: &'static str,
    pub iana_time_zone: &'static str,
    pub phone: Option<&'static str>,
    pub notes: &'static str,
    pub details: &'static str,
    pub tags: Vec<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub id: u64,
    pub name: String,
    pub domain_names: &'static [&'static str],
    pub details: &'static str,
    pub notes: &'static str,
    pub tags: &'static [&'static str],
    pub created_at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub users: Vec<User>,
    pub organizations: Vec<Organization>,
    pub tickets: Vec<Ticket>,
    pub profiles: Vec<Profile>,
    pub records: Vec<Record>,
    pub webhooks: Vec<Webhook>,
    /// The idempotency keys of tickets that were created.
    pub keys: Keys,
    /// The next id of a comment, an audit or an audit's event.
    next_id: u64,
}

impl Account {
    pub(crate) fn new(users: Vec<User>, organizations: Vec<Organization>) -> Self {
        Self {
            users,
            organizations,
            tickets: Vec::new(),
            profiles: Vec::new(),
            records: Vec::new(),
            webhooks: Vec::new(),
            keys: Keys::default(),
            next_id: 33_201_178_450_001,
        }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The first of so many ids in a row.
    pub(crate) fn new_ids(&mut self, count: u64) -> u64 {
        let first = self.next_id + 1;
        self.next_id += count;
        first
    }

    pub(crate) fn user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// An agent or admin.
    pub(crate) fn agent(&self, id: u64) -> Option<&User> {
        self.user(id).filter(|user| user.role.is_staff())
    }

    pub(crate) fn organization(&self, id: u64) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.id == id)
    }

    pub(crate) fn ticket(&self, id: u64) -> Option<&Ticket> {
        self.tickets.iter().find(|ticket| ticket.id == id)
    }

    pub(crate) fn ticket_mut(&mut self, id: u64) -> Option<&mut Ticket> {
        self.tickets.iter_mut().find(|ticket| ticket.id == id)
    }

    pub(crate) fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.iter().find(|user| user.email.eq_ignore_ascii_case(email))
    }

    /// A customer that nobody knew before.
    pub(crate) fn add_customer(&mut self, name: &str, email: &str, now: Timestamp) -> u64 {
        let id = self.users.iter().map(|user| user.id).max().unwrap_or(1_500_003_000_100) + 1;
        self.users.push(User {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            role: Role::EndUser,
            organization_id: None,
            locale: "en-US",
            time_zone: "UTC",
            iana_time_zone: "Etc/UTC",
            phone: None,
            notes: "",
            details: "",
            tags: Vec::new(),
            created_at: now,
        });
        id
    }

    /// The number that the next ticket gets.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.tickets.iter().map(|ticket| ticket.id).max().unwrap_or(48_212) + 1
    }
}

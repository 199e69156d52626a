//! The account: its people, organizations and tickets. Plain state, no HTTP.

use deskwire_core::time::Timestamp;

use crate::zendesk::NewTicket;

/// A ticket's status (its category, where an account has custom ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    New,
    Open,
    Pending,
    Hold,
    Solved,
    Closed,
}

impl Status {
    const ALL: [Self; 6] = [Self::New, Self::Open, Self::Pending, Self::Hold, Self::Solved, Self::Closed];

    /// As REST writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Hold => "hold",
            Self::Solved => "solved",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The id of its default custom status.
    pub(crate) const fn custom_id(self) -> u64 {
        12_480_498_776_001 + self as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }
}

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
    pub tags: &'static [&'static str],
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub id: u64,
    pub name: &'static str,
    pub domain_names: &'static [&'static str],
    pub details: &'static str,
    pub notes: &'static str,
    pub tags: &'static [&'static str],
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub id: u64,
    pub audit_id: u64,
    pub author_id: u64,
    pub body: String,
    pub public: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub id: u64,
    pub subject: String,
    pub status: Status,
    pub priority: Option<Priority>,
    pub kind: Option<&'static str>,
    pub requester_id: u64,
    pub assignee_id: Option<u64>,
    pub organization_id: Option<u64>,
    pub tags: Vec<String>,
    pub channel: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Oldest first; the first one is the description.
    pub comments: Vec<Comment>,
}

impl Ticket {
    pub(crate) fn description(&self) -> &str {
        self.comments.first().map_or("", |comment| comment.body.as_str())
    }

    pub(crate) fn is_public(&self) -> bool {
        self.comments.iter().any(|comment| comment.public)
    }
}

#[derive(Debug)]
pub(crate) struct Account {
    pub users: Vec<User>,
    pub organizations: Vec<Organization>,
    pub tickets: Vec<Ticket>,
    /// The next id of a comment, an audit or an audit's event.
    next_id: u64,
}

impl Account {
    pub(crate) fn new(users: Vec<User>, organizations: Vec<Organization>) -> Self {
        Self { users, organizations, tickets: Vec::new(), next_id: 33_201_178_450_001 }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
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

    /// Adds a ticket with its description and answers with its number.
    pub(crate) fn create(&mut self, ticket: NewTicket, now: Timestamp) -> u64 {
        let id = self.tickets.iter().map(|ticket| ticket.id).max().unwrap_or(48_212) + 1;
        let NewTicket { subject, description, requester } = ticket;
        let organization_id = self.user(requester).and_then(|user| user.organization_id);
        let first = self.comment(requester, description, true, now);
        self.tickets.push(Ticket {
            id,
            subject,
            status: Status::New,
            priority: None,
            kind: None,
            requester_id: requester,
            assignee_id: None,
            organization_id,
            tags: Vec::new(),
            channel: "mail",
            created_at: now,
            updated_at: now,
            comments: vec![first],
        });
        id
    }

    pub(crate) fn comment(&mut self, author_id: u64, body: String, public: bool, created_at: Timestamp) -> Comment {
        Comment { id: self.new_id(), audit_id: self.new_id(), author_id, body, public, created_at }
    }
}

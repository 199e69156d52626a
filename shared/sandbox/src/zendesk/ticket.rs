//! A ticket of the account. Plain state, no HTTP.

use std::collections::BTreeMap;

use deskwire_core::time::Timestamp;
use serde_json::Value;

use crate::world::{BRAND, FORM, GROUP};

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

/// The words for a ticket's type.
pub(crate) const KINDS: [&str; 4] = ["problem", "incident", "question", "task"];

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub id: u64,
    pub audit_id: u64,
    pub author_id: u64,
    pub body: String,
    /// As it was given; else it is made from the text.
    pub html_body: Option<String>,
    pub public: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub id: u64,
    pub subject: String,
    pub status: Status,
    /// A custom status, where one was chosen that is not the status' own.
    pub custom_status_id: Option<u64>,
    pub priority: Option<Priority>,
    pub kind: Option<&'static str>,
    pub requester_id: u64,
    pub submitter_id: u64,
    pub assignee_id: Option<u64>,
    pub group_id: u64,
    pub organization_id: Option<u64>,
    pub form_id: u64,
    pub brand_id: u64,
    pub external_id: Option<String>,
    pub due_at: Option<String>,
    pub tags: Vec<String>,
    pub follower_ids: Vec<u64>,
    pub email_cc_ids: Vec<u64>,
    /// By the field's id; a field that is not set is not here.
    pub custom_fields: BTreeMap<u64, Value>,
    pub channel: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Oldest first; the first one is the description.
    pub comments: Vec<Comment>,
    /// Oldest first, as REST shows them.
    pub audits: Vec<Value>,
}

impl Ticket {
    /// A new ticket without a comment, in the account's one group, form and brand.
    pub(crate) fn new(id: u64, subject: String, requester: u64, now: Timestamp) -> Self {
        Self {
            id,
            subject,
            status: Status::New,
            custom_status_id: None,
            priority: None,
            kind: None,
            requester_id: requester,
            submitter_id: requester,
            assignee_id: None,
            group_id: GROUP,
            organization_id: None,
            form_id: FORM,
            brand_id: BRAND,
            external_id: None,
            due_at: None,
            tags: Vec::new(),
            follower_ids: Vec::new(),
            email_cc_ids: Vec::new(),
            custom_fields: BTreeMap::new(),
            channel: "mail",
            created_at: now,
            updated_at: now,
            comments: Vec::new(),
            audits: Vec::new(),
        }
    }

    pub(crate) fn description(&self) -> &str {
        self.comments.first().map_or("", |comment| comment.body.as_str())
    }

    pub(crate) fn is_public(&self) -> bool {
        self.comments.iter().any(|comment| comment.public)
    }

    /// The custom status: the one that was chosen, else the status' own.
    pub(crate) fn shown_custom_status(&self) -> u64 {
        self.custom_status_id.unwrap_or_else(|| self.status.custom_id())
    }
}

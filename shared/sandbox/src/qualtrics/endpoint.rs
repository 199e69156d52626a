//! The endpoints of the API that the stand-in has, and what faults and the log call them.

use http::Method;

/// An endpoint, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Whoami,
    Survey(String),
    Response(String, String),
    /// Has a file of a survey's responses made.
    StartExport(String),
    /// How far it is.
    Export(String, String),
    /// The file itself.
    ExportFile(String, String),
    CreateContact(String),
    CreateDistribution,
    Links(String),
    ListSubscriptions,
    CreateSubscription,
    ShowSubscription(String),
    DeleteSubscription(String),
    /// Every subscription of the brand.
    DeleteAll,
    /// An event for a workflow, at an address that whoever has it may use.
    JsonEvent,
}

/// What faults and the log call the endpoints.
pub(crate) const OPERATIONS: [&str; 15] = [
    "qualtrics.whoami",
    "qualtrics.get_survey",
    "qualtrics.get_response",
    "qualtrics.create_contact",
    "qualtrics.create_distribution",
    "qualtrics.list_links",
    "qualtrics.list_subscriptions",
    "qualtrics.create_subscription",
    "qualtrics.get_subscription",
    "qualtrics.delete_subscription",
    "qualtrics.delete_all_subscriptions",
    "qualtrics.json_event",
    "qualtrics.start_export",
    "qualtrics.get_export",
    "qualtrics.get_export_file",
];

impl Endpoint {
    pub(crate) fn find(method: &Method, path: &str) -> Option<Self> {
        if method == Method::POST && path.to_ascii_lowercase().ends_with("/inbound-event/v1/events/json/triggers") {
            return Some(Self::JsonEvent);
        }
        let (_, path) = path.split_once("/API/v3/")?;
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let own = |text: &str| text.to_owned();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["whoami"]) => Some(Self::Whoami),
            ("GET", ["surveys", survey]) => Some(Self::Survey(own(survey))),
            ("GET", ["surveys", survey, "responses", response]) => Some(Self::Response(own(survey), own(response))),
            ("POST", ["surveys", survey, "export-responses"]) => Some(Self::StartExport(own(survey))),
            ("GET", ["surveys", survey, "export-responses", id]) => Some(Self::Export(own(survey), own(id))),
            ("GET", ["surveys", survey, "export-responses", id, "file"]) => {
                Some(Self::ExportFile(own(survey), own(id)))
            }
            ("POST", ["directories", _, "mailinglists", list, "contacts"]) => Some(Self::CreateContact(own(list))),
            ("POST", ["distributions"]) => Some(Self::CreateDistribution),
            ("GET", ["distributions", id, "links"]) => Some(Self::Links(own(id))),
            ("GET", ["eventsubscriptions"]) => Some(Self::ListSubscriptions),
            ("POST", ["eventsubscriptions"]) => Some(Self::CreateSubscription),
            ("DELETE", ["eventsubscriptions"]) => Some(Self::DeleteAll),
            ("GET", ["eventsubscriptions", id]) => Some(Self::ShowSubscription(own(id))),
            ("DELETE", ["eventsubscriptions", id]) => Some(Self::DeleteSubscription(own(id))),
            _ => None,
        }
    }

    pub(crate) const fn operation(&self) -> &'static str {
        OPERATIONS[match self {
            Self::Whoami => 0,
            Self::Survey(_) => 1,
            Self::Response(..) => 2,
            Self::CreateContact(_) => 3,
            Self::CreateDistribution => 4,
            Self::Links(_) => 5,
            Self::ListSubscriptions => 6,
            Self::CreateSubscription => 7,
            Self::ShowSubscription(_) => 8,
            Self::DeleteSubscription(_) => 9,
            Self::DeleteAll => 10,
            Self::JsonEvent => 11,
            Self::StartExport(_) => 12,
            Self::Export(..) => 13,
            Self::ExportFile(..) => 14,
        }]
    }
}

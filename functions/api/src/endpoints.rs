//! What there is to ask, as one table.

/// One question.
pub(crate) struct Endpoint {
    pub method: &'static str,
    pub path: &'static str,
    pub about: &'static str,
    /// Parameters of the query: name, what it is.
    pub query: &'static [(&'static str, &'static str)],
    /// The name of the body's schema, if it takes one.
    pub body: Option<&'static str>,
    /// The name of the answer's schema.
    pub answer: &'static str,
}

const TIMES: [(&str, &str); 5] = [
    ("since", "only from this time on: RFC 3339, or a duration such as 2h for that long ago"),
    ("until", "only before this time"),
    ("after", "only with a greater number: `next` of the page before"),
    ("order", "`newest` (the usual) or `oldest` first"),
    ("limit", "at most so many, 1 to 1000; 50 unless given"),
];

const EVENTS: &[(&str, &str)] = &[
    ("source", "only of this source"),
    ("state", "accepted, unwanted or rejected"),
    ("subject", "only about this subject"),
    ("type", "only of this type; a name, or a prefix ending in .*"),
    TIMES[0],
    TIMES[1],
    TIMES[2],
    TIMES[3],
    TIMES[4],
];

const RUNS: &[(&str, &str)] = &[
    ("workflow", "only of this workflow"),
    ("state", "queued, running, retrying, waiting, unknown, succeeded, failed, skipped or dead"),
    ("subject", "only about this subject"),
    ("event", "only of the event with this id"),
    ("type", "only on events of this type"),
    TIMES[0],
    TIMES[1],
    TIMES[2],
    TIMES[3],
    TIMES[4],
];

const PERSONAL: &[(&str, &str)] =
    &[("personal", "`true` shows fields that are about people; they are hidden otherwise")];

/// All of them.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    get("/api/v1/events", "Lists what came in.", EVENTS, "EventPage"),
    get("/api/v1/events/{reference}", "One event: by its id, by `source/id`, or by its number.", PERSONAL, "Event"),
    get("/api/v1/runs", "Lists runs.", RUNS, "RunPage"),
    get(
        "/api/v1/runs/{id}",
        "One run with its journal; a beginning of its id that fits only one will do.",
        PERSONAL,
        "Run",
    ),
    get("/api/v1/runs/{id}/replay", "What a replay would keep and call.", &[], "ReplayPlan"),
    post("/api/v1/runs/{id}/replay", "Runs it again from where it stopped.", None, "Replayed"),
    post("/api/v1/runs/{id}/settle", "Says whether an unknown step happened.", Some("Decision"), "Settled"),
    get("/api/v1/workflows", "The workflows in force.", &[], "WorkflowList"),
    post("/api/v1/workflows/{name}/activate", "Switches a workflow on.", None, "Switched"),
    post("/api/v1/workflows/{name}/deactivate", "Switches a workflow off; runs under way go on.", None, "Switched"),
    get("/api/v1/connections", "How the connections stand that are signed in by OAuth.", &[], "ConnectionList"),
];

const fn get(
    path: &'static str,
    about: &'static str,
    query: &'static [(&'static str, &'static str)],
    answer: &'static str,
) -> Endpoint {
    Endpoint { method: "get", path, about, query, body: None, answer }
}

const fn post(path: &'static str, about: &'static str, body: Option<&'static str>, answer: &'static str) -> Endpoint {
    Endpoint { method: "post", path, about, query: &[], body, answer }
}

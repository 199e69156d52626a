//! The rows, by provider. Checked 2026-12-01.

use deskwire_core::limit::Rule;

use super::{Checked, Row};

use Checked::{Not, Own, Rule as By};

const HTTP: &[&str] = &["http.request"];

const LINK: &[&str] = &["qualtrics.create_distribution_link"];
const RESPONSE: &[&str] = &["qualtrics.get_response"];
const RESPONSES: &[&str] = &["qualtrics.list_responses"];
const EVENT: &[&str] = &["qualtrics.send_json_event"];
const SURVEYS: &[&str] = &["qualtrics.create_distribution_link", "qualtrics.get_response", "qualtrics.list_responses"];

const POSTS: &[&str] = &["slack.post_message", "slack.reply_in_thread", "slack.send_direct_message"];
const CHANNELS: &[&str] = &[
    "slack.add_reaction",
    "slack.get_message",
    "slack.get_thread_messages",
    "slack.post_message",
    "slack.reply_in_thread",
];
const THREADS: &[&str] = &["slack.get_thread_messages", "slack.reply_in_thread"];
const STAMPS: &[&str] = &["slack.add_reaction", "slack.get_message"];

const CREATE: &[&str] = &["zendesk.create_ticket"];
const UPDATE: &[&str] = &["zendesk.update_ticket"];
const TICKETS: &[&str] = &["zendesk.create_ticket", "zendesk.update_ticket"];
const TICKET_IDS: &[&str] = &["zendesk.look_up_ticket", "zendesk.update_ticket"];
const PROFILES: &[&str] = &["zendesk.create_profile", "zendesk.update_profile"];
const USER_IDS: &[&str] = &["zendesk.create_profile", "zendesk.update_profile", "zendesk.look_up_user"];
const RECORDS: &[&str] = &["zendesk.create_record", "zendesk.update_record"];
const ORGANIZATION: &[&str] = &["zendesk.look_up_organization"];

const RFC_9110: &str = "https://www.rfc-editor.org/rfc/rfc9110.html";
const QUALTRICS: &str = "https://api.qualtrics.com/";
const JSON_EVENTS: &str = "https://www.qualtrics.com/support/survey-platform/actions-module/json-events/";
const POST_MESSAGE: &str = "https://docs.slack.dev/reference/methods/chat.postMessage";
const BLOCK_KIT: &str = "https://docs.slack.dev/reference/block-kit/blocks";
const CONVERSATIONS: &str = "https://docs.slack.dev/reference/methods/conversations.create";
const REACTIONS: &str = "https://docs.slack.dev/reference/methods/reactions.add";
const ZENDESK_TICKETS: &str = "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/";
const ZENDESK_TAGS: &str = "https://developer.zendesk.com/api-reference/ticketing/ticket-management/tags/";
const ZENDESK_COMMENT_SIZE: &str = "https://support.zendesk.com/hc/en-us/community/posts/4719863289498-Commets-size";
const ZENDESK_CCS: &str = "https://support.zendesk.com/hc/en-us/articles/5179445630234-Understanding-CCs-and-followers";
const ZENDESK_PROFILES: &str = "https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/";
const ZENDESK_LIMITS: &str = "https://developer.zendesk.com/api-reference/introduction/rate-limits/";
const ZENDESK_RECORDS: &str =
    "https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/";
const NOWHERE: &str = "";

/// No page says how long it may be.
const NO_LENGTH: Checked = Not("the provider's pages name no length");

/// A ticket's comment is kept as text of at most 64 KB: a size limit, says Zendesk's staff, of about 65,000 characters,
/// depending on encoding. So bytes are counted. What is longer was reported to be cut without a word.
const COMMENT_BYTES: Rule = Rule::Bytes(65_535);
const SHORTER: &str =
    "shorten it, for example by quoting only a part, as in `{{ text[:20000] }}`, or write several comments";

/// What a custom object's record may hold: 32 KB.
const RECORD_BYTES: Rule = Rule::JsonBytes(32 * 1024);

const ID: Checked = Own { what: "a whole number of at most 64 bits, or its digits", test: "what_is_no_id_is_refused" };
const QUALTRICS_ID: Checked = Own {
    what: "the kind's letters, then letters and digits, 40 at most",
    test: "ids_that_are_none_are_never_part_of_a_path",
};
const TS: Checked = Own { what: "text such as 1503435956.000247", test: "a_ts_is_text_and_stays_as_it_is" };
const TIME: Checked =
    Own { what: "a time by RFC 3339", test: "a_time_that_is_none_is_refused_before_anything_is_sent" };
const COLON: Checked = Own {
    what: "not empty, no colon; `zendesk` is reserved",
    test: "what_identifies_nobody_is_refused_before_anything_is_sent",
};
const KEY: Checked =
    Own { what: "letters, digits, `_` and `-`", test: "what_could_lead_elsewhere_is_refused_before_anything_is_sent" };

const fn row(actions: &'static [&'static str], input: &'static str, checked: Checked, source: &'static str) -> Row {
    Row { actions, input, checked, source }
}

/// Every input of every action, save for those that take one of a few words, or true or false.
pub(super) const ROWS: &[Row] = &[
    row(
        HTTP,
        "path",
        Own {
            what: "stays below the connection's base_url",
            test: "another_host_a_way_out_a_query_and_a_fragment_are_refused",
        },
        RFC_9110,
    ),
    row(HTTP, "query", Not("each API's own"), NOWHERE),
    row(
        HTTP,
        "headers",
        Own {
            what: "names and values that a header can carry",
            test: "a_line_break_in_a_header_is_refused_without_showing_its_value",
        },
        RFC_9110,
    ),
    row(
        HTTP,
        "body",
        Own {
            what: "at most 1 MiB, which is Deskwire's own limit",
            test: "what_cannot_be_sent_is_refused_with_its_name_or_the_limit",
        },
        NOWHERE,
    ),
    row(
        HTTP,
        "form",
        Own {
            what: "at most 1 MiB, which is Deskwire's own limit",
            test: "what_cannot_be_sent_is_refused_with_its_name_or_the_limit",
        },
        NOWHERE,
    ),
    row(
        HTTP,
        "accept_status",
        Own { what: "statuses from 100 to 599, or `any`", test: "accepted_statuses_are_a_list_or_any" },
        RFC_9110,
    ),
    row(
        HTTP,
        "idempotency_header",
        Own {
            what: "a header's name; the key is 64 characters long",
            test: "names_that_are_not_the_steps_to_set_are_refused_in_any_case",
        },
        RFC_9110,
    ),
    row(HTTP, "idempotency_window", Not("each API's own"), NOWHERE),
    //
    row(SURVEYS, "survey_id", QUALTRICS_ID, QUALTRICS),
    row(RESPONSE, "response_id", QUALTRICS_ID, QUALTRICS),
    row(LINK, "mailing_list_id", QUALTRICS_ID, QUALTRICS),
    row(LINK, "directory_id", QUALTRICS_ID, QUALTRICS),
    row(
        LINK,
        "contact_id",
        By(
            Rule::Begins(&["CGC_", "MLRP_"]),
            "give the contact's look-up id, which Qualtrics shows as `contactLookupId`",
        ),
        QUALTRICS,
    ),
    row(LINK, "email", NO_LENGTH, QUALTRICS),
    row(LINK, "first_name", NO_LENGTH, QUALTRICS),
    row(LINK, "last_name", NO_LENGTH, QUALTRICS),
    row(LINK, "external_reference", NO_LENGTH, QUALTRICS),
    row(LINK, "embedded_data", By(Rule::Items(10), "send less embedded data"), QUALTRICS),
    row(LINK, "embedded_data", By(Rule::Names(200), "shorten the name"), QUALTRICS),
    row(LINK, "embedded_data.*", By(Rule::Characters(1_024), "shorten the value"), QUALTRICS),
    row(
        LINK,
        "embedded_data.ResponseEventContext",
        By(Rule::Characters(50), "shorten it: an id fits, a text does not"),
        QUALTRICS,
    ),
    row(
        LINK,
        "expires_at",
        Own {
            what: "`2026-03-31 00:00:00` in UTC, or a time by RFC 3339",
            test: "when_a_link_ends_is_sent_as_qualtrics_writes_it_and_anything_else_is_refused",
        },
        QUALTRICS,
    ),
    row(LINK, "description", NO_LENGTH, QUALTRICS),
    row(
        RESPONSES,
        "last",
        Own {
            what: "a duration such as 7d",
            test: "a_span_of_time_is_asked_for_as_qualtrics_reads_it_and_nonsense_never_leaves_us",
        },
        QUALTRICS,
    ),
    row(
        RESPONSES,
        "since",
        Own {
            what: "a time by RFC 3339",
            test: "a_span_of_time_is_asked_for_as_qualtrics_reads_it_and_nonsense_never_leaves_us",
        },
        QUALTRICS,
    ),
    row(
        RESPONSES,
        "until",
        Own {
            what: "a time by RFC 3339, after the beginning",
            test: "a_span_of_time_is_asked_for_as_qualtrics_reads_it_and_nonsense_never_leaves_us",
        },
        QUALTRICS,
    ),
    row(
        RESPONSES,
        "limit",
        Own {
            what: "1 to 500, which is Deskwire's own limit",
            test: "a_span_of_time_is_asked_for_as_qualtrics_reads_it_and_nonsense_never_leaves_us",
        },
        QUALTRICS,
    ),
    row(
        EVENT,
        "event",
        Own { what: "at most 100 KB as JSON", test: "what_is_too_large_or_has_nowhere_to_go_is_not_sent" },
        JSON_EVENTS,
    ),
    //
    row(
        CHANNELS,
        "channel",
        Own {
            what: "an id, or a name of at most 80 characters without white space",
            test: "a_name_that_no_channel_can_have_is_refused",
        },
        CONVERSATIONS,
    ),
    row(
        POSTS,
        "message",
        Own {
            what: "at most 4,000 characters after escaping; on demand split into 10 messages",
            test: "a_text_is_split_only_where_the_step_says_so_and_into_ten_parts_at_most",
        },
        POST_MESSAGE,
    ),
    row(
        POSTS,
        "blocks",
        Own {
            what: "50 blocks, and the limit of each field of each kind of block and element",
            test: "every_limit_of_the_table_is_held",
        },
        BLOCK_KIT,
    ),
    row(THREADS, "thread_ts", TS, POST_MESSAGE),
    row(&["slack.get_thread_messages"], "reply_ts", TS, POST_MESSAGE),
    row(STAMPS, "timestamp", TS, REACTIONS),
    row(
        &["slack.add_reaction"],
        "name",
        Not("which emoji there are depends on the workspace, and no page names a length"),
        REACTIONS,
    ),
    row(&["slack.send_direct_message"], "email", NO_LENGTH, NOWHERE),
    row(&["slack.look_up_user"], "user_id", Not("Slack asks not to check the form of its ids"), NOWHERE),
    //
    row(TICKETS, "subject", NO_LENGTH, ZENDESK_TICKETS),
    row(CREATE, "description", By(COMMENT_BYTES, SHORTER), ZENDESK_COMMENT_SIZE),
    row(TICKETS, "comment_body", By(COMMENT_BYTES, SHORTER), ZENDESK_COMMENT_SIZE),
    row(TICKETS, "comment_html_body", By(COMMENT_BYTES, SHORTER), ZENDESK_COMMENT_SIZE),
    row(CREATE, "tags", By(Rule::Words, ""), ZENDESK_TAGS),
    row(UPDATE, "add_tags", By(Rule::Words, ""), ZENDESK_TAGS),
    row(UPDATE, "remove_tags", By(Rule::Words, ""), ZENDESK_TAGS),
    row(UPDATE, "set_tags", By(Rule::Words, ""), ZENDESK_TAGS),
    row(TICKETS, "external_id", NO_LENGTH, ZENDESK_TICKETS),
    row(TICKETS, "requester", NO_LENGTH, ZENDESK_TICKETS),
    row(TICKETS, "assignee_email", NO_LENGTH, ZENDESK_TICKETS),
    row(TICKETS, "author_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "requester_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "assignee_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "group_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "organization_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "custom_status_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "ticket_form_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "brand_id", ID, ZENDESK_TICKETS),
    row(TICKETS, "due_at", TIME, ZENDESK_TICKETS),
    row(
        TICKETS,
        "custom_fields",
        Not("which values a field takes depends on its kind in the account; the ids are checked"),
        ZENDESK_TICKETS,
    ),
    row(TICKETS, "email_ccs", By(Rule::Items(48), "copy in fewer people"), ZENDESK_CCS),
    row(TICKETS, "followers", Not("Zendesk says that there is no limit"), ZENDESK_CCS),
    row(UPDATE, "only_if_unchanged_since", TIME, ZENDESK_TICKETS),
    row(TICKET_IDS, "ticket_id", ID, ZENDESK_TICKETS),
    row(USER_IDS, "user_id", ID, ZENDESK_TICKETS),
    row(ORGANIZATION, "organization_id", ID, ZENDESK_TICKETS),
    row(PROFILES, "source", COLON, ZENDESK_PROFILES),
    row(PROFILES, "type", COLON, ZENDESK_PROFILES),
    row(
        PROFILES,
        "identifiers",
        Own {
            what: "at least one; no colon in a type",
            test: "what_identifies_nobody_is_refused_before_anything_is_sent",
        },
        ZENDESK_PROFILES,
    ),
    row(PROFILES, "name", NO_LENGTH, ZENDESK_PROFILES),
    row(
        PROFILES,
        "attributes",
        Not(
            "the provider's pages name no size; 20 profiles of a person and 50 sources of an account are the account's to count",
        ),
        ZENDESK_LIMITS,
    ),
    row(RECORDS, "type", KEY, ZENDESK_RECORDS),
    row(&["zendesk.update_record"], "record_id", KEY, ZENDESK_RECORDS),
    row(RECORDS, "attributes", By(RECORD_BYTES, "send less: a record holds 32 KB"), ZENDESK_LIMITS),
    row(RECORDS, "name", NO_LENGTH, ZENDESK_RECORDS),
    row(RECORDS, "external_id", NO_LENGTH, ZENDESK_RECORDS),
];

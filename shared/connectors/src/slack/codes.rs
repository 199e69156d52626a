//! Slack's error codes as a table: how each is handled and what a person can do. Read by the caller of methods for every
//! refusal, and by the actions for their lists of errors.
//!
//! From the pages of the methods used, <https://docs.slack.dev/reference/methods> (checked 2026-11-23). Slack calls its
//! lists "expected errors", not closed ones: a code that is not here fails for good and is never tried again.

use deskwire_core::action::{ErrorClass, ErrorHelp};

/// What a code says about the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing happened, and it passes.
    Retry,
    /// Nothing happened; the budget is used up.
    RateLimited,
    /// Slack says that it may be partly done.
    Ambiguous,
    /// The token or its rights.
    Reauthorize,
    /// It fails the same way again.
    Fail,
}

impl Class {
    /// The class of a call whose lost answer counts as `if_lost`.
    pub(crate) const fn of_call(self, if_lost: ErrorClass) -> ErrorClass {
        match self {
            Self::Retry | Self::RateLimited => ErrorClass::Retry,
            Self::Ambiguous => if_lost,
            Self::Reauthorize => ErrorClass::NeedsReauthorization,
            Self::Fail => ErrorClass::Fail,
        }
    }
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) code: &'static str,
    pub(crate) class: Class,
    pub(crate) help: &'static str,
}

/// The row of a code.
pub(crate) fn find(code: &str) -> Option<&'static Row> {
    CODES.binary_search_by(|row| row.code.cmp(code)).ok().map(|place| &CODES[place])
}

/// The rows of an action's list of errors, in the order given; codes that are not in the table are left out.
pub(crate) fn help(codes: &[&str], if_lost: ErrorClass) -> Vec<ErrorHelp> {
    let rows = codes.iter().filter_map(|code| find(code));
    rows.map(|row| ErrorHelp { code: row.code, class: row.class.of_call(if_lost), help: row.help }).collect()
}

const fn row(code: &'static str, class: Class, help: &'static str) -> Row {
    Row { code, class, help }
}

const RENEW: &str = "The token is no longer valid, or this machine's address is not on the app's list of allowed \
                     addresses. Install the app again in the workspace and store the new token.";
const OUR_REQUEST: &str = "Slack did not understand the request; this is a fault of Deskwire. Please report it.";
const POLICY: &str = "A rule of the workspace forbids it. Ask an administrator of the workspace.";
const BLOCKS: &str = "The message's blocks are not what Slack takes. Correct `blocks` in the step.";
const METADATA: &str = "Slack did not take the message's metadata; this is a fault of Deskwire. Please report it.";
const NOT_OURS: &str = "It is about a kind of content that Deskwire does not send. Please report it.";
const CURSOR: &str = "Slack no longer knows the page to go on from. Replay the run.";
const TIMESTAMP: &str = "The message's timestamp is not one. Give the `ts` of a message as text, such as \
                         \"1503435956.000247\".";
const USER: &str = "There is no such user in the workspace, or the app may not see them.";
const MESSAGE: &str = "There is no such message in this channel. Check the channel and the timestamp.";
const THREAD: &str = "There is no such thread. Give the `ts` of the thread's first message.";
const SHARING: &str = "Another organization in this shared channel does not allow it. Ask an administrator.";

use Class::{Ambiguous, Fail, RateLimited, Reauthorize, Retry};

/// Sorted by code.
pub(crate) const CODES: &[Row] = &[
    row("access_denied", Fail, POLICY),
    row("accesslimited", Fail, POLICY),
    row("account_inactive", Reauthorize, RENEW),
    row("already_reacted", Fail, "The app has put this reaction there already."),
    row("app_access_restricted", Fail, POLICY),
    row("as_user_not_supported", Fail, NOT_OURS),
    row("attachment_payload_limit_exceeded", Fail, "The attachments are too large. Make the message shorter."),
    row("bad_timestamp", Fail, TIMESTAMP),
    row("cannot_dm_bot", Fail, "An app cannot write to another app. Give the address of a person."),
    row("cannot_reply_to_message", Fail, "This message takes no replies. Post to the channel instead."),
    row("channel_is_limited_access", Fail, POLICY),
    row(
        "channel_not_found",
        Fail,
        "There is no such channel, or it is private and the app is not in it. Check the name or id; in a private \
         channel, type /invite and the app's name.",
    ),
    row("deprecated_endpoint", Fail, "Slack has switched this method off. Update Deskwire."),
    row("duplicate_channel_not_found", Ambiguous, "Slack has seen this message before, but does not say where."),
    row("duplicate_message_not_found", Ambiguous, "Slack has seen this message before, but does not say where."),
    row("ekm_access_denied", Fail, "The organization's administrators have suspended the keys of this channel."),
    row(
        "enterprise_is_restricted",
        Fail,
        "The method cannot be called with a token of a whole organization. Install \
         the app in the workspace and use that token.",
    ),
    row("external_channel_migrating", Retry, "The shared channel is being moved; it will be tried again."),
    row("fatal_error", Ambiguous, "Slack failed inside."),
    row("internal_error", Ambiguous, "Slack failed inside."),
    row("invalid_arg_name", Fail, OUR_REQUEST),
    row("invalid_arguments", Fail, "Slack did not take one of the inputs. Correct it in the step."),
    row("invalid_array_arg", Fail, OUR_REQUEST),
    row("invalid_auth", Reauthorize, RENEW),
    row("invalid_blocks", Fail, BLOCKS),
    row("invalid_blocks_format", Fail, BLOCKS),
    row("invalid_charset", Fail, OUR_REQUEST),
    row("invalid_cursor", Fail, CURSOR),
    row("invalid_form_data", Fail, OUR_REQUEST),
    row("invalid_json", Fail, OUR_REQUEST),
    row("invalid_metadata_filter_keys", Fail, METADATA),
    row("invalid_metadata_format", Fail, METADATA),
    row("invalid_metadata_schema", Fail, METADATA),
    row("invalid_name", Fail, "There is no such emoji in the workspace. Give its name without colons."),
    row("invalid_post_type", Fail, OUR_REQUEST),
    row("invalid_refresh_token", Reauthorize, RENEW),
    row("invalid_thread_ts", Fail, THREAD),
    row("invalid_ts_latest", Fail, TIMESTAMP),
    row("invalid_ts_oldest", Fail, TIMESTAMP),
    row("invalid_user_combination", Fail, "These people cannot share a conversation."),
    row("is_archived", Fail, "The channel is archived. Choose another one, or have it unarchived."),
    row("is_bot", Fail, "An app's token cannot call this method."),
    row("json_not_object", Fail, OUR_REQUEST),
    row("list_record_comment_fetch_failed", Fail, NOT_OURS),
    row("markdown_text_conflict", Fail, OUR_REQUEST),
    row("message_limit_exceeded", Fail, "The workspace's plan allows no more messages. Ask an administrator."),
    row("message_not_found", Fail, MESSAGE),
    row(
        "messages_tab_disabled",
        Fail,
        "The app takes no direct messages. Switch its Messages tab on in the app's \
         settings.",
    ),
    row(
        "metadata_must_be_sent_from_app",
        Fail,
        "The token belongs to a person, not to an app. Use the app's bot token \
         (xoxb-…).",
    ),
    row("metadata_too_large", Fail, METADATA),
    row("method_deprecated", Fail, "Slack has switched this method off. Update Deskwire."),
    row(
        "method_not_supported_for_channel_type",
        Fail,
        "This kind of conversation does not allow it. Choose a channel.",
    ),
    row("missing_file_data", Fail, NOT_OURS),
    row("missing_post_type", Fail, OUR_REQUEST),
    row(
        "missing_scope",
        Reauthorize,
        "The token lacks a scope. Add it to the app, install the app again and store the \
         new token.",
    ),
    row("msg_blocks_too_long", Fail, "The message's blocks are too long in all. Shorten them to 12000 characters."),
    row(
        "msg_too_long",
        Fail,
        "The message is too long. Shorten it to 4000 characters, or split it: `if_too_long: split`.",
    ),
    row("no_access", Fail, "The app may not see this conversation. Invite it."),
    row("no_item_specified", Fail, OUR_REQUEST),
    row(
        "no_permission",
        Reauthorize,
        "The token does not have the rights. Install the app again with the scopes that \
         the action lists and store the new token.",
    ),
    row("no_text", Fail, "The message is empty. Give the step a message."),
    row(
        "not_allowed_token_type",
        Reauthorize,
        "This kind of token cannot call the method. Store the app's bot token \
         (xoxb-…).",
    ),
    row("not_authed", Reauthorize, "No token arrived. Store the app's bot token (xoxb-…)."),
    row("not_enough_users", Fail, OUR_REQUEST),
    row(
        "not_in_channel",
        Fail,
        "The app is not in this channel. Invite it: type /invite and the app's name there. To post to a public channel, \
         the scope channels:join is enough.",
    ),
    row("not_reactable", Fail, "This message takes no reactions."),
    row("org_login_required", Retry, "The workspace is being moved into an organization; it will be tried again."),
    row("rate_limited", RateLimited, "Messages come too fast for this channel; it will be tried again."),
    row("ratelimited", RateLimited, "Calls come too fast for this workspace; it will be tried again."),
    row("request_timeout", Retry, "Slack received only a part of the request; it will be tried again."),
    row("restricted_action", Fail, POLICY),
    row("restricted_action_non_threadable_channel", Fail, "This channel allows no threads. Post to the channel."),
    row(
        "restricted_action_read_only_channel",
        Fail,
        "Only some people may post to this channel. Ask an administrator.",
    ),
    row("restricted_action_thread_locked", Fail, "The thread is locked."),
    row("restricted_action_thread_only_channel", Fail, "This channel allows replies only. Reply in a thread."),
    row("send_on_behalf_not_allowed", Fail, POLICY),
    row("service_unavailable", Retry, "Slack is away for a moment; it will be tried again."),
    row("slack_connect_canvas_sharing_blocked", Fail, SHARING),
    row("slack_connect_file_link_sharing_blocked", Fail, SHARING),
    row("slack_connect_lists_sharing_blocked", Fail, SHARING),
    row(
        "team_access_not_granted",
        Reauthorize,
        "The token was not given this workspace. Install the app in it and \
         store the new token.",
    ),
    row("team_added_to_org", Retry, "The workspace is being moved into an organization; it will be tried again."),
    row(
        "team_not_found",
        Fail,
        "A token of a whole organization cannot post to a channel by name. Give the channel's \
         id.",
    ),
    row("thread_locked", Fail, "The thread is locked."),
    row("thread_not_found", Fail, THREAD),
    row("token_expired", Reauthorize, RENEW),
    row("token_revoked", Reauthorize, RENEW),
    row("too_many_attachments", Fail, "A message holds at most 100 attachments."),
    row("too_many_contact_cards", Fail, "A message holds at most 10 contact cards."),
    row("too_many_emoji", Fail, "The message has as many different reactions as Slack allows."),
    row("too_many_members", Fail, "The channel is full."),
    row("too_many_reactions", Fail, "The app has put as many reactions on this message as Slack allows."),
    row("too_many_users", Fail, "A conversation has at most 8 people."),
    row("two_factor_setup_required", Fail, POLICY),
    row("unknown_method", Fail, "There is no such method. Check the connection's base_url; it ends in /api/."),
    row("upgrade_required", Fail, "Slack asks for a newer request. Update Deskwire."),
    row("user_disabled", Fail, "This account is deactivated."),
    row("user_not_found", Fail, USER),
    row("user_not_visible", Fail, USER),
    row("users_list_not_supplied", Fail, OUR_REQUEST),
    row(
        "users_not_found",
        Fail,
        "Nobody active in the workspace has this e-mail address. Check the address, or skip the \
         step with `if:`.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of the methods we use, copied from their pages by method.
    const DOCUMENTED: &[&str] = &[
        // chat.postMessage
        "channel_not_found not_in_channel is_archived no_text invalid_blocks invalid_blocks_format msg_blocks_too_long \
         msg_too_long too_many_attachments attachment_payload_limit_exceeded too_many_contact_cards \
         markdown_text_conflict invalid_metadata_format invalid_metadata_schema metadata_too_large \
         metadata_must_be_sent_from_app rate_limited message_limit_exceeded messages_tab_disabled \
         cannot_reply_to_message restricted_action restricted_action_read_only_channel \
         restricted_action_thread_only_channel restricted_action_non_threadable_channel restricted_action_thread_locked \
         team_not_found app_access_restricted ekm_access_denied as_user_not_supported send_on_behalf_not_allowed \
         missing_file_data slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked \
         slack_connect_lists_sharing_blocked duplicate_channel_not_found duplicate_message_not_found",
        // conversations.join
        "is_archived method_not_supported_for_channel_type too_many_members channel_is_limited_access",
        // users.lookupByEmail, conversations.open
        "users_not_found enterprise_is_restricted users_list_not_supplied not_enough_users too_many_users \
         user_not_found user_not_visible user_disabled invalid_user_combination channel_not_found \
         method_not_supported_for_channel_type cannot_dm_bot",
        // conversations.replies, conversations.history
        "thread_not_found channel_not_found invalid_cursor invalid_ts_latest invalid_ts_oldest missing_scope \
         method_not_supported_for_channel_type invalid_metadata_filter_keys list_record_comment_fetch_failed \
         not_in_channel channel_is_limited_access invalid_thread_ts message_not_found",
        // reactions.add
        "already_reacted bad_timestamp message_not_found no_item_specified invalid_name is_archived not_reactable \
         no_access thread_locked too_many_emoji too_many_reactions channel_not_found external_channel_migrating",
        // users.info
        "user_not_found user_not_visible too_many_users",
        // every method
        "access_denied accesslimited account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted \
         fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset \
         invalid_form_data invalid_json json_not_object invalid_post_type is_bot method_deprecated missing_post_type \
         missing_scope no_permission not_allowed_token_type not_authed org_login_required ratelimited request_timeout \
         service_unavailable team_access_not_granted team_added_to_org token_expired token_revoked \
         two_factor_setup_required unknown_method upgrade_required",
        // named by the pages on tokens
        "invalid_refresh_token",
    ];

    #[test]
    fn every_documented_code_is_classed() {
        let missing: Vec<&str> =
            DOCUMENTED.iter().flat_map(|codes| codes.split_whitespace()).filter(|code| find(code).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_table_is_sorted_and_every_row_helps() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for row in CODES {
            assert!(row.help.ends_with('.') && !row.help.contains("  "), "{}: {}", row.code, row.help);
        }
    }

    #[test]
    fn codes_have_the_class_that_their_meaning_asks_for() {
        use ErrorClass as C;
        for (codes, of_a_read, of_a_post) in [
            ("ratelimited rate_limited service_unavailable request_timeout", C::Retry, C::Retry),
            ("external_channel_migrating team_added_to_org org_login_required", C::Retry, C::Retry),
            ("fatal_error internal_error", C::Retry, C::Unknown),
            ("duplicate_channel_not_found duplicate_message_not_found", C::Retry, C::Unknown),
            (
                "invalid_auth not_authed account_inactive token_revoked",
                C::NeedsReauthorization,
                C::NeedsReauthorization,
            ),
            ("missing_scope no_permission not_allowed_token_type", C::NeedsReauthorization, C::NeedsReauthorization),
            ("token_expired team_access_not_granted", C::NeedsReauthorization, C::NeedsReauthorization),
            ("restricted_action message_limit_exceeded access_denied", C::Fail, C::Fail),
            ("channel_not_found is_archived users_not_found not_in_channel", C::Fail, C::Fail),
        ] {
            for code in codes.split(' ') {
                let class = find(code).unwrap().class;
                assert_eq!((class.of_call(C::Retry), class.of_call(C::Unknown)), (of_a_read, of_a_post), "{code}");
            }
        }
    }
}

//! Actions that make several calls: when a later one fails, the message names the call and what was done before it.

use deskwire_core::action::CallError;

/// What has been done so far, for the message of whatever fails next. Reads change nothing and are not told.
#[derive(Debug, Default)]
pub(crate) struct Done(Vec<String>);

impl Done {
    /// Notes a change, as a clause: `contact CGC_1 was put on mailing list CG_1`.
    pub(crate) fn add(&mut self, change: String) {
        self.0.push(change);
    }

    /// An error of the call that came next.
    pub(crate) fn failed_at(&self, call: &str, mut error: CallError) -> CallError {
        let before = match self.0.as_slice() {
            [] => "nothing was changed before it".to_owned(),
            done => format!("before it, {}", done.join(", and ")),
        };
        let message = error.message.trim_end();
        let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
        error.message = format!("{message}{stop} This was the call {call}; {before}.");
        error
    }
}

#[cfg(test)]
mod tests {
    use deskwire_core::action::ErrorClass;

    use super::*;

    #[test]
    fn a_failure_names_its_call_and_what_was_done_before_it() {
        let error = || CallError::new(ErrorClass::Fail, "x", "Slack refused it");
        let mut done = Done::default();
        let first = done.failed_at("conversations.open", error());
        assert_eq!(
            first.message,
            "Slack refused it. This was the call conversations.open; nothing was changed before it."
        );
        done.add("the conversation D1 was opened".to_owned());
        done.add("the app joined C1".to_owned());
        let later = done.failed_at("chat.postMessage", error());
        assert!(later.message.ends_with(
            "This was the call chat.postMessage; before it, the conversation D1 was opened, and the app joined C1."
        ));
    }
}

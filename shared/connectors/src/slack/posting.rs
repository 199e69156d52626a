//! Posting what a step wants to say, in one message or in several, and finding out which of them are there. Called by the
//! actions that post.
//!
//! A text in parts becomes a message and replies to it, or, in a thread, several replies. Every part has a trace of its own,
//! so that after a crash between two of them only the missing ones are posted.

use deskwire_core::action::{Call, CallError, EffectKey, ErrorClass};
use serde_json::{Value, json};

use crate::several::Done;
use crate::slack::content::Content;
use crate::slack::post::{POST, Post};
use crate::slack::trace::{Place, cannot_look};
use crate::slack::{Slack, channels, text_at, trace};

/// What to post, and where.
pub(crate) struct Posting<'a> {
    /// The id of a conversation, or the name of a public channel.
    pub(crate) channel: &'a str,
    /// The `ts` of a thread's first message, for replies.
    pub(crate) thread: Option<&'a str>,
    /// Is the reply shown in the channel too? Of several, the first.
    pub(crate) broadcast: bool,
    pub(crate) content: &'a Content,
    pub(crate) unfurl_links: bool,
    pub(crate) unfurl_media: bool,
    pub(crate) call: Call<'a>,
}

impl Posting<'_> {
    /// Posts it, and answers with Slack's answer to the first part. Where the app is not in a public channel, it joins and
    /// posts once more.
    pub(crate) async fn post(&self, slack: Slack<'_>) -> Result<Value, CallError> {
        match self.post_to(slack, self.channel).await {
            Err(refused) if refused.code == "not_in_channel" => {
                let id = channels::join(slack, self.channel, refused).await?;
                let mut done = Done::default();
                done.add(format!("the app joined the channel {id}"));
                self.post_to(slack, &id).await.map_err(|error| done.failed_at(POST, error))
            }
            answer => answer,
        }
    }

    async fn post_to(&self, slack: Slack<'_>, channel: &str) -> Result<Value, CallError> {
        match self.content.parts.as_slice() {
            [text] => self.send(slack, channel, self.thread, text, 0).await,
            parts => self.post_parts(slack, channel, parts).await,
        }
    }

    /// Nothing in a call tells whether it is the first one or goes on with what an earlier one began. So the rule is: a
    /// text in parts is never posted without looking first; that costs one read, and only for long texts.
    async fn post_parts(&self, slack: Slack<'_>, channel: &str, parts: &[String]) -> Result<Value, CallError> {
        let channel = channels::readable_id(slack, channel).await?;
        let there = self.there(slack, &channel).await.map_err(|mut error| {
            if error.class == ErrorClass::Fail {
                error
                    .message
                    .push_str(" A message in parts is sent only where that can be looked for; shorten it instead.");
            }
            error
        })?;
        let mut first: Option<Value> = None;
        for (place, (text, there)) in parts.iter().zip(there).enumerate() {
            let answer = if let Some(message) = there {
                found(&channel, &message)
            } else {
                let thread = self.thread.or_else(|| text_at(first.as_ref()?, "/ts"));
                let sent = self.send(slack, &channel, thread, text, place).await;
                sent.map_err(|error| after_some(error, place, parts.len()))?
            };
            first.get_or_insert(answer);
        }
        Ok(first.unwrap_or_default())
    }

    async fn send(
        &self,
        slack: Slack<'_>,
        channel: &str,
        thread: Option<&str>,
        text: &str,
        place: usize,
    ) -> Result<Value, CallError> {
        let post = Post {
            channel,
            thread,
            broadcast: self.broadcast && place == 0,
            text,
            blocks: self.content.blocks.as_deref(),
            unfurl_links: self.unfurl_links,
            unfurl_media: self.unfurl_media,
            key: &self.key(place),
        };
        post.send(slack).await
    }

    /// What an earlier call posted, in the form of Slack's answer to the first part, if all of it is there.
    pub(crate) async fn find(&self, slack: Slack<'_>) -> Result<Option<Value>, CallError> {
        let channel = channels::readable_id(slack, self.channel).await.map_err(cannot_look)?;
        let there: Option<Vec<Value>> = self.there(slack, &channel).await?.into_iter().collect();
        Ok(there.and_then(|parts| parts.into_iter().next()).map(|first| found(&channel, &first)))
    }

    /// The message of every part that is there.
    async fn there(&self, slack: Slack<'_>, channel: &str) -> Result<Vec<Option<Value>>, CallError> {
        let keys: Vec<EffectKey> = (0..self.content.parts.len()).map(|place| self.key(place)).collect();
        let since = self.call.not_before;
        if let Some(thread) = self.thread {
            return trace::find(slack, Place::Thread(channel, thread), &keys, since).await;
        }
        let mut there = trace::find(slack, Place::Channel(channel), &keys[..1], since).await?;
        let first = there[0].as_ref().and_then(|first| text_at(first, "/ts")).map(str::to_owned);
        match first {
            Some(first) if keys.len() > 1 => {
                there.extend(trace::find(slack, Place::Thread(channel, &first), &keys[1..], since).await?);
            }
            _ => there.resize(keys.len(), None),
        }
        Ok(there)
    }

    /// What marks a part: the call's own key for a message in one part, else the key and the part's number.
    fn key(&self, place: usize) -> EffectKey {
        let key = &self.call.key.0;
        EffectKey(if self.content.parts.len() == 1 { key.clone() } else { format!("{key}.{}", place + 1) })
    }
}

/// A message that was found, in the form of the answer that posting it has brought.
fn found(channel: &str, message: &Value) -> Value {
    json!({ "channel": channel, "ts": text_at(message, "/ts"), "message": message })
}

/// An error at a part while others are there: then it is not true that nothing has happened. A look finds out which are
/// there, and the next call posts the rest.
fn after_some(mut error: CallError, done: usize, all: usize) -> CallError {
    if done > 0 {
        if error.class == ErrorClass::Retry {
            error.class = ErrorClass::Unknown;
        }
        error.message = format!("{done} of the message's {all} parts are posted. At the next one: {}", error.message);
    }
    error
}

#[cfg(test)]
mod tests;

//! The workspace as a sandbox begins with it: people, channels, and what was said before.

use std::time::Duration;

use deskwire_core::time::Timestamp;

use crate::slack::workspace::{Channel, Draft, Kind, User, Workspace};
use crate::world::{
    BOT_NAME, BOT_USER, DANA_EMAIL, DANA_SLACK, GENERAL, INES_EMAIL, INES_SLACK, LAUNCH, LEADS, RAVI_EMAIL, RAVI_SLACK,
    SUPPORT, TEO_EMAIL, TEO_SLACK, THREAD_REPLIES, THREAD_TEXT, URGENT,
};

/// How long before the start the channels were made.
const AGE: Duration = Duration::from_hours(24 * 400);

/// What was said: channel, how many minutes before the start, by whom, and the text.
const TALK: [(&str, u64, &str, &str); 12] = [
    (LAUNCH, 400 * 1440, INES_SLACK, "We are live. Thank you all, cake is in the kitchen :tada:"),
    (GENERAL, 2900, INES_SLACK, "Welcome back everyone. The summer schedule is pinned in this channel."),
    (LEADS, 1700, INES_SLACK, "Draft of next quarter's on-call plan is in the usual place."),
    (SUPPORT, 1490, TEO_SLACK, THREAD_TEXT),
    (SUPPORT, 1488, DANA_SLACK, THREAD_REPLIES[0]),
    (SUPPORT, 1487, TEO_SLACK, THREAD_REPLIES[1]),
    (SUPPORT, 1485, INES_SLACK, THREAD_REPLIES[2]),
    (
        SUPPORT,
        1482,
        DANA_SLACK,
        "Thanks! I'll put it in the macro: _“your parcel is on its way, one day later than planned”_",
    ),
    (GENERAL, 310, TEO_SLACK, "Does anybody else hear the fire alarm test, or is it only the third floor?"),
    (
        URGENT,
        95,
        INES_SLACK,
        "Checkout is back to normal. Please link affected tickets here, I will write the summary.",
    ),
    (SUPPORT, 42, INES_SLACK, "Two tickets in the queue have no owner yet. I'll hand them out after lunch."),
    (SUPPORT, 40, DANA_SLACK, "I can take the one with the *helmets*, I know that customer."),
];

impl Workspace {
    pub(crate) fn seeded(now: Timestamp) -> Self {
        let mut workspace = Self::new(users(), channels(now.minus(AGE)));
        for (channel, minutes_ago, user, text) in TALK {
            if let Some(place) = workspace.channels.iter().position(|known| known.id == channel) {
                let is_reply = THREAD_REPLIES.contains(&text);
                let first = workspace.channels[place].messages.iter().find(|message| message.text == THREAD_TEXT);
                let thread_ts = first.filter(|_| is_reply).map(|first| first.ts.clone());
                let draft = Draft { user: user.to_owned(), text: text.to_owned(), thread_ts, ..Draft::default() };
                workspace.add(place, draft, now.minus(Duration::from_mins(minutes_ago)));
            }
        }
        workspace
    }
}

fn users() -> Vec<User> {
    let person = |id, name, real_name, display_name, email, time_zone| User {
        id,
        name,
        real_name,
        display_name,
        email: Some(email),
        time_zone,
        deleted: false,
        is_bot: false,
    };
    vec![
        person(DANA_SLACK, "dana.quist", "Dana Quist", "Dana", DANA_EMAIL, "Europe/Amsterdam"),
        person(TEO_SLACK, "teo.marrow", "Teo Marrow", "", TEO_EMAIL, "Europe/Lisbon"),
        person(INES_SLACK, "ines.okafor", "Ines Okafor", "Ines", INES_EMAIL, "Europe/Amsterdam"),
        User {
            deleted: true,
            ..person(RAVI_SLACK, "ravi.lindqvist", "Ravi Lindqvist", "Ravi", RAVI_EMAIL, "Europe/Stockholm")
        },
        User {
            id: BOT_USER,
            name: "deskwire",
            real_name: BOT_NAME,
            display_name: "",
            email: None,
            time_zone: "Europe/Amsterdam",
            deleted: false,
            is_bot: true,
        },
    ]
}

fn channels(created: Timestamp) -> Vec<Channel> {
    let channel = |id: &str, name: &str, purpose, members: &[&str]| Channel {
        id: id.to_owned(),
        name: name.to_owned(),
        kind: Kind::Public,
        purpose,
        members: members.iter().map(|&member| member.to_owned()).collect(),
        archived: false,
        created,
        messages: Vec::new(),
    };
    let all = [DANA_SLACK, TEO_SLACK, INES_SLACK];
    let all_and_bot = [DANA_SLACK, TEO_SLACK, INES_SLACK, BOT_USER];
    vec![
        channel(GENERAL, "general", "For everybody at Acme", &all),
        Channel { archived: true, ..channel(LAUNCH, "launch-2025", "The new shop", &all) },
        channel(SUPPORT, "support", "What customers need today", &all_and_bot),
        channel(URGENT, "support-urgent", "Only what cannot wait", &all_and_bot),
        Channel { kind: Kind::Private, ..channel(LEADS, "team-leads", "Planning", &[INES_SLACK]) },
    ]
}

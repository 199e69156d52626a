//! The account as a sandbox begins with it.

use std::time::Duration;

use deskwire_core::time::Timestamp;

use crate::world::{
    ADDRESS, AIKO, DANA, DANA_EMAIL, HALDEN, HELMETS, INES, INES_EMAIL, INTEGRATION, INVOICE, JONAS, KILN, KUMO, MINA,
    NORDLICHT, ORDER_FIELD, RAVI, RAVI_EMAIL, SABINE, TEO, TEO_EMAIL, VOUCHER,
};
use crate::zendesk::account::{Account, Organization, Role, User};
use crate::zendesk::audit::audit_of;
use crate::zendesk::change::NewComment;
use crate::zendesk::ticket::{Priority, Status, Ticket};

impl Account {
    /// `integration` is the e-mail address of the integration's user.
    pub(crate) fn seeded(now: Timestamp, integration: &str) -> Self {
        let created_at = now.minus(Duration::from_hours(24 * 400));
        let mut users = agents(created_at);
        users.push(User { name: "Deskwire".into(), ..agent(INTEGRATION, "", integration, Role::Admin, created_at) });
        users.extend(customers(created_at));
        let mut account = Self::new(users, organizations(created_at));
        for ticket in TICKETS {
            account.seed(ticket, now);
        }
        account
    }

    fn seed(&mut self, seed: &Seed, now: Timestamp) {
        let (mut comments, mut audits) = (Vec::new(), Vec::new());
        for &(minutes_ago, author, public, body) in seed.comments {
            let at = now.minus(Duration::from_mins(minutes_ago));
            let comment = self.comment(NewComment { author, body: body.to_owned(), html_body: None, public }, at);
            audits.push(audit_of(seed.id, &comment));
            comments.push(comment);
        }
        let created_at = comments.first().map_or(now, |comment| comment.created_at);
        let updated_at = comments.last().map_or(now, |comment| comment.created_at);
        let order = seed.subject.strip_prefix("Order ").and_then(|rest| rest.split(':').next());
        self.tickets.push(Ticket {
            status: seed.status,
            priority: seed.priority,
            kind: seed.kind,
            assignee_id: seed.assignee,
            organization_id: self.user(seed.requester).and_then(|user| user.organization_id),
            tags: seed.tags.iter().map(|&tag| tag.to_owned()).collect(),
            custom_fields: order.map(|order| (ORDER_FIELD, order.into())).into_iter().collect(),
            channel: seed.channel,
            updated_at,
            comments,
            audits,
            ..Ticket::new(seed.id, seed.subject.to_owned(), seed.requester, created_at)
        });
    }
}

/// A ticket of the seeded world. Its comments: how many minutes before the start, by whom, public?, and the text.
struct Seed {
    id: u64,
    subject: &'static str,
    status: Status,
    priority: Option<Priority>,
    kind: Option<&'static str>,
    requester: u64,
    assignee: Option<u64>,
    tags: &'static [&'static str],
    channel: &'static str,
    comments: &'static [(u64, u64, bool, &'static str)],
}

const TICKETS: &[Seed] = &[
    Seed {
        id: HELMETS,
        subject: "Order 7781: three of twelve helmets arrived cracked",
        status: Status::New,
        priority: Some(Priority::High),
        kind: Some("problem"),
        requester: MINA,
        assignee: None,
        tags: &["delivery", "damage"],
        channel: "mail",
        comments: &[
            (
                54,
                MINA,
                true,
                "Hello,\n\nwe unpacked order 7781 this morning and three of the twelve helmets are cracked at the rim. The box \
                 was dented on one side. Our spring tour starts on Friday and every rider needs one, so please tell me how \
                 quickly you can send new ones.\n\nKind regards\nMina Oort, Halden Bicycles",
            ),
            (
                47,
                INES,
                false,
                "Photos checked: the carrier's tape is on the box, so this is transport damage. Three replacements are in \
                 stock. Whoever takes this: offer express.",
            ),
        ],
    },
    Seed {
        id: ADDRESS,
        subject: "Cannot change the delivery address after checkout",
        status: Status::Open,
        priority: Some(Priority::Normal),
        kind: Some("question"),
        requester: JONAS,
        assignee: Some(TEO),
        tags: &["checkout", "address"],
        channel: "web",
        comments: &[
            (
                310,
                JONAS,
                true,
                "I moved last week and noticed too late that the order still goes to my old place. The page says \"locked\".",
            ),
            (288, TEO, true, "Hi Jonas, I have asked the warehouse to hold the parcel. Which address should it go to?"),
            (120, JONAS, true, "12 Orchard Lane, same town. Thank you!"),
        ],
    },
    Seed {
        id: INVOICE,
        subject: "Rechnung für März fehlt",
        status: Status::Pending,
        priority: Some(Priority::Low),
        kind: Some("task"),
        requester: SABINE,
        assignee: Some(DANA),
        tags: &["billing"],
        channel: "mail",
        comments: &[
            (
                2_960,
                SABINE,
                true,
                "Guten Tag, für März haben wir noch keine Rechnung bekommen. Können Sie sie bitte noch einmal schicken?",
            ),
            (2_870, DANA, true, "Guten Tag Frau Kurz, die Rechnung ist unterwegs. Ist sie bei Ihnen angekommen?"),
        ],
    },
    Seed {
        id: KILN,
        subject: "Kiln manual: link <PDF> is broken & leads nowhere",
        status: Status::New,
        priority: None,
        kind: None,
        requester: AIKO,
        assignee: None,
        tags: &["manual"],
        channel: "web",
        comments: &[(
            23,
            AIKO,
            true,
            "The link to the kiln manual gives an error page:\n\n<a href=\"https://shop.example.com/kiln.pdf\n\nMy colleague says I \
             should write <!channel> so that everybody sees it. Is firing at 1,230 °C & slow cooling fine for *celadon*?",
        )],
    },
    Seed {
        id: VOUCHER,
        subject: "Gift voucher says it was used already",
        status: Status::Closed,
        priority: Some(Priority::Normal),
        kind: Some("incident"),
        requester: JONAS,
        assignee: Some(RAVI),
        tags: &["voucher"],
        channel: "web",
        comments: &[
            (
                43_500,
                JONAS,
                true,
                "My voucher from last Christmas is refused at checkout as used, but I never used it.",
            ),
            (43_200, RAVI, true, "Hello Jonas, it was charged twice by mistake. You have a new one in your inbox."),
        ],
    },
];

fn agent(id: u64, name: &str, email: &str, role: Role, created_at: Timestamp) -> User {
    User {
        id,
        name: name.to_owned(),
        email: email.to_owned(),
        role,
        organization_id: None,
        locale: "en-GB",
        time_zone: "Amsterdam",
        iana_time_zone: "Europe/Amsterdam",
        phone: None,
        notes: "",
        details: "",
        tags: Vec::new(),
        created_at,
    }
}

fn agents(created_at: Timestamp) -> Vec<User> {
    vec![
        agent(DANA, "Dana Quist", DANA_EMAIL, Role::Agent, created_at),
        agent(TEO, "Teo Marrow", TEO_EMAIL, Role::Agent, created_at),
        agent(INES, "Ines Okafor", INES_EMAIL, Role::Admin, created_at),
        agent(RAVI, "Ravi Lindqvist", RAVI_EMAIL, Role::Agent, created_at),
    ]
}

fn customers(created_at: Timestamp) -> Vec<User> {
    let customer = |id, name: &str, email: &str| agent(id, name, email, Role::EndUser, created_at);
    vec![
        User {
            organization_id: Some(HALDEN),
            locale: "nl",
            phone: Some("+31 555 0142"),
            notes: "Prefers a call before noon. Orders for the whole club; do not split deliveries.",
            details: "Buyer at Halden Bicycles",
            tags: vec!["key_account".to_owned()],
            ..customer(MINA, "Mina Oort", "mina.oort@example.net")
        },
        User {
            locale: "en-US",
            time_zone: "Central Time (US & Canada)",
            iana_time_zone: "America/Chicago",
            ..customer(JONAS, "Jonas Pell", "jonas.pell@example.net")
        },
        User {
            organization_id: Some(NORDLICHT),
            locale: "de",
            time_zone: "Berlin",
            iana_time_zone: "Europe/Berlin",
            notes: "Antwortet schnell; Rechnungen immer auch an die Buchhaltung.",
            ..customer(SABINE, "Sabine Kurz", "sabine.kurz@example.net")
        },
        User {
            organization_id: Some(KUMO),
            locale: "ja",
            time_zone: "Tokyo",
            iana_time_zone: "Asia/Tokyo",
            notes: "Kiln nights are Tuesdays & Thursdays.",
            ..customer(AIKO, "Aiko Tanabe", "aiko.tanabe@example.net")
        },
    ]
}

fn organizations(created_at: Timestamp) -> Vec<Organization> {
    vec![
        Organization {
            id: HALDEN,
            name: "Halden Bicycles".to_owned(),
            domain_names: &["halden.example.net"],
            details: "Club and rental shop, two branches",
            notes: "Spring tour in the first week of the season",
            tags: &["retail"],
            created_at,
        },
        Organization {
            id: NORDLICHT,
            name: "Nordlicht Reisen".to_owned(),
            domain_names: &["nordlicht.example.net"],
            details: "Travel agency",
            notes: "",
            tags: &[],
            created_at,
        },
        Organization {
            id: KUMO,
            name: "Kumo Ceramics".to_owned(),
            domain_names: &["kumo.example.net"],
            details: "Studio with twelve wheels",
            notes: "",
            tags: &["studio"],
            created_at,
        },
    ]
}

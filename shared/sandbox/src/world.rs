//! The invented world that a sandbox begins with: Acme's Slack workspace and Zendesk account. All addresses are in
//! domains that are reserved for examples (RFC 2606); every person and firm is made up.
//!
//! The two sides know the same agents by e-mail address. One of them, Ravi, has left Slack but still gets tickets.

/// Qualtrics' brand, its survey, and the response to it that is there from the start.
pub const QUALTRICS_BRAND: &str = "acme";
/// See [`QUALTRICS_BRAND`].
pub const SURVEY: &str = "SV_0csatdesk0001";
/// See [`QUALTRICS_BRAND`].
pub const SURVEY_RESPONSE: &str = "R_0minaoort00001";

/// The OAuth client that every stand-in knows, and its secret.
pub const OAUTH_CLIENT: &str = "sandbox-client";
/// See [`OAUTH_CLIENT`].
pub const OAUTH_SECRET: &str = "sandbox-client-secret";

/// The ticket that `deskwire demo` assigns: new, nobody's, and with a note by an agent.
pub const DEMO_TICKET: u64 = HELMETS;

/// Who gets it: Dana.
pub const DEMO_AGENT: u64 = DANA;

/// The Zendesk account's id, and its subdomain.
pub const ACCOUNT: u64 = 22_129_001;
/// See [`ACCOUNT`].
pub const SUBDOMAIN: &str = "acme";

/// Dana Quist, an agent; in Slack [`DANA_SLACK`].
pub const DANA: u64 = 1_500_003_000_007;
/// Dana's address.
pub const DANA_EMAIL: &str = "dana.quist@example.com";
/// Teo Marrow, an agent; in Slack [`TEO_SLACK`].
pub const TEO: u64 = 1_500_003_000_008;
/// Teo's address.
pub const TEO_EMAIL: &str = "teo.marrow@example.com";
/// Ines Okafor, who leads the team; in Slack [`INES_SLACK`].
pub const INES: u64 = 1_500_003_000_009;
/// Ines' address.
pub const INES_EMAIL: &str = "ines.okafor@example.com";
/// Ravi Lindqvist, an agent in Zendesk whose Slack account ([`RAVI_SLACK`]) is deactivated.
pub const RAVI: u64 = 1_500_003_000_010;
/// Ravi's address.
pub const RAVI_EMAIL: &str = "ravi.lindqvist@example.com";
/// The integration's own user, whose address is the options' `zendesk_username`.
pub const INTEGRATION: u64 = 1_500_003_000_001;

/// Mina Oort, a customer of [`HALDEN`].
pub const MINA: u64 = 1_500_002_981_301;
/// Jonas Pell, a customer without an organization.
pub const JONAS: u64 = 1_500_002_981_302;
/// Sabine Kurz, a customer of [`NORDLICHT`].
pub const SABINE: u64 = 1_500_002_981_303;
/// Aiko Tanabe, a customer of [`KUMO`].
pub const AIKO: u64 = 1_500_002_981_304;

/// Halden Bicycles.
pub const HALDEN: u64 = 360_363_695_001;
/// Nordlicht Reisen.
pub const NORDLICHT: u64 = 360_363_695_002;
/// Kumo Ceramics.
pub const KUMO: u64 = 360_363_695_003;

/// Mina's damaged helmets: new, nobody's, high.
pub const HELMETS: u64 = 48_213;
/// Jonas' delivery address: open, Teo's.
pub const ADDRESS: u64 = 48_214;
/// Sabine's missing invoice: pending, Dana's.
pub const INVOICE: u64 = 48_215;
/// Aiko's broken link: new, nobody's, with Slack markup and an unclosed tag in its text.
pub const KILN: u64 = 48_216;
/// Jonas' voucher: closed, so it takes no more changes.
pub const VOUCHER: u64 = 48_217;

/// The group that every ticket begins in.
pub const GROUP: u64 = 360_004_077_001;
/// The account's brand.
pub const BRAND: u64 = 360_002_256_001;
/// The form of its tickets.
pub const FORM: u64 = 360_000_389_001;
/// A ticket field for the order's number, text.
pub const ORDER_FIELD: u64 = 360_001_110_001;
/// A ticket field for why a customer writes, a drop-down of [`REASONS`].
pub const REASON_FIELD: u64 = 360_001_110_002;
/// The options of [`REASON_FIELD`], by their tags.
pub const REASONS: [&str; 3] = ["reason_damage", "reason_delay", "reason_billing"];
/// A ticket field for where in Slack a ticket is shown, text: `CHANNEL:TS`.
pub const THREAD_FIELD: u64 = 360_001_110_003;
/// A ticket field for what a survey said, a whole number.
pub const NPS_FIELD: u64 = 360_001_110_004;
/// A custom object of the account: bicycles that customers registered.
pub const BICYCLE: &str = "bicycle";
/// Another one: what is known of organizations.
pub const CUSTOMER: &str = "customer";

/// The Slack workspace.
pub const TEAM: &str = "T07ACME0001";
pub(crate) const TEAM_NAME: &str = "Acme";
pub(crate) const TEAM_URL: &str = "https://acme.slack.com/";
/// The app that posts, its bot, and the bot's user.
pub const APP: &str = "A07DESKWIRE";
/// See [`APP`].
pub const BOT: &str = "B07DESKWIRE";
/// See [`APP`].
pub const BOT_USER: &str = "U07DESKWIRE";
pub(crate) const BOT_NAME: &str = "Deskwire";

/// `#support`; the bot is a member.
pub const SUPPORT: &str = "C07SUPPORT1";
/// `#support-urgent`; the bot is a member.
pub const URGENT: &str = "C07URGENT02";
/// `#general`; the bot is not a member.
pub const GENERAL: &str = "C07GENERAL3";
/// `#team-leads`, a private channel; the bot is not a member, so it cannot know of it.
pub const LEADS: &str = "C07LEADS004";
/// `#launch-2025`, archived.
pub const LAUNCH: &str = "C07LAUNCH05";

/// The first message of the seeded thread in [`SUPPORT`], by Teo. Its `ts` depends on when the sandbox began: find it by
/// this text.
pub const THREAD_TEXT: &str = "The carrier says parcels from Utrecht are a day late, in case customers ask.";
/// Its replies: by Dana, Teo and Ines.
pub const THREAD_REPLIES: [&str; 3] = [
    "All of Utrecht, or only what goes through the new depot?",
    "Only the depot, so mostly the *east* of the city.",
    "Good to know. Please tell customers before they ask :pray:",
];

/// Dana in Slack.
pub const DANA_SLACK: &str = "U07DANAQ001";
/// Teo in Slack.
pub const TEO_SLACK: &str = "U07TEOM0002";
/// Ines in Slack.
pub const INES_SLACK: &str = "U07INESO003";
/// Ravi in Slack; deactivated.
pub const RAVI_SLACK: &str = "U07RAVIL004";

//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::target::Target;
use clap::{Args, Parser, Subcommand};
use url::Url;

/// Relays events between Zendesk, Qualtrics, Slack and Salesforce: never loses one, never posts twice without saying so.
#[derive(Debug, Parser)]
#[command(name = "deskwire", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON document instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

const FIRST_STEPS: &str = "First steps:
  deskwire demo                   watch a signed Zendesk event become a Slack message, with no account
  deskwire init                   begin a project in this folder
  deskwire serve --sandbox        run your project against built-in stand-ins of the providers
  deskwire check                  find the mistakes in a project, with line, column and fix
  deskwire plan                   see what `apply` would put in force, like a diff
  deskwire runs list              see what happened, and `deskwire runs show ID` why

Exit status: 0 fine, 1 what you asked about failed, 2 wrong usage.";

/// Where the project is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectArgs {
    /// The project folder: deskwire.yaml and workflows/
    #[arg(long, env = "DESKWIRE_PROJECT", default_value = ".", value_name = "DIR")]
    pub project: PathBuf,
    /// Let connections lead to this machine, over plain http too (for tests and stand-ins)
    #[arg(long, env = "DESKWIRE_ALLOW_LOOPBACK", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_loopback: bool,
}

/// Where the project is, and where its data is: a command that takes one takes the other.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    /// The data folder; `.deskwire` in the project folder unless given, and `.deskwire/sandbox` with --sandbox
    #[arg(long, env = "DESKWIRE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Let built-in stand-ins answer instead of the providers: no secret is needed, and their data is kept apart
    #[arg(long)]
    pub sandbox: bool,
    /// Where to work: `local` (the data folder), or `aws:STACK`, a deployment on AWS
    #[arg(long, env = "DESKWIRE_TARGET", value_name = "TARGET")]
    pub target: Option<Target>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show each shipped example at work: stand-ins, server and a signed event, with no account and no network
    Demo {
        /// End when the runs are over instead of keeping the console open
        #[arg(long)]
        exit: bool,
        /// Where to listen; another port is taken when this one is in use
        #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
        listen: SocketAddr,
        /// A name, beside localhost, under which the console may be opened, such as that of a tunnel; once for each
        #[arg(long = "console-host", value_name = "NAME", value_parser = crate::hosts::host_name)]
        console_hosts: Vec<String>,
    },
    /// Begin a project: deskwire.yaml, a workflow, a sample event, and schemas for editors
    Init {
        /// The folder, which is made if need be; files that are there stay as they are
        #[arg(default_value = ".", value_name = "DIR")]
        folder: PathBuf,
    },
    /// Run every function in one process
    Serve {
        #[command(flatten)]
        data: DataArgs,
        /// Where to listen; port 0 lets the system choose
        #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
        listen: SocketAddr,
        /// Where people and providers reach this server: for links, and for OAuth's redirect address
        #[arg(long, env = "DESKWIRE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
        public_url: Option<Url>,
        /// Neither apply nor watch the project folder: run what `deskwire apply` put in force
        #[arg(long)]
        no_reload: bool,
        /// A name, beside localhost, under which the console may be opened, such as that of a tunnel; once for each
        #[arg(long = "console-host", value_name = "NAME", value_parser = crate::hosts::host_name)]
        console_hosts: Vec<String>,
        /// How many runs go on at once
        #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
        concurrency: u16,
    },
    /// Find the mistakes in a project: file, line, column and what to write instead
    Check {
        #[command(flatten)]
        project: ProjectArgs,
    },
    /// Show what `apply` would change, like a diff; changes nothing
    Plan {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Put the project's workflows in force; runs under way keep their version
    Apply {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print the JSON Schema by which editors complete and check project files
    Schema {
        /// `workflow` for workflows/*.yaml, `project` for deskwire.yaml
        what: Schema,
    },
    /// List the actions, or show one: inputs, outputs, effect, errors, example
    Actions {
        #[command(subcommand)]
        command: Option<ActionsCommand>,
    },
    /// List, show, switch on or off, start or test workflows
    Workflows {
        #[command(subcommand)]
        command: WorkflowsCommand,
    },
    /// List or show events, or send one as its provider would
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// List or show sources, or have a provider send us their events
    Sources {
        #[command(subcommand)]
        command: SourcesCommand,
    },
    /// Show, test, connect or disconnect connections
    Connections {
        #[command(subcommand)]
        command: ConnectionsCommand,
    },
    /// List or show OAuth clients
    Clients {
        #[command(subcommand)]
        command: ClientsCommand,
    },
    /// Set up an app in Slack
    Slack {
        #[command(subcommand)]
        command: SlackCommand,
    },
    /// Say what is wrong, what will stop working and when, and what to do about it
    Doctor {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Store secrets on this machine, sealed
    Secrets {
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// List, follow, show, replay or settle runs
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Run only the stand-ins of the providers (for tests in which they must outlive the server)
    #[command(hide = true)]
    Sandbox {
        /// Where to listen; port 0 lets the system choose
        #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
        listen: SocketAddr,
    },
}

/// A schema for editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Schema {
    /// That of workflows/*.yaml.
    Workflow,
    /// That of deskwire.yaml.
    Project,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ActionsCommand {
    /// List every action
    List,
    /// Show one action
    Show {
        /// Its name, such as `slack.post_message`
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowsCommand {
    /// List the project's workflows, and which are in force
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show one workflow: trigger, steps, version
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Let a workflow take events; a running server follows within a second
    Activate {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Let a workflow take no more events; runs under way go on
    Deactivate {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Start a workflow that has a `manual` trigger
    Run {
        /// Its name
        name: String,
        /// An input, such as `ticket_id=42`; once for each
        #[arg(long = "input", value_name = "KEY=VALUE", value_parser = key_and_value)]
        inputs: Vec<(String, String)>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Run a workflow on one event in virtual time; calls that write are listed, not made
    Test(Box<TestArgs>),
    /// Run a draft beside the version in force on the events that came lately, and show how their calls differ
    Rehearse(RehearseArgs),
}

/// A test of one workflow on one event.
///
/// Calls that read are answered by what earlier runs on the same event were answered, then by --sandbox or --live-reads.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
pub(crate) struct TestArgs {
    /// The workflow's file
    pub file: PathBuf,
    /// A file with the body as the provider sends it, an event of the store (its id or number), or a sample that is built in
    #[arg(long, value_name = "FILE|ID|SAMPLE")]
    pub event: Option<String>,
    /// An input of a workflow that is started by hand; once for each
    #[arg(long = "input", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub inputs: Vec<(String, String)>,
    /// When it begins: a time, or 2h for two hours ago; a schedule ticks next from there
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// What a `wait` for an event is given: a file with the body as the provider sends it, or a sample; without it times out
    #[arg(long, value_name = "FILE|SAMPLE")]
    pub arrived: Vec<PathBuf>,
    /// Answers of an earlier run, as `runs show ID --personal --json` prints them
    #[arg(long, value_name = "FILE")]
    pub recordings: Vec<PathBuf>,
    /// Let the providers answer calls that read
    #[arg(long, conflicts_with = "sandbox")]
    pub live_reads: bool,
    /// Make every call, those that write too
    #[arg(long, conflicts_with = "sandbox")]
    pub live: bool,
    /// Show inputs and outputs of every step
    #[arg(long, short)]
    pub verbose: bool,
    /// Show what is marked as personal, too
    #[arg(long)]
    pub personal: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

/// A rehearsal of a draft.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
pub(crate) struct RehearseArgs {
    /// The project's workflow of this name, or a file
    #[arg(value_name = "NAME|FILE")]
    pub workflow: String,
    /// On events received since then: 2h, 7d, or a time
    #[arg(long, default_value = "7d", value_name = "WHEN")]
    pub since: String,
    /// At most so many events, the newest
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub limit: usize,
    /// Let the providers answer reads that no earlier run has made
    #[arg(long, conflicts_with = "sandbox")]
    pub live_reads: bool,
    /// Exit with 1 if anything differs or cannot be told
    #[arg(long)]
    pub exit_code: bool,
    /// Show events without a difference, and inputs whole
    #[arg(long, short)]
    pub verbose: bool,
    /// Show what is marked as personal, too
    #[arg(long)]
    pub personal: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// List the project's connections, and how they stand
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show one connection: account, scopes, when it renews, who uses it
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Make the provider's own harmless call through it
    Test {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Connect it in a browser, and wait until that is done
    Connect {
        /// Its name
        name: String,
        /// Print the link only
        #[arg(long)]
        no_browser: bool,
        /// Where to take the way back if no server runs; the provider must know the address
        #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
        listen: SocketAddr,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Let go of its tokens; its configuration stays
    Disconnect {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Erase everything that is kept of it; refused while a workflow uses it
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List the project's sources, and where they take in events
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show one source: its address, how it is signed, the events that workflows want of it
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Make the webhook or subscription at the provider, or bring it up to date, and store what it is signed with
    Provision(ProvisionArgs),
}

/// How a source is set up at its provider.
#[derive(Debug, Args)]
pub(crate) struct ProvisionArgs {
    /// The source's name
    pub name: String,
    /// The connection to set it up by, unless its entry in deskwire.yaml says so or there is only one
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Where the provider reaches this server; that of the running server unless given
    #[arg(long, env = "DESKWIRE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<Url>,
    /// Zendesk: for webhooks that triggers and automations call, instead of event subscriptions
    #[arg(long)]
    pub by_triggers: bool,
    /// Qualtrics: what to subscribe to, such as `surveyengine.completedResponse.SV_0abc`; once for each
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Zendesk: have it make a new signing secret (at Qualtrics there is a new key each time)
    #[arg(long)]
    pub new_secret: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SlackCommand {
    /// Print the manifest of a Slack app with exactly the scopes that the project's workflows need
    Manifest {
        /// What the app is called
        #[arg(long, default_value = "Deskwire", value_name = "NAME")]
        name: String,
        /// Where people reach this server, for the redirect address
        #[arg(long, env = "DESKWIRE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
        public_url: Option<Url>,
        #[command(flatten)]
        project: ProjectArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List the project's OAuth clients
    List {
        #[command(flatten)]
        project: ProjectArgs,
    },
    /// Show one, with its addresses
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        project: ProjectArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Store a secret: the value comes from the standard input or a hidden prompt, never from an argument
    Set {
        /// Its name, as `{ secret: NAME }` in deskwire.yaml
        name: String,
        /// Keep the value before it for so long, such as 24h
        #[arg(long, value_name = "DURATION")]
        keep_old: Option<String>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List names, versions and times; never values
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Erase a secret; refused while deskwire.yaml names it
    Delete {
        /// Its name
        name: String,
        /// Erase it all the same
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Seal everything anew with a new key; a running server goes on meanwhile
    RotateKey {
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List the newest events
    List {
        /// Only this source's
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Only in this state
        #[arg(long, value_parser = ["accepted", "unwanted", "rejected"])]
        state: Option<String>,
        /// Only about this subject, such as zen:ticket:42
        #[arg(long)]
        subject: Option<String>,
        /// Only of this type, or of all that begin so: ticket.created, ticket.*
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Only those received since then: 2h, 7d, or a time
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only those received before then: 2h, 7d, or a time
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show one event, who wanted it and who did not
    Show {
        /// Its id, source/id, or number in the list
        id: String,
        /// Show what is marked as personal, too
        #[arg(long)]
        personal: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List the sample events that are built in, or print one
    Samples {
        /// Print the body of this one, as its provider sends it
        name: Option<String>,
    },
    /// Sign a sample and send it as the provider would
    Send {
        /// A file with the body, or the name of a sample that is built in, such as `ticket.created`
        #[arg(value_name = "FILE|SAMPLE")]
        body: PathBuf,
        /// The source to send it to; its signing secret is used
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Where to; the running server's webhook unless given
        #[arg(long, value_name = "URL")]
        to: Option<Url>,
        /// Give the event a new id and the present time, so that it is no repeat
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        data: DataArgs,
    },
}

/// Which runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsFilter {
    /// Only this workflow's
    #[arg(long, value_name = "NAME")]
    pub workflow: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = ["queued", "running", "retrying", "waiting", "unknown", "succeeded", "failed", "skipped", "dead"])]
    pub state: Option<String>,
    /// Only about this subject, such as zen:ticket:42
    #[arg(long)]
    pub subject: Option<String>,
    /// Only those queued since then: 2h, 7d, or a time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only those queued before then: 2h, 7d, or a time
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the newest runs
    List {
        #[command(flatten)]
        filter: RunsFilter,
        /// At most so many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print a line for each run that begins, waits or ends, until Ctrl-C
    Tail {
        #[command(flatten)]
        filter: RunsFilter,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show one run as a timeline of its steps
    Show {
        /// Its id, or a beginning of it that fits only one
        id: String,
        /// Show inputs and outputs too
        #[arg(long, short)]
        verbose: bool,
        /// Show what is marked as personal, too
        #[arg(long)]
        personal: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Run again what failed, is dead or is unknown; steps that are done are not called again
    Replay {
        /// The runs' ids, or beginnings that fit only one; without any, all that pass the filter
        ids: Vec<String>,
        #[command(flatten)]
        filter: RunsFilter,
        /// Call every step again, those that are done too
        #[arg(long)]
        from_start: bool,
        /// Replay runs that succeeded, too
        #[arg(long)]
        force: bool,
        /// Only show which steps are done and which would be called
        #[arg(long)]
        preview: bool,
        /// Do not ask before several runs are replayed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Say whether an unknown step happened; the run then goes on
    #[command(group = clap::ArgGroup::new("outcome").required(true))]
    Settle {
        /// The run's id, or a beginning of it that fits only one
        id: String,
        /// The step, where several are unknown
        #[arg(long, value_name = "PATH")]
        step: Option<String>,
        /// It happened: it counts as done
        #[arg(long, group = "outcome")]
        happened: bool,
        /// It did not happen: it is called again
        #[arg(long, group = "outcome")]
        did_not_happen: bool,
        /// What later steps see as its output, as JSON
        #[arg(long, value_name = "JSON", requires = "happened")]
        output: Option<String>,
        /// Why you say so; kept in the history
        #[arg(long, value_name = "TEXT", requires = "did_not_happen")]
        note: Option<String>,
        #[command(flatten)]
        data: DataArgs,
    },
}

/// `key=value`, the value as it stands.
fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as ticket_id=42".to_owned()),
    }
}

/// Where people and providers reach us.
fn public_url(text: &str) -> Result<Url, String> {
    deskwire_core::public_url::parse(text).map_err(|why| format!("it {why}"))
}

#[cfg(test)]
mod tests;

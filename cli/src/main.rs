//! The `deskwire` command: wiring, and everything a person asks it.
//!
//! This is the only place of the command that reads the environment. Each sub-command is a file under `commands/`; the
//! server that runs every function in one process is [`server`].

mod args;
mod commands;
mod current;
mod failure;
mod front_door;
mod hosts;
mod jobs;
mod live;
mod marker;
mod metrics;
mod more;
mod output;
mod pages;
mod server;
mod target;
mod timeline;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use deskwire_telemetry::{Format, Telemetry};

/// What a command came to: fine, or not. Both have said so already.
pub(crate) enum Outcome {
    Fine,
    Failed,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error, wants_json()),
    };
    if cli.json {
        failure::speak_json();
    }
    let _telemetry = start_logging(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            failure::refuse(format_args!("cannot start: {error}"));
            return failure::end();
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => failure::end(),
        Err(error) => {
            failure::refuse(in_words(&error));
            failure::end()
        }
    }
}

/// Does a command line that cannot be read ask for JSON?
fn wants_json() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

async fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let json = cli.json;
    match cli.command {
        Command::Demo { exit, listen, console_hosts } => {
            commands::demo::run(listen, hosts::Hosts::new(console_hosts), exit, json).await
        }
        Command::Init { folder } => commands::init::run(&folder, json),
        Command::Serve { data, listen, public_url, no_reload, console_hosts, concurrency } => {
            let (concurrency, hosts) = (concurrency.into(), hosts::Hosts::new(console_hosts));
            let options = commands::serve::Options { reload: !no_reload, concurrency, public_url, hosts };
            commands::serve::run(&data.project, &data, listen, options, json).await
        }
        Command::Plan { data } => commands::plan::plan(&data.project, &data, json).await,
        Command::Apply { data } => commands::plan::apply(&data.project, &data, json).await,
        Command::Check { project } => commands::check::run(&project, json),
        Command::Schema { what } => Ok(commands::schema::run(what)),
        Command::Actions { command } => Ok(commands::actions::run(command.as_ref(), json)),
        Command::Workflows { command } => commands::workflows::run(command, json).await,
        Command::Events { command } => commands::events::run(command, json).await,
        Command::Runs { command } => commands::runs::run(command, json).await,
        Command::Connections { command } => commands::connections::run(command, json).await,
        Command::Clients { command } => commands::clients::run(command, json),
        Command::Sources { command } => commands::sources::run(command, json).await,
        Command::Slack { command } => commands::slack::run(command, json),
        Command::Doctor { data } => commands::doctor::run(&data.project, &data, json).await,
        Command::Secrets { command } => commands::secrets::run(command, json).await,
        Command::Sandbox { listen } => commands::sandbox::run(listen).await,
    }
}

/// An error and its causes in one line, without those that an error before them has said already.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Logs go to the standard error: what went wrong, unless `RUST_LOG` says otherwise; one JSON line each with `--json`.
#[expect(clippy::disallowed_methods, reason = "the environment says where traces go")]
fn start_logging(cli: &Cli) -> Telemetry {
    let level = if matches!(cli.command, Command::Serve { .. }) { "warn,deskwire=info" } else { "error" };
    let colours = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    let format = if cli.json { Format::Json } else { Format::Text { colours } };
    deskwire_telemetry::for_command(level, format, &|name| std::env::var(name).ok())
}

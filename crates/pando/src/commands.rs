//! What commands do: each file is one command, or a family of them.

mod adopt;
pub mod backup;
mod bench;
mod config;
mod doctor;
mod export;
mod generate;
mod keys;
mod listeners;
pub mod migrate;
mod queue;
mod serve;
pub mod status;

use crate::cli::{Cli, Command};
use crate::config::{Loaded, Sources};
use crate::report::Report;
use crate::{import, logging};
use anyhow::Context as _;
use std::future::Future;

/// What a command is given.
pub struct Context {
    /// The configuration, with origins.
    pub loaded: Loaded,
    /// Where it came from, to read it again.
    pub sources: Sources,
    /// Where answers go.
    pub report: Report,
}

/// Carries out a command.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let report = Report::new(cli.common.json);
    let sources = cli.sources();
    match cli.command {
        // These work whatever the configuration is.
        Command::Config(command) => return config::run(command, &sources, report),
        Command::Adopt(args) => return block_on(adopt::run(args, report)),
        Command::Generate(command) if generate::is_offline(command) => {
            return generate::run_offline(command, report);
        }
        _ => {}
    }
    let context = Context {
        loaded: crate::config::load(&sources)?,
        sources,
        report,
    };
    if !matches!(cli.command, Command::Serve(_)) {
        logging::start_quiet();
    }
    match cli.command {
        Command::Serve(args) => block_on(serve::run(args, context)),
        Command::Migrate(args) => block_on(migrate::run(args, &context)),
        Command::Import(args) => block_on(import::run(*args, &context)),
        Command::Export(args) => block_on(export::run(args, &context)),
        Command::Keys(command) => block_on(keys::run(command, &context)),
        Command::Listeners(command) => block_on(listeners::run(command, &context)),
        Command::Queue(command) => block_on(queue::run(command, &context)),
        Command::Doctor => block_on(doctor::run(&context)),
        Command::Status => block_on(status::run(&context)),
        Command::Generate(_) => block_on(generate::openapi(&context)),
        Command::Bench(args) => block_on(bench::run(args, &context)),
        Command::Backup(args) => block_on(backup::run(args, &context)),
        Command::Restore(args) => block_on(backup::restore(args, &context)),
        Command::Adopt(_) | Command::Config(_) => Ok(()),
    }
}

/// Runs an asynchronous command to its end.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(command)
}

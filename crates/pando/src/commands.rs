//! What commands do: each file is one command, or a family of them.

mod config;
mod generate;

use crate::cli::{Cli, Command};
use crate::config::{Loaded, Sources};
use crate::report::Report;
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
    match cli.command {
        _ => Ok(()),
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

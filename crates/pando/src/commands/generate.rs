//! `pando generate`: files for other tools, on standard output.

use crate::cli::{Cli, GenerateCommand};
use crate::config::reference;
use crate::report::Report;
use clap::CommandFactory;

/// Whether a command needs neither configuration nor data.
pub fn is_offline(command: GenerateCommand) -> bool {
    !matches!(command, GenerateCommand::Openapi)
}

/// Writes what is the same everywhere.
pub fn run_offline(command: GenerateCommand, report: Report) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Config => report.file(&reference::annotated_toml()),
        GenerateCommand::ConfigSchema => report.file(&reference::json_schema()),
        GenerateCommand::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pando", &mut out);
            report.file(&String::from_utf8_lossy(&out))
        }
        GenerateCommand::Openapi => Ok(()),
    }
}

//! The command line: what can be typed, with an example before every explanation.
//!
//! Nothing is done here; `commands` does. Secrets are never read from flags: a key
//! comes from `PANDO_KEY`, or from the `root.key` of the data directory.

mod admin;
mod adopt;
mod listeners;
mod queue;
mod transfer;

pub use admin::{BenchArgs, ConfigCommand, GenerateCommand, KeysCommand, Workload};
pub use adopt::AdoptArgs;
pub use listeners::ListenersCommand;
pub use queue::{MoveArgs, PublishArgs, QueueCommand};
pub use transfer::{ExportArgs, ImportArgs, Model, OnError, Target};

use crate::config::Sources;
use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Pando: a backend that starts as one process and grows while it serves.
#[derive(Debug, Parser)]
#[command(
    name = "pando",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    before_help = "Examples:
  pando serve                                    a backend on http://127.0.0.1:8080
  pando migrate                                  apply ./migrations/*.sql
  pando import tables/flights flights.csv.zip --null NA
  pando export kv/settings --out settings.ndjson
  pando status                                   one screen of the deployment"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What all commands take.
    #[command(flatten)]
    pub common: Common,
}

/// What all commands take.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The configuration [default: pando.toml in this folder, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder that holds the data [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `pando` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve: HTTP, with the store inside
    #[command(before_help = "Examples:
  pando serve
  pando serve --listen 0.0.0.0:8080 --data-dir /var/lib/pando
  pando serve --role web                         one of several over one PostgreSQL
  PANDO__STORE__ENGINE=memory pando serve")]
    Serve(ServeArgs),
    /// Apply SQL migrations, in order
    #[command(before_help = "Examples:
  pando migrate
  pando migrate --dir db/migrations --check")]
    Migrate(MigrateArgs),
    /// Serve an existing PostgreSQL database as it lies
    #[command(before_help = "Examples:
  pando adopt postgres://shop@db.example/shop --dry-run        what fits, what would change
  pando adopt postgres://shop@db.example/shop --password-file pg.password
  pando adopt postgres://shop@db.example/shop --table customers --table orders --yes
  pando adopt postgres://shop@db.example/shop --place order_lines=order_id
  pando adopt postgres://shop@db.example/shop --undo           take Pando's own tables out again")]
    Adopt(AdoptArgs),
    /// Load files into a table, collection, space or graph
    #[command(before_help = "Examples:
  pando import tables/flights flights.csv.zip --null NA
  pando import tables/events part-1.ndjson.gz part-2.ndjson.gz --resume
  pando import tables/weather weather.csv --on-error skip --rejects rejects.ndjson
  pando import tables/people people.csv --map name='Full name'
  pando import docs/countries countries.json --key cca3
  pando import kv/settings settings.csv --key name --map text=value
  pando import wide/weather weather.csv --partition origin --row time_hour \\
    --column obs:temp=temp --column wind:speed=wind_speed --null NA
  pando import graph/air airports.csv --key faa --kind airport
  pando import graph/air routes.csv --from origin --to dest --kind flies")]
    Import(Box<ImportArgs>),
    /// Write a table, collection, space or graph to a file, as import reads it
    #[command(before_help = "Examples:
  pando export tables/flights --out flights.csv
  pando export tables/flights --out flights.ndjson.gz
  pando export tables/airlines > airlines.ndjson
  pando export docs/countries --out countries.json
  pando export graph/air --out air.ndjson.gz")]
    Export(ExportArgs),
    /// Make, list and revoke keys
    #[command(
        subcommand,
        before_help = "Examples:
  pando keys create --name app --scope rest:read,rest:write:orders
  pando keys list
  pando keys revoke k_01h"
    )]
    Keys(KeysCommand),
    /// Publish to a queue, work on it, look into it, clear it up
    #[command(
        subcommand,
        before_help = "Examples:
  pando queue publish mail '{\"to\": \"ada\"}'
  pando queue lease mail --wait 20s
  pando queue depth mail
  pando queue dead mail
  pando queue redrive mail
  pando queue move mail --to broker"
    )]
    Queue(QueueCommand),
    /// Look at what is called when data changes, and clear up behind one that is no more
    #[command(
        subcommand,
        before_help = "Examples:
  pando listeners list
  pando listeners forget search"
    )]
    Listeners(ListenersCommand),
    /// Check or show the configuration
    #[command(
        subcommand,
        before_help = "Examples:
  pando config check
  pando config show --origin"
    )]
    Config(ConfigCommand),
    /// Look for what would go wrong on this machine
    #[command(before_help = "Examples:
  pando doctor
  pando doctor --data-dir /var/lib/pando --json")]
    Doctor,
    /// One screen of the deployment
    #[command(before_help = "Examples:
  pando status
  pando status --json")]
    Status,
    /// Write files for other tools
    #[command(
        subcommand,
        before_help = "Examples:
  pando generate openapi > openapi.json
  pando generate completions bash > /etc/bash_completion.d/pando
  pando generate config > pando.toml"
    )]
    Generate(GenerateCommand),
    /// Load a running deployment on schedule, and tell how it did
    #[command(before_help = "Examples:
  pando bench point-read --table flights --rate 5000 --clients 64
  pando bench page --table flights --query 'origin=eq.JFK&order=dep_delay.desc' --rate 500
  pando bench insert --table events --row '{\"id\": \"{uuid}\", \"n\": {number}}' --rate 1000")]
    Bench(BenchArgs),
    /// Write a verified copy of all data to a file, online
    #[command(before_help = "Examples:
  pando backup backups/monday.pando
  pando backup /mnt/nas/pando.backup --yes        over the file that is there")]
    Backup(BackupArgs),
    /// Make a data directory from a backup
    #[command(before_help = "Examples:
  pando restore backups/monday.pando --data-dir restored
  pando restore backups/monday.pando --yes        over the data that is there")]
    Restore(RestoreArgs),
}

/// `pando serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; may be given several times [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// Which roles this process has: all; or web or worker, one of several over one PostgreSQL
    #[arg(long = "role", value_name = "ROLE", default_value = "all")]
    pub roles: Vec<String>,
}

/// `pando migrate`.
#[derive(Clone, Debug, Args)]
pub struct MigrateArgs {
    /// The folder with NNNN_name.sql files [default: store.migrations]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Say what would be done, and whether it could be; change nothing
    #[arg(long)]
    pub check: bool,
}

/// `pando backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The file to write; it must not exist
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub yes: bool,
}

/// `pando restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// Replace the data that is there
    #[arg(long)]
    pub yes: bool,
}

impl Cli {
    /// Where this command's configuration comes from.
    pub fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        if let Some(dir) = &self.common.data_dir {
            flags.push(("--data-dir", "data_dir", dir.to_string_lossy().into()));
        }
        match &self.command {
            Command::Serve(args) if !args.listen.is_empty() => {
                let addresses = args.listen.iter().map(|at| Value::from(at.to_string()));
                flags.push(("--listen", "listen", addresses.collect()));
            }
            Command::Migrate(MigrateArgs { dir: Some(dir), .. }) => {
                flags.push(("--dir", "store.migrations", dir.to_string_lossy().into()));
            }
            _ => {}
        }
        Sources {
            file: self.common.config.clone(),
            env: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            flags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_begins_its_help_with_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands() {
                let before = sub.get_before_help().map(ToString::to_string);
                assert!(
                    before.is_some_and(|text| text.starts_with("Examples:")),
                    "{} has no examples",
                    sub.get_name()
                );
                check(sub);
            }
        }
        check(&Cli::command());
    }
}

//! Arguments of the commands that look after a deployment.

use crate::config::units::Duration;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;

/// `pando keys …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; it is shown once
    #[command(before_help = "Examples:
  pando keys create --scope rest:read
  pando keys create --name app --scope rest:read,rest:write:orders")]
    Create {
        /// What it is for
        #[arg(long, default_value = "unnamed")]
        name: String,
        /// What it may do: surface:verb[:collection], several with commas; * for everything
        #[arg(
            long = "scope",
            value_name = "SCOPE",
            required = true,
            value_delimiter = ','
        )]
        scopes: Vec<String>,
    },
    /// List keys; the keys themselves are not stored
    #[command(before_help = "Examples:
  pando keys list
  pando keys list --json")]
    List,
    /// Revoke a key, at once
    #[command(before_help = "Examples:
  pando keys revoke 7f3a
  pando keys revoke 7f3a --yes                    without being asked")]
    Revoke {
        /// Its id, as `keys list` shows it
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `pando config …`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read the configuration and report every fault
    #[command(before_help = "Examples:
  pando config check
  pando config check --config /etc/pando/pando.toml")]
    Check,
    /// Show every setting
    #[command(before_help = "Examples:
  pando config show
  pando config show --origin --json")]
    Show {
        /// Say where each one came from
        #[arg(long)]
        origin: bool,
    },
}

/// `pando generate …`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum GenerateCommand {
    /// The OpenAPI document of the present schema
    #[command(before_help = "Examples:
  pando generate openapi > openapi.json")]
    Openapi,
    /// Completions for a shell
    #[command(before_help = "Examples:
  pando generate completions bash > /etc/bash_completion.d/pando")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// An annotated pando.toml with every setting
    #[command(before_help = "Examples:
  pando generate config > pando.toml")]
    Config,
    /// The JSON Schema of pando.toml
    #[command(before_help = "Examples:
  pando generate config-schema > pando.schema.json")]
    ConfigSchema,
}

/// `pando bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// What to do again and again
    #[arg(value_enum, default_value = "point-read")]
    pub workload: Workload,
    /// On which table
    #[arg(long)]
    pub table: String,
    /// Requests a second, sent on schedule whatever the answers do
    #[arg(long, default_value_t = 1_000)]
    pub rate: u32,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub clients: u32,
    /// For how long
    #[arg(long, default_value = "10s")]
    pub duration: Duration,
    /// page: the query, as behind the `?`
    #[arg(long, default_value = "limit=20")]
    pub query: String,
    /// insert: the row; {uuid}, {number} and {now} are replaced
    #[arg(long, value_name = "JSON")]
    pub row: Option<String>,
    /// Where the deployment is [default: the server of the data directory]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// What a bench does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// One row by its primary key
    PointRead,
    /// One row more
    Insert,
    /// A page of rows
    Page,
}

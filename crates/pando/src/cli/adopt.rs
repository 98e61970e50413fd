//! `pando adopt`.

use clap::Args;
use std::path::PathBuf;

/// `pando adopt`.
#[derive(Clone, Debug, Args)]
pub struct AdoptArgs {
    /// The database: postgres://user@host:port/database, without a password
    pub url: String,
    /// A file that holds the password and nothing else
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the server; with it connections are encrypted
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The schema whose tables are served; Pando's own tables are made there too
    #[arg(long, value_name = "NAME", default_value = "public")]
    pub schema: String,
    /// Only this table; may be given several times [default: all that fit]
    #[arg(long = "table", value_name = "NAME")]
    pub tables: Vec<String>,
    /// Place a table's rows by these columns of its primary key, not by all of it. It cannot be
    /// changed later
    #[arg(long = "place", value_name = "TABLE=COLUMN,…")]
    pub places: Vec<String>,
    /// Read all rows, and tell which hold values that Pando does not have
    #[arg(long)]
    pub check_rows: bool,
    /// Say what fits and what would have to change; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Take Pando's own tables out of the schema again; the adopted ones stay as they are
    #[arg(long, conflicts_with_all = ["tables", "places", "check_rows", "dry_run"])]
    pub undo: bool,
}

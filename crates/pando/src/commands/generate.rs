//! `pando generate`: files for other tools, on standard output.

use super::Context;
use crate::access::{self, Access};
use crate::cli::{Cli, GenerateCommand};
use crate::client;
use crate::config::reference;
use crate::failure::fail;
use crate::report::Report;
use clap::CommandFactory;
use http::Method;

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
        GenerateCommand::Openapi => fail("the OpenAPI document needs a schema").err(),
    }
}

/// Writes the OpenAPI document of the schema that is in force.
pub async fn openapi(context: &Context) -> anyhow::Result<()> {
    let document = match access::open(context).await? {
        Access::Server(server) => {
            let path = "/openapi.json";
            client::call(&server.client, Method::GET, path, None).await?
        }
        Access::Store(open) => {
            let document = pando_web::describe(&open.store().schema());
            open.close().await?;
            document
        }
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    context.report.file(&text)
}

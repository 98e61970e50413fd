//! `pando migrate`: SQL files into the schema, in order, once each.

use super::Context;
use crate::access::{self, Access};
use crate::cli::MigrateArgs;
use crate::client;
use crate::config::Config;
use crate::failure::fail;
use crate::report::columns;
use http::Method;
use pando_store::Store;
use pando_store::migrate::{MigrationError, MigrationFile, MigrationStatus, read_folder};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// What became of each file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Migrated {
    /// The files, in order.
    pub files: Vec<MigratedFile>,
    /// The schema's version afterwards.
    pub schema_version: u64,
}

/// What became of one file.
#[derive(Debug, Serialize, Deserialize)]
pub struct MigratedFile {
    /// Its name.
    pub name: String,
    /// `known`, `applied` or `pending`.
    pub status: String,
    /// How many steps it took, or would take.
    pub steps: usize,
    /// How many rows it inserted, or would.
    pub rows: u64,
    /// How long it took.
    pub milliseconds: f64,
}

/// Carries out `pando migrate`.
pub async fn run(args: MigrateArgs, context: &Context) -> anyhow::Result<()> {
    let folder = &context.loaded.config.store.migrations;
    let files = read(folder)?;
    let report: Migrated = match access::open(context).await? {
        Access::Store(open) => {
            let report = apply(open.store(), &files, args.check).await;
            let report = report.map_err(|error| fail(error.to_string()));
            open.close().await?;
            report?
        }
        Access::Server(server) => {
            let sent: Vec<_> = files
                .iter()
                .map(|file| json!({ "name": file.name, "sql": file.sql }))
                .collect();
            let body = json!({ "check": args.check, "files": sent });
            let path = "/admin/v1/migrate";
            let answer = client::call(&server.client, Method::POST, path, Some(&body)).await?;
            serde_json::from_value(answer)?
        }
    };
    context
        .report
        .answer(&report, |report| text(report, folder))
}

/// Applies files, or says what it would do.
pub async fn apply(
    store: &Store,
    files: &[MigrationFile],
    check: bool,
) -> Result<Migrated, MigrationError> {
    let report = if check {
        store.check_migrations(files).await?
    } else {
        store.migrate(files).await?
    };
    Ok(Migrated {
        files: report
            .files
            .into_iter()
            .map(|file| MigratedFile {
                name: file.name,
                status: match file.status {
                    MigrationStatus::Known => "known",
                    MigrationStatus::Applied => "applied",
                    MigrationStatus::Pending => "pending",
                }
                .to_owned(),
                steps: file.steps,
                rows: file.rows,
                milliseconds: file.took.as_secs_f64() * 1_000.0,
            })
            .collect(),
        schema_version: report.schema_version,
    })
}

/// Applies what is new when a server starts. A folder that is not there holds nothing.
pub async fn at_start(store: &Store, config: &Config) -> anyhow::Result<()> {
    let folder = &config.store.migrations;
    if !folder.exists() {
        tracing::info!(folder = %folder.display(), "there are no migrations");
        return Ok(());
    }
    let files = read(folder)?;
    let report = apply(store, &files, false)
        .await
        .map_err(|error| fail(error.to_string()))?;
    for file in report.files.iter().filter(|file| file.status == "applied") {
        tracing::info!(file = file.name, steps = file.steps, "applied a migration");
    }
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Vec<MigrationFile>> {
    if !folder.is_dir() {
        return fail(format!("there is no folder {}", folder.display()))
            .hint("make it, with files such as 0001_first.sql, or name another with --dir")
            .err();
    }
    read_folder(folder).map_err(|error| fail(error.to_string()).into())
}

fn text(report: &Migrated, folder: &Path) -> String {
    if report.files.is_empty() {
        return format!("{} holds no migration", folder.display());
    }
    let rows: Vec<Vec<String>> = report
        .files
        .iter()
        .map(|file| {
            let what = match file.status.as_str() {
                "known" => "applied before".to_owned(),
                status => {
                    let rows = match file.rows {
                        0 => String::new(),
                        rows => format!(", {rows} rows"),
                    };
                    format!(
                        "{status}: {} steps{rows}, {:.0} ms",
                        file.steps, file.milliseconds
                    )
                }
            };
            vec![file.name.clone(), what]
        })
        .collect();
    format!("{}schema version {}", columns(&rows), report.schema_version)
}

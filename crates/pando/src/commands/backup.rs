//! `pando backup` and `pando restore`.
//!
//! A backup is written beside its name, verified by the engine, and takes its name
//! at the end: a file of that name is always a whole one. A restore keeps the data
//! that it replaces, under another name.

use super::Context;
use crate::access::{self, Access, holder};
use crate::cli::{BackupArgs, RestoreArgs};
use crate::client;
use crate::config::EngineKind;
use crate::data_dir::DataDir;
use crate::failure::fail;
use crate::parts;
use crate::report::grouped;
use anyhow::Context as _;
use http::Method;
use indicatif::{ProgressBar, ProgressDrawTarget};
use pando_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A backup that was written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Written {
    /// Where.
    pub path: String,
    /// How large it is.
    pub size_bytes: u64,
}

/// Carries out `pando backup`.
pub async fn run(args: BackupArgs, context: &Context) -> anyhow::Result<()> {
    if args.file.exists() && !args.yes {
        let question = format!("Replace {}?", args.file.display());
        if !context.report.confirm(&question) {
            return fail(format!("{} exists", args.file.display()))
                .hint("name another file, or say --yes")
                .err();
        }
    }
    let path = std::path::absolute(&args.file)?;
    let written = match access::open_existing(context).await? {
        Access::Store(open) => {
            let bar = bar(context);
            let written = write(open.store(), &path, true, &|done, all| {
                bar.set_length(all);
                bar.set_position(done);
            })
            .await;
            bar.finish_and_clear();
            open.close().await?;
            written?
        }
        Access::Server(server) => {
            // The server never replaces a file; this one was asked for under another name.
            let beside = beside(&path, "whole");
            remove(&beside)?;
            let body = json!({ "path": beside });
            let place = "/admin/v1/backup";
            let answer = client::call(&server.client, Method::POST, place, Some(&body)).await?;
            let mut written: Written = serde_json::from_value(answer)?;
            fs::rename(&beside, &path).context("cannot give the backup its name")?;
            written.path = path.display().to_string();
            written
        }
    };
    context.report.answer(&written, |written| {
        format!(
            "{}: {} bytes, verified",
            written.path,
            grouped(written.size_bytes)
        )
    })
}

/// Writes a verified backup of a store; `replace` a file that exists, or refuse.
pub async fn write(
    store: &Store,
    path: &Path,
    replace: bool,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> anyhow::Result<Written> {
    if !replace && path.exists() {
        return fail(format!("{} exists", path.display())).err();
    }
    if let Some(folder) = path.parent()
        && !folder.is_dir()
    {
        return fail(format!("there is no folder {}", folder.display())).err();
    }
    let part = beside(path, "part");
    remove(&part)?;
    let copied = store.engine().backup(&part, progress).await;
    if let Err(error) = copied {
        // The error matters, not what it leaves.
        let _ = fs::remove_file(&part);
        return Err(error).context("cannot write the backup");
    }
    let size_bytes = fs::metadata(&part)?.len();
    fs::rename(&part, path).context("cannot give the backup its name")?;
    sync_folder(path)?;
    Ok(Written {
        path: path.display().to_string(),
        size_bytes,
    })
}

/// Carries out `pando restore`.
pub async fn restore(args: RestoreArgs, context: &Context) -> anyhow::Result<()> {
    let config = &context.loaded.config;
    let dir = DataDir::new(&config.data_dir);
    if config.store.engine == EngineKind::Postgres {
        return fail("a backup of `pando backup` is of SQLite; this store is in PostgreSQL")
            .hint("restore PostgreSQL with its own tools (pg_restore, a base backup and its WAL)")
            .err();
    }
    if !args.file.is_file() {
        return fail(format!("there is no backup {}", args.file.display())).err();
    }
    dir.create()?;
    let _lock = dir.lock()?.map_err(|held| {
        fail(format!(
            "{} has the data in {} open",
            holder(&held),
            dir.path().display()
        ))
        .hint("stop it first, or restore into another folder with --data-dir")
    })?;
    let target = dir.database();
    if target.exists() && !args.yes {
        let question = format!("Replace the data in {}?", dir.path().display());
        if !context.report.confirm(&question) {
            return fail(format!("there is data in {}", dir.path().display()))
                .hint("restore into another folder with --data-dir, or say --yes: the data that is there is kept under another name")
                .err();
        }
    }
    let fresh = beside(&target, "restored");
    for ending in SIDE_FILES {
        remove(&with_ending(&fresh, ending))?;
    }
    let (backup, made) = (args.file, fresh.clone());
    tokio::task::spawn_blocking(move || parts::restore(&backup, &made)).await??;
    let kept = put_aside(&target)?;
    fs::rename(&fresh, &target).context("cannot put the restored data in place")?;
    sync_folder(&target)?;
    let new_root_key = parts::leave_restored_key(config, &dir)
        .await
        .context("the data is restored, and has no root key here")?;
    let root_key = dir.root_key().display().to_string();
    let answer = json!({
        "data_dir": dir.path().display().to_string(),
        "root_key": root_key,
        "new_root_key": new_root_key,
        "kept": kept.as_ref().map(|path| path.display().to_string()),
    });
    context.report.answer(&answer, |_| {
        let mut text = format!(
            "{} holds the backup's data, and its keys",
            dir.path().display()
        );
        if new_root_key {
            text.push_str(&format!(
                "\n{root_key} holds a new key with all scopes: a backup holds no secrets"
            ));
        }
        if let Some(kept) = &kept {
            text.push_str(&format!("\nwhat was there is kept in {}", kept.display()));
        }
        text
    })
}

/// A file of SQLite's, and what it keeps beside it.
const SIDE_FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Gives the data and what belongs to it another name; `None` if there is nothing. The data
/// itself keeps its old name too until the restored one takes it, so that no moment is without
/// data. A log whose data is gone is put aside as well: SQLite would take it for the restored
/// data's own.
fn put_aside(target: &Path) -> anyhow::Result<Option<PathBuf>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let kept = beside(target, &format!("before-restore-{now}"));
    let mut is_any = false;
    for ending in SIDE_FILES {
        let (from, to) = (with_ending(target, ending), with_ending(&kept, ending));
        let moved = match ending {
            "" => fs::hard_link(from, to),
            _ => fs::rename(from, to),
        };
        match moved {
            Ok(()) => is_any = true,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("cannot keep the data that is there"),
        }
    }
    Ok(is_any.then_some(kept))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    with_ending(path, &format!(".{ending}"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    Ok(fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
}

fn bar(context: &Context) -> ProgressBar {
    if context.report.is_json() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10))
}

//! Copies of a file that is in use.
//!
//! One read transaction is held for the whole copy, so that it is one snapshot and
//! writers never make it begin anew; the log cannot be emptied meanwhile. The copy is
//! checked, then sealed with a trailer: a digest of all its bytes
//! ([`crate::restore`]).

use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::fault::{Fault, Step, corrupt};
use crate::open::{create_private, sync_folder};
use crate::restore::seal;
use crate::verify::verify_data;
use pando_model::engine::Result;
use pando_model::error::EngineError;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pages copied between two looks around: a megabyte.
const PAGES_PER_STEP: i32 = 256;
/// A destination that is busy is tried again after this.
const PAUSE: Duration = Duration::from_millis(5);

/// A copy under way.
pub(crate) struct Copying {
    steps: mpsc::UnboundedReceiver<(u64, u64)>,
    task: JoinHandle<Result<()>>,
}

impl Copying {
    /// Starts a copy to a path where nothing is yet. A copy that fails, or whose future is
    /// dropped, leaves nothing there.
    pub(crate) fn start(config: &SqliteConfig, path: &Path) -> Result<Copying> {
        create_private(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => EngineError::internal(
                "write a backup",
                format!("{} exists already", path.display()),
            ),
            _ => EngineError::internal("write a backup", error),
        })?;
        let (told, steps) = mpsc::unbounded_channel();
        let (config, path) = (config.clone(), path.to_owned());
        let task = tokio::task::spawn_blocking(move || {
            let result = copy(&config, &path, &told);
            if result.is_err() {
                remove(&path);
            }
            result
        });
        Ok(Copying { steps, task })
    }

    /// Pages done and pages in all, after each step; `None` at the end.
    pub(crate) async fn step(&mut self) -> Option<(u64, u64)> {
        self.steps.recv().await
    }

    /// How it ended.
    pub(crate) async fn finish(self) -> Result<()> {
        self.task
            .await
            .map_err(|error| EngineError::internal("run a backup", error))?
    }
}

fn copy(
    config: &SqliteConfig,
    path: &Path,
    told: &mpsc::UnboundedSender<(u64, u64)>,
) -> Result<()> {
    copy_pages(config, path, told).map_err(|fault| fault.into_engine("write a backup"))?;
    let wrong = verify_copy(path).map_err(|fault| fault.into_engine("check a backup"))?;
    if let Some(line) = wrong.first() {
        return Err(corrupt(format!("the data has a fault: {line}")));
    }
    seal(path)?;
    sync_folder(path)
}

fn copy_pages(
    config: &SqliteConfig,
    path: &Path,
    told: &mpsc::UnboundedSender<(u64, u64)>,
) -> Step<()> {
    let source = Conn::open(config, false)?;
    source.settle(config, Purpose::Read)?;
    source.batch("BEGIN")?;
    // The snapshot begins with the first read.
    source.first_int("SELECT position FROM _pando_shard", &[])?;
    let mut target = Connection::open(path)?;
    {
        let backup = Backup::new(source.db(), &mut target)?;
        loop {
            let step = backup.step(PAGES_PER_STEP)?;
            let progress = backup.progress();
            let all = u64::try_from(progress.pagecount).unwrap_or(0);
            let left = u64::try_from(progress.remaining).unwrap_or(0);
            if told.send((all - left, all)).is_err() {
                return Err(Fault::Engine(EngineError::internal(
                    "write a backup",
                    "it was given up",
                )));
            }
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(PAUSE),
            }
        }
    }
    // A single file, without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    target.close().map_err(|(_, error)| error)?;
    source.batch("ROLLBACK")
}

fn verify_copy(path: &Path) -> Step<Vec<String>> {
    let config = SqliteConfig::new(path);
    let conn = Conn::open(&config, false)?;
    conn.settle(&config, Purpose::Read)?;
    verify_data(&conn)
}

fn remove(path: &Path) {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

//! SQLite by hand: rows in groups, each group one synced transaction.

use crate::process::Disk;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::process::Command;
use std::time::{Duration, Instant};

/// The text of a row.
pub const BODY: &str =
    "the quick brown fox jumps over the lazy dog, and the dog does not mind at all";

/// Rows a second, in a process of its own so that its disk can be slowed.
pub fn group_commit(group: usize, span: Duration, disk: Disk) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "peer",
        "raw-group",
        &group.to_string(),
        &span.as_millis().to_string(),
    ]);
    disk.apply(&mut command)?;
    let output = command.output()?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .with_context(|| {
            format!(
                "raw group commit: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
}

/// The same, in this process.
pub fn run_group_commit(group: usize, span: Duration) -> Result<f64> {
    let directory = tempfile::tempdir()?;
    let mut connection = Connection::open(directory.path().join("raw.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE notes (id BLOB PRIMARY KEY, author INTEGER NOT NULL, body TEXT NOT NULL,
                             created_at INTEGER NOT NULL);",
    )?;
    let begun = Instant::now();
    let mut rows = 0_u64;
    while begun.elapsed() < span {
        let transaction = connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO notes VALUES (?1,?2,?3,?4)")?;
            for _ in 0..group {
                let id = uuid::Uuid::now_v7();
                insert.execute((id.as_bytes(), rows as i64, BODY, 1_714_564_800_000_000_i64))?;
                rows += 1;
            }
        }
        transaction.commit()?;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}

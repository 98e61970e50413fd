//! What one would write by hand: the same rows with the same key into SQLite in groups, each one
//! synced transaction; and a file that is appended to and synced, which nothing can beat.

use super::BODY;
use anyhow::Result;
use rusqlite::Connection;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Rows a second.
pub fn group_commit(group: usize, span: Duration) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut connection = Connection::open(folder.path().join("raw.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE log (slot INTEGER NOT NULL, queue TEXT NOT NULL, lane INTEGER NOT NULL,
             rank INTEGER NOT NULL, position INTEGER NOT NULL, place INTEGER NOT NULL,
             id INTEGER NOT NULL, body BLOB NOT NULL, content_type TEXT NOT NULL, attributes TEXT,
             ordering_key TEXT, published_at INTEGER NOT NULL,
             PRIMARY KEY (slot, queue, lane, rank, position, place)) STRICT, WITHOUT ROWID;",
    )?;
    let begun = Instant::now();
    let mut rows = 0_i64;
    while begun.elapsed() < span {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO log VALUES (77, 'q', 0, 0, ?1, 0, ?2, ?3, 'application/json',
                     NULL, NULL, ?4)",
            )?;
            for _ in 0..group {
                rows += 1;
                let now_us = 1_714_564_800_000_000_i64 + rows;
                insert.execute((rows, now_us, BODY.as_bytes(), now_us))?;
            }
        }
        transaction.commit()?;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}

/// Messages a second that are appended in groups to a file, each synced.
pub fn append(group: usize, span: Duration) -> Result<f64> {
    let mut file = tempfile::tempfile()?;
    let lines = BODY.repeat(group);
    let begun = Instant::now();
    let mut messages = 0;
    while begun.elapsed() < span {
        file.write_all(lines.as_bytes())?;
        file.sync_data()?;
        messages += group;
    }
    Ok(messages as f64 / begun.elapsed().as_secs_f64())
}

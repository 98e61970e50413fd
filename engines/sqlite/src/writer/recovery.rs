//! After a COMMIT of which nobody knows whether it happened.
//!
//! A failed sync may leave a page that looks clean and is not on the disk; what the
//! operating system shows afterwards proves nothing. So the connection is given up,
//! the file opened anew, and the log folded into it and emptied: its pages are written
//! and synced once more, and whatever is not in it then cannot come back. Only then does
//! the shard's position tell what became of the group.

use super::Writer;
use crate::connection::Conn;
use crate::fault::{Fault, Step, unavailable};
use crate::open::{read_shard, reopen_writer};
use pando_model::engine::{Result, WriteAnswer};
use pando_model::error::EngineError;
use rusqlite::ErrorCode;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The first pause between two attempts to reopen a file.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest one: a disk that comes back is used again within this time.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// When the file is tried again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Duration,
    not_before: Option<Instant>,
}

impl Backoff {
    fn is_due(&self) -> bool {
        self.not_before.is_none_or(|at| Instant::now() >= at)
    }

    fn failed(&mut self) {
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.not_before = Some(Instant::now() + self.pause);
    }

    fn succeeded(&mut self) {
        *self = Backoff::default();
    }
}

/// Whether a COMMIT that ended like this may have happened.
pub(super) fn is_in_doubt(fault: &Fault) -> bool {
    !matches!(
        fault.code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl Writer {
    /// Finds out what became of a group whose last write has position `p`.
    pub(super) fn resolve(
        &mut self,
        answers: Vec<Result<WriteAnswer>>,
        p: u64,
        fault: Fault,
    ) -> Vec<Result<WriteAnswer>> {
        tracing::error!(?fault, p, "a commit is in doubt");
        self.conn = None;
        match self.reopen() {
            Ok(reached) if reached >= p => answers,
            Ok(_) => answers
                .into_iter()
                .map(|answer| match answer {
                    Ok(WriteAnswer::Done { .. } | WriteAnswer::Replayed { .. }) => {
                        Err(unavailable("the disk failed", Duration::from_secs(1)))
                    }
                    refused => refused,
                })
                .collect(),
            Err(again) => {
                tracing::error!(fault = ?again, "the data file could not be reopened");
                answers
                    .into_iter()
                    .map(|answer| {
                        answer.and_then(|_| {
                            Err(EngineError::OutcomeUnknown {
                                reason: "the disk failed during the commit".to_owned(),
                            })
                        })
                    })
                    .collect()
            }
        }
    }

    /// What a transaction of its own comes to when its COMMIT failed. `positions` are those
    /// before it and after it; where they are the same, the file does not tell whether it
    /// happened.
    pub(super) fn settle_alone<T>(
        &mut self,
        value: T,
        positions: Range<u64>,
        fault: Fault,
    ) -> Result<T> {
        if !is_in_doubt(&fault) {
            if let Some(conn) = &self.conn {
                super::transaction::rollback(conn);
            }
            self.marks.abandon_commit();
            return Err(fault.into_engine("commit"));
        }
        let p = positions.end;
        tracing::error!(?fault, p, "a commit is in doubt");
        self.conn = None;
        match self.reopen() {
            Ok(reached) if !positions.is_empty() && reached >= p => Ok(value),
            Ok(_) if !positions.is_empty() => {
                Err(unavailable("the disk failed", Duration::from_secs(1)))
            }
            Ok(_) | Err(_) => Err(EngineError::OutcomeUnknown {
                reason: "the disk failed during the commit".to_owned(),
            }),
        }
    }

    /// Tries to reopen a file that was given up, if it is time.
    pub(super) fn reopen_if_due(&mut self) {
        if self.conn.is_some() || !self.recovery.is_due() {
            return;
        }
        if let Err(fault) = self.reopen() {
            tracing::warn!(?fault, "the data file could not be reopened");
        }
    }

    /// Opens the file anew and makes what is read from it durable; gives the position that
    /// it has reached.
    fn reopen(&mut self) -> Step<u64> {
        match self.try_reopen() {
            Ok((conn, reached)) => {
                self.conn = Some(conn);
                self.recovery.succeeded();
                Ok(reached)
            }
            Err(fault) => {
                self.recovery.failed();
                Err(fault)
            }
        }
    }

    fn try_reopen(&mut self) -> Step<(Conn, u64)> {
        let conn = reopen_writer(&self.config)?;
        let busy = conn.first_int("PRAGMA wal_checkpoint(TRUNCATE)", &[])?;
        if busy != Some(0) {
            return Err(Fault::Engine(unavailable(
                "readers keep the log from being emptied",
                Duration::from_secs(1),
            )));
        }
        let shard = read_shard(&conn)?;
        let skipped = self.marks.highest_p();
        if shard.at.p < skipped {
            // Readers were handed positions that never came to be. The history passes over
            // them, durably, so that nobody waits for them.
            conn.execute(
                "UPDATE _pando_shard SET position = ?",
                &[crate::cell::Param::Int(skipped as i64)],
            )?;
        }
        self.count_feed(&conn)?;
        let reached = shard.at.p.max(skipped);
        self.marks.begin_commit(reached, shard.schema_version);
        self.marks.end_commit(reached, shard.schema_version);
        self.layout = crate::layout::load(&conn)?;
        Ok((conn, shard.at.p))
    }
}

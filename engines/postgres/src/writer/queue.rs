//! Writes that wait for their turn.

use pando_model::engine::{Result, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::Change;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::oneshot;

/// Others do not wait for the COMMIT of a write of more rows than this.
pub(super) const ROWS_MANY: usize = 1_000;

/// A write, and who waits for its answer.
pub(crate) struct Pending {
    pub(crate) write: Write,
    pub(crate) reply: oneshot::Sender<Result<WriteAnswer>>,
    /// It waits for a primary no longer than this.
    pub(crate) until: Instant,
}

impl Pending {
    /// Answers. A caller that has gone away needs no answer; its receipt has it.
    pub(crate) fn answer(self, answer: Result<WriteAnswer>) {
        let _ = self.reply.send(answer);
    }
}

/// Writes in the order in which they came.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    writes: VecDeque<Pending>,
    /// Whether somebody sees to it that they are carried out.
    served: bool,
}

impl Queue {
    /// Adds a write; whether somebody has to see to it from now on.
    pub(crate) fn push(&self, pending: Pending) -> bool {
        let mut waiting = self.0.lock();
        waiting.writes.push_back(pending);
        !std::mem::replace(&mut waiting.served, true)
    }

    /// Puts writes back in front of all that wait.
    pub(crate) fn put_back(&self, writes: Vec<Pending>) {
        let mut waiting = self.0.lock();
        for pending in writes.into_iter().rev() {
            waiting.writes.push_front(pending);
        }
    }

    /// Takes those whose time has run out.
    pub(crate) fn take_late(&self, now: Instant) -> Vec<Pending> {
        let mut waiting = self.0.lock();
        let all = std::mem::take(&mut waiting.writes).into_iter();
        let (late, kept): (Vec<_>, Vec<_>) = all.partition(|pending| pending.until <= now);
        waiting.writes = kept.into();
        late
    }

    /// How long the first of them waits for a primary.
    pub(crate) fn first_until(&self) -> Option<Instant> {
        self.0.lock().writes.front().map(|pending| pending.until)
    }

    /// Takes up to so many, the first first; behind a write of many rows, which takes its time,
    /// none.
    pub(crate) fn take(&self, max: usize) -> Vec<Pending> {
        let mut waiting = self.0.lock();
        let large = waiting
            .writes
            .iter()
            .position(|one| rows_of(&one.write) > ROWS_MANY);
        let until = large.map_or(waiting.writes.len(), |place| place + 1);
        waiting.writes.drain(..until.min(max)).collect()
    }

    /// Whether there is nobody; then nobody sees to it any more, and the next push says so.
    pub(crate) fn leave_if_empty(&self) -> bool {
        let mut waiting = self.0.lock();
        let is_empty = waiting.writes.is_empty();
        waiting.served = !is_empty;
        is_empty
    }

    /// Whether anybody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().writes.is_empty()
    }
}

/// New rows of a write.
pub(super) fn rows_of(write: &Write) -> usize {
    let rows = |step: &Step| match step {
        Step::Change(change) => match &**change {
            Change::Insert(insert) => insert.rows.len(),
            _ => 0,
        },
        _ => 0,
    };
    write.steps.iter().map(rows).sum()
}

/// The same word to each of several.
pub(crate) fn copied(error: &EngineError) -> EngineError {
    match error {
        EngineError::Unavailable {
            reason,
            retry_after,
        } => EngineError::Unavailable {
            reason: reason.clone(),
            retry_after: *retry_after,
        },
        EngineError::OutcomeUnknown { reason } => EngineError::OutcomeUnknown {
            reason: reason.clone(),
        },
        other => EngineError::internal("write", other.to_string()),
    }
}

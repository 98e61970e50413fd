//! How far the history and the schema have got, told to readers without a lock.
//!
//! Each of the two has a pair of marks around COMMIT: what is being committed
//! is raised before it, what is committed after it. A reader takes `committed`
//! before its snapshot and `committing` after it; whatever its snapshot shows
//! lies between. The order of the four accesses matters, so all are SeqCst.

use pando_model::engine::{Freshness, Progress, Result};
use pando_model::stamp::{History, Position};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

/// The marks of one engine.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    timeline: AtomicU32,
    committing: AtomicU64,
    committed: AtomicU64,
    schema_committing: AtomicU64,
    schema_committed: AtomicU64,
    history: RwLock<History>,
}

impl Marks {
    /// Sets everything to what a file holds.
    pub(crate) fn reset(&self, at: Position, schema_version: u64, history: History) {
        self.timeline.store(at.timeline, SeqCst);
        self.committing.store(at.p, SeqCst);
        self.committed.store(at.p, SeqCst);
        self.schema_committing.store(schema_version, SeqCst);
        self.schema_committed.store(schema_version, SeqCst);
        *self.history.write() = history;
    }

    /// Before COMMIT.
    pub(crate) fn begin_commit(&self, p: u64, schema_version: u64) {
        self.committing.store(p, SeqCst);
        self.schema_committing.store(schema_version, SeqCst);
    }

    /// After a COMMIT that is known to have happened.
    pub(crate) fn end_commit(&self, p: u64, schema_version: u64) {
        self.committed.store(p, SeqCst);
        self.schema_committed.store(schema_version, SeqCst);
    }

    /// After a COMMIT that is known not to have happened. Its positions stay unused: readers
    /// may have been handed them as `high`, so the history passes over them, as over
    /// transactions without content.
    pub(crate) fn abandon_commit(&self) {
        self.committed.store(self.committing.load(SeqCst), SeqCst);
        self.schema_committing
            .store(self.schema_committed.load(SeqCst), SeqCst);
    }

    /// The greatest `p` that was ever shown to anybody.
    pub(crate) fn highest_p(&self) -> u64 {
        self.committing.load(SeqCst)
    }

    /// A position on the timeline in force.
    pub(crate) fn position(&self, p: u64) -> Position {
        Position {
            timeline: self.timeline.load(SeqCst),
            p,
        }
    }

    /// Taken before a snapshot: all up to it is in there.
    pub(crate) fn low(&self) -> Position {
        self.position(self.committed.load(SeqCst))
    }

    /// Taken after a snapshot: nothing beyond it is in there.
    pub(crate) fn high(&self) -> Position {
        self.position(self.committing.load(SeqCst))
    }

    /// The schema that a snapshot taken from now on has at least.
    pub(crate) fn schema_low(&self) -> u64 {
        self.schema_committed.load(SeqCst)
    }

    /// The schema that a snapshot taken before had at most.
    pub(crate) fn schema_high(&self) -> u64 {
        self.schema_committing.load(SeqCst)
    }

    /// Whether what a caller has seen is lost; `Behind` while it is being committed.
    pub(crate) fn check(&self, freshness: &Freshness) -> Result<bool> {
        match freshness.seen {
            Some(_) => freshness.check_at_owner(&self.progress()),
            None => Ok(false),
        }
    }

    /// Both marks and the history.
    pub(crate) fn progress(&self) -> Progress {
        let low = self.low();
        Progress {
            low,
            high: self.high(),
            history: self.history.read().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_failed_leaves_no_mark_ahead_and_its_positions_unused() {
        let marks = Marks::default();
        marks.reset(Position { timeline: 1, p: 7 }, 3, History::default());
        marks.begin_commit(9, 4);
        assert_eq!((marks.low().p, marks.high().p), (7, 9));
        assert_eq!((marks.schema_low(), marks.schema_high()), (3, 4));
        marks.abandon_commit();
        assert_eq!((marks.low().p, marks.high().p), (9, 9));
        assert_eq!((marks.schema_low(), marks.schema_high()), (3, 3));
        assert_eq!(marks.highest_p(), 9);
    }
}

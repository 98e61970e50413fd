//! How far the history is known to have got in this process.
//!
//! Reads and writes have their positions from the database, exactly; this is what is told
//! without asking it. Another process may have got further.

use crate::shard::ShardRow;
use pando_model::engine::Progress;
use pando_model::stamp::{History, Position};
use parking_lot::Mutex;

/// The marks of one engine.
#[derive(Debug)]
pub(crate) struct Marks(Mutex<Progress>);

impl Marks {
    /// The marks of a shard.
    pub(crate) fn new(shard: &ShardRow) -> Marks {
        Marks(Mutex::new(Progress {
            low: shard.at,
            high: shard.at,
            history: shard.history.clone(),
        }))
    }

    /// A transaction at this position is visible.
    pub(crate) fn reach(&self, at: Position) {
        let mut marks = self.0.lock();
        marks.low = marks.low.max(at);
        marks.high = marks.high.max(at);
    }

    /// What a snapshot has shown.
    pub(crate) fn see(&self, shard: &ShardRow) {
        self.reach(shard.at);
        let mut marks = self.0.lock();
        if marks.history != shard.history {
            marks.history = History::clone(&shard.history);
        }
    }

    /// Both marks and the history.
    pub(crate) fn progress(&self) -> Progress {
        self.0.lock().clone()
    }
}

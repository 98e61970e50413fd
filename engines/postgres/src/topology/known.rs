//! What is known of the shard's history, and how far each server is known to have got.

use super::{Server, Topology};
use crate::shard::ShardRow;
use pando_model::stamp::{History, Position};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long it is remembered how far the primary had got when: what `bounded=` may ask for.
const SAMPLES_KEPT: usize = 1_024;

/// What is known of the shard's history.
pub(super) struct Known {
    /// The primary has shown this: no failover that loses nothing takes it back.
    pub(super) at: Position,
    pub(super) history: History,
    /// The cluster and the database that the shard is in, once it was opened.
    pub(super) system: Option<i64>,
    /// The last primary, and PostgreSQL's timeline that it was on.
    pub(super) reign: Option<(Arc<Server>, u32)>,
    /// How far the primary had got at least when, oldest first.
    pub(super) samples: VecDeque<(Instant, Position)>,
}

impl Known {
    /// Before the shard was opened.
    pub(super) fn nothing() -> Known {
        Known {
            at: Position { timeline: 0, p: 0 },
            history: History::default(),
            system: None,
            reign: None,
            samples: VecDeque::new(),
        }
    }
}

impl Topology {
    /// The shard was opened there: from now on its servers are gone by, and no others.
    pub(crate) fn belong_to(&self, system: i64) {
        self.known.lock().system = Some(system);
        self.look_at_all();
    }

    /// The cluster and the database that the shard is in, as far as is known.
    pub(crate) fn system(&self) -> Option<i64> {
        self.known.lock().system
    }

    /// Whether a server holds the shard, or a copy of it. Where the last primary was there may be
    /// another cluster by now: an address was moved to what goes on.
    pub(super) fn is_ours(&self, server: &Arc<Server>, system: i64) -> Option<bool> {
        let known = self.known.lock();
        let is_where_it_was =
            (known.reign.as_ref()).is_some_and(|(last, _)| last.name == server.name);
        known.system.map(|ours| ours == system || is_where_it_was)
    }

    /// The primary has shown this much.
    pub(crate) fn see(&self, shard: &ShardRow, when: Instant) {
        let mut known = self.known.lock();
        if shard.at < known.at {
            return;
        }
        if shard.history.forks().len() >= known.history.forks().len() {
            known.history = shard.history.clone();
        }
        known.at = shard.at;
        let is_due = known
            .samples
            .back()
            .is_none_or(|(last, _)| last.elapsed() >= Duration::from_millis(50));
        if is_due {
            if known.samples.len() >= SAMPLES_KEPT {
                known.samples.pop_front();
            }
            known.samples.push_back((when, shard.at));
        }
    }

    /// When a replica had last all that the primary had.
    pub(super) fn refresh(&self, server: &Server, at: Position) {
        let known = self.known.lock();
        let fresh = known.samples.iter().rev().find(|(_, then)| *then <= at);
        if let Some((when, _)) = fresh {
            server.was_fresh(*when);
        }
    }
}

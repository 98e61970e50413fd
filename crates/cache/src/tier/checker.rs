//! The checker: compares answers that were given from memory with the store's.
//!
//! An answer that differs is not wrong for that: it may be older than the store's, and to be
//! removed. It is wrong if it is still there after all was taken in that the store's answer has
//! seen. So the checker waits for that, as Meta's Polaris does with its invalidations ("Cache made
//! consistent", 2022), and counts what stays.

use super::asked::Asked;
use super::rows;
use crate::cache::Cache;
use crate::entry::Value;
use crate::replica::Replica;
use pando_model::clock::Clock;
use pando_model::engine::{Copies, Engine, Freshness};
use pando_model::stamp::{Position, Reach};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// One answer is compared in so long, at each collection.
const EVERY_US: i64 = 100_000;
/// How long is waited for what the store's answer has seen, in steps.
const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: usize = 500;

/// Compares answers of one collection.
pub(super) struct Checker {
    clock: Arc<dyn Clock>,
    due_at_us: AtomicI64,
    checked: AtomicU64,
    inconsistent: AtomicU64,
}

impl Checker {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Checker {
        Checker {
            clock,
            due_at_us: AtomicI64::new(0),
            checked: AtomicU64::new(0),
            inconsistent: AtomicU64::new(0),
        }
    }

    /// Whether the answer at hand is to be compared; at most one is told so in [`EVERY_US`].
    pub(super) fn is_due(&self) -> bool {
        let now_us = self.clock.now_us();
        let due_us = self.due_at_us.load(Ordering::Relaxed);
        let next_us = now_us.saturating_add(EVERY_US);
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        now_us >= due_us
            && self
                .due_at_us
                .compare_exchange(due_us, next_us, order, failed)
                .is_ok()
    }

    /// How many were compared, and how many of them were wrong.
    pub(super) fn counts(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.checked), of(&self.inconsistent))
    }

    /// Compares one. What the owner cannot say is not counted.
    pub(super) async fn check(
        &self,
        engine: &dyn Engine,
        replica: &Replica,
        cache: &Cache,
        key: &[u8],
        asked: Asked,
        given: Value,
    ) {
        let owners = Freshness {
            seen: None,
            copies: Copies::Owner,
        };
        let Ok(answer) = asked.ask(engine, owners).await else {
            return;
        };
        let is_same = rows::keep(&answer.rows).is_ok_and(|value| value == given);
        if !is_same {
            if !has_taken_in(replica, answer.high).await {
                return;
            }
            // What left meanwhile may have been removed for this, or for want of room.
            let Some(there) = cache.peek(key) else {
                return;
            };
            if there == given {
                self.inconsistent.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    at = ?answer.high,
                    "an answer in the cache is not the store's, and was not removed"
                );
            }
        }
        self.checked.fetch_add(1, Ordering::Relaxed);
    }
}

async fn has_taken_in(replica: &Replica, at: Position) -> bool {
    for _ in 0..STEPS_MAX {
        let reach = {
            let consumed = replica.before();
            consumed.history.reach(at, consumed.at)
        };
        match reach {
            Reach::Contained => return true,
            Reach::Lost => return false,
            Reach::Ahead => tokio::time::sleep(STEP).await,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Loaded;
    use crate::config::Config;
    use crate::random::ThreadRandom;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::SystemClock;
    use std::time::Duration;

    fn value(text: &'static [u8]) -> Value {
        Value::Found(text.into())
    }

    #[tokio::test]
    async fn an_answer_that_differs_counts_by_what_lies_there_then_and_not_if_nothing_does() {
        let engine = MemoryEngine::new();
        let progress = engine.progress();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let replica = Replica::new(progress.low, progress.history, clock.now_us());
        let random = Arc::new(ThreadRandom);
        let config = Config::default();
        let cache = Cache::new(Arc::clone(&replica), config, Arc::clone(&clock), random).unwrap();
        let checker = Checker::new(clock);
        for (there, expected) in [
            (None, (0, 0)),
            (Some(value(b"newer")), (1, 0)),
            (Some(value(b"older")), (2, 1)),
        ] {
            cache.clear();
            if let Some(value) = there {
                let loaded = Loaded {
                    value,
                    low: progress.low,
                    high: progress.low,
                    tags: Vec::new(),
                    until_us: None,
                    lost: false,
                };
                cache.fill(b"key", loaded, Duration::ZERO).unwrap();
            }
            // Nothing is asked, and so nothing is found: what was given is something else.
            let asked = Asked {
                schema_version: 0,
                reads: Arc::new([]),
                freshness: Freshness::default(),
            };
            let given = value(b"older");
            let check = checker.check(&engine, &replica, &cache, b"key", asked, given);
            check.await;
            assert_eq!(checker.counts(), expected);
        }
    }
}

//! The follower: takes in the feed, again and again, for all caches of a process.
//!
//! All processes follow under one name, and nobody waits for the slowest: each acknowledges what it
//! had taken in [`RETENTION`] ago, and who falls further behind is told of a gap, and begins with
//! empty caches. So nothing of a process that has died has to be found and removed.

use crate::replica::Replica;
use pando_model::clock::Clock;
use pando_model::engine::{Engine, FeedCursor, FeedPage, Result};
use pando_model::stamp::{Position, Reach};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Under which name caches follow.
const NAME: &str = "cache";
/// Events taken in at once.
const PAGE_EVENTS: usize = 4096;
/// For how long the feed is kept for those who are behind.
const RETENTION: Duration = Duration::from_secs(60);
/// How often it is said what is not needed any more.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(10);
/// How often a store that others write to is asked, where nothing was written here.
const ASK_SHARED: Duration = Duration::from_millis(50);
/// The same of a store that nobody else writes to.
const ASK_ALONE: Duration = Duration::from_secs(1);
/// How long a store is left alone that did not answer.
const ASK_FAILED: Duration = Duration::from_millis(100);

/// What others see of it.
pub(super) struct Follower {
    seen: Arc<Seen>,
    task: AbortHandle,
}

struct Seen {
    replica: Arc<Replica>,
    kick: Notify,
    told: watch::Sender<Position>,
    /// One more than the schema as of what was taken in; 0 while nothing is followed.
    schema_version: AtomicU64,
    /// When the last page was asked for, in microseconds since 1970.
    asked_at_us: AtomicU64,
    /// How often everything was dropped.
    emptied: AtomicU64,
    needed: watch::Sender<bool>,
}

impl Follower {
    /// A follower that follows once it is told that somebody [needs](Follower::need) it.
    pub(super) fn start(
        engine: Arc<dyn Engine>,
        replica: Arc<Replica>,
        clock: Arc<dyn Clock>,
    ) -> Follower {
        let seen = Arc::new(Seen {
            told: watch::Sender::new(replica.consumed()),
            replica,
            kick: Notify::new(),
            schema_version: AtomicU64::new(0),
            asked_at_us: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
            needed: watch::Sender::new(false),
        });
        let loop_ = Loop {
            engine,
            clock,
            seen: Arc::clone(&seen),
            passed: VecDeque::new(),
            acknowledged: Instant::now(),
        };
        let task = tokio::spawn(loop_.run()).abort_handle();
        Follower { seen, task }
    }

    /// The schema as of what was taken in; `None` while nothing is followed.
    pub(super) fn schema_version(&self) -> Option<u64> {
        self.seen
            .schema_version
            .load(Ordering::Acquire)
            .checked_sub(1)
    }

    /// When the feed was last asked for; microseconds since 1970.
    pub(super) fn asked_at_us(&self) -> i64 {
        i64::try_from(self.seen.asked_at_us.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }

    /// How often everything was dropped: at the beginning, by a gap, by another schema.
    pub(super) fn emptied(&self) -> u64 {
        self.seen.emptied.load(Ordering::Acquire)
    }

    /// Whether there is anything that is cached. A store records no changes that nobody follows.
    pub(super) fn need(&self, is_needed: bool) {
        self.seen.needed.send_if_modified(|needed| {
            let is_new = *needed != is_needed;
            *needed = is_needed;
            is_new
        });
        self.kick();
    }

    /// There is something new in the feed.
    pub(super) fn kick(&self) {
        self.seen.kick.notify_one();
    }

    /// Has the feed taken in up to a position, and waits for it; whether it came to that.
    pub(super) async fn reaches(&self, at: Position, within: Duration) -> bool {
        let mut told = self.seen.told.subscribe();
        self.kick();
        let replica = &self.seen.replica;
        let reached = told.wait_for(|_| {
            let consumed = replica.before();
            consumed.history.reach(at, consumed.at) != Reach::Ahead
        });
        tokio::time::timeout(within, reached).await.is_ok()
    }

    /// Ends it. What it had not taken in is dropped with the caches.
    pub(super) fn stop(&self) {
        self.task.abort();
        self.seen.schema_version.store(0, Ordering::Release);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Loop {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    seen: Arc<Seen>,
    /// Where it stood, and when.
    passed: VecDeque<(Instant, FeedCursor)>,
    acknowledged: Instant,
}

impl Loop {
    async fn run(mut self) {
        let mut is_cut_off = false;
        loop {
            if !*self.seen.needed.borrow() {
                self.leave().await;
            }
            // Its sender is in what both ends share.
            let _ = self
                .seen
                .needed
                .subscribe()
                .wait_for(|needed| *needed)
                .await;
            match self.follow().await {
                Ok(()) => is_cut_off = false,
                Err(error) if is_cut_off => tracing::debug!(%error, "the caches cannot follow"),
                Err(error) => {
                    is_cut_off = true;
                    tracing::warn!(%error, "the caches cannot follow the store's changes");
                }
            }
            tokio::time::sleep(ASK_FAILED).await;
        }
    }

    /// Follows from where it is registered until a page is of no use: then it has to register
    /// again. A store that does not answer is asked again; what lies in memory is still true as
    /// of what was taken in.
    async fn follow(&mut self) -> Result<()> {
        let mut cursor = self.engine.follow(NAME).await?;
        self.passed.clear();
        let every = match self.engine.is_shared() {
            true => ASK_SHARED,
            false => ASK_ALONE,
        };
        let mut is_first = true;
        let mut has_failed = false;
        while *self.seen.needed.borrow() {
            let asked_at_us = self.clock.now_us();
            let page = match self.engine.fetch_feed(cursor, PAGE_EVENTS).await {
                Ok(page) => page,
                Err(error) => {
                    if !has_failed {
                        tracing::warn!(%error, "the caches cannot ask for the store's changes");
                    }
                    has_failed = true;
                    tokio::time::sleep(ASK_FAILED).await;
                    continue;
                }
            };
            has_failed = false;
            let is_full = page.events.len() >= PAGE_EVENTS;
            // There was more when it was asked for than it holds.
            let asked_at_us = match is_full {
                true => self.seen.replica.before().asked_at_us,
                false => asked_at_us,
            };
            if page.gap && !is_first {
                self.take_in(page, asked_at_us, true);
                return Ok(());
            }
            cursor = page.next;
            self.take_in(page, asked_at_us, is_first);
            is_first = false;
            self.acknowledge(cursor).await;
            if !is_full {
                let kicked = self.seen.kick.notified();
                let _ = tokio::time::timeout(every, kicked).await;
            }
        }
        Ok(())
    }

    /// Nothing is given from memory any more. A store of this process alone need record nothing.
    async fn leave(&self) {
        self.seen.schema_version.store(0, Ordering::Release);
        if !self.engine.is_shared()
            && let Err(error) = leave(&*self.engine).await
        {
            tracing::debug!(%error, "could not end following");
        }
    }

    /// Takes a page in; the first one after a registration is gone by from there on only.
    fn take_in(&self, mut page: FeedPage, asked_at_us: i64, is_first: bool) {
        let seen = &self.seen;
        page.gap |= is_first;
        // Plans for another schema are other questions, and what a migration did to rows is in
        // no feed.
        let version = page.schema_version + 1;
        page.gap |= seen.schema_version.load(Ordering::Acquire) != version;
        let history = self.engine.progress().history;
        seen.replica.consume(&page, &history, asked_at_us);
        // Whoever sees the new schema is to know that all was dropped for it.
        if page.gap {
            seen.emptied.fetch_add(1, Ordering::Release);
        }
        seen.schema_version.store(version, Ordering::Release);
        let asked = u64::try_from(asked_at_us).unwrap_or(0);
        seen.asked_at_us.store(asked, Ordering::Relaxed);
        seen.told.send_replace(page.consumed);
    }

    /// Says what is not needed any more. A store that cannot be told is told later: what lies in
    /// memory does not depend on it.
    async fn acknowledge(&mut self, cursor: FeedCursor) {
        let now = Instant::now();
        if now.duration_since(self.acknowledged) < ACKNOWLEDGE_EVERY {
            return;
        }
        self.acknowledged = now;
        self.passed.push_back((now, cursor));
        let mut done = None;
        while let Some((at, cursor)) = self.passed.front()
            && now.duration_since(*at) >= RETENTION
        {
            done = Some(*cursor);
            self.passed.pop_front();
        }
        if let Some(cursor) = done
            && let Err(error) = self.engine.acknowledge_feed(NAME, cursor).await
        {
            tracing::debug!(%error, "could not say how far the caches have got");
        }
    }
}

/// Nobody's caches follow any more: nothing is kept for them.
pub(super) async fn leave(engine: &dyn Engine) -> Result<()> {
    engine.unfollow(NAME).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::SystemClock;
    use pando_model::engine::Progress;

    #[tokio::test]
    async fn whoever_sees_another_schema_knows_that_all_was_dropped_for_it() {
        const SCHEMAS: u64 = 20_000;
        let engine = Arc::new(MemoryEngine::new());
        let Progress { low, history, .. } = engine.progress();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let replica = Replica::new(low, history, clock.now_us());
        let follower = Follower::start(Arc::clone(&engine) as _, replica, Arc::clone(&clock));
        let seen = Arc::clone(&follower.seen);
        let cursor = engine.follow(NAME).await.unwrap();
        let mut page = engine.fetch_feed(cursor, 1).await.unwrap();
        let loop_ = Loop {
            engine,
            clock,
            seen: Arc::clone(&seen),
            passed: VecDeque::new(),
            acknowledged: Instant::now(),
        };
        let watching = std::thread::spawn(move || {
            loop {
                let version = seen.schema_version.load(Ordering::Acquire);
                let emptied = seen.emptied.load(Ordering::Acquire);
                assert!(emptied >= version, "{emptied} times at schema {version}");
                if version == SCHEMAS {
                    return;
                }
            }
        });
        for version in 0..SCHEMAS {
            page.schema_version = version;
            page.gap = false;
            loop_.take_in(page.clone(), 0, false);
        }
        watching.join().unwrap();
    }
}

//! What the caches of a process share with those of others: the second level, asked through a
//! circuit breaker; who loads and who waits for another's load; what is laid down again.
//!
//! Without the second level, be it down, slow or left alone by the breaker, every process loads
//! for itself: nothing here fails a request, and nothing is waited for beyond its bound.

mod errand;

pub(crate) use errand::{Errand, Heard, Step};

use crate::breaker::{Breaker, BreakerConfig, BreakerState};
use crate::config::ConfigError;
use pando_model::clock::Clock;
use pando_model::level2::{Lease, Level2, Record, Unreachable};
use pando_model::stamp::Position;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// How a process shares what it loads.
#[derive(Clone, Debug, PartialEq)]
pub struct SharingConfig {
    /// How long a lease holds that nobody prolongs: what it costs the others when the process that
    /// loads dies. While a load goes on it is prolonged, each third of it.
    pub lease: Duration,
    /// How long one waits for another process's load, before one loads oneself.
    pub patience: Duration,
    /// How soon one looks again whether another has loaded; doubled from look to look.
    pub look_min: Duration,
    /// How seldom at most.
    pub look_max: Duration,
    /// How long a record is kept at most that is not dead before.
    pub keep_max: Duration,
    /// How often what is asked for in memory is laid down again, as true as it is known to be by
    /// then, for processes that began after it was read; without it, never. One key in one process
    /// takes between once and twice so long.
    pub restamp: Option<Duration>,
    /// Records that may be on their way there at once; further ones are not shared.
    pub puts_max: usize,
    /// When the second level is left alone.
    pub breaker: BreakerConfig,
}

impl Default for SharingConfig {
    fn default() -> SharingConfig {
        SharingConfig {
            lease: Duration::from_secs(1),
            patience: Duration::from_secs(3),
            look_min: Duration::from_millis(2),
            look_max: Duration::from_millis(50),
            keep_max: Duration::from_secs(24 * 3_600),
            restamp: Some(Duration::from_secs(30)),
            puts_max: 256,
            breaker: BreakerConfig {
                // What takes longer is not worth asking before a store that is near.
                slow_after: Duration::from_millis(25),
                ..BreakerConfig::default()
            },
        }
    }
}

impl SharingConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let least = Duration::from_millis(1);
        let spans = [
            ("lease", self.lease),
            ("look_min", self.look_min),
            ("keep_max", self.keep_max),
            ("restamp", self.restamp.unwrap_or(least)),
        ];
        for (setting, span) in spans {
            if span < least {
                return ConfigError::refuse(setting, format!("{span:?}"), "at least 1 ms");
            }
        }
        if self.look_max < self.look_min {
            let value = format!("{:?}", self.look_max);
            return ConfigError::refuse("look_max", value, "at least as long as look_min");
        }
        if !(1..=PUTS_BOUND).contains(&self.puts_max) {
            let value = self.puts_max.to_string();
            return ConfigError::refuse("puts_max", value, "between 1 and 65536");
        }
        self.breaker.validate()
    }
}

/// The way of a process to what it shares with others; one for all its caches.
pub struct Sharing {
    level2: Arc<dyn Level2>,
    config: SharingConfig,
    breaker: Arc<Breaker>,
    /// Room for what is on its way there behind the answers.
    puts: Arc<Semaphore>,
    restamps: Arc<Semaphore>,
    /// Calls that were not answered since the last one that was.
    unanswered: AtomicU32,
    /// Calls so far, and how many they were when it was last looked whether there are any.
    calls: AtomicU64,
    calls_seen: AtomicU64,
}

/// What the keys of a collection begin with at the second level.
#[derive(Clone, PartialEq, Eq)]
pub struct Prefix(Arc<[u8]>);

/// A name that no collection's keys begin with.
const PROBE: &[u8] = b"probe";
/// One or two may be late without being away.
const SILENT_CALLS: u32 = 3;
/// More would be memory, and no more answers.
const PUTS_BOUND: usize = 1 << 16;
/// So many records that are laid down again may be on their way at once: they are not urgent.
const RESTAMPS_MAX: usize = 8;

impl Sharing {
    /// A way there; nothing is asked yet.
    pub fn new(
        level2: Arc<dyn Level2>,
        config: SharingConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Sharing>, ConfigError> {
        config.validate()?;
        Ok(Arc::new(Sharing {
            level2,
            breaker: Breaker::new(config.breaker.clone(), clock)?,
            puts: Arc::new(Semaphore::new(config.puts_max)),
            restamps: Arc::new(Semaphore::new(RESTAMPS_MAX)),
            unanswered: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            calls_seen: AtomicU64::new(0),
            config,
        }))
    }

    /// How it is shared.
    pub fn config(&self) -> &SharingConfig {
        &self.config
    }

    /// Whether the second level is asked at the moment.
    pub fn state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Whether so many calls in a row were not answered that it is likely to be away, though it is
    /// still asked.
    pub fn is_silent(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= SILENT_CALLS
    }

    /// Asks for what nobody has laid down there, so that it is known how it does, if nothing was
    /// asked since the last time.
    pub async fn probe(&self) {
        let calls = self.calls.load(Ordering::Relaxed);
        if self.calls_seen.swap(calls, Ordering::Relaxed) == calls {
            self.fetch(PROBE).await;
            let calls = self.calls.load(Ordering::Relaxed);
            self.calls_seen.store(calls, Ordering::Relaxed);
        }
    }

    /// Waits until nothing is on its way there any more that was laid down behind an answer.
    pub async fn settled(&self) {
        for (room, all) in [
            (&self.puts, self.config.puts_max),
            (&self.restamps, RESTAMPS_MAX),
        ] {
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            // It is never closed.
            let _ = room.acquire_many(all).await;
        }
    }

    pub(crate) async fn fetch(&self, key: &[u8]) -> Option<Option<Record>> {
        self.through(|| self.level2.fetch(key)).await
    }

    pub(crate) async fn lease(
        &self,
        key: &[u8],
        holder: u128,
        past: Option<Position>,
    ) -> Option<Lease> {
        let span = self.config.lease;
        self.through(|| self.level2.lease(key, holder, span, past))
            .await
    }

    /// Asks for a lease again that is held.
    pub(crate) async fn prolong(&self, key: &[u8], holder: u128) -> Option<Lease> {
        // Past everything: whatever lies there, the load goes on.
        let past = Position {
            timeline: u32::MAX,
            p: u64::MAX,
        };
        self.lease(key, holder, Some(past)).await
    }

    /// Lays a record down, if there is one, and then gives a lease back, if one is held: in this
    /// order, so that the next one finds it. Behind the answer, as a task of the current runtime.
    pub(crate) fn lay_down(
        self: &Arc<Self>,
        key: Arc<[u8]>,
        record: Option<(Record, Duration)>,
        lease: Option<u128>,
    ) {
        if record.is_none() && lease.is_none() {
            return;
        }
        // Where there is no room, or the process is ending, the lease runs out by itself.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Ok(room) = Arc::clone(&self.puts).try_acquire_owned() else {
            return;
        };
        let this = Arc::clone(self);
        runtime.spawn(async move {
            let _room = room;
            if let Some((record, keep)) = record {
                let keep = keep.min(this.config.keep_max);
                this.through(|| this.level2.put(&key, record, keep)).await;
            }
            if let Some(holder) = lease {
                this.through(|| this.level2.release(&key, holder)).await;
            }
        });
    }

    /// Lays down again what lies in memory, unless enough is on its way; whether it is.
    pub(crate) fn restamp(
        self: &Arc<Self>,
        key: Arc<[u8]>,
        record: impl FnOnce() -> Option<(Record, Duration)>,
    ) -> bool {
        let Ok(room) = Arc::clone(&self.restamps).try_acquire_owned() else {
            return false;
        };
        if self.breaker.state() != BreakerState::Closed {
            return false;
        }
        let Some((record, keep)) = record() else {
            return false;
        };
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        let keep = keep.min(self.config.keep_max);
        let this = Arc::clone(self);
        runtime.spawn(async move {
            let _room = room;
            this.through(|| this.level2.put(&key, record, keep)).await;
        });
        true
    }

    /// Makes a call, unless the breaker is open; `None` where there is no answer.
    async fn through<T, F>(&self, call: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Unreachable>>,
    {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let told = self.breaker.admit().ok()?;
        match call().await {
            Ok(said) => {
                self.unanswered.store(0, Ordering::Relaxed);
                told.succeeded();
                Some(said)
            }
            Err(_) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                told.failed();
                None
            }
        }
    }
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing")
            .field("level2", &self.level2)
            .field("config", &self.config)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl Prefix {
    /// All that an answer depends on besides its position and its question. `store` tells one
    /// store from every other one, also from one that was made anew in its place; `schema` goes up
    /// with every migration.
    pub fn new(store: &str, shard: &str, schema: u64, collection: &str) -> Prefix {
        // With its length where a part is free text, so that none runs into the next.
        let text = format!(
            "{}:{store}/{}:{shard}/{schema}/{}:{collection}/",
            store.len(),
            shard.len(),
            collection.len()
        );
        Prefix(text.into_bytes().into())
    }

    /// The name of a key.
    pub(crate) fn name(&self, key: &[u8]) -> Arc<[u8]> {
        [&self.0[..], key].concat().into()
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests;

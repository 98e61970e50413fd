//! The cache of one collection: asked before the store, filled with what the store said.

mod backing;
mod count;
mod errand;
mod load;
mod outage;
mod shared;

pub use backing::Backing;
pub use count::Statistics;
pub use load::{Load, LoadError, LoadResult};

use crate::config::{Config, ConfigError};
use crate::entry::{Age, Entry, Times, Value};
use crate::flight::Flights;
use crate::random::Random;
use crate::replica::{Consumed, Entries, Fill, Refused, Replica};
use crate::resident::Resident;
use crate::shadow::{Estimate, Seen, Shadow};
use crate::sharing::Prefix;
use crate::tag::Tag;
use arc_swap::{ArcSwap, ArcSwapOption};
use count::{Count, Counts};
use load::Wanted;
use outage::Outage;
use pando_model::clock::Clock;
use pando_model::engine::{Copies, Freshness};
use pando_model::error::EngineError;
use pando_model::stamp::{Position, Reach};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The cache of one collection.
pub struct Cache {
    replica: Arc<Replica>,
    collection: u32,
    entries: Arc<Entries>,
    config: ArcSwap<Config>,
    flights: Flights<Wanted, Result<Answer, Arc<EngineError>>>,
    shadow: ArcSwapOption<Shadow>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    seed: u64,
    counts: Counts,
    outage: Outage,
    backing: Backing,
    /// What keys begin with at the second level, where there is one.
    prefix: ArcSwapOption<Prefix>,
}

/// What the store said.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The answer.
    pub value: Value,
    /// Taken before the snapshot: all up to it is in the answer.
    pub low: Position,
    /// Taken after the snapshot: nothing beyond it is in the answer.
    pub high: Position,
    /// What the answer depends on.
    pub tags: Vec<Tag>,
    /// When something of it runs out by itself, which no feed says; in microseconds since 1970.
    pub until_us: Option<i64>,
    /// What the caller has seen is in no history that goes on.
    pub lost: bool,
}

/// An answer, from memory or from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was found.
    pub value: Value,
    /// All up to it is in the answer.
    pub low: Position,
    /// Nothing beyond it is in the answer: the caller is handed it. From memory it may lie before
    /// `low`: nothing of the answer was changed since.
    pub high: Position,
    /// What the caller has seen is in no history that goes on.
    pub lost: bool,
    /// How long it has lain in memory; `None` from the store.
    pub age: Option<Duration>,
}

/// What is in memory for a caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// An answer.
    Hit {
        /// It.
        answer: Answer,
        /// It is to be loaded anew behind the answer: it is stale, or will be soon.
        is_due: bool,
    },
    /// An answer that may be given only if the store fails.
    OnError(Answer),
    /// Nothing.
    Miss,
    /// Something, but the caller is ahead of it.
    Ahead,
    /// Only the store may answer such a question.
    Past,
}

impl Cache {
    /// An empty cache of one collection, that goes by what the replica consumes.
    pub fn new(
        replica: Arc<Replica>,
        config: Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Arc<Cache>, ConfigError> {
        Cache::backed(replica, config, clock, random, Backing::default())
    }

    /// The same, with what stands between it and the store.
    pub fn backed(
        replica: Arc<Replica>,
        config: Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        backing: Backing,
    ) -> Result<Arc<Cache>, ConfigError> {
        config.validate()?;
        let seed = (random.unit() * (1_u64 << 53) as f64) as u64;
        let shape = config.shape();
        let (collection, entries) = replica.join(|departures| {
            Resident::new(shape, seed, move |entry: &Arc<Entry>| {
                departures.tell(entry)
            })
        });
        let shadow = config.shadow.then(|| Arc::new(Shadow::new(shape, seed)));
        Ok(Arc::new(Cache {
            replica,
            collection,
            entries,
            config: ArcSwap::from_pointee(config),
            flights: Flights::default(),
            shadow: ArcSwapOption::new(shadow),
            clock,
            random,
            seed,
            counts: Counts::default(),
            outage: Outage::default(),
            prefix: ArcSwapOption::from_pointee(backing.prefix()),
            backing,
        }))
    }

    /// Changes what keys begin with at the second level: after a migration, say. What is on its
    /// way there goes to where it was begun for. Without a second level nothing happens.
    pub fn set_prefix(&self, prefix: Prefix) {
        if self.backing.sharing.is_some() {
            self.prefix.store(Some(Arc::new(prefix)));
        }
    }

    /// What is in memory for a caller. It is looked at as a request of the policy and the shadow.
    pub fn get(&self, key: &[u8], freshness: &Freshness) -> Found {
        self.look(key, freshness).0
    }

    /// The same, with the entry that was looked at and the time of it.
    fn look(&self, key: &[u8], freshness: &Freshness) -> (Found, Option<(Arc<Entry>, i64)>) {
        if matches!(freshness.copies, Copies::Owner | Copies::Latest) {
            self.counts.add(Count::Past);
            return (Found::Past, None);
        }
        // Before the entry, see `replica`.
        let consumed = self.replica.before();
        let Some(entry) = self.entries.get(key) else {
            self.counts.add(Count::Miss);
            return (Found::Miss, None);
        };
        let now_us = self.clock.now_us();
        let found = self.judge(&entry, &consumed, freshness, now_us);
        self.counts.add(match &found {
            Found::Hit { .. } => Count::Hit,
            Found::Ahead => Count::Ahead,
            Found::Past => Count::Past,
            Found::OnError(_) | Found::Miss => Count::Miss,
        });
        if let (Found::Hit { .. }, Some(shadow)) = (&found, &*self.shadow.load()) {
            shadow.observe(key, now_us, || seen(&entry));
        }
        (found, Some((entry, now_us)))
    }

    /// What lies there for nobody in particular, unless it may not be given any more. Nothing is
    /// counted.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Value> {
        let entry = self.entries.get(key)?;
        let is_alive = entry.age(self.clock.now_us()) < Age::OnError;
        is_alive.then(|| entry.value.clone())
    }

    /// A question came by that only the store may answer.
    pub(crate) fn count_past(&self) {
        self.counts.add(Count::Past);
    }

    /// Whether an entry may be given to a caller.
    fn judge(
        &self,
        entry: &Entry,
        consumed: &Consumed,
        freshness: &Freshness,
        now_us: i64,
    ) -> Found {
        let is_recent = |within: Duration| {
            let lag_us = now_us.saturating_sub(consumed.asked_at_us);
            i128::from(lag_us) <= within.as_micros() as i128
        };
        // He is told by the store that it is lost, however old the answer may be.
        if let Some(seen) = freshness.seen
            && consumed.history.reach(seen, consumed.at) == Reach::Lost
            && consumed.history.reach(seen, entry.low) != Reach::Contained
        {
            return Found::Past;
        }
        match (freshness.copies, freshness.seen) {
            (Copies::Within(span), _) if !is_recent(span) => return Found::Ahead,
            (Copies::Within(_) | Copies::Any, _) | (_, None) => {}
            (_, Some(seen)) => match self.replica.covers(consumed, entry.low, seen) {
                Some(true) => {}
                Some(false) => return Found::Ahead,
                None => return Found::Past,
            },
        }
        let answer = || Answer {
            value: entry.value.clone(),
            low: match consumed.history.reach(entry.low, consumed.at) {
                Reach::Contained => consumed.at,
                Reach::Ahead | Reach::Lost => entry.low,
            },
            high: entry.high,
            lost: false,
            age: Some(Duration::from_micros(
                u64::try_from(now_us - entry.times.filled_at_us).unwrap_or(0),
            )),
        };
        match entry.age(now_us) {
            Age::Fresh => {
                let config = self.config.load();
                Found::Hit {
                    is_due: entry.is_late(now_us, config.refresh_share)
                        || entry.is_due(now_us, config.early_refresh, &*self.random),
                    answer: answer(),
                }
            }
            Age::Stale => Found::Hit {
                is_due: true,
                answer: answer(),
            },
            Age::OnError => Found::OnError(answer()),
            Age::Dead => Found::Miss,
        }
    }

    /// Keeps what was loaded, in so long, unless something is known that the read did not see.
    pub fn fill(&self, key: &[u8], loaded: Loaded, took: Duration) -> Result<(), Refused> {
        let filled = self.keep(key, loaded, took);
        self.counts.add(match &filled {
            Ok(_) => Count::Fill,
            Err(_) => Count::FillRefused,
        });
        let entry = filled?;
        let bytes = entry.weight_bytes as u64;
        self.counts.add_many(Count::FillBytes, bytes);
        if let Some(shadow) = &*self.shadow.load() {
            shadow.observe(key, entry.times.filled_at_us, || seen(&entry));
        }
        Ok(())
    }

    fn keep(&self, key: &[u8], loaded: Loaded, took: Duration) -> Result<Arc<Entry>, Refused> {
        let load_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let is_absent = loaded.value == Value::Absent;
        let (config, now_us) = (self.config.load(), self.clock.now_us());
        let times = Times::new(&config, is_absent, now_us, load_us, &*self.random)
            .map(|times| times.until(loaded.until_us));
        let fill = Fill {
            key: key.into(),
            value: loaded.value,
            low: loaded.low,
            high: loaded.high,
            tags: loaded.tags,
            times: times.ok_or(Refused::Absent)?,
            now_us,
        };
        self.replica.fill(self.collection, fill)
    }

    /// Drops all entries of this collection.
    pub fn clear(&self) {
        self.replica.clear(self.collection);
    }

    /// Changes how it is cached. Entries stay as far as they fit, with the times they were given;
    /// the ghosts begin anew.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        let shape = config.shape();
        self.replica.alone(|| self.entries.reshape(shape));
        let shadow = config
            .shadow
            .then(|| Arc::new(Shadow::new(shape, self.seed)));
        self.shadow.store(shadow);
        self.config.store(Arc::new(config));
        Ok(())
    }

    /// How it is cached.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// What other policies and sizes would do; empty where no ghosts are kept.
    pub fn estimates(&self) -> Vec<Estimate> {
        let shadow = self.shadow.load();
        shadow
            .as_ref()
            .map_or_else(Vec::new, |shadow| shadow.estimates())
    }

    /// What happened since it was made, and what lies there.
    pub fn statistics(&self) -> Statistics {
        let (entries, used_bytes) = (self.entries.entries(), self.entries.used_bytes());
        self.counts.statistics(entries, used_bytes)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.replica.leave(self.collection);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("collection", &self.collection)
            .field("config", &self.config.load())
            .field("backing", &self.backing)
            .finish_non_exhaustive()
    }
}

fn seen(entry: &Entry) -> Seen {
    Seen {
        digest: entry.value.digest(),
        fresh_until_us: entry.times.fresh_until_us,
        weight_bytes: entry.weight_bytes,
    }
}

#[cfg(test)]
mod tests;

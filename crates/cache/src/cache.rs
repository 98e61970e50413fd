//! The cache of one collection: asked before the store, filled with what the store said.

mod count;

pub use count::Statistics;

use crate::config::{Config, ConfigError};
use crate::entry::{Age, Entry, Times, Value};
use crate::flight::{Abandoned, Flights};
use crate::random::Random;
use crate::replica::{Consumed, Entries, Fill, Refused, Replica};
use crate::resident::Resident;
use crate::shadow::{Estimate, Seen, Shadow};
use crate::tag::Tag;
use arc_swap::{ArcSwap, ArcSwapOption};
use count::{Count, Counts};
use futures_util::future::BoxFuture;
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
}

/// What a flight is for: a key, and how old the copy may be that answers where that is said.
type Wanted = (Arc<[u8]>, Option<Duration>);

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
    /// What the caller has seen is in no history that goes on.
    pub lost: bool,
}

/// How a load ends.
pub type LoadResult = Result<Loaded, Arc<EngineError>>;

/// Asks the store, as fresh as it is told to.
pub type Load = Arc<dyn Fn(Freshness) -> BoxFuture<'static, LoadResult> + Send + Sync>;

/// An answer, from memory or from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was found.
    pub value: Value,
    /// All up to it is in the answer.
    pub low: Position,
    /// Nothing beyond it is in the answer: the caller is handed it.
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

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The store did not answer; all who waited for the same load are told the same.
    #[error(transparent)]
    Store(#[from] Arc<EngineError>),
    /// The load ended without an answer.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

/// So often a caller waits for others' loads that turn out not to be for him, before he loads
/// for himself alone.
const SHARED_ROUNDS: usize = 3;

impl Cache {
    /// An empty cache of one collection, that goes by what the replica consumes.
    pub fn new(
        replica: Arc<Replica>,
        config: Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
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
        }))
    }

    /// What is in memory for a caller. It is looked at as a request of the policy and the shadow.
    pub fn get(&self, key: &[u8], freshness: &Freshness) -> Found {
        if matches!(freshness.copies, Copies::Owner | Copies::Latest) {
            self.counts.add(Count::Past);
            return Found::Past;
        }
        // Before the entry, see `replica`.
        let consumed = self.replica.before();
        let Some(entry) = self.entries.get(key) else {
            self.counts.add(Count::Miss);
            return Found::Miss;
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
        found
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
            Age::Fresh => Found::Hit {
                is_due: entry.is_due(now_us, self.config.load().early_refresh, &*self.random),
                answer: answer(),
            },
            Age::Stale => Found::Hit {
                is_due: true,
                answer: answer(),
            },
            Age::OnError => Found::OnError(answer()),
            Age::Dead => Found::Miss,
        }
    }

    /// What is in memory, or else what the store says, loaded once for all who ask for it at the
    /// same time. `load` is asked for where something is to be loaded.
    pub async fn get_or_load(
        self: &Arc<Self>,
        key: &[u8],
        freshness: Freshness,
        load: impl FnOnce() -> Load,
    ) -> Result<Answer, LoadError> {
        match self.get(key, &freshness) {
            Found::Hit { answer, is_due } => {
                if is_due {
                    self.refresh(key, load());
                }
                Ok(answer)
            }
            Found::OnError(kept) => match self.load(key, freshness, load()).await {
                Err(error) if is_fault(&error) => {
                    self.counts.add(Count::OnError);
                    Ok(kept)
                }
                loaded => loaded,
            },
            Found::Miss | Found::Ahead => self.load(key, freshness, load()).await,
            // His question is not like the others': nobody waits for it, nor he for theirs.
            Found::Past => Ok(Arc::clone(self).run(key.into(), freshness, load()).await?),
        }
    }

    /// Loads a key behind the answers that are given meanwhile, unless it is being loaded. Must
    /// be called within a runtime.
    pub fn refresh(self: &Arc<Self>, key: &[u8], load: Load) {
        let freshness = Freshness {
            seen: None,
            copies: Copies::Covering,
        };
        let key: Arc<[u8]> = key.into();
        let this = Arc::clone(self);
        let task = Arc::clone(&key);
        drop(
            self.flights
                .join((key, None), || this.run(task, freshness, load)),
        );
    }

    async fn load(
        self: &Arc<Self>,
        key: &[u8],
        freshness: Freshness,
        load: Load,
    ) -> Result<Answer, LoadError> {
        let key: Arc<[u8]> = key.into();
        let (within, copies) = match freshness.copies {
            Copies::Within(span) => (Some(span), freshness.copies),
            _ => (None, Copies::Covering),
        };
        let shared = Freshness {
            seen: freshness.seen,
            copies,
        };
        for _ in 0..SHARED_ROUNDS {
            let this = Arc::clone(self);
            let (task, load) = (Arc::clone(&key), Arc::clone(&load));
            let ticket = self
                .flights
                .join((Arc::clone(&key), within), || this.run(task, shared, load));
            let led = ticket.led;
            match ticket.landed().await? {
                Ok(answer) if led || self.is_for(&answer, &freshness) => return Ok(answer),
                // Who began it was ahead of all copies; this one need not be.
                Err(error) if led || !matches!(*error, EngineError::Behind) => {
                    return Err(error.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Arc::clone(self).run(key, freshness, load).await?)
    }

    /// Whether what was loaded for another one may be given to this caller.
    fn is_for(&self, answer: &Answer, freshness: &Freshness) -> bool {
        let reach = |seen| {
            let consumed = self.replica.before();
            consumed.history.reach(seen, answer.low)
        };
        let covers = match freshness.seen {
            Some(seen) if freshness.must_cover() => reach(seen) == Reach::Contained,
            _ => true,
        };
        covers && !answer.lost
    }

    async fn run(
        self: Arc<Self>,
        key: Arc<[u8]>,
        freshness: Freshness,
        load: Load,
    ) -> Result<Answer, Arc<EngineError>> {
        let began_us = self.clock.now_us();
        self.counts.add(Count::Load);
        let loaded = load(freshness).await.inspect_err(|_| {
            self.counts.add(Count::LoadFailed);
        })?;
        let load_us = self.clock.now_us().saturating_sub(began_us);
        let took = Duration::from_micros(u64::try_from(load_us).unwrap_or(0));
        let answer = Answer {
            value: loaded.value.clone(),
            low: loaded.low,
            high: loaded.high,
            lost: loaded.lost,
            age: None,
        };
        // Refused or kept, which is counted: it is the caller's answer all the same.
        let _ = self.fill(&key, loaded, took);
        Ok(answer)
    }

    /// Keeps what was loaded, in so long, unless something is known that the read did not see.
    pub fn fill(&self, key: &[u8], loaded: Loaded, took: Duration) -> Result<(), Refused> {
        let filled = self.keep(key, loaded, took);
        self.counts.add(match &filled {
            Ok(_) => Count::Fill,
            Err(_) => Count::FillRefused,
        });
        let entry = filled?;
        if let Some(shadow) = &*self.shadow.load() {
            shadow.observe(key, entry.times.filled_at_us, || seen(&entry));
        }
        Ok(())
    }

    fn keep(&self, key: &[u8], loaded: Loaded, took: Duration) -> Result<Arc<Entry>, Refused> {
        let load_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let is_absent = loaded.value == Value::Absent;
        let (config, now_us) = (self.config.load(), self.clock.now_us());
        let times = Times::new(&config, is_absent, now_us, load_us, &*self.random);
        let fill = Fill {
            key: key.into(),
            value: loaded.value,
            low: loaded.low,
            high: loaded.high,
            tags: loaded.tags,
            times: times.ok_or(Refused::Absent)?,
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

/// Whether the store failed, and did not answer that the question is wrong.
fn is_fault(error: &LoadError) -> bool {
    match error {
        LoadError::Abandoned(_) => true,
        LoadError::Store(error) => matches!(
            **error,
            EngineError::Unavailable { .. }
                | EngineError::Internal { .. }
                | EngineError::Corrupt(_)
        ),
    }
}

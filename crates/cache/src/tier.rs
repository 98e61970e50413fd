//! The tier: an engine with caches in front of it.
//!
//! It is an [`Engine`] itself, so that nothing above it knows of caches but by naming the
//! collection that a read is asked of ([`Cacheable`]). A read of a collection that has a [`Rule`]
//! goes by that collection's cache; all else, and all that only the owner may answer, goes
//! through. A write goes through, and has the feed taken in.
//!
//! An answer is kept under BLAKE3 of the whole question, the schema's version in it, with the
//! [tags](crate::Tag) of what its plan looked at. A read that is planned for another schema than
//! the one that was taken in with the feed goes through: the engine says what is to be done.

mod asked;
mod checker;
mod collection;
mod follower;
mod question;
mod rows;
mod rule;
mod through;
mod warming;

pub use rule::{Rule, Strategy, UnknownStrategy, Warm};
pub use warming::{Hot, Question, WarmError, Warmer};

use crate::admission::{Admission, AdmissionConfig};
use crate::breaker::BreakerState;
use crate::cache::Backing;
use crate::config::ConfigError;
use crate::random::Random;
use crate::replica::Replica;
use crate::sharing::{Prefix, Sharing};
use arc_swap::ArcSwap;
use asked::{Asked, Found};
use async_trait::async_trait;
use collection::Collection;
use follower::Follower;
use pando_model::bus::Bus;
use pando_model::caching::CacheReport;
use pando_model::clock::Clock;
use pando_model::engine::{
    Cacheable, Copies, Engine, EngineInfo, FeedCursor, FeedPage, Freshness, LaidDown, Progress,
    Read, ReadAnswer, ReadSteps, Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::inspection::Inspection;
use pando_model::plan::RowSet;
use pando_model::stamp::Position;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A store that has not answered for so long is not followed any more, whatever lies in memory.
const SILENT_US_MAX: i64 = 5_000_000;
/// The only shard there is.
const SHARD: &str = "0";

type Collections = BTreeMap<Arc<str>, Arc<Collection>>;

/// An engine with caches in front of it.
pub struct Tier {
    inner: Arc<dyn Engine>,
    replica: Arc<Replica>,
    follower: Follower,
    collections: ArcSwap<Collections>,
    /// How many loads may be on the store at once.
    admission: Arc<Admission>,
    /// What is shared with other processes, and the name of the store there.
    shared: OnceLock<(Arc<Sharing>, String)>,
    /// Held while rules change: one after the other.
    changing: parking_lot::Mutex<()>,
    /// What loads before it is asked for, once somebody knows how.
    warming: OnceLock<AbortHandle>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Tier {
    /// Caches in front of an engine: none yet, until there are [rules](Tier::apply); then it
    /// follows, as a task of the current runtime.
    pub fn new(
        inner: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> std::result::Result<Arc<Tier>, ConfigError> {
        let admission = Admission::new(AdmissionConfig::default(), Arc::clone(&clock))?;
        let Progress { low, history, .. } = inner.progress();
        let replica = Replica::new(low, history, clock.now_us());
        let follower =
            Follower::start(Arc::clone(&inner), Arc::clone(&replica), Arc::clone(&clock));
        Ok(Arc::new(Tier {
            inner,
            replica,
            follower,
            collections: ArcSwap::default(),
            admission,
            shared: OnceLock::new(),
            changing: parking_lot::Mutex::new(()),
            warming: OnceLock::new(),
            changed: Notify::new(),
            clock,
            random,
        }))
    }

    /// Has collections that get a rule from now on share their answers with other processes.
    /// `store` tells this store from every other one that lies there.
    pub fn share(&self, sharing: Arc<Sharing>, store: impl Into<String>) {
        // It is said once, by who put the process together.
        let _ = self.shared.set((sharing, store.into()));
    }

    /// Has collections loaded before they are asked for, by somebody who knows what their rules'
    /// queries find; as a task of the current runtime, until it is closed.
    pub fn warm_by(self: &Arc<Self>, warmer: Arc<dyn Warmer>) {
        let task = || tokio::spawn(warming::run(Arc::downgrade(self), warmer)).abort_handle();
        // It is said once, by who put the process together.
        self.warming.get_or_init(task);
    }

    /// What a collection's cache has behind it. The schema is a part of each question.
    fn backing(&self, collection: &str) -> Backing {
        let shared = self.shared.get();
        Backing {
            sharing: shared.map(|(sharing, store)| {
                (
                    Arc::clone(sharing),
                    Prefix::new(store, SHARD, 0, collection),
                )
            }),
            admission: Some(Arc::clone(&self.admission)),
            ..Backing::default()
        }
    }

    /// Has collections cached by these rules from now on, and no others. What lies in memory stays
    /// as far as it fits. Nothing is changed where one of them cannot be.
    pub fn apply(&self, rules: BTreeMap<String, Rule>) -> std::result::Result<(), ConfigError> {
        for rule in rules.values() {
            rule.config.validate()?;
        }
        let _alone = self.changing.lock();
        let before = self.collections.load();
        let mut after = Collections::new();
        for (name, rule) in rules {
            let name: Arc<str> = name.into();
            let collection = match before.get(&name) {
                Some(there) if *there.rule() == rule => Arc::clone(there),
                Some(there) => {
                    there.change(rule)?;
                    Arc::clone(there)
                }
                None => Collection::new(
                    Arc::clone(&self.replica),
                    rule,
                    Arc::clone(&self.clock),
                    Arc::clone(&self.random),
                    self.backing(&name),
                )?,
            };
            after.insert(name, collection);
        }
        self.follower.need(!after.is_empty());
        self.collections.store(Arc::new(after));
        self.changed.notify_one();
        Ok(())
    }

    /// Has a store record nothing more for caches: those of a process that was killed.
    pub async fn forget(engine: &dyn Engine) -> Result<()> {
        follower::leave(engine).await
    }

    /// The rules in force.
    pub fn rules(&self) -> BTreeMap<String, Rule> {
        let collections = self.collections.load();
        let rules = collections.iter();
        rules
            .map(|(name, collection)| (name.to_string(), Rule::clone(&collection.rule())))
            .collect()
    }

    /// Keeps what a write found, as of its own position. What cannot be kept is removed by the feed.
    fn lay_down(&self, schema_version: u64, laid: LaidDown, rows: RowSet, at: Position) {
        let LaidDown { tree, of } = laid;
        let asked = Asked::of_read(Read {
            schema_version,
            tree,
            count: false,
            freshness: Freshness::default(),
        });
        let is_current = self.follower.schema_version() == Some(schema_version);
        let collection = self.collections.load().get(&of.collection).cloned();
        if let Some(collection) = collection
            && is_current
            && !question::is_foreign(&asked)
        {
            collection.lay_down(&asked, &of, &[rows], at);
        }
    }

    /// What a cache, or else the store, says.
    async fn ask(&self, asked: Asked, of: &Cacheable) -> Result<Found> {
        match self.collection_of(&asked, of) {
            Some(collection) => collection.read(self, asked, of).await,
            None => asked.ask(&*self.inner, asked.freshness).await,
        }
    }

    /// Whether the feed is followed, and the store has said so lately.
    fn is_following(&self) -> bool {
        let silent_us = self
            .clock
            .now_us()
            .saturating_sub(self.follower.asked_at_us());
        self.follower.schema_version().is_some() && silent_us < SILENT_US_MAX
    }

    /// The collection by whose cache a read goes; `None` where it goes through.
    fn collection_of(&self, asked: &Asked, of: &Cacheable) -> Option<Arc<Collection>> {
        let collection = self.collections.load().get(&of.collection).cloned()?;
        let is_owners = matches!(asked.freshness.copies, Copies::Owner | Copies::Latest);
        if is_owners || question::is_foreign(asked) {
            collection.count_past();
            return None;
        }
        // A question for another schema than the one that was taken in with the feed.
        (self.follower.schema_version() == Some(asked.schema_version)).then_some(collection)
    }
}

#[async_trait]
impl Engine for Tier {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn progress(&self) -> Progress {
        self.inner.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.inner.fetch_schema_version().await
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        self.inner.read(read).await
    }

    async fn read_of(&self, read: Read, of: &Cacheable) -> Result<ReadAnswer> {
        Ok(self.ask(Asked::of_read(read), of).await?.into())
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.inner.read_steps(read).await
    }

    async fn read_steps_of(&self, read: ReadSteps, of: &Cacheable) -> Result<StepsAnswer> {
        match Asked::of_steps(&read) {
            Some(asked) => Ok(self.ask(asked, of).await?.into()),
            None => self.inner.read_steps(read).await,
        }
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        let answer = self.inner.write(write).await;
        // Also where the outcome is unknown.
        self.follower.kick();
        answer
    }

    fn lays_down(&self, collection: &str) -> bool {
        let collections = self.collections.load();
        collections
            .get(collection)
            .is_some_and(|found| found.rule().strategy == Strategy::WriteThrough)
    }

    async fn write_through(&self, write: Write, lay_down: Vec<LaidDown>) -> Result<WriteAnswer> {
        if lay_down.is_empty() {
            return self.write(write).await;
        }
        let schema_version = write.schema_version;
        let (write, found) = through::reading(write, &lay_down);
        let answer = self.write(write).await?;
        if let WriteAnswer::Done { at, .. } = &answer {
            let rows = std::mem::take(&mut *found.lock());
            for (one, rows) in lay_down.into_iter().zip(rows) {
                self.lay_down(schema_version, one, rows, *at);
            }
        }
        Ok(answer)
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        self.inner.sweep_receipts(now_us, max).await
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        let applied = self.inner.apply(change).await;
        self.follower.kick();
        applied
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        self.inner.follow(follower).await
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        self.inner.fetch_feed(after, max).await
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        self.inner.acknowledge_feed(follower, cursor).await
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        self.inner.unfollow(follower).await
    }

    async fn backup(&self, path: &Path, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        self.inner.backup(path, progress).await
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.inner.verify().await
    }

    async fn inspect(&self) -> Result<Inspection> {
        self.inner.inspect().await
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        self.inner.bus()
    }

    fn caches(&self) -> Option<CacheReport> {
        let collections = self.collections.load();
        let reports = collections.iter();
        let headroom = self.admission.headroom();
        Some(CacheReport {
            shared: self.shared.get().map(|(sharing, _)| match sharing.state() {
                BreakerState::Closed if sharing.is_silent() => "silent",
                BreakerState::Closed => "asked",
                BreakerState::HalfOpen => "probed",
                BreakerState::Open => "left alone",
            }),
            loads_max: headroom.limit as u64,
            loads_under_way: headroom.under_way as u64,
            loads_waiting: headroom.waiting as u64,
            is_following: self.is_following(),
            consumed: self.replica.consumed(),
            asked_at_us: self.follower.asked_at_us(),
            collections: reports.map(|(name, of)| of.report(name)).collect(),
        })
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        self.inner.fetch_statistics().await
    }

    async fn close(&self) -> Result<()> {
        if let Some(warming) = self.warming.get() {
            warming.abort();
        }
        self.follower.stop();
        if !self.inner.is_shared()
            && let Err(error) = follower::leave(&*self.inner).await
        {
            tracing::debug!(%error, "could not end following");
        }
        self.inner.close().await
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier")
            .field("collections", &self.collections.load().keys())
            .finish_non_exhaustive()
    }
}

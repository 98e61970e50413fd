//! A collection with a rule: its cache, and how a read goes by it.

use super::asked::{Asked, Found};
use super::checker::Checker;
use super::warming::Warming;
use super::{Rule, Tier, question, rows};
use crate::cache::{self, Answer, Backing, Cache, Load, LoadError, Loaded};
use crate::config::ConfigError;
use crate::random::Random;
use crate::replica::Replica;
use arc_swap::ArcSwap;
use pando_model::caching::{CacheCounts, CacheEstimate, CollectionReport};
use pando_model::clock::Clock;
use pando_model::engine::{Cacheable, Engine, Expiry, Freshness, Result};
use pando_model::error::EngineError;
use pando_model::plan::RowSet;
use pando_model::stamp::Position;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a caller who is ahead of what was taken in waits for it: about as long as it takes to
/// ask the store once.
const PATIENCE: Duration = Duration::from_millis(20);

/// A collection with a rule.
pub(super) struct Collection {
    cache: Arc<Cache>,
    rule: ArcSwap<Rule>,
    /// The rule's, where each read looks.
    generation: AtomicU64,
    checker: Checker,
    warming: Warming,
}

impl Collection {
    pub(super) fn new(
        replica: Arc<Replica>,
        rule: Rule,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        backing: Backing,
    ) -> std::result::Result<Arc<Collection>, ConfigError> {
        let checker = Checker::new(Arc::clone(&clock));
        Ok(Arc::new(Collection {
            cache: Cache::backed(replica, rule.config.clone(), clock, random, backing)?,
            generation: AtomicU64::new(rule.generation),
            warming: Warming::new(rule.warm.is_some()),
            rule: ArcSwap::from_pointee(rule),
            checker,
        }))
    }

    pub(super) fn rule(&self) -> Arc<Rule> {
        self.rule.load_full()
    }

    pub(super) fn change(&self, rule: Rule) -> std::result::Result<(), ConfigError> {
        self.cache.reconfigure(rule.config.clone())?;
        let before = self.rule();
        let is_emptied = before.generation != rule.generation;
        let is_warmed = rule.warm.is_some() && (is_emptied || before.warm != rule.warm);
        // From here on nothing is found, nor waited for, that was asked for before; and what a
        // read that is under way lays down is not found either.
        self.generation.store(rule.generation, Ordering::Release);
        self.rule.store(Arc::new(rule));
        if is_emptied {
            self.cache.clear();
        }
        if is_warmed {
            self.warming.ask();
        }
        Ok(())
    }

    pub(super) fn warming(&self) -> &Warming {
        &self.warming
    }

    pub(super) fn capacity_bytes(&self) -> u64 {
        self.rule().config.capacity_bytes as u64
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.cache.statistics().used_bytes as u64
    }

    /// What all entries took that were ever kept.
    pub(super) fn filled_bytes(&self) -> u64 {
        self.cache.statistics().filled_bytes
    }

    fn key_of(&self, asked: &Asked, of: &Cacheable) -> [u8; 32] {
        question::key_of(asked, of, self.generation.load(Ordering::Acquire))
    }

    pub(super) fn count_past(&self) {
        self.cache.count_past();
    }

    /// Answers from memory, or else loads.
    pub(super) async fn read(
        self: &Arc<Self>,
        tier: &Tier,
        asked: Asked,
        of: &Cacheable,
    ) -> Result<Found> {
        let key = self.key_of(&asked, of);
        let load = || load_of(&tier.inner, &asked, of.expiry);
        let answer = match self.cache.get_and_renew(&key, &asked.freshness, &load) {
            cache::Found::Hit { answer, .. } => answer,
            // What waits is large, and a hit need not carry it along.
            found => Box::pin(self.load(tier, &key, &asked, of, found)).await?,
        };
        let rows = match rows::give(&answer.value, &asked.reads) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "what lay in the cache could not be read");
                return asked.ask(&*tier.inner, asked.freshness).await;
            }
        };
        if answer.age.is_some() && self.checker.is_due() {
            self.check(tier, key, asked, &answer);
        }
        Ok(Found {
            rows,
            low: answer.low,
            high: answer.high,
            lost: answer.lost,
        })
    }

    /// Comes by an answer that is not in memory, or not for this caller.
    async fn load(
        self: &Arc<Self>,
        tier: &Tier,
        key: &[u8],
        asked: &Asked,
        of: &Cacheable,
        found: cache::Found,
    ) -> Result<Answer> {
        let freshness = asked.freshness;
        let load = || load_of(&tier.inner, asked, of.expiry);
        let answer = match (found, freshness.seen) {
            (cache::Found::Ahead, Some(seen)) => {
                // Asking for what has changed serves all who wait, and every entry; loading this
                // one would serve nobody else.
                tier.follower.reaches(seen, PATIENCE).await;
                self.cache.get_or_load(key, freshness, load).await
            }
            (found, _) => self.cache.come_by(found, key, freshness, load).await,
        };
        answer.map_err(|error| match error {
            LoadError::Store(error) => EngineError::of_shared(error),
            LoadError::Abandoned(error) => EngineError::internal("load an answer", error),
        })
    }

    /// Keeps what a write found inside its transaction, which is true as of its position.
    pub(super) fn lay_down(&self, asked: &Asked, of: &Cacheable, rows: &[RowSet], at: Position) {
        let Ok(value) = rows::keep(rows) else {
            return;
        };
        let loaded = Loaded {
            value,
            low: at,
            high: at,
            tags: question::touched(&asked.reads, rows),
            until_us: of
                .expiry
                .and_then(|expiry| question::first_end(rows, expiry.output)),
            lost: false,
        };
        // Refused or kept, which is counted.
        let key = self.key_of(asked, of);
        let _ = self.cache.fill(&key, loaded, Duration::ZERO);
    }

    /// Compares an answer with the store's, behind it.
    fn check(self: &Arc<Self>, tier: &Tier, key: [u8; 32], asked: Asked, answer: &Answer) {
        let this = Arc::clone(self);
        let (engine, given) = (Arc::clone(&tier.inner), answer.value.clone());
        let replica = Arc::clone(&tier.replica);
        tokio::spawn(async move {
            let check = this
                .checker
                .check(&*engine, &replica, &this.cache, &key, asked, given);
            check.await;
        });
    }

    pub(super) fn report(&self, name: &str) -> CollectionReport {
        let (rule, statistics) = (self.rule(), self.cache.statistics());
        let (checked, inconsistent) = self.checker.counts();
        let estimates = self.cache.estimates().into_iter();
        CollectionReport {
            collection: name.to_owned(),
            strategy: rule.strategy.name(),
            eviction: rule.config.eviction.name(),
            capacity_bytes: rule.config.capacity_bytes as u64,
            used_bytes: statistics.used_bytes as u64,
            entries: statistics.entries as u64,
            ttl_seconds: rule.config.ttl.map(|ttl| ttl.as_secs_f64()),
            counts: CacheCounts {
                hits: statistics.hits,
                misses: statistics.misses,
                ahead: statistics.ahead,
                past: statistics.past,
                loads: statistics.loads,
                loads_failed: statistics.loads_failed,
                stale_on_error: statistics.stale_on_error,
                fills: statistics.fills,
                fills_refused: statistics.fills_refused,
                loads_not_admitted: statistics.loads_not_admitted,
                shared_hits: statistics.shared_hits,
                shared_waits: statistics.shared_waits,
                loads_unleased: statistics.loads_unleased,
                checked,
                inconsistent,
            },
            warming: rule.warm.as_ref().map(|warm| self.warming.report(warm)),
            estimates: estimates
                .map(|estimate| CacheEstimate {
                    eviction: estimate.eviction.name(),
                    capacity_bytes: estimate.capacity_bytes as u64,
                    hit_ratio: estimate.hit_ratio,
                    looked_at: estimate.looked_at,
                })
                .collect(),
        }
    }
}

/// Asks the engine, and says what its answer depends on.
fn load_of(engine: &Arc<dyn Engine>, asked: &Asked, expiry: Option<Expiry>) -> Load {
    let (engine, asked) = (Arc::clone(engine), asked.clone());
    Arc::new(move |freshness: Freshness| {
        let (engine, asked) = (Arc::clone(&engine), asked.clone());
        Box::pin(async move {
            let answer = asked.ask(&*engine, freshness).await.map_err(Arc::new)?;
            let value = rows::keep(&answer.rows)
                .map_err(|error| Arc::new(EngineError::internal("keep an answer", error)))?;
            Ok(Loaded {
                value,
                low: answer.low,
                high: answer.high,
                tags: question::touched(&asked.reads, &answer.rows),
                until_us: expiry
                    .and_then(|expiry| question::first_end(&answer.rows, expiry.output)),
                lost: answer.lost,
            })
        })
    })
}

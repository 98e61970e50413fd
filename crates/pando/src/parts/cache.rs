//! Caches: which collections are cached, and how, by `pando.toml`, the tables' options, and what
//! was changed while it runs.

mod rules;
mod told;
mod warmer;

pub use rules::faults;

use crate::config::{Cache, CachedCollection};
use pando_cache::{Strategy, Tier};
use pando_store::Store;
use pando_store::catalog::{CacheMark, CacheSettings};
use pando_store::error::StoreError;
use parking_lot::Mutex;
use rules::{BEHIND, check_name, check_shape, check_warm, merge, no_table, rule_of, rules_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use told::Origin;

/// How often it is looked whether a rule has changed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The caches of a process, and where their rules come from.
pub struct Caches {
    store: Arc<Store>,
    tier: Arc<Tier>,
    written: Mutex<Cache>,
    /// What the rules in force were made of.
    made_of: Mutex<Option<Source>>,
    /// Settings of the rules in force, and where each comes from, by collection.
    told: Mutex<BTreeMap<String, Value>>,
    /// Rules of tables that are not there, and which of these were told of.
    astray: Mutex<BTreeMap<String, Origin>>,
    warned_of: Mutex<BTreeSet<String>>,
    /// The spaces that were last asked to be written behind. Held while the store is told, so
    /// that what it is told last is what stands here.
    behind: tokio::sync::Mutex<Option<BTreeSet<String>>>,
}

/// What rules are made of.
#[derive(Clone, PartialEq)]
struct Source {
    written: Cache,
    schema_version: u64,
    changed: Arc<CacheSettings>,
}

/// Why a rule cannot be: its collection, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{collection}: {reason}")]
pub struct Refused {
    /// Which collection.
    pub collection: String,
    /// What is wrong.
    pub reason: String,
}

/// Why a rule was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nothing is said of what it is to be warmed by.
    #[error("{0} has no query that it could be warmed by")]
    NoQuery(String),
    /// It is no rule.
    #[error("the rule cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The store could not be told.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Caches {
    /// Caches that go by a configuration.
    pub fn new(store: Arc<Store>, tier: Arc<Tier>, written: Cache) -> Arc<Caches> {
        tier.warm_by(warmer::new(Arc::clone(&store)));
        Arc::new(Caches {
            store,
            tier,
            written: Mutex::new(written),
            made_of: Mutex::new(None),
            told: Mutex::default(),
            astray: Mutex::default(),
            warned_of: Mutex::default(),
            behind: tokio::sync::Mutex::new(None),
        })
    }

    /// Goes by another configuration from now on.
    pub fn reload(&self, written: Cache) {
        *self.written.lock() = written;
        self.look();
        // Whoever wrote it anew is told again.
        self.warned_of.lock().clear();
    }

    /// Brings the rules up to date, again and again.
    pub async fn keep(self: Arc<Self>) {
        let mut due = tokio::time::interval(LOOK_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut has_failed = false;
        loop {
            due.tick().await;
            self.look();
            self.warn();
            match self.write_behind().await {
                Ok(()) => has_failed = false,
                Err(error) if has_failed => {
                    tracing::debug!(%error, "spaces cannot be written behind, or not any more");
                }
                Err(error) => {
                    has_failed = true;
                    tracing::warn!(%error, "spaces cannot be written behind, or not any more");
                }
            }
        }
    }

    /// Has the spaces written behind that the rules say, if these have changed here. All processes
    /// are of one mind about it: the one whose rules changed last decides, and none of them asks
    /// for what it asked for before.
    async fn write_behind(&self) -> Result<(), StoreError> {
        let mut behind_last = self.behind.lock().await;
        let rules = self.tier.rules();
        let behind = rules.iter().filter_map(|(name, rule)| {
            let is_behind = rule.strategy == Strategy::WriteBehind;
            name.strip_prefix(BEHIND).filter(|_| is_behind)
        });
        let wanted: BTreeSet<String> = behind.map(str::to_owned).collect();
        if behind_last.as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.store.write_behind(&wanted).await?;
        *behind_last = Some(wanted);
        Ok(())
    }

    /// Brings the rules up to date, if something that they are made of has changed.
    pub fn look(&self) {
        let mut made_of = self.made_of.lock();
        let schema = self.store.schema();
        let source = Source {
            written: self.written.lock().clone(),
            schema_version: schema.version,
            changed: self.store.cache_settings(),
        };
        if made_of.as_ref() == Some(&source) {
            return;
        }
        let all = rules_of(&source, &schema);
        for refused in all.refused {
            tracing::warn!(
                collection = refused.collection,
                "not cached: {}",
                refused.reason
            );
        }
        match self.tier.apply(all.rules) {
            Ok(()) => {
                *made_of = Some(source);
                *self.told.lock() = all.told;
                *self.astray.lock() = all.astray;
            }
            Err(error) => tracing::error!(%error, "the rules of caching are refused"),
        }
    }

    /// Says which rules are of tables that are not there, once.
    fn warn(&self) {
        let astray = self.astray.lock().clone();
        let mut warned_of = self.warned_of.lock();
        let schema = self.store.schema();
        for (collection, origin) in &astray {
            if !warned_of.insert(collection.clone()) {
                continue;
            }
            let table = collection.trim_start_matches("rest/");
            let reason = no_table(table, &schema);
            let mend = match origin {
                Origin::Admin => format!("DELETE /admin/v1/caches/{collection}"),
                _ => format!("mend [cache.collections.\"{collection}\"], or migrate"),
            };
            tracing::warn!(collection, mend, "a rule of caching does nothing: {reason}");
        }
        warned_of.retain(|collection| astray.contains_key(collection));
    }

    /// Changes settings of a collection's rule for all processes; those that are not named stay,
    /// also if another process has changed them at the same time.
    pub async fn change(&self, collection: &str, change: Value) -> Result<(), RuleError> {
        check_name(collection, &self.store.schema())?;
        loop {
            let known = self.store.cache_settings().rules.get(collection).cloned();
            let text = self.changed(collection, known.as_deref(), change.clone())?;
            let changed = self.store.change_cache_rule(collection, known, text);
            // Whoever came between has changed it: so somebody gets on each time.
            if changed.await? {
                break;
            }
        }
        self.look();
        Ok(self.write_behind().await?)
    }

    /// What the settings of a rule are once they are changed.
    fn changed(
        &self,
        collection: &str,
        known: Option<&str>,
        change: Value,
    ) -> Result<String, RuleError> {
        let mut settings = match known {
            Some(text) => serde_json::from_str(text)?,
            None => Value::Object(serde_json::Map::new()),
        };
        merge(&mut settings, change);
        let own: CachedCollection = serde_json::from_value(settings.clone())?;
        let written = self.written.lock().collections.get(collection).cloned();
        let schema = self.store.schema();
        let ruled = rule_of(collection, &schema, written.as_ref(), Some(&own))?;
        if let Some(rule) = &ruled.rule {
            check_warm(collection, rule, &self.store)?;
        }
        Ok(settings.to_string())
    }

    /// Takes back what was changed of a collection's rule.
    pub async fn reset(&self, collection: &str) -> Result<(), RuleError> {
        // What was kept once can be taken back, whatever it is named.
        if !self.store.cache_settings().rules.contains_key(collection) {
            check_shape(collection)?;
        }
        self.store.reset_cache_rule(collection).await?;
        self.look();
        Ok(self.write_behind().await?)
    }

    /// Has what is kept of a collection, or of all, found no more, in any process and in what they
    /// share; `false` where it has no rule. In this process it is so when this returns.
    pub async fn flush(&self, collection: Option<&str>) -> Result<bool, RuleError> {
        if !self.has_rule(collection) {
            return Ok(false);
        }
        self.store.mark_caches(CacheMark::Flush, collection).await?;
        self.look();
        Ok(true)
    }

    /// Has a collection loaded again by the query of its rule, in all processes; `false` where it
    /// has no rule.
    pub async fn warm(&self, collection: &str) -> Result<bool, RuleError> {
        match self.tier.rules().get(collection) {
            None => return Ok(false),
            Some(rule) if rule.warm.is_none() => {
                return Err(RuleError::NoQuery(collection.to_owned()));
            }
            Some(_) => {}
        }
        let marked = self.store.mark_caches(CacheMark::Warm, Some(collection));
        marked.await?;
        self.look();
        Ok(true)
    }

    /// The settings of a collection's rule, and where each comes from.
    pub fn rule(&self, collection: &str) -> Option<Value> {
        self.told.lock().get(collection).cloned()
    }

    fn has_rule(&self, collection: Option<&str>) -> bool {
        collection.is_none_or(|collection| self.tier.rules().contains_key(collection))
    }
}

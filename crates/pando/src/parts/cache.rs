//! Caches: which collections are cached, and how, by `pando.toml`, the tables' options, and what
//! was changed while it runs.

use crate::config::{Cache, CachedCollection, EvictionName, StrategyName};
use pando_cache::{Config, ConfigError, Eviction, Rule, Strategy, Tier};
use pando_model::schema::{Schema, Table};
use pando_store::Store;
use pando_store::error::StoreError;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a rule has changed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What may be written behind: writes that no constraint, no index and no count depends on.
const BEHIND: &str = "kv/";

/// What the names of collections begin with.
pub const SURFACES: [&str; 5] = ["rest", "docs", "kv", "wide", "graph"];

/// Characters of a collection's name at most, behind what it begins with.
const NAME_CHARS_MAX: usize = 255;

/// The caches of a process, and where their rules come from.
pub struct Caches {
    store: Arc<Store>,
    tier: Arc<Tier>,
    written: Mutex<Cache>,
    /// What the rules in force were made of.
    made_of: Mutex<Option<Source>>,
    /// The spaces that were last asked to be written behind.
    behind: Mutex<Option<BTreeSet<String>>>,
}

/// What rules are made of.
#[derive(Clone, PartialEq)]
struct Source {
    written: Cache,
    schema_version: u64,
    changed: Arc<BTreeMap<String, String>>,
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
        Arc::new(Caches {
            store,
            tier,
            written: Mutex::new(written),
            made_of: Mutex::new(None),
            behind: Mutex::new(None),
        })
    }

    /// Goes by another configuration from now on.
    pub fn reload(&self, written: Cache) {
        *self.written.lock() = written;
        self.look();
    }

    /// Brings the rules up to date, again and again.
    pub async fn keep(self: Arc<Self>) {
        let mut due = tokio::time::interval(LOOK_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut has_failed = false;
        loop {
            due.tick().await;
            self.look();
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
        let rules = self.tier.rules();
        let behind = rules.iter().filter_map(|(name, rule)| {
            let is_behind = rule.strategy == Strategy::WriteBehind;
            name.strip_prefix(BEHIND).filter(|_| is_behind)
        });
        let wanted: BTreeSet<String> = behind.map(str::to_owned).collect();
        if self.behind.lock().as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.store.write_behind(&wanted).await?;
        *self.behind.lock() = Some(wanted);
        Ok(())
    }

    /// Brings the rules up to date, if something that they are made of has changed.
    pub fn look(&self) {
        let mut made_of = self.made_of.lock();
        let schema = self.store.schema();
        let source = Source {
            written: self.written.lock().clone(),
            schema_version: schema.version,
            changed: self.store.cache_rules(),
        };
        if made_of.as_ref() == Some(&source) {
            return;
        }
        let (rules, refused) = rules_of(&source, &schema);
        for refused in refused {
            tracing::warn!(
                collection = refused.collection,
                "not cached: {}",
                refused.reason
            );
        }
        match self.tier.apply(rules) {
            Ok(()) => *made_of = Some(source),
            Err(error) => tracing::error!(%error, "the rules of caching are refused"),
        }
    }

    /// Changes settings of a collection's rule for all processes; those that are not named stay.
    pub async fn change(&self, collection: &str, change: Value) -> Result<(), RuleError> {
        let schema = self.store.schema();
        check_name(collection, &schema)?;
        let kept = self.store.cache_rules();
        let mut settings = match kept.get(collection) {
            Some(text) => serde_json::from_str(text)?,
            None => Value::Object(serde_json::Map::new()),
        };
        merge(&mut settings, change);
        let own: CachedCollection = serde_json::from_value(settings.clone())?;
        let written = self.written.lock().collections.get(collection).cloned();
        rule_of(collection, &schema, written.as_ref(), Some(&own))?;
        let text = settings.to_string();
        self.store.put_cache_rule(collection, Some(text)).await?;
        self.look();
        Ok(self.write_behind().await?)
    }

    /// Takes back what was changed of a collection's rule.
    pub async fn reset(&self, collection: &str) -> Result<(), RuleError> {
        check_shape(collection)?;
        self.store.put_cache_rule(collection, None).await?;
        self.look();
        Ok(self.write_behind().await?)
    }

    /// Drops what is kept of a collection; `false` where it has no rule.
    pub fn flush(&self, collection: &str) -> bool {
        self.tier.flush(collection)
    }
}

/// The faults of a configuration by itself.
pub fn faults(written: &Cache) -> Vec<(String, String)> {
    let faults = written.collections.iter().filter_map(|(name, collection)| {
        let named = check_shape(name);
        let ruled = named.and_then(|()| rule_from(name, &[collection]));
        ruled
            .err()
            .map(|refused| (format!("cache.collections.{name}"), refused.reason))
    });
    faults.collect()
}

fn rules_of(source: &Source, schema: &Schema) -> (BTreeMap<String, Rule>, Vec<Refused>) {
    let mut changed = BTreeMap::new();
    let mut refused = Vec::new();
    for (name, text) in &*source.changed {
        match serde_json::from_str::<CachedCollection>(text) {
            Ok(settings) => {
                changed.insert(name.clone(), settings);
            }
            Err(error) => refused.push(Refused {
                collection: name.clone(),
                reason: format!("what was changed of it is not readable: {error}"),
            }),
        }
    }
    let written = &source.written.collections;
    let declared = schema.tables.iter();
    let declared = declared.filter(|(_, table)| table.options.contains_key("cache"));
    let names: BTreeSet<String> = declared
        .map(|(name, _)| format!("rest/{name}"))
        .chain(written.keys().cloned())
        .chain(changed.keys().cloned())
        .collect();
    let mut rules = BTreeMap::new();
    for name in names {
        // A table that is not there yet has its rule once it is.
        let is_gone = name
            .strip_prefix("rest/")
            .is_some_and(|table| !schema.tables.contains_key(table));
        if is_gone {
            continue;
        }
        match rule_of(&name, schema, written.get(&name), changed.get(&name)) {
            Ok(rule) => {
                rules.insert(name, rule);
            }
            Err(error) => refused.push(error),
        }
    }
    (rules, refused)
}

fn rule_of(
    name: &str,
    schema: &Schema,
    written: Option<&CachedCollection>,
    changed: Option<&CachedCollection>,
) -> Result<Rule, Refused> {
    let table = name
        .strip_prefix("rest/")
        .and_then(|table| schema.tables.get(table));
    let declared = table.map(|table| declared(table)).transpose()?;
    if table.is_some_and(|table| table.adopted) {
        return Err(Refused {
            collection: name.to_owned(),
            reason: "others than Pando write to an adopted table, and nothing tells of it"
                .to_owned(),
        });
    }
    let from: Vec<&CachedCollection> = [changed, written, declared.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    rule_from(name, &from)
}

/// A rule from settings, of which the first that says something decides.
fn rule_from(name: &str, from: &[&CachedCollection]) -> Result<Rule, Refused> {
    fn first<T: Copy>(
        from: &[&CachedCollection],
        of: impl Fn(&CachedCollection) -> Option<T>,
    ) -> Option<T> {
        from.iter().find_map(|settings| of(settings))
    }
    let default = Config::default();
    // `0s` is none.
    let span = |of: fn(&CachedCollection) -> Option<crate::config::units::Duration>,
                default: Option<Duration>| {
        match first(from, of) {
            Some(span) => Some(span.get()).filter(|span| !span.is_zero()),
            None => default,
        }
    };
    let capacity = first(from, |settings| settings.capacity);
    let config = Config {
        eviction: first(from, |settings| settings.eviction)
            .map_or(default.eviction, EvictionName::get),
        capacity_bytes: capacity.map_or(default.capacity_bytes, |size| {
            usize::try_from(size.bytes()).unwrap_or(usize::MAX)
        }),
        ttl: span(|settings| settings.ttl, default.ttl),
        ttl_jitter: first(from, |settings| settings.ttl_jitter).unwrap_or(default.ttl_jitter),
        stale_while_revalidate: span(|settings| settings.stale_while_revalidate, None)
            .unwrap_or_default(),
        stale_if_error: span(|settings| settings.stale_if_error, None).unwrap_or_default(),
        negative_ttl: span(|settings| settings.negative_ttl, default.negative_ttl),
        shadow: first(from, |settings| settings.shadow).unwrap_or(default.shadow),
        ..default
    };
    let strategy =
        first(from, |settings| settings.strategy).map_or(Strategy::default(), StrategyName::get);
    if strategy == Strategy::WriteBehind && !name.starts_with(BEHIND) {
        return Err(Refused {
            collection: name.to_owned(),
            reason: "write-behind is for key-values alone (kv/SPACE): what constraints, indexes \
                     and counts say of a write is known only when it is done, and it would be \
                     acknowledged before"
                .to_owned(),
        });
    }
    Rule::new(strategy, config).map_err(|error: ConfigError| Refused {
        collection: name.to_owned(),
        reason: error.to_string(),
    })
}

/// What a table's `WITH (…)` says of caching.
fn declared(table: &Table) -> Result<CachedCollection, Refused> {
    let mut settings = serde_json::Map::new();
    for (name, value) in &table.options {
        let name = if name == "cache" { "strategy" } else { name };
        settings.insert(name.to_owned(), Value::String(value.clone()));
    }
    serde_json::from_value(Value::Object(settings)).map_err(|error| Refused {
        collection: format!("rest/{}", table.name),
        reason: error.to_string(),
    })
}

fn check_name(name: &str, schema: &Schema) -> Result<(), Refused> {
    check_shape(name)?;
    match name.strip_prefix("rest/") {
        Some(table) if !schema.tables.contains_key(table) => Err(Refused {
            collection: name.to_owned(),
            reason: format!("there is no table {table}"),
        }),
        _ => Ok(()),
    }
}

fn check_shape(name: &str) -> Result<(), Refused> {
    let is_known = name.split_once('/').is_some_and(|(surface, of)| {
        SURFACES.contains(&surface) && (1..=NAME_CHARS_MAX).contains(&of.chars().count())
    });
    if is_known {
        return Ok(());
    }
    Err(Refused {
        collection: name.to_owned(),
        reason: "a collection is named rest/TABLE, docs/NAME, kv/SPACE, wide/TABLE or graph/NAME"
            .to_owned(),
    })
}

/// RFC 7396 on one level: `null` takes a setting back.
fn merge(settings: &mut Value, change: Value) {
    match (settings, change) {
        (Value::Object(settings), Value::Object(change)) => {
            for (name, value) in change {
                match value {
                    Value::Null => {
                        settings.remove(&name);
                    }
                    value => {
                        settings.insert(name, value);
                    }
                }
            }
        }
        (settings, change) => *settings = change,
    }
}

impl EvictionName {
    fn get(self) -> Eviction {
        match self {
            EvictionName::Lru => Eviction::Lru,
            EvictionName::Lfu => Eviction::Lfu,
            EvictionName::Fifo => Eviction::Fifo,
            EvictionName::S3fifo => Eviction::S3Fifo,
            EvictionName::Sieve => Eviction::Sieve,
        }
    }
}

impl StrategyName {
    fn get(self) -> Strategy {
        match self {
            StrategyName::CacheAside => Strategy::CacheAside,
            StrategyName::ReadThrough => Strategy::ReadThrough,
            StrategyName::WriteThrough => Strategy::WriteThrough,
            StrategyName::WriteBehind => Strategy::WriteBehind,
            StrategyName::WriteAround => Strategy::WriteAround,
            StrategyName::RefreshAhead => Strategy::RefreshAhead,
        }
    }
}

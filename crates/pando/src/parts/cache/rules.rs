//! Rules of caching: made of what the admin API changed, what the file says and what tables
//! declare; setting by setting, in this order.

use super::told::{Origin, told};
use super::{Refused, Source};
use crate::config::{Cache, CachedCollection, EvictionName, StrategyName};
use pando_cache::{Config, ConfigError, Eviction, Rule, Strategy, Warm};
use pando_model::schema::{Schema, Table};
use pando_store::catalog::CacheMark;
use pando_store::{Store, kv};
use pando_web::WarmQuery;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What may be written behind: writes that no constraint, no index and no count depends on.
pub(super) const BEHIND: &str = "kv/";

/// What the names of collections begin with, and what is named behind it.
const SURFACES: [(&str, &str); 5] = [
    ("rest", "table"),
    ("docs", "collection"),
    ("kv", "space"),
    ("wide", "table"),
    ("graph", "graph"),
];

/// Rows that are loaded in a second before they are asked for, if nothing is said, and at most.
pub(super) const WARM_RATE: u32 = 200;
const WARM_RATE_MAX: u32 = 10_000;
/// Bytes of the query that finds them.
const QUERY_BYTES_MAX: usize = 1_000;

/// From which likeness on one name is taken for another one, misspelt.
const LIKE_MIN: f64 = 0.8;

/// The faults of a configuration by itself.
pub fn faults(written: &Cache) -> Vec<(String, String)> {
    let faults = written.collections.iter().filter_map(|(name, collection)| {
        let named = check_shape(name);
        let ruled = named.and_then(|()| rule_from(name, &[(Origin::File, collection)]));
        ruled
            .err()
            .map(|refused| (format!("cache.collections.{name}"), refused.reason))
    });
    faults.collect()
}

/// The rules that are in force.
#[derive(Default)]
pub(super) struct Rules {
    /// By collection; those that are turned off are not among them.
    pub rules: BTreeMap<String, Rule>,
    /// Their settings, and where each comes from; with those that are turned off.
    pub told: BTreeMap<String, Value>,
    /// Those that cannot be.
    pub refused: Vec<Refused>,
    /// Those of tables that are not there, and where they come from.
    pub astray: BTreeMap<String, Origin>,
}

pub(super) fn rules_of(source: &Source, schema: &Schema) -> Rules {
    let mut changed = BTreeMap::new();
    let mut all = Rules::default();
    for (name, text) in &source.changed.rules {
        match serde_json::from_str::<CachedCollection>(text) {
            Ok(settings) => {
                changed.insert(name.clone(), settings);
            }
            Err(error) => all.refused.push(Refused {
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
    for name in names {
        let (own, said) = (changed.get(&name), written.get(&name));
        // A table that is not there yet has its rule once it is.
        let is_gone = name
            .strip_prefix("rest/")
            .is_some_and(|table| !schema.tables.contains_key(table));
        if is_gone {
            let origin = said.map_or(Origin::Admin, |_| Origin::File);
            all.astray.insert(name, origin);
            continue;
        }
        // One that was kept though the store has no such name stands in nobody's way.
        let ruled = check_shape(&name).and_then(|()| rule_of(&name, schema, said, own));
        match ruled {
            Ok(ruled) => {
                if let Some(mut rule) = ruled.rule {
                    rule.generation = number_of(source.changed.mark(CacheMark::Flush, &name));
                    if let Some(warm) = &mut rule.warm {
                        warm.asked = number_of(source.changed.mark(CacheMark::Warm, &name));
                    }
                    all.rules.insert(name.clone(), rule);
                }
                all.told.insert(name, ruled.told);
            }
            Err(error) => all.refused.push(error),
        }
    }
    all
}

/// A number that another mark has not.
fn number_of(mark: Option<&str>) -> u64 {
    let number = mark.and_then(|mark| mark.parse::<u128>().ok());
    // Marks are made by chance, in all of their bits.
    number.map_or(0, |number| number as u64 | 1)
}

/// A rule, if it is not turned off, and what it was made of.
pub(super) struct Ruled {
    pub rule: Option<Rule>,
    pub told: Value,
}

pub(super) fn rule_of(
    name: &str,
    schema: &Schema,
    written: Option<&CachedCollection>,
    changed: Option<&CachedCollection>,
) -> Result<Ruled, Refused> {
    let table = name
        .strip_prefix("rest/")
        .and_then(|table| schema.tables.get(table));
    let declared = table.map(|table| declared(table)).transpose()?;
    let from = [
        (Origin::Admin, changed),
        (Origin::File, written),
        (Origin::Table, declared.as_ref()),
    ];
    let from: Vec<(Origin, &CachedCollection)> = from
        .into_iter()
        .filter_map(|(origin, settings)| Some((origin, settings?)))
        .collect();
    let rule = rule_from(name, &from)?;
    if rule.is_some() && table.is_some_and(|table| table.adopted) {
        return Err(Refused {
            collection: name.to_owned(),
            reason: "others than Pando write to an adopted table, and nothing tells of it"
                .to_owned(),
        });
    }
    let told = told(rule.as_ref(), &from);
    Ok(Ruled { rule, told })
}

/// A rule from settings, of which the first that says something decides; `None` where that turns
/// it off.
fn rule_from(name: &str, from: &[(Origin, &CachedCollection)]) -> Result<Option<Rule>, Refused> {
    fn first<T>(
        from: &[(Origin, &CachedCollection)],
        of: impl Fn(&CachedCollection) -> Option<T>,
    ) -> Option<T> {
        from.iter().find_map(|(_, settings)| of(settings))
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
    let named = first(from, |settings| settings.strategy);
    let strategy = named.map_or(Some(Strategy::default()), StrategyName::get);
    let rate = first(from, |settings| settings.warm_rate).unwrap_or(WARM_RATE);
    if !(1..=WARM_RATE_MAX).contains(&rate) {
        return Err(Refused {
            collection: name.to_owned(),
            reason: format!("warm_rate is {rate}: it must be between 1 and {WARM_RATE_MAX}"),
        });
    }
    // An empty one is none.
    let warm = first(from, |settings| settings.warm.clone()).filter(|query| !query.is_empty());
    let warm = warm.map(|query| warm_of(name, query, rate)).transpose()?;
    let Some(strategy) = strategy else {
        return Ok(None);
    };
    if strategy == Strategy::WriteBehind && !name.starts_with(BEHIND) {
        return Err(Refused {
            collection: name.to_owned(),
            reason: "write-behind is for key-values alone (kv/SPACE): what constraints, indexes \
                     and counts say of a write is known only when it is done, and it would be \
                     acknowledged before"
                .to_owned(),
        });
    }
    let rule = Rule::new(strategy, config).map_err(|error: ConfigError| Refused {
        collection: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(Rule { warm, ..rule }))
}

/// What is loaded before it is asked for, as far as the grammar tells that it can be.
fn warm_of(name: &str, query: String, rate: u32) -> Result<Warm, Refused> {
    let refuse = |reason| {
        Err(Refused {
            collection: name.to_owned(),
            reason,
        })
    };
    if query.len() > QUERY_BYTES_MAX {
        let bytes = query.len();
        return refuse(format!(
            "warm has {bytes} bytes: it must have at most {QUERY_BYTES_MAX}"
        ));
    }
    if let Err(error) = WarmQuery::read(name, &query) {
        return refuse(format!("warm: {}", error.told()));
    }
    Ok(Warm {
        query,
        rate,
        asked: 0,
    })
}

/// Refuses what a rule is warmed by, if the schema has not what it names.
pub(super) fn check_warm(name: &str, rule: &Rule, store: &Store) -> Result<(), Refused> {
    let Some(warm) = &rule.warm else {
        return Ok(());
    };
    let read = WarmQuery::read(name, &warm.query);
    read.and_then(|query| query.check(store))
        .map_err(|error| Refused {
            collection: name.to_owned(),
            reason: format!("warm: {}", error.told()),
        })
}

/// What a table's `WITH (…)` says of caching.
fn declared(table: &Table) -> Result<CachedCollection, Refused> {
    let mut settings = serde_json::Map::new();
    for (name, value) in &table.options {
        let name = if name == "cache" { "strategy" } else { name };
        let value = match (name, value.parse::<u32>()) {
            ("warm_rate", Ok(rate)) => Value::from(rate),
            _ => Value::String(value.clone()),
        };
        settings.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(settings)).map_err(|error| Refused {
        collection: format!("rest/{}", table.name),
        reason: error.to_string(),
    })
}

pub(super) fn check_name(name: &str, schema: &Schema) -> Result<(), Refused> {
    check_shape(name)?;
    match name.strip_prefix("rest/") {
        Some(table) if !schema.tables.contains_key(table) => Err(Refused {
            collection: name.to_owned(),
            reason: no_table(table, schema),
        }),
        _ => Ok(()),
    }
}

/// That there is no such table, and which one is named much like it.
pub(super) fn no_table(table: &str, schema: &Schema) -> String {
    let known = schema.tables.keys();
    let near = known
        .map(|known| (strsim::jaro_winkler(table, known), known))
        .filter(|(likeness, _)| *likeness > LIKE_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match near {
        Some((_, near)) => format!("there is no table {table}: did you mean {near}?"),
        None => format!("there is no table {table}"),
    }
}

pub(super) fn check_shape(name: &str) -> Result<(), Refused> {
    let named = name.split_once('/').and_then(|(surface, of)| {
        let mut known = SURFACES.iter();
        let (_, what) = known.find(|(known, _)| *known == surface)?;
        Some((*what, of))
    });
    let reason = match named {
        // As the store has it: what it refuses no rule can be of.
        Some((what, of)) => match kv::check_name(what, of) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal.message,
        },
        None => "a collection is named rest/TABLE, docs/NAME, kv/SPACE, wide/TABLE or graph/NAME"
            .to_owned(),
    };
    Err(Refused {
        collection: name.to_owned(),
        reason,
    })
}

/// RFC 7396 on one level: `null` takes a setting back.
pub(super) fn merge(settings: &mut Value, change: Value) {
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
    /// `None` is none.
    fn get(self) -> Option<Strategy> {
        match self {
            StrategyName::Off => None,
            StrategyName::CacheAside => Some(Strategy::CacheAside),
            StrategyName::ReadThrough => Some(Strategy::ReadThrough),
            StrategyName::WriteThrough => Some(Strategy::WriteThrough),
            StrategyName::WriteBehind => Some(Strategy::WriteBehind),
            StrategyName::WriteAround => Some(Strategy::WriteAround),
            StrategyName::RefreshAhead => Some(Strategy::RefreshAhead),
        }
    }
}

#[cfg(test)]
mod tests;

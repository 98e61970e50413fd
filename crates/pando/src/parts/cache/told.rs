//! What is told of a rule: each setting that is in force, and where it comes from.

use crate::config::{CachedCollection, EvictionName, StrategyName};
use pando_cache::{Config, Rule, Strategy};
use serde_json::{Value, json};
use std::time::Duration;

/// Where a setting comes from. What is further down goes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Default,
    Table,
    File,
    Admin,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::Table => "table",
            Origin::File => "file",
            Origin::Admin => "admin",
        }
    }
}

/// Each setting that is in force, and where it comes from.
pub(super) fn told(rule: Option<&Rule>, from: &[(Origin, &CachedCollection)]) -> Value {
    let default = CachedCollection::in_force_by_default(rule);
    let all = from.iter().copied().rev();
    let mut told = serde_json::Map::new();
    for (origin, settings) in [(Origin::Default, &default)].into_iter().chain(all) {
        let Ok(Value::Object(settings)) = serde_json::to_value(settings) else {
            continue;
        };
        let said = settings.into_iter().filter(|(name, value)| {
            // All of them are named by the first.
            !value.is_null() || !told.contains_key(name)
        });
        let said: Vec<(String, Value)> = said.collect();
        for (name, value) in said {
            let setting = json!({ "value": value, "origin": origin.name() });
            told.insert(name, setting);
        }
    }
    Value::Object(told)
}

impl CachedCollection {
    /// What holds where nothing is said.
    fn in_force_by_default(rule: Option<&Rule>) -> CachedCollection {
        let config = Config::default();
        let span = |span: Option<Duration>| {
            let micros = span.unwrap_or_default().as_micros();
            format!("{micros}us").parse().ok()
        };
        let is_ahead = rule.is_some_and(|rule| rule.strategy == Strategy::RefreshAhead);
        let stale_if_error = rule
            .filter(|_| is_ahead)
            .map(|rule| rule.config.stale_if_error);
        CachedCollection {
            strategy: Some(StrategyName::ReadThrough),
            eviction: Some(EvictionName::S3fifo),
            capacity: format!("{}B", config.capacity_bytes).parse().ok(),
            ttl: span(config.ttl),
            ttl_jitter: Some(config.ttl_jitter),
            stale_while_revalidate: span(None),
            stale_if_error: span(stale_if_error),
            negative_ttl: span(config.negative_ttl),
            shadow: Some(config.shadow),
            warm: None,
            warm_rate: Some(super::rules::WARM_RATE),
        }
    }
}

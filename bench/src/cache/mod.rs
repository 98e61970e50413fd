//! The cache tier: hit ratios on recorded traces, what a hit costs, what it gains over HTTP, and
//! what writing behind does.

pub mod behind;
pub mod hit;
pub mod http;
mod simulate;
pub mod traces;

use anyhow::Result;
use bytes::Bytes;
use pando_cache::{Cache, Config, Eviction, Found, Loaded, SeededRandom, Value, weight_bytes};
use pando_model::clock::SystemClock;
use pando_model::engine::{Copies, Freshness};
use pando_model::stamp::{History, Position};
use std::sync::Arc;
use std::time::Duration;

const BEGIN: Position = Position { timeline: 1, p: 1 };

/// A caller who has seen as much as the cache has.
const SESSION: Freshness = Freshness {
    seen: Some(BEGIN),
    copies: Copies::Covering,
};

/// A cache that has room for so many of [`entry`]'s.
fn cache(eviction: Eviction, entries: usize) -> Result<Arc<Cache>> {
    let entry_bytes = weight_bytes(4, 4, 0);
    let config = Config {
        eviction,
        capacity_bytes: entries * entry_bytes,
        entry_bytes,
        parts: Some(1),
        ..Config::default()
    };
    let replica = pando_cache::Replica::new(BEGIN, History::default(), 0);
    let random = Arc::new(SeededRandom::new(1));
    Ok(Cache::new(replica, config, Arc::new(SystemClock), random)?)
}

/// What a store says of a key.
fn entry(key: u32) -> Loaded {
    Loaded {
        value: Value::Found(Bytes::copy_from_slice(&key.to_le_bytes())),
        low: BEGIN,
        high: BEGIN,
        tags: Vec::new(),
        until_us: None,
        lost: false,
    }
}

/// How many requests of a trace are hits: asked, and where it is not there, filled.
fn hits(eviction: Eviction, trace: &[u32], entries: usize) -> Result<u64> {
    let cache = cache(eviction, entries)?;
    let mut hits = 0;
    for key in trace {
        match cache.get(&key.to_le_bytes(), &SESSION) {
            Found::Hit { .. } => hits += 1,
            _ => cache.fill(&key.to_le_bytes(), entry(*key), Duration::ZERO)?,
        }
    }
    Ok(hits)
}

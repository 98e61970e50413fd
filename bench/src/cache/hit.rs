//! What a hit costs through the cache, over the bare library's, in CPU of one thread.
//!
//! The cache's hit has the envelope, the rule of the stamp, the clock, the early refresh and the
//! counts in it; the library's is a look-up and a clone of what it found.

use super::{SESSION, cache, entry};
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use foyer_memory::{
    CacheBuilder, EvictionConfig, FifoConfig, LfuConfig, LruConfig, S3FifoConfig, SieveConfig,
};
use pando_cache::{Cache, Eviction, Found};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

type Bare = foyer_memory::Cache<Arc<[u8]>, Arc<[u8]>>;

/// Enough not to lie in the processor's nearest cache.
const KEYS: u32 = 20_000;
const HITS: u32 = 300_000;
const PAIRS: usize = 7;
/// How much CPU a hit may cost over the library's, in microseconds.
const OVER: f64 = 2.0;

pub fn run() -> Result<Vec<Report>> {
    Eviction::ALL.into_iter().map(compare).collect()
}

fn compare(eviction: Eviction) -> Result<Report> {
    let ours = cache(eviction, KEYS as usize * 10)?;
    let bare: Bare = CacheBuilder::new(KEYS as usize * 10)
        .with_shards(1)
        .with_eviction_config(library(eviction))
        .build();
    for key in 0..KEYS {
        ours.fill(&key.to_le_bytes(), entry(key), Duration::from_millis(1))?;
        let bytes: Arc<[u8]> = Arc::from(key.to_le_bytes());
        bare.insert(Arc::clone(&bytes), bytes);
    }
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let pair = (
            cost(|key| hit(&ours, key))?,
            cost(|key| {
                bare.get(&key.to_le_bytes()[..])
                    .is_some_and(|found| black_box(Arc::clone(&found)).len() == 4)
            })?,
        );
        eprintln!("   {eviction}: {:.3} µs against {:.3} µs", pair.0, pair.1);
        pairs.push(pair);
    }
    let mut report = Report::of_pairs(format!("cache-hit-{eviction}"), "CPU µs/hit", 0.0, &pairs);
    report.goal = ((report.limit + OVER) / report.limit * 100.0).round() / 100.0;
    report.lower_is_better = true;
    let over = report.subject - report.limit;
    report
        .peers
        .insert("over the library's, CPU ns/hit".to_owned(), over * 1e3);
    Ok(report)
}

fn hit(cache: &Cache, key: u32) -> bool {
    matches!(
        black_box(cache.get(&key.to_le_bytes(), &SESSION)),
        Found::Hit { .. }
    )
}

/// CPU microseconds for each hit.
fn cost(hit: impl Fn(u32) -> bool) -> Result<f64> {
    let before = thread_cpu()?;
    for n in 0..HITS {
        // A prime step through all keys.
        let key = (u64::from(n) * 7_919 % u64::from(KEYS)) as u32;
        ensure!(hit(key), "key {key} is not there");
    }
    Ok((thread_cpu()? - before).as_secs_f64() * 1e6 / f64::from(HITS))
}

/// What this thread has had of a processor.
fn thread_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text
        .split_whitespace()
        .next()
        .context("schedstat is empty")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// As the cache has it, but for what needs sizes.
fn library(eviction: Eviction) -> EvictionConfig {
    match eviction {
        Eviction::Lru => LruConfig {
            high_priority_pool_ratio: 1.0,
        }
        .into(),
        Eviction::Lfu => LfuConfig::default().into(),
        Eviction::Fifo => FifoConfig::default().into(),
        Eviction::S3Fifo => S3FifoConfig::default().into(),
        Eviction::Sieve => SieveConfig.into(),
    }
}

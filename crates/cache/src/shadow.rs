//! The shadow: ghosts that tell which hit ratio other policies and sizes would have.
//!
//! A share of the keys, chosen by hash (SHARDS: Waldspurger, Park, Garthwaite, Ahmad, FAST 2015),
//! goes through small caches without answers, whose capacities are the same share of what they
//! stand for (miniature simulations: Waldspurger, Saemundsson, Ahmad, Park, ATC 2017). What was
//! changed or ran out meanwhile is a miss for a ghost as it is for the cache.

use crate::policy::Eviction;
use crate::resident::{Resident, Shape, Weighed};
use std::sync::atomic::{AtomicU64, Ordering};

/// Ghosts of one collection.
#[derive(Debug)]
pub struct Shadow {
    /// Keys whose hash is at most this are looked at.
    hash_max: u64,
    rate: f64,
    ghosts: Vec<Ghost>,
    looked_at: AtomicU64,
}

/// One policy at one size.
#[derive(Debug)]
struct Ghost {
    eviction: Eviction,
    capacity_bytes: usize,
    keys: Resident<u64, Seen>,
    hits: AtomicU64,
}

/// What a ghost knows of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Tells its value from an earlier one.
    pub(crate) digest: u64,
    pub(crate) fresh_until_us: i64,
    pub(crate) weight_bytes: usize,
}

impl Weighed for Seen {
    fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// What one policy would do at one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The policy.
    pub eviction: Eviction,
    /// The size.
    pub capacity_bytes: usize,
    /// Hits ÷ requests, of those that were looked at; 0 of none.
    pub hit_ratio: f64,
    /// How many requests were looked at.
    pub looked_at: u64,
}

/// The sizes that are tried, as shares of the capacity.
const SIZES: [f64; 3] = [0.5, 1.0, 2.0];
/// About so many entries are in a ghost of the cache's own size; the error of a hit ratio is
/// then within about a hundredth.
const GHOST_ENTRIES: f64 = 4096.0;

impl Shadow {
    /// Ghosts of a cache of this shape: all policies at half, all and twice its capacity.
    pub(crate) fn new(shape: Shape, seed: u64) -> Shadow {
        let entries = shape.capacity_bytes as f64 / shape.entry_bytes.max(1) as f64;
        Shadow::sampling(shape, (GHOST_ENTRIES / entries).min(1.0), &SIZES, seed)
    }

    /// Ghosts that look at a share of the keys.
    pub(crate) fn sampling(shape: Shape, rate: f64, sizes: &[f64], seed: u64) -> Shadow {
        let ghosts = Eviction::ALL.into_iter().flat_map(|eviction| {
            sizes.iter().map(move |size| {
                let capacity_bytes = (shape.capacity_bytes as f64 * size) as usize;
                let miniature = Shape {
                    eviction,
                    capacity_bytes: (capacity_bytes as f64 * rate) as usize,
                    parts: 1,
                    entry_bytes: shape.entry_bytes,
                };
                Ghost {
                    eviction,
                    capacity_bytes,
                    keys: Resident::new(miniature, seed, |_| {}),
                    hits: AtomicU64::new(0),
                }
            })
        });
        Shadow {
            // Saturates at a rate of 1.
            hash_max: (rate * u64::MAX as f64) as u64,
            rate,
            ghosts: ghosts.collect(),
            looked_at: AtomicU64::new(0),
        }
    }

    /// A request for a key, and the entry that answers it now; `seen` is asked where the key is
    /// one of those that are looked at.
    pub(crate) fn observe(&self, key: &[u8], now_us: i64, seen: impl FnOnce() -> Seen) {
        let hash = xxhash_rust::xxh3::xxh3_64(key);
        if hash > self.hash_max {
            return;
        }
        self.looked_at.fetch_add(1, Ordering::Relaxed);
        let seen = seen();
        for ghost in &self.ghosts {
            match ghost.keys.get(&hash) {
                Some(known) if known.digest == seen.digest && now_us < known.fresh_until_us => {
                    ghost.hits.fetch_add(1, Ordering::Relaxed);
                }
                _ => {
                    ghost.keys.insert(hash, seen);
                }
            }
        }
    }

    /// Which share of the keys is looked at.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// What each policy would do at each size.
    pub fn estimates(&self) -> Vec<Estimate> {
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        let estimate = |ghost: &Ghost| Estimate {
            eviction: ghost.eviction,
            capacity_bytes: ghost.capacity_bytes,
            hit_ratio: ghost.hits.load(Ordering::Relaxed) as f64 / looked_at.max(1) as f64,
            looked_at,
        };
        self.ghosts.iter().map(estimate).collect()
    }
}

//! The shadow: ghosts that tell which hit ratio other policies and sizes would have.
//!
//! A share of the keys, chosen by hash (SHARDS: Waldspurger, Park, Garthwaite, Ahmad, FAST 2015),
//! goes through small caches without answers, whose capacities are the same share of what they
//! stand for (miniature simulations: Waldspurger, Saemundsson, Ahmad, Park, ATC 2017). Where the
//! sample has more requests than its share, because a few popular keys are in it, or fewer, the
//! difference is taken for hits of those (SHARDS-adj, same paper). What was changed or ran out
//! meanwhile is a miss for a ghost as it is for the cache.

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
    requests: AtomicU64,
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
    /// Hits ÷ requests, by those that were looked at; 0 of none.
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
            requests: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
        }
    }

    /// A request for a key, and the entry that answers it now; `seen` is asked where the key is
    /// one of those that are looked at.
    pub(crate) fn observe(&self, key: &[u8], now_us: i64, seen: impl FnOnce() -> Seen) {
        self.requests.fetch_add(1, Ordering::Relaxed);
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

    /// What each policy would do at each size.
    pub fn estimates(&self) -> Vec<Estimate> {
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        let expected = self.requests.load(Ordering::Relaxed) as f64 * self.rate;
        let beyond = looked_at as f64 - expected;
        let hit_ratio = |hits: u64| match looked_at {
            0 => 0.0,
            _ => ((hits as f64 - beyond) / expected).clamp(0.0, 1.0),
        };
        let estimate = |ghost: &Ghost| Estimate {
            eviction: ghost.eviction,
            capacity_bytes: ghost.capacity_bytes,
            hit_ratio: hit_ratio(ghost.hits.load(Ordering::Relaxed)),
            looked_at,
        };
        self.ghosts.iter().map(estimate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Keys of a web's popularity: Zipf with exponent 0.9 over so many.
    fn requests(keys: usize, count: usize, seed: u64) -> Vec<u64> {
        let mut sums = Vec::with_capacity(keys);
        let mut sum = 0.0;
        for rank in 1..=keys {
            sum += (rank as f64).powf(-0.9);
            sums.push(sum);
        }
        let mut random = StdRng::seed_from_u64(seed);
        let mut draw = || {
            let drawn = random.random::<f64>() * sum;
            sums.partition_point(|sum| *sum < drawn) as u64
        };
        (0..count).map(|_| draw()).collect()
    }

    fn seen(digest: u64, fresh_until_us: i64) -> Seen {
        Seen {
            digest,
            fresh_until_us,
            weight_bytes: 100,
        }
    }

    #[test]
    fn a_share_of_the_keys_tells_the_hit_ratios_of_all() {
        let shape = Shape {
            eviction: Eviction::S3Fifo,
            capacity_bytes: 300_000,
            parts: 1,
            entry_bytes: 100,
        };
        let all = Shadow::sampling(shape, 1.0, &SIZES, 1);
        let share = Shadow::sampling(shape, 0.2, &SIZES, 1);
        for key in requests(30_000, 60_000, 5) {
            for shadow in [&all, &share] {
                shadow.observe(&key.to_le_bytes(), 0, || seen(1, i64::MAX));
            }
        }
        let looked_at = share.estimates()[0].looked_at as f64 / 60_000.0;
        assert!((0.1..0.3).contains(&looked_at), "{looked_at}");
        for (all, share) in all.estimates().into_iter().zip(share.estimates()) {
            let error = (all.hit_ratio - share.hit_ratio).abs();
            assert!(error < 0.03, "{all:?} {share:?}");
        }
        let of = |size: usize| all.estimates()[size].hit_ratio;
        assert!(of(0) < of(1) && of(1) < of(2), "more room, more hits");
    }

    #[test]
    fn what_changed_or_ran_out_meanwhile_is_no_hit() {
        let shape = Shape {
            eviction: Eviction::Lru,
            capacity_bytes: 100_000,
            parts: 1,
            entry_bytes: 100,
        };
        let shadow = Shadow::sampling(shape, 1.0, &[1.0], 1);
        let hits = |now_us, digest| {
            let before = shadow.ghosts[0].hits.load(Ordering::Relaxed);
            shadow.observe(b"key", now_us, || seen(digest, now_us + 10));
            shadow.ghosts[0].hits.load(Ordering::Relaxed) - before
        };
        assert_eq!(hits(0, 1), 0, "new");
        assert_eq!(hits(9, 1), 1);
        assert_eq!(hits(9, 2), 0, "changed");
        assert_eq!(hits(18, 2), 1);
        assert_eq!(hits(19, 2), 0, "ran out");
    }
}

//! What caches in front of an engine say of themselves, for `status`, `/metrics` and the admin API.

use crate::stamp::Position;

/// The caches of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheReport {
    /// Whether the feed is followed, and was asked for lately.
    pub is_following: bool,
    /// How far the feed was taken in.
    pub consumed: Position,
    /// When it was last asked for, in microseconds since 1970.
    pub asked_at_us: i64,
    /// What is shared with other processes: whether it is `asked`, `silent` (asked, and
    /// does not answer), `probed` or `left alone`; `None` where nothing is.
    pub shared: Option<&'static str>,
    /// How many loads may be on the store at once, by its headroom.
    pub loads_max: u64,
    /// How many are.
    pub loads_under_way: u64,
    /// How many wait for a place.
    pub loads_waiting: u64,
    /// Each collection that has a rule, by name.
    pub collections: Vec<CollectionReport>,
}

/// The cache of a collection, since the process began or the rule was made.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionReport {
    /// `rest/reviews`, `kv/carts`, …
    pub collection: String,
    /// How reads and writes go by it.
    pub strategy: &'static str,
    /// What leaves it first.
    pub eviction: &'static str,
    /// How much it may hold.
    pub capacity_bytes: u64,
    /// How much it holds.
    pub used_bytes: u64,
    /// How many answers.
    pub entries: u64,
    /// How long an answer is fresh, in seconds.
    pub ttl_seconds: Option<f64>,
    /// What happened.
    pub counts: CacheCounts,
    /// What other policies and sizes would do; empty where no ghosts are kept.
    pub estimates: Vec<CacheEstimate>,
    /// How far it is loaded before it is asked for, where that is wanted.
    pub warming: Option<WarmReport>,
}

/// How far a collection is loaded before it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmReport {
    /// What finds what is loaded.
    pub query: String,
    /// So many of it in a second at most.
    pub rate: u32,
    /// `waiting`, `running`, `paused` (the store is busy), `done`, `full` (there was no room for
    /// more) or `failed`.
    pub state: &'static str,
    /// How much of it is loaded, of the run that is under way or was last.
    pub done: u64,
    /// How much of it was found so far; more may come while it goes on.
    pub total: u64,
    /// How much was loaded since the process began.
    pub warmed: u64,
    /// When a run last came to its end, in microseconds since 1970.
    pub warmed_at_us: Option<i64>,
    /// Why the last run did not, or why the last entry of it was not loaded that was not.
    pub error: Option<String>,
}

/// What happened at a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Answered from memory.
    pub hits: u64,
    /// Nothing was there, or nothing that might still be given.
    pub misses: u64,
    /// Something was there, and the caller was ahead of it.
    pub ahead: u64,
    /// Only the store could answer.
    pub past: u64,
    /// Loads from the store.
    pub loads: u64,
    /// Those that failed.
    pub loads_failed: u64,
    /// Stale answers given because the store failed.
    pub stale_on_error: u64,
    /// Answers that were kept.
    pub fills: u64,
    /// Answers that were not, because something newer was known.
    pub fills_refused: u64,
    /// Loads that the store had no headroom for: it was not asked.
    pub loads_not_admitted: u64,
    /// Answers taken from what processes share.
    pub shared_hits: u64,
    /// Those that were waited for while another process loaded them.
    pub shared_waits: u64,
    /// Loads without a lease: what is shared did not answer, or another process took too long.
    pub loads_unleased: u64,
    /// Answers that were compared with the store's.
    pub checked: u64,
    /// Of these, those that were wrong and stayed so.
    pub inconsistent: u64,
}

/// What another policy, or another size, would have done.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheEstimate {
    /// The policy.
    pub eviction: &'static str,
    /// The size.
    pub capacity_bytes: u64,
    /// Hits among the requests that were looked at; 0 of none.
    pub hit_ratio: f64,
    /// How many were.
    pub looked_at: u64,
}

impl CacheCounts {
    /// Hits among all that memory could have answered; `None` before the first.
    pub fn hit_ratio(&self) -> Option<f64> {
        let asked = self.hits + self.misses + self.ahead;
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }

    /// Wrong answers among those compared; `None` before the first.
    pub fn inconsistency_rate(&self) -> Option<f64> {
        (self.checked > 0).then(|| self.inconsistent as f64 / self.checked as f64)
    }
}

//! What happened at a cache, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Hit,
    Miss,
    Ahead,
    Past,
    Load,
    LoadFailed,
    OnError,
    Fill,
    FillBytes,
    FillRefused,
    NotAdmitted,
    Shared,
    SharedWait,
    Unshared,
    Restamp,
}

/// How often each did.
#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; 15]);

/// What happened at a cache since it was made, and what lies in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
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
    /// Entries that were kept.
    pub fills: u64,
    /// What these took, whether they are still there or not.
    pub filled_bytes: u64,
    /// Answers that were not.
    pub fills_refused: u64,
    /// Loads that the store had no headroom for: it was not asked.
    pub loads_not_admitted: u64,
    /// Answers taken from the second level.
    pub shared_hits: u64,
    /// Those that were waited for while another process loaded them.
    pub shared_waits: u64,
    /// Loads without a lease: the second level did not answer, or another process took too long.
    pub loads_unleased: u64,
    /// Entries that were laid down at the second level again.
    pub restamps: u64,
    /// Entries that lie there.
    pub entries: usize,
    /// What they take.
    pub used_bytes: usize,
}

impl Counts {
    pub(super) fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    pub(super) fn add_many(&self, count: Count, many: u64) {
        self.0[count as usize].fetch_add(many, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self, entries: usize, used_bytes: usize) -> Statistics {
        let of = |count: Count| self.0[count as usize].load(Ordering::Relaxed);
        Statistics {
            hits: of(Count::Hit),
            misses: of(Count::Miss),
            ahead: of(Count::Ahead),
            past: of(Count::Past),
            loads: of(Count::Load),
            loads_failed: of(Count::LoadFailed),
            stale_on_error: of(Count::OnError),
            fills: of(Count::Fill),
            filled_bytes: of(Count::FillBytes),
            fills_refused: of(Count::FillRefused),
            loads_not_admitted: of(Count::NotAdmitted),
            shared_hits: of(Count::Shared),
            shared_waits: of(Count::SharedWait),
            loads_unleased: of(Count::Unshared),
            restamps: of(Count::Restamp),
            entries,
            used_bytes,
        }
    }
}

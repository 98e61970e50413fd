//! Ids for identity columns, unique over processes, restarts and clocks, whatever they do.
//!
//! A process leases a group of node numbers. Before an id is handed out, the catalog says that
//! the group's ids may have got past it: a bound, raised by some time at once while ids are
//! made, so that an idle store writes nothing. The bound is the lease: whoever raises it does so
//! from the value that it knows, in one transaction, and has the ids below it for itself for
//! ever. Where another process has raised it meanwhile, the group is that one's, and another is
//! leased. So nothing depends on clocks that agree, or on a process that is paused knowing
//! about it: when it wakes, what it may still hand out nobody else does.
//!
//! The group leased is the one whose bound is lowest: one that nobody makes ids with, and room
//! for a clock which stepped back. A group is in use while its bound lies ahead, which is some
//! seconds after the last id: so many processes may make ids at the same time as there are groups,
//! and any number may be idle.

mod lease;

use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::session::Result;
use arc_swap::ArcSwapOption;
use lease::Lease;
use pando_model::error::EngineError;
use pando_model::id::{EPOCH_MS, NODES};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;

/// How many node numbers one process leases: 256 ids a millisecond.
const GROUP: u8 = 8;
/// How many processes may make ids at the same time.
pub const PROCESSES_MAX: u8 = NODES / GROUP;
/// How far the bound is raised at once: one small write every ten seconds in which ids are
/// made, and after a crash ids that run ten seconds ahead, well within `LEAD_MAX_MS`.
const AHEAD_MAX_MS: u64 = 10_000;
/// How far it is raised by a process that has just leased the group; twice as far each time
/// after. One that is started again and again, before each has used up a second, does not run
/// ahead by ten each time.
const AHEAD_MIN_MS: u64 = 250;
/// How often a group is looked for that nobody takes meanwhile. Each time another process has got
/// one, so that more in a row would take more processes than there can be.
const TRIES_MAX: usize = 64;

/// Makes ids.
pub struct Ids {
    catalog: Arc<Catalog>,
    lease: ArcSwapOption<Lease>,
    /// Held while the bound is raised.
    raising: tokio::sync::Mutex<Raising>,
}

/// When an id was made, by the clock of its process: microseconds since 1970.
pub(crate) fn made_at_us(id: i64) -> i64 {
    let ms = i64::try_from(lease::ms_of(id)).unwrap_or(i64::MAX / 2_000);
    (ms + EPOCH_MS) * 1_000
}

/// How bounds are raised.
struct Raising {
    /// How far, the next time.
    ahead_ms: u64,
    /// When it was tried in vain, and why.
    failed: Option<(Instant, String)>,
}

impl Raising {
    /// It could not be done now; those who wait for their turn are told so too, as each would
    /// wait as long again. Whatever became of the bound, nothing of their requests was done.
    fn fail(&mut self, error: StoreError) -> StoreError {
        match error {
            StoreError::Engine(
                EngineError::Unavailable { reason, .. } | EngineError::OutcomeUnknown { reason },
            ) => {
                self.failed = Some((Instant::now(), reason.clone()));
                not_now(reason)
            }
            other => other,
        }
    }
}

impl Ids {
    /// Makes ids for a store. A group is leased for the first one.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Ids {
        Ids {
            catalog,
            lease: ArcSwapOption::empty(),
            raising: tokio::sync::Mutex::new(Raising {
                ahead_ms: AHEAD_MIN_MS,
                failed: None,
            }),
        }
    }

    /// Waits for its turn to raise a bound; no longer than whoever has it tries in vain.
    async fn turn(&self) -> Result<MutexGuard<'_, Raising>> {
        let came = Instant::now();
        let raising = self.raising.lock().await;
        match &raising.failed {
            Some((when, reason)) if *when > came => Err(not_now(reason.clone())),
            _ => Ok(raising),
        }
    }

    /// New ids, ascending. Some of them may go unused.
    pub async fn reserve(&self, count: usize) -> Result<Vec<i64>> {
        let mut lost = None;
        for _ in 0..TRIES_MAX {
            let lease = match self.lease.load_full() {
                Some(lease) if !lost.as_ref().is_some_and(|lost| Arc::ptr_eq(lost, &lease)) => {
                    lease
                }
                known => self.lease_anew(known).await?,
            };
            let ids = lease.make(count)?;
            let needed_ms = ids.last().map_or(0, |last| lease::ms_of(*last) + 1);
            if needed_ms <= lease.below_ms.load(Ordering::Acquire)
                || self.raise(&lease, needed_ms).await?
            {
                return Ok(ids);
            }
            tracing::info!(
                first = lease.first,
                "the node numbers are another process's now; others are leased"
            );
            lost = Some(lease);
        }
        Err(none_free(Duration::from_secs(1)))
    }

    /// Writes down that ids below `needed_ms` and some time beyond may be handed out; `false`
    /// if the group is another process's.
    async fn raise(&self, lease: &Lease, needed_ms: u64) -> Result<bool> {
        let mut raising = self.turn().await?;
        let known_ms = lease.below_ms.load(Ordering::Acquire);
        if needed_ms <= known_ms {
            return Ok(true);
        }
        let below_ms = needed_ms + raising.ahead_ms;
        let moved = lease::move_bound(&self.catalog, lease.first, known_ms, below_ms).await;
        if !moved.map_err(|error| raising.fail(error))? {
            return Ok(false);
        }
        lease.below_ms.store(below_ms, Ordering::Release);
        raising.ahead_ms = (raising.ahead_ms * 2).min(AHEAD_MAX_MS);
        Ok(true)
    }

    /// Leases a group in the place of the one that was lost, unless somebody just has.
    async fn lease_anew(&self, lost: Option<Arc<Lease>>) -> Result<Arc<Lease>> {
        let mut raising = self.turn().await?;
        match self.lease.load_full() {
            Some(known) if !lost.as_ref().is_some_and(|lost| Arc::ptr_eq(lost, &known)) => {
                return Ok(known);
            }
            _ => {}
        }
        // Ids of one process rise, whatever groups they are of.
        let made_ms = lost.map_or(0, |lost| lost.below_ms.load(Ordering::Acquire));
        for _ in 0..TRIES_MAX {
            let now_ms = self.now_ms();
            let lowest = lease::lowest(&self.catalog).await;
            let (first, bound_ms) = lowest.map_err(|error| raising.fail(error))?;
            if bound_ms > now_ms && self.catalog.is_shared() {
                return Err(none_free(Duration::from_millis(bound_ms - now_ms)));
            }
            let from_ms = bound_ms.max(made_ms);
            let below_ms = from_ms.max(now_ms) + 1 + AHEAD_MIN_MS;
            let moved = lease::move_bound(&self.catalog, first, bound_ms, below_ms).await;
            if moved.map_err(|error| raising.fail(error))? {
                let clock = Arc::clone(self.catalog.clock());
                let lease = Lease::new(clock, first, from_ms, below_ms)
                    .ok_or_else(|| StoreError::Catalog("there is no such node number".into()))?;
                let lease = Arc::new(lease);
                self.lease.store(Some(Arc::clone(&lease)));
                raising.ahead_ms = AHEAD_MIN_MS * 2;
                return Ok(lease);
            }
        }
        Err(none_free(Duration::from_secs(1)))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.catalog.now_us() / 1_000 - EPOCH_MS).unwrap_or(0)
    }
}

fn not_now(reason: String) -> StoreError {
    StoreError::Engine(EngineError::Unavailable {
        reason,
        retry_after: Duration::from_secs(1),
    })
}

fn none_free(retry_after: Duration) -> StoreError {
    let reason = format!(
        "no node numbers are free: {PROCESSES_MAX} processes may make ids at the same time; \
         stop one, or wait until one has been idle for some seconds"
    );
    tracing::warn!(reason, "no ids can be made");
    StoreError::Engine(EngineError::Unavailable {
        reason,
        retry_after: retry_after.max(Duration::from_secs(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::tables;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::ManualClock;
    use pando_model::plan::{Change, Delete, Filter};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::collections::HashSet;

    /// 2027-01-15T08:00:00Z.
    const START_US: i64 = 1_800_000_000_000_000;
    const PROCESSES: usize = 7;
    const EVENTS: usize = 4_000;

    struct Process {
        ids: Ids,
        clock: Arc<ManualClock>,
    }

    async fn start(engine: &Arc<MemoryEngine>, true_us: i64, chance: &mut StdRng) -> Process {
        let skew_us = chance.random_range(-20_000..20_000);
        let clock = Arc::new(ManualClock::new(true_us + skew_us));
        let catalog = Catalog::open(Arc::clone(engine) as _, Arc::clone(&clock) as _).await;
        let ids = Ids::new(Arc::new(catalog.unwrap()));
        Process { ids, clock }
    }

    /// Processes with clocks apart make ids, are killed and started, are not heard of for
    /// minutes, and have clocks that are set; gives how many ids were made, and how many twice.
    async fn live_through(seed: u64, forgets: bool) -> (usize, usize) {
        let mut chance = StdRng::seed_from_u64(seed);
        let engine = Arc::new(MemoryEngine::new());
        let mut true_us = START_US;
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.push(start(&engine, true_us, &mut chance).await);
        }
        let (mut seen, mut twice) = (HashSet::new(), 0);
        for _ in 0..EVENTS {
            // Ids lie so close in time that two who make them with the same numbers are found
            // out; now and then everything is still for longer than a bound lies ahead.
            let passed = match chance.random_range(0..50) {
                0 => chance.random_range(0..12_000_000),
                _ => chance.random_range(0..3_000),
            };
            true_us += passed;
            for process in &processes {
                process.clock.advance_us(passed);
            }
            // Low numbers act more often: high ones are as good as paused.
            let n = chance
                .random_range(0..PROCESSES)
                .min(chance.random_range(0..PROCESSES));
            if forgets {
                let all = Change::Delete(Delete {
                    table: Arc::clone(&tables::NODE),
                    filter: Filter::Const(true),
                    max_affected: None,
                    returning: None,
                });
                processes[n].ids.catalog.write(vec![all]).await.unwrap();
            }
            match chance.random_range(0..20) {
                0 => processes[n] = start(&engine, true_us, &mut chance).await,
                1 => {
                    let step = chance.random_range(-5_000..5_000);
                    processes[n].clock.advance_us(step);
                }
                _ => {
                    let count = chance.random_range(1..600);
                    match processes[n].ids.reserve(count).await {
                        Ok(ids) => twice += ids.into_iter().filter(|id| !seen.insert(*id)).count(),
                        Err(StoreError::Engine(error)) => assert!(error.is_retry_safe(), "{error}"),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        (seen.len(), twice)
    }

    #[tokio::test]
    async fn no_id_is_made_twice_by_processes_that_are_killed_paused_and_set_their_clocks() {
        for seed in 0..4 {
            let (made, twice) = live_through(seed, false).await;
            assert_eq!(twice, 0, "seed {seed}");
            assert!(made > EVENTS * 100, "seed {seed}: {made}");
        }
    }

    #[tokio::test]
    async fn that_test_finds_out_bounds_that_are_forgotten() {
        assert!(live_through(0, true).await.1 > 0);
    }

    #[tokio::test]
    async fn those_who_wait_behind_one_that_tries_in_vain_are_told_with_it() {
        let engine = Arc::new(MemoryEngine::new());
        let mut chance = StdRng::seed_from_u64(2);
        let ids = start(&engine, START_US, &mut chance).await.ids;
        let mut raising = ids.raising.lock().await;
        let mut waits = std::pin::pin!(ids.reserve(1));
        let begun = tokio::time::timeout(Duration::ZERO, &mut waits).await;
        assert!(begun.is_err(), "it waits for its turn");
        // Nobody knows whether the bound was raised; nothing of a request was done in any case.
        let reason = "the connection was lost".to_owned();
        raising.fail(EngineError::OutcomeUnknown { reason }.into());
        drop(raising);
        match waits.await {
            Err(StoreError::Engine(error)) => assert!(error.is_retry_safe(), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            ids.reserve(1).await.unwrap().len(),
            1,
            "the next one tries again"
        );
    }

    #[tokio::test]
    async fn a_process_that_lost_its_group_leases_another_and_its_ids_go_on_rising() {
        let mut chance = StdRng::seed_from_u64(1);
        let engine = Arc::new(MemoryEngine::new());
        let first = start(&engine, START_US, &mut chance).await;
        let last = *first.ids.reserve(10).await.unwrap().last().unwrap();
        let group = first.ids.lease.load_full().unwrap();
        // Another has taken it, from the bound that stands there.
        let below_ms = group.below_ms.load(Ordering::Acquire);
        let taken = lease::move_bound(&first.ids.catalog, group.first, below_ms, below_ms + 9);
        assert!(taken.await.unwrap());
        first.clock.advance_us(1_000_000);
        let next = first.ids.reserve(10).await.unwrap();
        let now = first.ids.lease.load_full().unwrap();
        assert_ne!(now.first, group.first);
        assert!(next[0] > last, "{} after {last}", next[0]);
    }
}

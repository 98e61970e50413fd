//! Ids for identity columns, unique over restarts and clocks that step back.
//!
//! A process leases a group of node numbers. Before an id is handed out, the
//! catalog says that the group's ids may have got past it: a bound, raised
//! by some time at once while ids are made, so that an idle store writes
//! nothing. Whoever leases the group next begins behind the bound; and the group
//! leased is the one whose bound is lowest, so that a clock which stepped back
//! finds room behind a group that was not used since.

use crate::catalog::{Catalog, int, put, tables};
use crate::error::StoreError;
use crate::session::Result;
use pando_model::error::EngineError;
use pando_model::id::{EPOCH_MS, IdMaker, NODES};
use pando_model::plan::Filter;
use pando_model::value::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many node numbers one process leases: 256 ids a millisecond.
const GROUP: u8 = 8;
/// How far the bound is raised at once: one small write every ten seconds in which ids are
/// made, and after a crash ids that run ten seconds ahead, well within `LEAD_MAX_MS`.
const AHEAD_MAX_MS: u64 = 10_000;
/// How far it is raised by a process that has just started; twice as far each time after. One
/// that is started again and again, before each has used up a second, does not run ahead by ten
/// each time.
const AHEAD_MIN_MS: u64 = 250;
/// An id's lowest bit of time.
const TIME_SHIFT: u32 = 12;

/// Makes ids.
pub struct Ids {
    catalog: Arc<Catalog>,
    first: u8,
    maker: IdMaker,
    /// Ids of milliseconds below this may be handed out.
    below_ms: AtomicU64,
    /// How far it is raised the next time.
    ahead_ms: tokio::sync::Mutex<u64>,
}

impl Ids {
    /// Leases the group of node numbers whose ids have got the least far. A store has one
    /// process, so no other lease is alive.
    pub(crate) async fn lease(catalog: Arc<Catalog>) -> Result<Ids> {
        let mut bounds = vec![0u64; usize::from(NODES / GROUP)];
        for row in catalog.fetch(&tables::NODE, Filter::Const(true)).await? {
            if let [Value::Int(first), Value::Int(below_ms), ..] = row.as_slice()
                && let Ok(first) = usize::try_from(*first)
                && let Some(bound) = bounds.get_mut(first / usize::from(GROUP))
            {
                *bound = below_ms.unsigned_abs();
            }
        }
        let lowest = bounds.iter().enumerate().min_by_key(|(_, bound)| **bound);
        let (group, below_ms) = lowest.map_or((0, 0), |(group, bound)| (group as u8, *bound));
        let first = group * GROUP;
        // The maker goes on behind the millisecond of its floor: the bound's itself is free.
        let floor = below_ms.saturating_sub(1) << TIME_SHIFT;
        let clock = Arc::clone(catalog.clock());
        let maker = IdMaker::new(clock, (first..first + GROUP).collect(), floor)
            .ok_or_else(|| StoreError::Catalog("no node number is free".into()))?;
        let ids = Ids {
            catalog,
            first,
            maker,
            below_ms: AtomicU64::new(below_ms),
            ahead_ms: tokio::sync::Mutex::new(AHEAD_MIN_MS),
        };
        ids.raise(ids.now_ms() + 1).await?;
        Ok(ids)
    }

    /// New ids, ascending. Some of them may go unused.
    pub async fn reserve(&self, count: usize) -> Result<Vec<i64>> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let id = self.maker.next_id().map_err(|too_fast| {
                StoreError::Engine(EngineError::Unavailable {
                    reason: too_fast.to_string(),
                    retry_after: Duration::from_secs(1),
                })
            })?;
            ids.push(id);
        }
        if let Some(last) = ids.last() {
            let needed = (last.unsigned_abs() >> TIME_SHIFT) + 1;
            if needed > self.below_ms.load(Ordering::Acquire) {
                self.raise(needed).await?;
            }
        }
        Ok(ids)
    }

    /// Writes down that ids below `needed_ms` and some time beyond may be handed out.
    async fn raise(&self, needed_ms: u64) -> Result<()> {
        let mut ahead_ms = self.ahead_ms.lock().await;
        if needed_ms <= self.below_ms.load(Ordering::Acquire) {
            return Ok(());
        }
        let below_ms = needed_ms + *ahead_ms;
        let row = vec![
            Value::Int(i64::from(self.first)),
            int(below_ms),
            Value::Timestamp(self.catalog.now_us()),
        ];
        self.catalog.write(vec![put(&tables::NODE, row)]).await?;
        self.below_ms.store(below_ms, Ordering::Release);
        *ahead_ms = (*ahead_ms * 2).min(AHEAD_MAX_MS);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.catalog.now_us() / 1_000 - EPOCH_MS).unwrap_or(0)
    }
}

//! A group of node numbers, and its bound in the catalog.

use crate::catalog::{Catalog, equals, int, put, tables};
use crate::error::StoreError;
use crate::session::Result;
use pando_model::clock::Clock;
use pando_model::error::EngineError;
use pando_model::id::IdMaker;
use pando_model::plan::{Filter, Row};
use pando_model::value::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::{GROUP, PROCESSES_MAX};

/// An id's lowest bit of time.
const TIME_SHIFT: u32 = 12;

/// A group that was leased.
pub(super) struct Lease {
    /// Its first node number.
    pub(super) first: u8,
    /// Ids of milliseconds below this may be handed out.
    pub(super) below_ms: AtomicU64,
    maker: IdMaker,
}

impl Lease {
    /// A group whose ids from one millisecond up to another are ours.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        first: u8,
        from_ms: u64,
        below_ms: u64,
    ) -> Option<Lease> {
        // The maker goes on behind the millisecond of its floor: the first one itself is free.
        let floor = from_ms.saturating_sub(1) << TIME_SHIFT;
        Some(Lease {
            first,
            below_ms: AtomicU64::new(below_ms),
            maker: IdMaker::new(clock, (first..first + GROUP).collect(), floor)?,
        })
    }

    /// New ids, not to be handed out before the bound is above them.
    pub(super) fn make(&self, count: usize) -> Result<Vec<i64>> {
        let ids = (0..count).map(|_| self.maker.next_id());
        ids.collect::<std::result::Result<_, _>>()
            .map_err(|too_fast| {
                StoreError::Engine(EngineError::Unavailable {
                    reason: too_fast.to_string(),
                    retry_after: Duration::from_secs(1),
                })
            })
    }
}

/// The millisecond of an id.
pub(super) fn ms_of(id: i64) -> u64 {
    id.unsigned_abs() >> TIME_SHIFT
}

/// The group whose ids have got the least far: its first node number, and its bound.
pub(super) async fn lowest(catalog: &Catalog) -> Result<(u8, u64)> {
    let mut bounds = vec![0; usize::from(PROCESSES_MAX)];
    for row in catalog.fetch(&tables::NODE, Filter::Const(true)).await? {
        if let Some((first, below_ms)) = bound_of(&row)
            && let Some(bound) = bounds.get_mut(first / usize::from(GROUP))
        {
            *bound = below_ms;
        }
    }
    let groups = (0..PROCESSES_MAX).zip(bounds);
    let lowest = groups.min_by_key(|(_, bound)| *bound).unwrap_or_default();
    Ok((lowest.0 * GROUP, lowest.1))
}

/// Moves a group's bound, if it is where it was known to be (0: nowhere).
pub(super) async fn move_bound(
    catalog: &Catalog,
    first: u8,
    known_ms: u64,
    below_ms: u64,
) -> Result<bool> {
    let number = Value::Int(i64::from(first));
    let filter = equals(tables::node::FIRST, number.clone());
    let now = Value::Timestamp(catalog.now_us());
    let moved = catalog.decide(&tables::NODE, filter, move |rows| {
        let found_ms = rows.first().and_then(bound_of).map_or(0, |bound| bound.1);
        let row = || vec![number.clone(), int(below_ms), now.clone()];
        (found_ms == known_ms).then(|| vec![put(&tables::NODE, row())])
    });
    moved.await
}

fn bound_of(row: &Row) -> Option<(usize, u64)> {
    match row.as_slice() {
        [Value::Int(first), Value::Int(below_ms), ..] => {
            Some((usize::try_from(*first).ok()?, below_ms.unsigned_abs()))
        }
        _ => None,
    }
}

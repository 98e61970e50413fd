//! Ids made by Pando: ordered by time, at most 53 bits, unique without a word
//! between nodes.
//!
//! ```text
//! 52                                    12 11          5 4        0
//! ├──────── milliseconds since 2024 ──────┤├─── node ───┤├─ count ─┤
//! ```
//!
//! 41 bits of milliseconds last until 2093. Node numbers are leased from the
//! catalog; a process may lease several, and then makes that many times 32 ids a
//! millisecond. A burst beyond that borrows from the next milliseconds, up to
//! [`LEAD_MAX_MS`]: ids stay unique and ordered, and run ahead of the clock.
//! They are not gapless.

use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2024-01-01T00:00:00Z in milliseconds since 1970.
pub const EPOCH_MS: i64 = 1_704_067_200_000;
/// How far ids may run ahead of the clock before a caller is told to wait: one
/// process with eight numbers makes 15 million ids in a minute.
pub const LEAD_MAX_MS: u64 = 60_000;
/// How many node numbers there are.
pub const NODES: u8 = 128;
const COUNT_BITS: u32 = 5;
const NODE_BITS: u32 = 7;

/// Makes ids for the node numbers that it was given.
#[derive(Debug)]
pub struct IdMaker {
    clock: Arc<dyn Clock>,
    nodes: Vec<u8>,
    /// Milliseconds × ids per millisecond: the next id not yet given out.
    next: AtomicU64,
}

/// Ids ran further ahead of the clock than [`LEAD_MAX_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ids are made faster than their clock allows; try again in a second")]
pub struct TooFast;

/// The least id that is made from this time on, in microseconds since 1970.
pub fn least_id_at(now_us: i64) -> i64 {
    let ms = (now_us / 1_000 - EPOCH_MS).max(0);
    ms << (COUNT_BITS + NODE_BITS)
}

impl IdMaker {
    /// A maker that holds the leases of `nodes` (each below [`NODES`]); `floor` is an id that
    /// every new one must exceed, 0 for none. `None` without a node number.
    pub fn new(clock: Arc<dyn Clock>, mut nodes: Vec<u8>, floor: u64) -> Option<IdMaker> {
        nodes.retain(|node| *node < NODES);
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            return None;
        }
        let per_ms = (nodes.len() as u64) << COUNT_BITS;
        let floor_ms = floor >> (COUNT_BITS + NODE_BITS);
        let next = if floor == 0 {
            0
        } else {
            (floor_ms + 1) * per_ms
        };
        Some(IdMaker {
            clock,
            nodes,
            next: AtomicU64::new(next),
        })
    }

    /// The next id.
    pub fn next_id(&self) -> Result<i64, TooFast> {
        let per_ms = (self.nodes.len() as u64) << COUNT_BITS;
        let now_ms = u64::try_from(self.clock.now_us() / 1_000 - EPOCH_MS).unwrap_or(0);
        let mut seen = self.next.load(Ordering::Relaxed);
        loop {
            let ticket = seen.max(now_ms * per_ms);
            if ticket / per_ms > now_ms + LEAD_MAX_MS {
                return Err(TooFast);
            }
            match self.next.compare_exchange_weak(
                seen,
                ticket + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(self.id_of_ticket(ticket, per_ms)),
                Err(now) => seen = now,
            }
        }
    }

    fn id_of_ticket(&self, ticket: u64, per_ms: u64) -> i64 {
        let (ms, within) = (ticket / per_ms, ticket % per_ms);
        let node = self.nodes[(within >> COUNT_BITS) as usize];
        let count = within & ((1 << COUNT_BITS) - 1);
        let id = ms << (NODE_BITS + COUNT_BITS) | u64::from(node) << COUNT_BITS | count;
        debug_assert!(id < 1 << 53, "an id fits a double");
        id as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_rise_and_stay_below_53_bits_in_bursts_and_when_the_clock_steps_back() {
        let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
        let maker = IdMaker::new(clock.clone(), vec![3, 9], 0).unwrap();
        let mut last = 0;
        for round in 0..1_000 {
            if round == 500 {
                clock.advance_us(-5_000);
            }
            let id = maker.next_id().unwrap();
            assert!(id > last && id < 1 << 53, "{id} after {last}");
            last = id;
        }
    }

    #[test]
    fn two_nodes_never_make_the_same_id() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1_800_000_000_000_000));
        let a = IdMaker::new(clock.clone(), vec![1], 0).unwrap();
        let b = IdMaker::new(clock, vec![2], 0).unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..500 {
            assert!(seen.insert(a.next_id().unwrap()));
            assert!(seen.insert(b.next_id().unwrap()));
        }
    }

    #[test]
    fn a_restart_goes_on_behind_the_floor() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1_800_000_000_000_000));
        let a = IdMaker::new(clock.clone(), vec![1], 0).unwrap();
        let floor = (0..100).map(|_| a.next_id().unwrap()).last().unwrap();
        let b = IdMaker::new(clock, vec![1], floor as u64).unwrap();
        assert!(b.next_id().unwrap() > floor);
    }
}

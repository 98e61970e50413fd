//! What leases of a broker are called once they were extended: some brokers call them otherwise then,
//! and whoever holds one shows what it got first. Other processes do not know of it.

use pando_model::broker;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The leases that this process has extended, by what they were called first.
#[derive(Debug, Default)]
pub(super) struct ExtendedLeases(Mutex<HashMap<broker::Lease, Extended>>);

/// What a lease is called by now, and until when that is of use: microseconds since 1970.
#[derive(Clone, Debug)]
struct Extended {
    lease: broker::Lease,
    until_us: i64,
}

impl ExtendedLeases {
    /// What a lease that somebody shows is called by now.
    pub(super) fn newest(&self, lease: &broker::Lease) -> broker::Lease {
        let extended = self.0.lock();
        let newest = extended.get(lease).map(|extended| &extended.lease);
        newest.unwrap_or(lease).clone()
    }

    /// Remembers what a lease is called by now; what has run out is forgotten.
    pub(super) fn extend(
        &self,
        first: &broker::Lease,
        now: &broker::Lease,
        at_us: i64,
        until_us: i64,
    ) {
        if first == now {
            return;
        }
        let mut extended = self.0.lock();
        extended.retain(|_, extended| extended.until_us > at_us);
        let lease = now.clone();
        extended.insert(first.clone(), Extended { lease, until_us });
    }
}

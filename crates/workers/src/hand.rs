//! What a worker has in hand: leases, from when they were given until they are settled.

use crate::source::Lease;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Names a lease while a worker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Hand(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    next: u64,
    leases: HashMap<Ticket, One>,
}

#[derive(Debug)]
struct One {
    lease: Lease,
    /// When it was leased or extended.
    renewed: Instant,
    /// When its attempt began.
    began: Instant,
    is_finished: bool,
}

impl Hand {
    pub(crate) fn take(&self, lease: Lease, asked: Instant) -> Ticket {
        let mut held = self.0.lock();
        let ticket = Ticket(held.next);
        held.next += 1;
        let one = One {
            lease,
            renewed: asked,
            began: Instant::now(),
            is_finished: false,
        };
        held.leases.insert(ticket, one);
        ticket
    }

    /// Its attempt is over; what came of it is about to be told.
    pub(crate) fn finish(&self, ticket: Ticket) {
        if let Some(one) = self.0.lock().leases.get_mut(&ticket) {
            one.is_finished = true;
        }
    }

    /// It is settled, or lost.
    pub(crate) fn drop(&self, tickets: &[Ticket]) {
        let mut held = self.0.lock();
        for ticket in tickets {
            held.leases.remove(ticket);
        }
    }

    pub(crate) fn leases(&self, tickets: &[Ticket]) -> Vec<Lease> {
        let held = self.0.lock();
        let found = tickets.iter().filter_map(|ticket| held.leases.get(ticket));
        found.map(|one| one.lease.clone()).collect()
    }

    /// Those that were renewed so long ago or longer, up to `max`, the longest ago first.
    pub(crate) fn older_than(&self, age: Duration, max: usize) -> Vec<(Ticket, Lease)> {
        let held = self.0.lock();
        let old = held.leases.iter();
        let old = old.filter(|(_, one)| one.renewed.elapsed() >= age);
        let mut old: Vec<(&Ticket, &One)> = old.collect();
        old.sort_unstable_by_key(|(ticket, one)| (one.renewed, **ticket));
        old.truncate(max);
        let old = old.into_iter();
        old.map(|(ticket, one)| (*ticket, one.lease.clone()))
            .collect()
    }

    /// A lease was extended at `asked`.
    pub(crate) fn renew(&self, ticket: Ticket, lease: Lease, asked: Instant) {
        if let Some(one) = self.0.lock().leases.get_mut(&ticket) {
            one.lease = lease;
            one.renewed = asked;
        }
    }

    /// Those of which no attempt came to its end.
    pub(crate) fn unfinished(&self) -> Vec<Ticket> {
        let held = self.0.lock();
        let unfinished = held.leases.iter().filter(|(_, one)| !one.is_finished);
        let mut unfinished: Vec<Ticket> = unfinished.map(|(ticket, _)| *ticket).collect();
        unfinished.sort_unstable();
        unfinished
    }

    /// How many are there, whether their attempt is over or not.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().leases.len()
    }

    /// Of how many an attempt is under way.
    pub(crate) fn working(&self) -> usize {
        let held = self.0.lock();
        held.leases.values().filter(|one| !one.is_finished).count()
    }

    /// How long the attempts under way have taken so far, on average.
    pub(crate) fn under_way(&self) -> Option<Duration> {
        let held = self.0.lock();
        let under_way = held.leases.values().filter(|one| !one.is_finished);
        let (mut sum, mut count) = (Duration::ZERO, 0_u32);
        for one in under_way {
            sum += one.began.elapsed();
            count += 1;
        }
        (count > 0).then(|| sum / count)
    }
}

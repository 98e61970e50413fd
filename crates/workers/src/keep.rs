//! Keeping leases while their message is worked on. How long that is is bounded by the worker's
//! time-out, so no lease is kept for ever; a process that ends keeps none.

use crate::hand::Ticket;
use crate::settle::BATCH;
use crate::source::Lease;
use crate::worker::Worker;
use std::sync::Arc;
use tokio::time::Instant;

/// Extends leases a third of their time after they were given or extended, until it is aborted:
/// so two calls may fail before one runs out.
pub(crate) async fn run(worker: Arc<Worker>) {
    let third = worker.visibility() / 3;
    // It is looked more often than that, so that none is much older.
    let mut due = tokio::time::interval(third / 4);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        loop {
            let old = worker.hand.older_than(third, BATCH);
            let (tickets, leases): (Vec<Ticket>, Vec<Lease>) = old.into_iter().unzip();
            let is_all = tickets.len() < BATCH;
            if tickets.is_empty() || !extend(&worker, &tickets, leases).await || is_all {
                break;
            }
        }
    }
}

async fn extend(worker: &Worker, tickets: &[Ticket], leases: Vec<Lease>) -> bool {
    let asked = Instant::now();
    let visibility = worker.visibility();
    let extended = worker.source.extend(&worker.place, &leases, visibility);
    match extended.await {
        Ok(extended) => {
            for ((ticket, before), now) in tickets.iter().zip(leases).zip(extended) {
                // One that has run out is not asked for again and again: whoever works on its
                // message finds out when it is settled.
                worker.hand.renew(*ticket, now.unwrap_or(before), asked);
            }
            true
        }
        Err(error) => {
            tracing::warn!(worker = &*worker.name, %error, "could not extend leases");
            false
        }
    }
}

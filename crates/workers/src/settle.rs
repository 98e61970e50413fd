//! Settling: what came of attempts is told to the source, many in one call.
//!
//! While one call is under way the next ones gather, so that there are few of them where there is
//! much to settle, and no wait where there is little. Who has finished waits for room here, which
//! is what holds back a worker whose source is slow to take acknowledgements.

use crate::hand::Ticket;
use crate::handler::Verdict;
use crate::source::{Back, Result, Settled, SourceError};
use crate::worker::Worker;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;

/// Leases of one call at most.
pub(crate) const BATCH: usize = 1_000;
/// How long is waited after a call that failed; doubled each time.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(2);
/// Longer waits are refused by queues; an endpoint that asks for one is asked again sooner.
const DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// An attempt that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) ticket: Ticket,
    pub(crate) verdict: Verdict,
}

/// Settles what comes, until nobody is left who could send.
pub(crate) async fn run(worker: Arc<Worker>, mut finished: mpsc::Receiver<Finished>) {
    let mut batch = Vec::new();
    while finished.recv_many(&mut batch, BATCH).await > 0 {
        let mut done = Vec::new();
        let mut back: HashMap<Back, Vec<Ticket>> = HashMap::new();
        for Finished { ticket, verdict } in batch.drain(..) {
            match verdict {
                Verdict::Done => done.push(ticket),
                Verdict::Failed { error, delay } => {
                    let delay = delay.map(|delay| delay.min(DELAY_MAX));
                    let error = error.to_string();
                    back.entry(Back::Failed { error, delay })
                        .or_default()
                        .push(ticket);
                }
                Verdict::Dead { error } => {
                    let error = error.to_string();
                    back.entry(Back::Dead { error }).or_default().push(ticket);
                }
            }
        }
        settle(&worker, &done, None).await;
        for (back, tickets) in back {
            settle(&worker, &tickets, Some(&back)).await;
        }
    }
}

/// Settles leases, however long it takes: while their source is away it is asked again, and leases
/// that run out meanwhile are gone when it is back.
pub(crate) async fn settle(worker: &Worker, tickets: &[Ticket], back: Option<&Back>) {
    if tickets.is_empty() {
        return;
    }
    let mut pause = AGAIN_AFTER;
    loop {
        match call(worker, tickets, back).await {
            Ok(settled) => {
                worker.stats.gone.fetch_add(settled.gone, Relaxed);
                if settled.gone > 0 {
                    let (name, gone) = (&*worker.name, settled.gone);
                    tracing::debug!(
                        worker = name,
                        gone,
                        "leases ran out before they were settled"
                    );
                }
                break;
            }
            Err(SourceError { message, may_pass }) => {
                let name = &*worker.name;
                tracing::warn!(
                    worker = name,
                    leases = tickets.len(),
                    error = message,
                    may_pass,
                    "could not settle messages"
                );
                if !may_pass {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN_AFTER_MAX);
            }
        }
    }
    worker.hand.drop(tickets);
}

async fn call(worker: &Worker, tickets: &[Ticket], back: Option<&Back>) -> Result<Settled> {
    let leases = worker.hand.leases(tickets);
    match back {
        None => worker.source.ack(&worker.place, &leases).await,
        Some(back) => worker.source.give_back(&worker.place, &leases, back).await,
    }
}

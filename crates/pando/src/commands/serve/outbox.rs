//! What is published to queues on a broker is handed over, while the process serves.

use crate::parts::broker::warn_of_stranded;
use pando_store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long one of several processes hands over before another may.
const OUTBOX_TERM: Duration = Duration::from_secs(5);
/// How often it is looked whether there is something.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked whether this process is the one, and where queues are.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// Looks, where other processes share the store, whether they moved queues to a broker that this one is
/// not told of.
pub(super) async fn watch(store: Arc<Store>) {
    let mut due = tokio::time::interval(TEND_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        due.tick().await;
        match store.queue_look_for_stranded().await {
            // The start has told of the first.
            Ok(now) => {
                if known.as_ref().is_some_and(|known| *known != now) {
                    warn_of_stranded(&now);
                }
                known = Some(now);
            }
            Err(error) => tracing::debug!(%error, "could not look where queues are"),
        }
    }
}

/// Hands over what is in the outboxes, again and again; of several processes one does.
pub(super) async fn relay(store: Arc<Store>) {
    let mut due = tokio::time::interval(LOOK_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut tended, mut is_ours, mut has_failed): (Option<Instant>, _, _) = (None, false, false);
    loop {
        due.tick().await;
        let mut done = Ok(());
        if tended.is_none_or(|at| at.elapsed() >= TEND_EVERY) {
            tended = Some(Instant::now());
            done = store.queue_tend_moves().await;
            is_ours = store.keeps_outbox(OUTBOX_TERM).await.unwrap_or(false);
        }
        // A backlog is no reason to let the term run out, or to hear of no move.
        while is_ours && done.is_ok() && tended.is_some_and(|at| at.elapsed() < TEND_EVERY) {
            match store.queue_relay_all().await {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => break,
                Err(error) => done = Err(error),
            }
        }
        match done {
            Ok(()) => has_failed = false,
            Err(error) if has_failed => tracing::debug!(%error, "messages are not handed over yet"),
            Err(error) => {
                has_failed = true;
                tracing::warn!(%error, "could not hand messages to the broker; it is tried again");
            }
        }
    }
}

//! What was committed goes to those who hear of it, while the process works.

use pando_store::Store;
use pando_store::listening::{Intake, Subscriber};
use pando_store::session::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long one of several processes takes in before another may.
const TERM: Duration = Duration::from_secs(5);
/// How often it is looked whether this process is the one.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether there is something: a store of this process alone is looked at in
/// memory, another one is asked.
const LOOK_ALONE: Duration = Duration::from_millis(5);
const LOOK_SHARED: Duration = Duration::from_millis(50);

/// Has what is committed from now on recorded for listeners, or nothing any more if there are none.
pub(super) async fn begin(
    store: &Arc<Store>,
    subscribers: Vec<Subscriber>,
) -> anyhow::Result<Option<Intake>> {
    if subscribers.is_empty() {
        // Another process may have some, or have them again: this one's file may be the older.
        if !store.engine().is_shared() {
            store.listeners_forget().await?;
        }
        return Ok(None);
    }
    let mut intake = Intake::new(Arc::clone(store), subscribers);
    intake.begin().await?;
    Ok(Some(intake))
}

/// Takes in what is committed, again and again; of several processes one does. What was begun is gone
/// where it panicked: then it is begun once more.
pub(super) async fn run(store: Arc<Store>, begun: Option<Intake>, subscribers: Vec<Subscriber>) {
    let mut intake = begun.unwrap_or_else(|| Intake::new(Arc::clone(&store), subscribers));
    let is_shared = store.engine().is_shared();
    let every = if is_shared { LOOK_SHARED } else { LOOK_ALONE };
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut tended, mut is_ours, mut has_failed): (Option<Instant>, _, _) = (None, false, false);
    loop {
        due.tick().await;
        if tended.is_none_or(|at| at.elapsed() >= TEND_EVERY) {
            tended = Some(Instant::now());
            let was_ours = is_ours;
            is_ours = store.keeps_intake(TERM).await.unwrap_or(false);
            if was_ours && !is_ours {
                intake.pause();
            }
        }
        if !is_ours {
            continue;
        }
        match take_in(&mut intake).await {
            Ok(()) => has_failed = false,
            Err(error) if has_failed => tracing::debug!(%error, "listeners hear of nothing yet"),
            Err(error) => {
                has_failed = true;
                tracing::warn!(%error, "could not tell listeners what was committed; it is tried again");
            }
        }
    }
}

/// Takes in what there is.
async fn take_in(intake: &mut Intake) -> Result<()> {
    loop {
        let taken = intake.take_in().await?;
        if taken.gap {
            tracing::error!("listeners may have missed changes: the feed does not hold them");
        }
        if !taken.more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

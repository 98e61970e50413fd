//! What waits in the journal is applied while the process serves, and before it ends.

use pando_model::schema::Behind;
use pando_store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long one of several processes applies the journal before another may.
const JOURNAL_TERM: Duration = Duration::from_secs(5);
/// The journal is applied no more often than this.
const FLUSH_LEAST: Duration = Duration::from_millis(1);
/// How often it is looked whether this process is the one, and how much waits.
const JOURNAL_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Applies what waits in the journal, again and again; of several processes one does.
pub(super) async fn flush(store: Arc<Store>, every: Duration) {
    let mut due = tokio::time::interval(every.clamp(FLUSH_LEAST, JOURNAL_LOOK_EVERY));
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut asked, mut flushed): (Option<Instant>, Option<Instant>) = (None, None);
    let (mut is_ours, mut has_failed) = (false, false);
    loop {
        due.tick().await;
        let schema = store.schema();
        if schema.behind.is_empty() {
            continue;
        }
        let has_passed =
            |since: Option<Instant>, span| since.is_none_or(|since| since.elapsed() >= span);
        let is_asked = has_passed(asked, JOURNAL_LOOK_EVERY);
        if is_asked {
            asked = Some(Instant::now());
            is_ours = match store.keeps_journal(JOURNAL_TERM).await {
                Ok(true) => true,
                Ok(false) => {
                    store.leave_journal();
                    false
                }
                Err(error) => {
                    tracing::debug!(%error, "could not look who applies the journal");
                    false
                }
            };
        }
        let is_ending = schema.behind.values().any(|state| *state == Behind::Ending);
        let done = if is_ours && (is_ending || has_passed(flushed, every)) {
            flushed = Some(Instant::now());
            store.tend_journal().await.map(drop)
        } else if is_asked {
            store.look_at_journal().await
        } else {
            continue;
        };
        match done {
            Ok(()) => has_failed = false,
            Err(error) if has_failed => tracing::debug!(%error, "the journal is not applied yet"),
            Err(error) => {
                has_failed = true;
                tracing::warn!(%error, "could not apply the journal; it is tried again");
            }
        }
    }
}

/// Applies what waits before the process ends, if that does not take too long: the next one finds
/// what is left.
pub(super) async fn drain(store: &Store, within: Duration) {
    if store.schema().behind.is_empty() {
        return;
    }
    match tokio::time::timeout(within, store.flush_journal()).await {
        Ok(Ok(flushed)) => tracing::info!(rows = flushed.rows, "the journal is applied"),
        Ok(Err(error)) => tracing::warn!(%error, "the journal waits for the next start"),
        Err(_) => tracing::warn!("the rest of the journal waits for the next start"),
    }
}

//! What all groups have done leaves the logs of queues.

use pando_store::Store;
use pando_store::queue::SweptUpTo;
use pando_store::session::Result;
use std::time::{Duration, Instant};

/// What stays where it was passed over, dead letters among it, is looked at again so often.
const AGAIN_EVERY: Duration = Duration::from_secs(600);

/// How far the logs were looked through.
#[derive(Default)]
pub(super) struct Logs {
    looked: SweptUpTo,
    begun: Option<Instant>,
}

impl Logs {
    /// Looks through what is new since the last time.
    pub(super) async fn sweep(&mut self, store: &Store) -> Result<()> {
        if self
            .begun
            .is_none_or(|begun| begun.elapsed() >= AGAIN_EVERY)
        {
            self.looked.clear();
            self.begun = Some(Instant::now());
        }
        let swept = store.queue_sweep(&mut self.looked).await?;
        if swept > 0 {
            tracing::debug!(swept, "messages left the logs of queues");
        }
        Ok(())
    }
}

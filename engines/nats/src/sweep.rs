//! What all groups are done with goes, when it has been kept for long enough.
//!
//! The stream is purged up to a place, which is below the acknowledgements of all its consumers, also
//! of those that somebody else made, and below what is young. Every process sweeps; doubled, it does
//! nothing.

use crate::queue::Queue;
use async_nats::jetstream::stream::Stream;
use futures_util::TryStreamExt;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often: four times in what is kept, and within these.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

type AnyError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) async fn run(queues: Arc<RwLock<HashMap<String, Arc<Queue>>>>) {
    let mut swept: HashMap<String, tokio::time::Instant> = HashMap::new();
    loop {
        tokio::time::sleep(PACE.0).await;
        let all: Vec<Arc<Queue>> = queues.read().values().cloned().collect();
        for queue in all {
            let pace = (queue.keep() / 4).clamp(PACE.0, PACE.1);
            let last = swept.get(&queue.spec.name);
            if last.is_some_and(|last| last.elapsed() < pace) {
                continue;
            }
            swept.insert(queue.spec.name.clone(), tokio::time::Instant::now());
            if let Err(error) = sweep(&queue.stream, queue.keep()).await {
                // The next one does it.
                tracing::debug!("sweeping queue {}: {error}", queue.spec.name);
            }
        }
    }
}

async fn sweep(stream: &Stream, keep: Duration) -> Result<(), AnyError> {
    let state = stream.get_info().await?.state;
    let mut done = state.last_sequence;
    let mut consumers = stream.consumers();
    while let Some(consumer) = consumers.try_next().await? {
        // One that is done with everything has no floor where nothing ever came its way.
        if consumer.num_pending > 0 || consumer.num_ack_pending > 0 {
            done = done.min(consumer.ack_floor.stream_sequence);
        }
    }
    let young = async_nats::datetime::now() - keep;
    // The first of what stays lies within these.
    let (mut low, mut high) = (state.first_sequence, done + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let is_old = match stream.get_raw_message(middle).await {
            Ok(message) => message.time < young,
            // Removed by somebody else. Not for sure old; then it stays for this time.
            Err(_) => false,
        };
        if is_old {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low > state.first_sequence {
        stream.purge().sequence(low).await?;
    }
    Ok(())
}

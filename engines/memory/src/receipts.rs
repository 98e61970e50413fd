//! Receipts: what was answered under an idempotency key.

use pando_model::engine::Receipt;
use pando_model::stamp::Position;
use rpds::RedBlackTreeMapSync;
use std::sync::Arc;

/// How many receipts that have run out are removed by one write: two for each
/// that it can add would do; more catches up, and stays short.
const SWEEP_MAX: usize = 16;

/// All receipts of the shard.
#[derive(Clone, Debug)]
pub(crate) struct Receipts {
    by_id: RedBlackTreeMapSync<Id, Arc<Entry>>,
    by_expiry: RedBlackTreeMapSync<(i64, Id), ()>,
}

/// What was done under a key.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The digest of the request.
    pub(crate) request: [u8; 32],
    /// Where it was committed.
    pub(crate) at: Position,
    /// What was answered.
    pub(crate) answer: Vec<u8>,
    expires_at_us: i64,
}

/// Found on the whole shard: another body under the same key may name another slot.
type Id = ([u8; 16], Arc<str>);

impl Default for Receipts {
    fn default() -> Receipts {
        Receipts {
            by_id: RedBlackTreeMapSync::new_sync(),
            by_expiry: RedBlackTreeMapSync::new_sync(),
        }
    }
}

impl Receipts {
    /// What is known of a receipt's key, unless it has run out.
    pub(crate) fn get(&self, receipt: &Receipt) -> Option<&Entry> {
        self.by_id
            .get(&id_of(receipt))
            .map(Arc::as_ref)
            .filter(|entry| entry.expires_at_us > receipt.now_us)
    }

    /// Removes what has run out, the oldest first and `max` at most; gives how many.
    pub(crate) fn sweep(&mut self, now_us: i64, max: usize) -> usize {
        for removed in 0..max {
            let expired = match self.by_expiry.first() {
                Some((expired, ())) if expired.0 <= now_us => expired.clone(),
                _ => return removed,
            };
            self.by_expiry.remove_mut(&expired);
            self.by_id.remove_mut(&expired.1);
        }
        max
    }

    /// Keeps an answer, and removes a few that have run out.
    pub(crate) fn insert(&mut self, receipt: &Receipt, at: Position, answer: Vec<u8>) {
        self.sweep(receipt.now_us, SWEEP_MAX);
        let id = id_of(receipt);
        if let Some(old) = self.by_id.get(&id) {
            self.by_expiry.remove_mut(&(old.expires_at_us, id.clone()));
        }
        self.by_expiry
            .insert_mut((receipt.expires_at_us, id.clone()), ());
        self.by_id.insert_mut(
            id,
            Arc::new(Entry {
                request: receipt.request,
                at,
                answer,
                expires_at_us: receipt.expires_at_us,
            }),
        );
    }
}

fn id_of(receipt: &Receipt) -> Id {
    (receipt.scope, Arc::from(receipt.key.as_str()))
}

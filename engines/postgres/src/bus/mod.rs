//! What processes over one database tell one another: LISTEN and NOTIFY.
//!
//! One connection to the primary tells and listens, and follows whoever is promoted. What waits to be
//! told is told in one transaction; PostgreSQL hands notifications out in the order of commits,
//! so all hear the same. A payload has less than 8,000 bytes of text: a message goes in parts,
//! which come one behind the other as those of a transaction do (`parcel.rs`).
//!
//! Nothing is kept for a process that is cut off. It knows that it was.

mod link;
mod parcel;

use crate::topology::Topology;
use async_trait::async_trait;
use bytes::Bytes;
use link::Link;
use pando_model::bus::{Bus, BusError, Listener};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// Messages that may wait to be told; one more is told to come back.
const WAITING_MAX: usize = 4_096;
/// Bytes of a message at most: some two hundred payloads.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How long a message may wait for a connection, and for its transaction.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bus over a shard's database.
pub(crate) struct PostgresBus {
    outbox: mpsc::Sender<Outgoing>,
    listeners: Arc<Listeners>,
    link: AbortHandle,
}

/// A message that waits to be told.
struct Outgoing {
    channel: String,
    message: Bytes,
    told: oneshot::Sender<Result<(), String>>,
}

/// Who listens to what.
#[derive(Default)]
struct Listeners {
    by_channel: Mutex<BTreeMap<String, Arc<dyn Listener>>>,
    /// Somebody has come to listen since the connection was made.
    came: tokio::sync::Notify,
}

impl PostgresBus {
    /// Begins to connect, as a task of the current runtime.
    pub(crate) fn start(topology: Arc<Topology>) -> PostgresBus {
        let (outbox, waiting) = mpsc::channel(WAITING_MAX);
        let listeners = Arc::new(Listeners::default());
        let link = Link::new(topology, Arc::clone(&listeners), waiting);
        PostgresBus {
            outbox,
            listeners,
            link: tokio::spawn(link.run()).abort_handle(),
        }
    }
}

#[async_trait]
impl Bus for PostgresBus {
    fn name(&self) -> String {
        "PostgreSQL's LISTEN and NOTIFY".to_owned()
    }

    fn message_bytes_max(&self) -> usize {
        MESSAGE_BYTES_MAX
    }

    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), BusError> {
        let max = MESSAGE_BYTES_MAX;
        if message.len() > max {
            return Err(BusError::TooLarge { max });
        }
        let unavailable = |reason: String| BusError::Unavailable {
            reason,
            retry_after: RETRY_AFTER,
        };
        let (told, answer) = oneshot::channel();
        let outgoing = Outgoing {
            channel: channel.to_owned(),
            message,
            told,
        };
        self.outbox.try_send(outgoing).map_err(|_| {
            unavailable("too many messages wait for the database, or it is being closed".to_owned())
        })?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(told)) => told.map_err(unavailable),
            Ok(Err(_)) => Err(unavailable("the engine is being closed".to_owned())),
            Err(_) => Err(unavailable(format!(
                "the database has not taken it within {PATIENCE:?}"
            ))),
        }
    }

    fn subscribe(&self, channel: &str, listener: Arc<dyn Listener>) {
        let mut listeners = self.listeners.by_channel.lock();
        listeners.insert(channel.to_owned(), listener);
        self.listeners.came.notify_one();
    }
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        self.link.abort();
    }
}

impl Listeners {
    fn channels(&self) -> Vec<String> {
        self.by_channel.lock().keys().cloned().collect()
    }

    fn of(&self, channel: &str) -> Option<Arc<dyn Listener>> {
        self.by_channel.lock().get(channel).cloned()
    }
}

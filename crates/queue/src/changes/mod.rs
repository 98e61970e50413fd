//! Changes: each committed change of a table, in commit order, to whoever listens.
//!
//! One follower of the store's feed serves all who listen in this process, and only while somebody
//! does, or did within [`LINGER`]: a store records no changes that nobody follows. So there is no
//! history from before somebody first listened; and whoever comes back within [`RETENTION`] or so
//! gets what he has missed, from the feed itself, to the last change.
//!
//! Whoever is slow, or comes back, reads the feed for himself until he has caught up. Only what
//! the feed does not hold any more is a gap. All processes follow under one name, as caches do
//! (`crates/cache/src/tier/follower.rs`): each acknowledges what it had taken in a while ago.

mod follower;
mod subscription;

pub use subscription::{ChangesSubscription, Noted};

use crate::ring::Ring;
use pando_model::engine::{Engine, FeedCursor, FeedEvent};
use pando_model::error::EngineError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// For how long the feed is kept for those who are slow or come back.
pub const RETENTION: Duration = Duration::from_secs(60);
/// For how long it is followed when nobody listens any more.
pub const LINGER: Duration = Duration::from_secs(60);

/// How much changes may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesConfig {
    /// Subscribers of this process at most.
    pub subscribers_max: usize,
    /// Changes of a table that are kept in memory for those who are slow.
    pub ring: usize,
}

/// A change, and what it is sent as: made once, and shared by all who get it.
#[derive(Debug)]
pub struct Change {
    /// What the feed says.
    pub event: FeedEvent,
    sent: OnceLock<bytes::Bytes>,
}

/// Why nobody subscribed.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// There are so many subscribers already as there may be.
    #[error("there are {max} subscribers already, and no more may be")]
    Full {
        /// How many there may be.
        max: usize,
    },
    /// The store cannot be followed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The process is stopping.
    #[error("the process is stopping")]
    Closed,
}

/// How changes do. Counts are since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangesReport {
    /// Who listens now.
    pub subscribers: usize,
    /// Changes given to subscribers; a change counts once for each.
    pub delivered: u64,
    /// How often a subscriber was told of a gap.
    pub gaps: u64,
}

/// The changes of a process's store.
pub struct Changes {
    hub: Arc<Hub>,
    follower: AbortHandle,
}

struct Hub {
    engine: Arc<dyn Engine>,
    config: ChangesConfig,
    tables: Mutex<HashMap<String, Arc<Log>>>,
    /// How many listen; the follower wakes by it.
    subscribers: watch::Sender<usize>,
    /// Up to where the follower has taken the feed in; `None` while it does not follow.
    taken: watch::Sender<Option<FeedCursor>>,
    closed: AtomicBool,
    delivered: AtomicU64,
    gaps: AtomicU64,
}

/// The changes of one table.
struct Log {
    table: String,
    ring: Mutex<Ring<FeedCursor, Change>>,
    told: Notify,
    subscribers: AtomicUsize,
}

impl Change {
    pub(crate) fn new(event: FeedEvent) -> Change {
        Change {
            event,
            sent: OnceLock::new(),
        }
    }

    /// What it is sent as, made by whoever asks first.
    pub fn sent(&self, make: impl FnOnce(&FeedEvent) -> bytes::Bytes) -> bytes::Bytes {
        self.sent.get_or_init(|| make(&self.event)).clone()
    }
}

impl Changes {
    /// Changes of a store. Nothing is followed yet. It has to be called on a runtime of tokio's.
    pub fn start(engine: Arc<dyn Engine>, config: ChangesConfig) -> Changes {
        let hub = Arc::new(Hub {
            engine,
            config,
            tables: Mutex::default(),
            subscribers: watch::Sender::new(0),
            taken: watch::Sender::new(None),
            closed: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
        });
        let follower = tokio::spawn(follower::run(Arc::downgrade(&hub)));
        Changes {
            hub,
            follower: follower.abort_handle(),
        }
    }

    /// Listens to the changes of a table from now on, or from where whoever comes back had got to.
    pub async fn subscribe(
        &self,
        table: &str,
        from: Option<FeedCursor>,
    ) -> Result<ChangesSubscription, ChangesError> {
        if self.hub.closed.load(Relaxed) {
            return Err(ChangesError::Closed);
        }
        let guest = subscription::Guest::enter(&self.hub, table)?;
        // What is committed from here on is in the feed.
        let Some(now) = self.hub.followed().await else {
            return Err(ChangesError::Closed);
        };
        Ok(ChangesSubscription::new(
            guest,
            from.unwrap_or(now),
            from.is_some(),
        ))
    }

    /// How they do.
    pub fn report(&self) -> ChangesReport {
        ChangesReport {
            subscribers: *self.hub.subscribers.borrow(),
            delivered: self.hub.delivered.load(Relaxed),
            gaps: self.hub.gaps.load(Relaxed),
        }
    }

    /// Ends all subscriptions.
    pub fn close(&self) {
        self.hub.closed.store(true, Relaxed);
        for log in self.hub.tables.lock().values() {
            log.told.notify_waiters();
        }
        self.hub.taken.send_modify(|_| {});
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.close();
        self.follower.abort();
    }
}

impl Hub {
    /// Takes in what the feed has up to a cursor, for those who listen.
    fn take_in(&self, events: Vec<FeedEvent>, up_to: FeedCursor) {
        let tables = self.tables.lock();
        for event in events {
            let Some(log) = tables.get(&event.table) else {
                continue;
            };
            let mut ring = log.ring.lock();
            ring.push(event.cursor, Arc::new(Change::new(event)));
            if ring.len() > self.config.ring {
                ring.pop();
            }
            drop(ring);
            log.told.notify_waiters();
        }
        self.taken.send_replace(Some(up_to));
    }

    /// Waits until the feed is followed: up to where it is taken in; `None` when the process stops.
    async fn followed(&self) -> Option<FeedCursor> {
        let mut taken = self.taken.subscribe();
        let taken = taken.wait_for(|taken| taken.is_some() || self.closed.load(Relaxed));
        taken.await.ok().and_then(|taken| *taken)
    }

    /// The feed does not hold what there was up to a cursor.
    fn lose(&self, up_to: FeedCursor) {
        let tables = self.tables.lock();
        for log in tables.values() {
            log.ring.lock().lose(up_to);
            log.told.notify_waiters();
        }
        self.taken.send_replace(Some(up_to));
    }
}

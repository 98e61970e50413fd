//! The port: what workers take their messages from. The store is behind it, and brokers can come
//! behind it without a change of what stands here.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Messages of one queue, for one group. Calls end within a bound of their own; who drops one does
/// not know whether it was carried out.
#[async_trait]
pub trait Source: Send + Sync {
    /// How long a lease lasts where the worker does not say.
    fn visibility(&self, of: &Place) -> Duration;

    /// Leases up to `max` messages, or none if there are none now. `visibility` long no other
    /// caller gets them; then they are there again, with one attempt more.
    async fn lease(&self, of: &Place, max: usize, visibility: Duration) -> Result<Vec<Delivery>>;

    /// Returns when there may be something to lease, after `within` at the latest. To return too
    /// soon, or for nothing, costs a look.
    async fn wait(&self, of: &Place, within: Duration);

    /// The messages of these leases are done when this answers. Leases that had run out are
    /// counted, and nothing is done about them; so it is with a repetition.
    async fn ack(&self, of: &Place, leases: &[Lease]) -> Result<Settled>;

    /// Gives leases back. As [`Source::ack`] otherwise.
    async fn give_back(&self, of: &Place, leases: &[Lease], back: &Back) -> Result<Settled>;

    /// Has leases last for `visibility` from now on. For each, in order, what it is called then;
    /// `None` where it is known to have run out.
    async fn extend(
        &self,
        of: &Place,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>>;

    /// How much there is to do. May take as long as counting takes.
    async fn fetch_backlog(&self, of: &Place) -> Result<Backlog>;
}

/// A queue, and the group of consumers that share its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The queue.
    pub queue: String,
    /// The group.
    pub group: String,
}

/// What a lease is settled by; only its source reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease(pub Arc<str>);

/// A message, and the lease of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The lease.
    pub lease: Lease,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}

/// A message as a handler gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id: the same in every attempt.
    pub id: i64,
    /// The bytes.
    pub body: Bytes,
    /// What they were sent as.
    pub content_type: String,
    /// What else is said of it, a JSON object: the attributes of a CloudEvent.
    pub attributes: Option<String>,
    /// Its priority.
    pub priority: u8,
    /// Messages of one key come one at a time, in order.
    pub ordering_key: Option<String>,
    /// When it was published: microseconds since 1970.
    pub published_at_us: i64,
}

/// How a message is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Back {
    /// The attempt failed.
    Failed {
        /// What went wrong: kept with a dead letter.
        error: String,
        /// When it can be leased again, instead of what the queue's backoff says.
        delay: Option<Duration>,
    },
    /// No attempt can succeed: a dead letter, whatever attempts are left.
    Dead {
        /// Why.
        error: String,
    },
    /// It was not worked on: it can be leased at once, and the attempt does not count.
    Unused,
}

/// What became of leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// So many were settled.
    pub done: u64,
    /// So many had run out: others may have their messages.
    pub gone: u64,
}

/// How much a group has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that nobody of the group has had.
    pub ready: u64,
    /// When the oldest of them was published: microseconds since 1970.
    pub oldest_us: Option<i64>,
}

/// A source's answer or error.
pub type Result<T> = std::result::Result<T, SourceError>;

/// Why a source did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What is wrong.
    pub message: String,
    /// Whether the same may succeed later.
    pub may_pass: bool,
}

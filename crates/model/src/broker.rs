//! The port to a broker: somebody else's server that keeps the messages of queues.
//!
//! What is published was in the store first, in one transaction with the data that it is about. A
//! relay publishes it here and deletes it there once it is confirmed; after a crash, or where an
//! outcome is unknown, it publishes again, under the same id. A message with a delay stays in the store
//! until it is due. So a broker is asked for less than a queue is, and for this:
//!
//! - **At least once.** What was confirmed is delivered to each group until that group acknowledges
//!   it, or its attempts are used up; then it lies with the group's dead. What is acknowledged is
//!   not delivered to that group again, unless the broker itself lost the acknowledgement in a crash.
//! - **No ability is imitated.** Brokers differ; [`Broker::abilities`] says in what. What is not among
//!   them is refused with [`BrokerError::Unsupported`], which names the engine and the way out.
//! - **Durability is said, not promised**: [`Broker::info`]. A queue that must be
//!   [`QueueSpec::synced`] is refused by a broker that cannot keep it.
//!
//! A call ends within the engine's own bound, and that of its `wait`. Who drops a call does not know
//! whether it was carried out. Times are microseconds since 1970 (`_us`).

mod error;
mod message;
mod spec;

pub use error::BrokerError;
pub use message::{Counts, Dead, Delivery, Lease, LeaseAsk, Message, Settled};
pub use spec::{
    Abilities, Ability, GROUPS_MAX, MESSAGES_MAX, NAME_BYTES_MAX, QueueSpec, at_most, names,
};

use crate::engine::Durability;
use async_trait::async_trait;
use std::time::Duration;

/// A broker's answer or error.
pub type Result<T> = std::result::Result<T, BrokerError>;

/// What a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    /// `nats`, `redis`, `rabbitmq`.
    pub engine: &'static str,
    /// The server's own version.
    pub version: String,
    /// What a confirmed publish has reached at least; where it cannot be found out, the less.
    pub durability: Durability,
}

/// Queues on one broker.
///
/// A queue has to be declared by this process before any other call names it, else
/// [`BrokerError::NoSuchQueue`].
#[async_trait]
pub trait Broker: Send + Sync + std::fmt::Debug {
    /// Which broker this is, and what its confirmation means. Memory only.
    fn info(&self) -> BrokerInfo;

    /// What it can do beyond what all can. Memory only.
    fn abilities(&self) -> Abilities;

    /// Makes a queue as it is described, or changes it to that. Doubled, it does nothing.
    ///
    /// Refused, with nothing done, where the broker, as it is set up, cannot keep what the queue
    /// asks for ([`BrokerError::Unsupported`]). A group that is new gets what is published from now
    /// on, and what is still kept at all; one that is named no more stays, with what waits for it.
    async fn declare(&self, spec: &QueueSpec) -> Result<()>;

    /// Publishes messages to all groups of a queue; for each of them, in order, whether it is
    /// confirmed. At most [`MESSAGES_MAX`].
    ///
    /// Messages are not one transaction: some may be confirmed and others not. Those of one ordering
    /// key are confirmed in the order given, and none after one that was not. An error may be
    /// [`BrokerError::OutcomeUnknown`]: publish the message again. With
    /// [`Ability::Deduplication`] the broker keeps one of an id that is published several times within
    /// [`QueueSpec::dedup_window`], and confirms each; without it there are two then, both with
    /// that id. The same id with another content is the same message. The outer error says that
    /// none was tried.
    async fn publish(&self, queue: &str, messages: &[Message]) -> Result<Vec<Result<()>>>;

    /// Leases messages to the caller: up to [`LeaseAsk::max`], the oldest first, as soon as there is
    /// one, or none when [`LeaseAsk::wait`] has passed.
    ///
    /// Until its visibility time has passed, no other call gets a message that is leased. Then
    /// it is there for the next one, whatever the holder still does, with one more attempt; so
    /// it is after a crash of who holds it. A message whose last attempt ended so is not
    /// delivered, but put among the dead. Of one ordering key there is one message out at most, and
    /// a later one only when it is acknowledged or dead.
    ///
    /// Who drops the call may have leased: those messages come again when their time has passed, one
    /// attempt the poorer. `visibility` other than the queue's needs [`Ability::VisibilityOfLease`].
    async fn lease(&self, queue: &str, group: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>>;

    /// Acknowledges: the messages of these leases are done with, for their group, when this answers.
    ///
    /// Leases that had run out, are not this queue's or no leases at all are [`Settled::gone`], and
    /// nothing is done about them. A lease that was settled before is gone, or done once more
    /// without effect, as far as the broker remembers. With an error each may have been done or
    /// not: ask again.
    async fn ack(&self, queue: &str, leases: &[Lease]) -> Result<Settled>;

    /// Gives leases back: their messages are there again when `delay` has passed, or are put among
    /// the dead, with `error`, if this was their last attempt. As [`Broker::ack`] otherwise.
    ///
    /// With an ordering key the next messages of the key wait as well. A delay is kept by the
    /// broker, or, where a lease is bound to this process ([`Ability::SharedLeases`] is missing),
    /// by this process: it then ends with it. `error` is cut to 4 KiB.
    async fn nack(
        &self,
        queue: &str,
        leases: &[Lease],
        delay: Duration,
        error: &str,
    ) -> Result<Settled>;

    /// Has leases run out when `visibility` has passed from now on. For each, in order, the
    /// lease that holds from now on, which may be another text; `None` where it had run out. As
    /// [`Broker::ack`] otherwise.
    async fn extend(
        &self,
        queue: &str,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>>;

    /// How many messages a group has, about as of now.
    async fn counts(&self, queue: &str, group: &str) -> Result<Counts>;

    /// The messages that wait for a group and were never delivered to it, the oldest first; nothing
    /// happens to them. At most [`MESSAGES_MAX`]. Needs [`Ability::Peek`].
    async fn peek(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Message>>;

    /// The dead of a group, the oldest first; nothing happens to them. At most [`MESSAGES_MAX`].
    async fn dead(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Dead>>;

    /// Publishes dead messages anew to their group, the oldest first, at most `max` and
    /// [`MESSAGES_MAX`], with all their attempts; how many. A crash within may leave a message both
    /// dead and published; never neither.
    async fn redrive(&self, queue: &str, group: &str, max: usize) -> Result<u64>;

    /// Removes the messages of all groups, where the broker can those that are leased among them, and
    /// not the dead. What is published meanwhile may stay or go.
    async fn purge(&self, queue: &str) -> Result<()>;

    /// Sets a group back, or ahead: it gets what is kept and was published from `from_us` on, also
    /// what it had acknowledged; what is leased is gone. How far back is kept:
    /// [`QueueSpec::retention`]. Needs [`Ability::Replay`].
    async fn replay(&self, queue: &str, group: &str, from_us: i64) -> Result<()>;

    /// Ends what the engine does by itself, and its connection. Leases that are bound to this process
    /// end. Idempotent; every later call is [`BrokerError::Unavailable`].
    async fn close(&self) -> Result<()>;
}

//! What goes to a broker and comes from it.

use super::error::BrokerError;
use super::spec::MESSAGES_MAX;
use bytes::Bytes;
use std::time::Duration;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its own within the queue, for ever; what is published twice is told by it.
    pub id: i64,
    /// Any bytes.
    pub body: Bytes,
    /// What the body is, as `Content-Type` has it.
    pub content_type: String,
    /// What else there is to say of it: an object of JSON.
    pub attributes: String,
    /// What it has to be in order with. Needs [`super::QueueSpec::ordered`].
    pub ordering_key: Option<String>,
    /// The higher, the sooner. Below [`super::QueueSpec::priorities`].
    pub priority: u8,
    /// When it was published to the queue, not to the broker.
    pub published_at_us: i64,
}

/// What names a lease: a text whose content is the engine's own. Whoever shows it holds the lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease(Box<str>);

impl Lease {
    /// From the text that somebody shows. Any text is taken; one that names nothing is gone.
    pub fn new(text: impl Into<Box<str>>) -> Lease {
        Lease(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a lease shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseAsk {
    /// How many messages at most, from 1 to [`super::MESSAGES_MAX`].
    pub max: usize,
    /// For how long they are nobody else's.
    pub visibility: Duration,
    /// How long to wait for the first one.
    pub wait: Duration,
}

impl LeaseAsk {
    /// Refuses none and too many.
    pub fn check(&self) -> Result<(), BrokerError> {
        if (1..=MESSAGES_MAX).contains(&self.max) {
            return Ok(());
        }
        Err(BrokerError::Invalid {
            what: format!("a lease of {} messages", self.max),
            mend: format!("ask for 1 to {MESSAGES_MAX}"),
        })
    }
}

/// A message that is leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// What it is settled by.
    pub lease: Lease,
    /// How often it was delivered to this group, this time among them; 1 at first.
    pub attempt: u32,
}

/// A message whose attempts are used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The message.
    pub message: Message,
    /// What the last attempt ended with.
    pub error: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// When it died.
    pub died_at_us: i64,
}

/// What became of leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// For how many it was done.
    pub done: usize,
    /// Those that had run out.
    pub gone: Vec<Lease>,
}

/// How many messages a group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What waits to be leased.
    pub depth: u64,
    /// What is leased, by whomever, or waits for the delay of a nack. `None`: the broker does not
    /// say ([`super::Ability::Counts`]).
    pub in_flight: Option<u64>,
    /// The dead.
    pub dead: u64,
    /// When the oldest was published that is neither acknowledged nor dead; `None` where there
    /// is none, or the broker does not say ([`super::Ability::Counts`]).
    pub oldest_us: Option<i64>,
}

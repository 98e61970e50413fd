//! Topics: what is published is told to whoever listens just then, and to nobody later.
//!
//! | word | meaning |
//! |---|---|
//! | ring | the newest messages of a topic, kept for those who are slow or come back |
//! | cursor | how far a subscriber has got, as it sends it back when it comes again |
//! | place | the how-manieth delivery of this process it was, over all topics |
//! | gap | something was told that this subscriber did not get, or may have been |
//!
//! A subscriber is an index into the ring and holds no messages. One that is slower than the
//! others falls out at the ring's end, is told of a gap with the number that it missed, and goes
//! on with the oldest that is left: nobody waits for it, and it costs no memory. What a message
//! is sent as is made once, and shared by all who get it.
//!
//! Without a bus a message is told here, within the call that publishes it. With one
//! ([`pando_model::bus`]) it goes over that, to this process as to the others: so the order of a topic's
//! messages is the same in all of them, and whoever comes back may come back to another one.

mod config;
mod cursor;
mod hub;
mod message;
mod name;
mod shared;
mod subscription;

pub use config::TopicsConfig;
pub use cursor::{Cursor, NoCursor};
pub use hub::{Published, Topics, TopicsReport};
pub use message::{Form, GAP, Message, OPEN, Publication, RESERVED_PREFIX};
pub use name::TopicName;
pub use subscription::{Subscription, Told};

use std::time::Duration;

/// Why something was not published, or nobody subscribed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// What was said cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The message is larger than may be.
    #[error("the message has more than {max} bytes, with its type and its media type")]
    TooLarge {
        /// How large it may be.
        max: usize,
    },
    /// There are so many subscribers already as there may be.
    #[error("there are {max} subscribers already, and no more may be")]
    Full {
        /// How many there may be.
        max: usize,
    },
    /// What is between the processes does not answer: nobody has got it.
    #[error("the message could not be told to the other processes: {reason}")]
    Unavailable {
        /// What stood in the way.
        reason: String,
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// The process is stopping.
    #[error("the process is stopping")]
    Closed,
}

#[cfg(test)]
mod tests;

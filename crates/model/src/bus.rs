//! The port to what processes tell one another: fan-out without memory.
//!
//! Whoever listens hears what is published from then on; nothing is kept for those who do not.
//! What was published by one process is heard in the order in which it was published, and what
//! several publish in the same order by all who listen.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// What processes tell one another over. One bus belongs to one deployment: two that share a
/// server do not hear each other.
#[async_trait]
pub trait Bus: Send + Sync {
    /// What it is, for people: the engine, and where. Nothing secret. Memory only.
    fn name(&self) -> String;

    /// Bytes of one message at most. Memory only.
    fn message_bytes_max(&self) -> usize;

    /// Tells all who listen to a channel, this process among them. When it answers, whoever is
    /// connected will hear it; a process that is cut off just then will not, and knows that it may have lost
    /// something. After an error nobody may have heard it, or all: told again, it may be heard twice.
    ///
    /// Dropping the future may leave it told or not.
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), BusError>;

    /// Listens to a channel, until the bus is dropped. It need not be there yet: the engine
    /// connects, and does so again whenever it is cut off. Must be called within a runtime.
    fn subscribe(&self, channel: &str, listener: Arc<dyn Listener>);
}

/// Who listens. Called from one task of the engine's, one call after the other: it must not block.
pub trait Listener: Send + Sync {
    /// Somebody has told this.
    fn hear(&self, message: Bytes);

    /// Something may have been told since the last call that was not heard: it was not connected.
    /// Called when it is again, before anything else; and when it is for the first time.
    fn lose(&self);
}

/// Why a message was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It is larger than the engine takes. Nobody has heard it.
    #[error("the message has more than {max} bytes")]
    TooLarge {
        /// How large it may be.
        max: usize,
    },
    /// The engine did not answer, or not in time.
    #[error("{reason}")]
    Unavailable {
        /// What stood in the way. Nothing secret is repeated.
        reason: String,
        /// When it may be tried again.
        retry_after: Duration,
    },
}

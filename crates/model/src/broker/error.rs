//! Why a broker did not do what it was asked.

use super::spec::Ability;
use std::time::Duration;

/// Why a broker did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The broker cannot do that, or not as it is set up; nothing was done.
    #[error("{engine} does not support {ability}: {mend}")]
    Unsupported {
        /// Which engine.
        engine: &'static str,
        /// What is missing.
        ability: Ability,
        /// The setting to change, or what to do instead.
        mend: String,
    },
    /// What was asked breaks a rule of the port or of the broker; nothing was done.
    #[error("{what}: {mend}")]
    Invalid {
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
    /// The queue was not declared, or not with this group; nothing was done.
    #[error("there is no queue {queue} with a group {group} on this broker: declare it first")]
    NoSuchQueue {
        /// The queue.
        queue: String,
        /// The group, or `*`.
        group: String,
    },
    /// Not now: nothing was done, and the same may succeed later.
    #[error("{engine} is unavailable: {reason}")]
    Unavailable {
        /// Which engine.
        engine: &'static str,
        /// What stands in the way.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// It may have been done or not. Every call of the port may be made again; its own words say what a
    /// second one does.
    #[error("the outcome on {engine} is unknown: {reason}")]
    OutcomeUnknown {
        /// Which engine.
        engine: &'static str,
        /// What happened.
        reason: String,
    },
    /// The broker keeps, or answered, what none of this engine's versions writes.
    #[error("{engine} answered what cannot be read: {reason}")]
    Unreadable {
        /// Which engine.
        engine: &'static str,
        /// What it was.
        reason: String,
    },
}

impl BrokerError {
    /// Whether nothing was done, and the same call may succeed later.
    pub fn is_retry_safe(&self) -> bool {
        matches!(self, BrokerError::Unavailable { .. })
    }
}

//! What an error of the library's means: whether something was done.

use crate::ENGINE;
use async_nats::jetstream::context::{
    ConsumerInfoError, ConsumerInfoErrorKind, PublishError, PublishErrorKind,
};
use pando_model::broker::BrokerError;
use std::fmt::Display;
use std::time::Duration;

/// Connections are made again within some hundred milliseconds, where there is a server.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Nothing was done.
pub(crate) fn unavailable(reason: &str) -> BrokerError {
    BrokerError::Unavailable {
        engine: ENGINE,
        reason: reason.to_owned(),
        retry_after: RETRY_AFTER,
    }
}

/// It may have been done.
pub(crate) fn unknown(verb: &str, error: &dyn Display) -> BrokerError {
    BrokerError::OutcomeUnknown {
        engine: ENGINE,
        reason: format!("{verb}: {error}"),
    }
}

/// A queue is not there, or not this group of it.
pub(crate) fn no_such(queue: &str, group: &str) -> BrokerError {
    BrokerError::NoSuchQueue {
        queue: queue.to_owned(),
        group: group.to_owned(),
    }
}

/// Nothing was done with a consumer of a queue.
pub(crate) fn of_consumer(queue: &str, verb: &str, error: &ConsumerInfoError) -> BrokerError {
    match error.kind() {
        ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => {
            no_such(queue, "*")
        }
        _ => unavailable(&format!("{verb}: {error}")),
    }
}

pub(crate) fn of_publish(queue: &str, error: &PublishError) -> BrokerError {
    match error.kind() {
        // It was removed; or the server is starting, and then it is made once it has.
        PublishErrorKind::StreamNotFound => no_such(queue, "*"),
        PublishErrorKind::MaxAckPending => unavailable("too many publishes are under way"),
        PublishErrorKind::MaxPayloadExceeded => BrokerError::Invalid {
            what: format!("a message is too large for this NATS ({error})"),
            mend: "raise max_payload of its configuration".to_owned(),
        },
        // What the server itself refuses is not stored; what did not come back may be.
        _ => unknown("publish", error),
    }
}

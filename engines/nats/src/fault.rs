//! What an error of the library's means: whether something was done.

use crate::ENGINE;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
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

pub(crate) fn of_publish(error: &PublishError) -> BrokerError {
    match error.kind() {
        PublishErrorKind::StreamNotFound => unavailable(
            "no stream takes this queue's messages: the server is starting, or it was removed",
        ),
        PublishErrorKind::MaxAckPending => unavailable("too many publishes are under way"),
        PublishErrorKind::MaxPayloadExceeded => BrokerError::Invalid {
            what: format!("a message is too large for this NATS ({error})"),
            mend: "raise max_payload of its configuration".to_owned(),
        },
        // What the server itself refuses is not stored; what did not come back may be.
        _ => unknown("publish", error),
    }
}

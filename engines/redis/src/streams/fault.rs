//! Errors: whether something was done.

use super::ENGINE;
use pando_model::broker::BrokerError;
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn invalid(what: impl Into<String>, mend: impl Into<String>) -> BrokerError {
    BrokerError::Invalid {
        what: what.into(),
        mend: mend.into(),
    }
}

pub(super) fn no_such(queue: &str, group: &str) -> BrokerError {
    BrokerError::NoSuchQueue {
        queue: queue.to_owned(),
        group: group.to_owned(),
    }
}

pub(super) fn unavailable(why: &str) -> BrokerError {
    BrokerError::Unavailable {
        engine: ENGINE,
        reason: why.to_owned(),
        retry_after: RETRY_AFTER,
    }
}

/// A call that changes something had no answer.
pub(super) fn unknown(why: String) -> BrokerError {
    BrokerError::OutcomeUnknown {
        engine: ENGINE,
        reason: why,
    }
}

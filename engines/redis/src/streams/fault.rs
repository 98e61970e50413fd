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

/// Why a script has no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// What the queue lies in, or the group, is not there any more.
    Missing,
    Unanswered(String),
}

impl Failed {
    /// Of a script that only looks.
    pub(super) fn looked(self, queue: &str) -> BrokerError {
        match self {
            Failed::Missing => no_such(queue, "*"),
            Failed::Unanswered(why) => unavailable(&why),
        }
    }

    /// Of one that changes something.
    pub(super) fn changed(self, queue: &str) -> BrokerError {
        match self {
            Failed::Missing => no_such(queue, "*"),
            Failed::Unanswered(why) => unknown(why),
        }
    }
}

/// A call that changes something had no answer.
pub(super) fn unknown(why: String) -> BrokerError {
    BrokerError::OutcomeUnknown {
        engine: ENGINE,
        reason: why,
    }
}

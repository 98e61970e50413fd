//! Errors: whether something was done.

use crate::ENGINE;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use pando_model::broker::{Ability, BrokerError, Result};
use std::fmt::Display;
use std::io;
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn invalid(what: impl Into<String>, mend: impl Into<String>) -> BrokerError {
    BrokerError::Invalid {
        what: what.into(),
        mend: mend.into(),
    }
}

/// Nothing was done.
pub(crate) fn unavailable(reason: impl Display) -> BrokerError {
    BrokerError::Unavailable {
        engine: ENGINE,
        reason: reason.to_string(),
        retry_after: RETRY_AFTER,
    }
}

/// It may have been done.
pub(crate) fn unknown(reason: impl Display) -> BrokerError {
    BrokerError::OutcomeUnknown {
        engine: ENGINE,
        reason: reason.to_string(),
    }
}

pub(crate) fn unsupported(ability: Ability, mend: impl Into<String>) -> BrokerError {
    BrokerError::Unsupported {
        engine: ENGINE,
        ability,
        mend: mend.into(),
    }
}

pub(crate) fn no_such(queue: &str, group: &str) -> BrokerError {
    BrokerError::NoSuchQueue {
        queue: queue.to_owned(),
        group: group.to_owned(),
    }
}

/// Ends what the library waits for without an end.
pub(crate) async fn within<T>(
    bound: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> lapin::Result<T> {
    let timed = tokio::time::timeout(bound, call).await;
    timed.unwrap_or_else(|_| {
        let late = format!("no answer within {bound:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, late).into())
    })
}

/// Whether what was named is not there.
pub(crate) fn is_not_found(error: &lapin::Error) -> bool {
    let lapin::ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

/// The same of a call that only looks.
pub(crate) async fn looked<T>(
    bound: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T> {
    within(bound, call).await.map_err(unavailable)
}

/// The same of one that changes something.
pub(crate) async fn changed<T>(
    bound: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T> {
    within(bound, call).await.map_err(unknown)
}

//! The end of a request's time, and what reaching it means.

use crate::error::ApiError;
use http::StatusCode;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// When a request has to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
}

impl Deadline {
    pub(crate) fn after(started: std::time::Instant, time: Duration) -> Deadline {
        Deadline {
            at: Instant::from_std(started) + time,
        }
    }

    /// The caller took too long to send its body: nothing was done.
    pub(crate) async fn for_body<T>(
        self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.within(work, || {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body did not arrive in time",
            )
            .close()
        })
        .await
    }

    /// A read took too long: it is abandoned.
    pub(crate) async fn for_read<T>(
        self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.within(work, || {
            ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "57014",
                "canceling statement due to statement timeout",
            )
            .hint("Ask for fewer rows, or filter by an indexed column.")
        })
        .await
    }

    /// A write took too long: it goes on, and its outcome is not known here.
    pub(crate) async fn for_write<T>(
        self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.within(work, || {
            ApiError::outcome_unknown("it was not finished within the time of a request")
        })
        .await
    }

    async fn within<T>(
        self,
        work: impl Future<Output = Result<T, ApiError>>,
        late: impl FnOnce() -> ApiError,
    ) -> Result<T, ApiError> {
        match timeout_at(self.at, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(late()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn what_a_late_request_means_depends_on_what_it_was_doing() {
        let deadline = Deadline::after(std::time::Instant::now(), Duration::ZERO);
        let body = deadline.for_body(pending::<Result<(), ApiError>>()).await;
        let read = deadline.for_read(pending::<Result<(), ApiError>>()).await;
        let write = deadline.for_write(pending::<Result<(), ApiError>>()).await;
        for (outcome, status, code) in [
            (body, 408, "request_timeout"),
            (read, 504, "57014"),
            (write, 503, "outcome_unknown"),
        ] {
            let error = outcome.expect_err("it is late");
            assert_eq!((error.status_code().as_u16(), error.code()), (status, code));
            let reply = error.into_reply();
            assert!(
                !reply.headers().contains_key("retry-after"),
                "{code} invites no retry"
            );
        }
    }

    #[tokio::test]
    async fn what_is_ready_is_never_late() {
        let deadline = Deadline::after(std::time::Instant::now(), Duration::ZERO);
        assert!(deadline.for_read(async { Ok(()) }).await.is_ok());
    }
}

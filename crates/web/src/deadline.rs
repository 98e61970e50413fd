//! The end of a request's time, and what reaching it means.

use crate::error::{ApiError, unavailable};
use http::StatusCode;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// When a request has to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    /// The same for writes, which may have to wait for the database.
    of_writes: Instant,
}

impl Deadline {
    /// So long after the start; a write has `write_wait` in addition, in which the store answers
    /// by itself what it could not begin.
    pub(crate) fn after(
        started: std::time::Instant,
        time: Duration,
        write_wait: Duration,
    ) -> Deadline {
        let at = Instant::from_std(started) + time;
        Deadline {
            at,
            of_writes: at + write_wait,
        }
    }

    /// The caller took too long to send its body: nothing was done.
    pub(crate) async fn for_body<T>(
        self,
        work: Pin<&mut impl Future<Output = Result<T, ApiError>>>,
    ) -> Result<T, ApiError> {
        within(self.at, work, || {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body did not arrive in time",
            )
            .close()
        })
        .await
    }

    /// A request could not be begun in time, for want of a version or an id: nothing was done.
    pub(crate) async fn for_plan<T>(
        self,
        work: Pin<&mut impl Future<Output = Result<T, ApiError>>>,
    ) -> Result<T, ApiError> {
        within(self.of_writes, work, || {
            let why = "the database could not be written to in time; nothing was done";
            unavailable("unavailable", why).retry_after(Duration::from_secs(1))
        })
        .await
    }

    /// A read took too long: it is abandoned.
    pub(crate) async fn for_read<T>(
        self,
        work: Pin<&mut impl Future<Output = Result<T, ApiError>>>,
    ) -> Result<T, ApiError> {
        within(self.at, work, || {
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
        work: Pin<&mut impl Future<Output = Result<T, ApiError>>>,
    ) -> Result<T, ApiError> {
        within(self.of_writes, work, || {
            ApiError::outcome_unknown("it was not finished within the time of a request")
        })
        .await
    }
}

/// Work lies where its caller has pinned it: a future that is handed on by value has room for it at each
/// step of the way, and is copied.
async fn within<T>(
    at: Instant,
    mut work: Pin<&mut impl Future<Output = Result<T, ApiError>>>,
    late: impl FnOnce() -> ApiError,
) -> Result<T, ApiError> {
    // Bodies and plans are ready at once, as a rule, and need no timer. It fills cache lines of its
    // own, which whoever waits for it need not have room for.
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let outcome = poll_fn(|context| {
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(Some(outcome));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        timer.as_mut().poll(context).map(|()| None)
    });
    outcome.await.unwrap_or_else(|| Err(late()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;

    #[tokio::test]
    async fn what_a_late_request_means_depends_on_what_it_was_doing() {
        let deadline = Deadline::after(std::time::Instant::now(), Duration::ZERO, Duration::ZERO);
        let body = deadline
            .for_body(pin!(pending::<Result<(), ApiError>>()))
            .await;
        let read = deadline
            .for_read(pin!(pending::<Result<(), ApiError>>()))
            .await;
        let write = deadline
            .for_write(pin!(pending::<Result<(), ApiError>>()))
            .await;
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
    async fn a_write_has_the_time_in_addition_in_which_the_store_waits_for_the_database() {
        // Its time has passed, and not only just: timers go by whole milliseconds.
        let begun = std::time::Instant::now() - Duration::from_secs(1);
        for (wait, code) in [(0, "outcome_unknown"), (3_600, "unavailable")] {
            let deadline = Deadline::after(begun, Duration::ZERO, Duration::from_secs(wait));
            let turned_away = async {
                tokio::task::yield_now().await;
                Err::<(), _>(unavailable("unavailable", "there is no primary"))
            };
            let error = deadline
                .for_write(pin!(turned_away))
                .await
                .expect_err("refused");
            assert_eq!(error.code(), code);
        }
        let deadline = Deadline::after(begun, Duration::ZERO, Duration::ZERO);
        let planned = deadline
            .for_plan(pin!(pending::<Result<(), ApiError>>()))
            .await;
        let error = planned.expect_err("late");
        assert_eq!(error.code(), "unavailable");
        assert!(error.into_reply().headers().contains_key("retry-after"));
    }

    #[tokio::test]
    async fn what_is_ready_is_never_late() {
        let deadline = Deadline::after(std::time::Instant::now(), Duration::ZERO, Duration::ZERO);
        assert!(deadline.for_read(pin!(async { Ok(()) })).await.is_ok());
    }
}

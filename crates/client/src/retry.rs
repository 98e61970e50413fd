//! What is sent again, when, and how long for.
//!
//! Sent again are requests that the server did not get or did not answer, and those that it asks
//! to be sent again: 503 with `Retry-After`, `outcome_unknown`, 409
//! `idempotency_key_in_use`. Reads always can be; writes can because of their idempotency
//! key. Everything else is an answer.

use crate::answer::Answer;
use crate::error::{Error, ErrorKind, OUTCOME_UNKNOWN};
use async_trait::async_trait;
use http::StatusCode;
use serde::Deserialize;
use std::fmt;
use std::time::{Duration, Instant};

/// How often and how patiently a request is sent again. The waits are exponential with full
/// jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Clone, Debug)]
pub struct Retry {
    /// How often a request is sent at most; 1 sends nothing again.
    pub attempts_max: u32,
    /// The first wait is up to this long, each further one up to twice as long.
    pub first_wait: Duration,
    /// No wait is longer, but for what `Retry-After` asks.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts_max: 10,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
        }
    }
}

impl Retry {
    /// Sends nothing again.
    pub fn never() -> Retry {
        Retry {
            attempts_max: 1,
            ..Retry::default()
        }
    }

    /// How long to wait after so many attempts (from 1); `luck` is in 0..1.
    fn wait(&self, attempts: u32, retry_after: Option<Duration>, luck: f64) -> Duration {
        let doubled = 2u32
            .checked_pow(attempts.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let longest = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait);
        retry_after.unwrap_or_default() + longest.mul_f64(luck)
    }
}

/// Time as it passes between attempts. Tests inject one of their own.
#[async_trait]
pub trait Timer: fmt::Debug + Send + Sync {
    /// How long it has been running; never less than before.
    fn elapsed(&self) -> Duration;
    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The machine's own.
#[derive(Debug)]
pub(crate) struct SystemTimer(Instant);

impl SystemTimer {
    pub(crate) fn start() -> SystemTimer {
        SystemTimer(Instant::now())
    }
}

#[async_trait]
impl Timer for SystemTimer {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The attempts of one call.
pub(crate) struct Attempts<'a> {
    retry: &'a Retry,
    timer: &'a dyn Timer,
    made: u32,
    /// By the timer.
    end: Option<Duration>,
    maybe_done: bool,
    /// What may have been done is not sent again.
    once: bool,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        retry: &'a Retry,
        timer: &'a dyn Timer,
        time: Option<Duration>,
        once: bool,
    ) -> Self {
        Attempts {
            retry,
            timer,
            made: 0,
            end: time.map(|time| timer.elapsed().saturating_add(time)),
            maybe_done: false,
            once,
        }
    }

    /// How long the next attempt may take: what is left, and no more than `most`.
    pub(crate) fn time_left(&self, most: Option<Duration>) -> Option<Duration> {
        let left = self.end.map(|end| end.saturating_sub(self.timer.elapsed()));
        match (left, most) {
            (Some(left), Some(most)) => Some(left.min(most)),
            (left, most) => left.or(most),
        }
    }

    /// Whether an attempt may have done the write, and none has told.
    pub(crate) fn maybe_done(&self) -> bool {
        self.maybe_done
    }

    /// Waits for the next attempt; `false` if this one was the last.
    pub(crate) async fn again(&mut self, outcome: &Result<Answer, Error>) -> bool {
        self.made += 1;
        let (Ask::Again { retry_after }, unknown) = ask(outcome) else {
            // It is told: done, or refused.
            self.maybe_done = false;
            return false;
        };
        self.maybe_done |= unknown;
        if self.once && unknown {
            return false;
        }
        let wait = self.retry.wait(self.made, retry_after, rand::random());
        let end = self.timer.elapsed().saturating_add(wait);
        if self.made >= self.retry.attempts_max || self.end.is_some_and(|last| end >= last) {
            return false;
        }
        self.timer.sleep(wait).await;
        true
    }
}

/// What an outcome asks for.
enum Ask {
    Nothing,
    Again { retry_after: Option<Duration> },
}

/// What an outcome asks for, and whether it leaves open if a write was done.
fn ask(outcome: &Result<Answer, Error>) -> (Ask, bool) {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) => {
            let unknown = matches!(error.kind(), ErrorKind::Broken | ErrorKind::TimedOut);
            let again = unknown || error.kind() == ErrorKind::Unreachable;
            let ask = if again {
                Ask::Again { retry_after: None }
            } else {
                Ask::Nothing
            };
            return (ask, unknown);
        }
    };
    if !matches!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT
    ) {
        return (Ask::Nothing, false);
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Told {
        code: String,
    }
    let told: Told = serde_json::from_slice(&answer.body).unwrap_or_default();
    let retry_after = Error::answered(answer).retry_after();
    let again = match answer.status {
        StatusCode::CONFLICT => told.code == "idempotency_key_in_use",
        _ => retry_after.is_some() || told.code == OUTCOME_UNKNOWN,
    };
    let unknown = told.code == OUTCOME_UNKNOWN;
    if again {
        (Ask::Again { retry_after }, unknown)
    } else {
        (Ask::Nothing, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_behind_retry_after() {
        let retry = Retry {
            attempts_max: 10,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(1),
        };
        let second = Some(Duration::from_secs(1));
        for (attempts, retry_after, luck, millis) in [
            (1, None, 1.0, 100),
            (2, None, 1.0, 200),
            (4, None, 0.5, 400),
            (5, None, 1.0, 1_000),
            (100, None, 1.0, 1_000),
            (1, None, 0.0, 0),
            (1, second, 0.0, 1_000),
            (2, second, 0.5, 1_100),
        ] {
            let wait = retry.wait(attempts, retry_after, luck);
            assert_eq!(wait, Duration::from_millis(millis), "after {attempts}");
        }
    }
}

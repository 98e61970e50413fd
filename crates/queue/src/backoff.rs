//! What becomes of a message whose attempt failed: another attempt, and when, or the dead letters.
//!
//! The n-th failure waits at most `min(cap, base × 2ⁿ⁻¹)`; of that a share, `jitter`, is left to
//! chance, so that what failed together does not come back together. `jitter = 1` is "full
//! jitter" and `jitter = 0.5` "equal jitter" of M. Brooker: Exponential Backoff And Jitter, AWS
//! Architecture Blog, 2015. There full jitter needs a little less work for the same result. Here
//! equal jitter is the default, because attempts are limited: with full jitter a message can use
//! up all of its attempts within a moment, and be dead while what it needs is down for a minute.
//! With a floor there is a promise, [`Backoff::dead_no_sooner_than`].

use crate::config::{ConfigError, micros};
use rand::Rng;
use std::fmt;
use std::time::Duration;

/// How often a message is tried, and how long it waits in between.
#[derive(Clone, Debug, PartialEq)]
pub struct BackoffConfig {
    /// So many attempts has a message, the first included.
    pub attempts_max: u32,
    /// How long the first failure waits at most.
    pub base: Duration,
    /// How long any failure waits at most.
    pub cap: Duration,
    /// Which share of the wait is left to chance, in `[0, 1]`.
    pub jitter: f64,
}

impl Default for BackoffConfig {
    /// Sixteen attempts within 46 to 92 minutes: longer than restarts and failovers take, and
    /// short enough that whoever looks on the same day finds the dead letter.
    fn default() -> BackoffConfig {
        BackoffConfig {
            attempts_max: 16,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(15 * 60),
            jitter: 0.5,
        }
    }
}

/// More attempts are a slip of the pen: a message that fails for ever stands in its key's way
/// for ever.
const ATTEMPTS_BOUND: u32 = 10_000;
/// A longer wait belongs into the message's own delay.
const CAP_BOUND: Duration = Duration::from_secs(366 * 86_400);

impl BackoffConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=ATTEMPTS_BOUND).contains(&self.attempts_max) {
            let value = self.attempts_max.to_string();
            return ConfigError::refuse("attempts_max", value, "between 1 and 10000");
        }
        if self.base < Duration::from_millis(1) {
            let value = format!("{:?}", self.base);
            return ConfigError::refuse("backoff.base", value, "at least 1 ms");
        }
        if self.cap < self.base || self.cap > CAP_BOUND {
            let value = format!("{:?}", self.cap);
            let must_be = "at least as long as backoff.base and at most 366 days";
            return ConfigError::refuse("backoff.cap", value, must_be);
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            let value = self.jitter.to_string();
            return ConfigError::refuse("backoff.jitter", value, "between 0 and 1");
        }
        Ok(())
    }
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The worker gave the message back; with a delay, that one holds and not the backoff.
    Nacked {
        /// What the worker asked for.
        delay: Option<Duration>,
    },
    /// The lease ran out: the worker is gone, or slower than it said. The time it had was the
    /// wait, so the message is visible at once.
    LeaseRanOut,
}

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is visible again from then on, in microseconds since 1970.
    Visible {
        /// From when.
        at_us: i64,
    },
    /// Its attempts are used up.
    Dead(Dead),
}

/// Why a message is dead; what a worker said about it is kept beside this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// So many attempts were made.
    pub attempts: u32,
    /// How the last one failed.
    pub last: Failure,
}

/// The rule; see the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    config: BackoffConfig,
}

impl Backoff {
    /// The rule of a configuration.
    pub fn new(config: BackoffConfig) -> Result<Backoff, ConfigError> {
        config.validate()?;
        Ok(Backoff { config })
    }

    /// So many attempts has a message.
    pub fn attempts_max(&self) -> u32 {
        self.config.attempts_max
    }

    /// How long the first failure waits at most.
    pub fn first_wait(&self) -> Duration {
        self.config.base
    }

    /// What becomes of a message whose `attempt`, counted from 1, failed at `now_us`. The limit
    /// holds however it failed, so that a message which kills its workers ends as well.
    pub fn after(
        &self,
        failure: Failure,
        attempt: u32,
        now_us: i64,
        random: &mut impl Rng,
    ) -> Next {
        if attempt >= self.config.attempts_max {
            return Next::Dead(Dead {
                attempts: attempt,
                last: failure,
            });
        }
        let wait_us = match failure {
            Failure::LeaseRanOut => 0,
            Failure::Nacked { delay: Some(delay) } => micros(delay),
            Failure::Nacked { delay: None } => self.wait_us(attempt, random.random()),
        };
        Next::Visible {
            at_us: now_us.saturating_add(wait_us),
        }
    }

    /// How long a message that is given back each time, without a delay of the worker's, is
    /// tried at least before it is dead. What the attempts themselves take comes on top.
    pub fn dead_no_sooner_than(&self) -> Duration {
        self.until_dead(1.0)
    }

    /// How long at most, the attempts themselves left out.
    pub fn dead_no_later_than(&self) -> Duration {
        self.until_dead(0.0)
    }

    fn until_dead(&self, unit: f64) -> Duration {
        let failures = 1..self.config.attempts_max;
        let us = failures.fold(0_i64, |sum, n| sum.saturating_add(self.wait_us(n, unit)));
        Duration::from_micros(u64::try_from(us).unwrap_or(0))
    }

    /// The wait after the n-th failure; `unit` is chance, in `[0, 1]`.
    fn wait_us(&self, n: u32, unit: f64) -> i64 {
        // From the 62nd failure on the factor alone is more than any cap.
        let factor = 1_i64 << n.saturating_sub(1).min(61);
        let cap_us = micros(self.config.cap);
        let ceiling_us = micros(self.config.base).saturating_mul(factor).min(cap_us);
        let by_chance_us = (ceiling_us as f64 * self.config.jitter * unit) as i64;
        ceiling_us - by_chance_us.clamp(0, ceiling_us)
    }
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.last {
            Failure::Nacked { .. } => "the worker gave it back",
            Failure::LeaseRanOut => "its lease ran out",
        };
        let times = if self.attempts == 1 {
            "attempt"
        } else {
            "attempts"
        };
        write!(f, "dead after {} {times}: {how}", self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const GIVEN_BACK: Failure = Failure::Nacked { delay: None };

    fn backoff(attempts_max: u32, base_ms: u64, cap_ms: u64, jitter: f64) -> Backoff {
        Backoff::new(BackoffConfig {
            attempts_max,
            base: Duration::from_millis(base_ms),
            cap: Duration::from_millis(cap_ms),
            jitter,
        })
        .unwrap()
    }

    fn random() -> StdRng {
        StdRng::seed_from_u64(1)
    }

    #[test]
    fn without_jitter_the_wait_doubles_up_to_the_cap() {
        let rule = backoff(100, 100, 1_000, 0.0);
        for (attempt, wait_ms) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (4, 800),
            (5, 1_000),
            (6, 1_000),
            (99, 1_000),
        ] {
            let next = rule.after(GIVEN_BACK, attempt, 5_000_000, &mut random());
            let at_us = 5_000_000 + wait_ms * 1_000;
            assert_eq!(next, Next::Visible { at_us }, "attempt {attempt}");
        }
    }

    #[test]
    fn the_last_attempt_ends_among_the_dead_letters_however_it_failed() {
        let rule = backoff(3, 100, 1_000, 0.5);
        let with_delay = Failure::Nacked {
            delay: Some(Duration::from_secs(9)),
        };
        for failure in [GIVEN_BACK, with_delay, Failure::LeaseRanOut] {
            let next = rule.after(failure, 2, 0, &mut random());
            assert!(matches!(next, Next::Visible { .. }), "{failure:?}");
            for attempt in [3, 4] {
                let next = rule.after(failure, attempt, 0, &mut random());
                let dead = Dead {
                    attempts: attempt,
                    last: failure,
                };
                assert_eq!(next, Next::Dead(dead));
            }
        }
        let once = backoff(1, 100, 1_000, 0.5).after(Failure::LeaseRanOut, 1, 0, &mut random());
        let Next::Dead(dead) = once else {
            panic!("{once:?}");
        };
        assert_eq!(dead.to_string(), "dead after 1 attempt: its lease ran out");
    }

    #[test]
    fn a_delay_of_the_worker_holds_exactly_and_a_lease_that_ran_out_waits_no_more() {
        let rule = backoff(10, 100, 1_000, 1.0);
        for (failure, at_us) in [
            (Failure::LeaseRanOut, 7),
            (
                Failure::Nacked {
                    delay: Some(Duration::ZERO),
                },
                7,
            ),
            (
                Failure::Nacked {
                    delay: Some(Duration::from_secs(3_600)),
                },
                3_600_000_007,
            ),
        ] {
            let next = rule.after(failure, 4, 7, &mut random());
            assert_eq!(next, Next::Visible { at_us }, "{failure:?}");
        }
    }

    #[test]
    fn the_defaults_try_for_three_quarters_of_an_hour_at_least() {
        let rule = Backoff::new(BackoffConfig::default()).unwrap();
        let (least, most) = (rule.dead_no_sooner_than(), rule.dead_no_later_than());
        // 1 + 2 + 4 + … + 512 s, and five times 15 min.
        assert_eq!(most, Duration::from_secs(1_023 + 5 * 900));
        assert_eq!(least * 2, most);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_setting_and_what_it_may_be() {
        let with = |change: fn(&mut BackoffConfig)| {
            let mut config = BackoffConfig::default();
            change(&mut config);
            Backoff::new(config).unwrap_err().to_string()
        };
        for (found, expected) in [
            (
                with(|c| c.attempts_max = 0),
                "attempts_max is 0: it must be between 1 and 10000",
            ),
            (
                with(|c| c.base = Duration::ZERO),
                "backoff.base is 0ns: it must be at least 1 ms",
            ),
            (
                with(|c| c.cap = Duration::from_millis(10)),
                "backoff.cap is 10ms: it must be at least as long as backoff.base and at most 366 days",
            ),
            (
                with(|c| c.jitter = f64::NAN),
                "backoff.jitter is NaN: it must be between 0 and 1",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_its_floor_nor_longer_than_its_ceiling(
            base_ms in 1_u64..10_000,
            times in 1_u64..100_000,
            jitter in 0.0..=1.0_f64,
            attempt in 1_u32..9_999,
            seed: u64,
        ) {
            let rule = backoff(10_000, base_ms, base_ms * times, jitter);
            let doubled = u128::from(base_ms) << (attempt - 1).min(64);
            let ceiling_us = doubled.min(u128::from(base_ms * times)) as f64 * 1_000.0;
            let mut random = StdRng::seed_from_u64(seed);
            let next = rule.after(GIVEN_BACK, attempt, 0, &mut random);
            let Next::Visible { at_us } = next else {
                panic!("{next:?}");
            };
            prop_assert!(at_us as f64 <= ceiling_us);
            prop_assert!(at_us as f64 >= ceiling_us * (1.0 - jitter) - 1.0);
        }

        #[test]
        fn no_time_and_no_delay_overflows(now_us: i64, delay_s: u64, attempt: u32, seed: u64) {
            let rule = backoff(10_000, 1, 366 * 86_400_000, 1.0);
            let mut random = StdRng::seed_from_u64(seed);
            let delay = Some(Duration::from_secs(delay_s));
            for failure in [GIVEN_BACK, Failure::Nacked { delay }, Failure::LeaseRanOut] {
                if let Next::Visible { at_us } = rule.after(failure, attempt, now_us, &mut random) {
                    prop_assert!(at_us >= now_us);
                }
            }
        }
    }
}

//! The limit that follows how long loads take.

use crate::config::ConfigError;
use std::time::Duration;

/// How the limit is found, and who waits.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionConfig {
    /// So many may always load at once.
    pub limit_min: usize,
    /// More never may.
    pub limit_max: usize,
    /// How many may at first.
    pub limit_start: usize,
    /// How much longer than without a queue a load may take, before the limit goes down; from 1.
    /// Below 1.5 the limit follows the chance of what is asked for.
    pub tolerance: f64,
    /// A window of answers lasts so long at least.
    pub window: Duration,
    /// And so many answers.
    pub window_answers_min: u32,
    /// How long what a load takes without a queue is believed, before it is measured anew.
    pub base_for: Duration,
    /// So many may wait.
    pub waiting_max: usize,
}

impl Default for AdmissionConfig {
    fn default() -> AdmissionConfig {
        AdmissionConfig {
            limit_min: 4,
            limit_max: 1_000,
            limit_start: 20,
            tolerance: 1.5,
            window: Duration::from_millis(100),
            window_answers_min: 16,
            base_for: Duration::from_secs(30),
            waiting_max: 1_000,
        }
    }
}

impl AdmissionConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.limit_min == 0 || self.limit_min > self.limit_max {
            let value = self.limit_min.to_string();
            return ConfigError::refuse("limit_min", value, "at least 1 and at most limit_max");
        }
        if !(self.limit_min..=self.limit_max).contains(&self.limit_start) {
            let value = self.limit_start.to_string();
            return ConfigError::refuse("limit_start", value, "between limit_min and limit_max");
        }
        if !(1.0..=10.0).contains(&self.tolerance) {
            return ConfigError::refuse(
                "tolerance",
                self.tolerance.to_string(),
                "between 1 and 10",
            );
        }
        if self.window_answers_min == 0 {
            return ConfigError::refuse("window_answers_min", "0".to_owned(), "at least 1");
        }
        if self.base_for < self.window {
            let value = format!("{:?}", self.base_for);
            return ConfigError::refuse("base_for", value, "at least as long as window");
        }
        Ok(())
    }
}

/// The limit, and what it was found by.
#[derive(Debug)]
pub(super) struct Limit {
    config: AdmissionConfig,
    limit: f64,
    base: Option<Base>,
    window: Option<Window>,
    /// Since when the limit is held down, to see what a load takes without a queue.
    held_since_us: Option<i64>,
    /// Of the last window.
    mean_us: f64,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    us: f64,
    measured_at_us: i64,
}

#[derive(Debug)]
struct Window {
    began_us: i64,
    answers: u32,
    failed: u32,
    sum_us: f64,
    /// How many were under way at once, at most.
    used: usize,
}

/// The limit goes down by no more than that in a window, however slow it was: one that was
/// slow by chance costs half.
const GRADIENT_MIN: f64 = 0.5;
/// What a window with failures leaves of it.
const AFTER_FAILURE: f64 = 0.9;

impl Limit {
    pub(super) fn new(config: &AdmissionConfig) -> Limit {
        Limit {
            config: config.clone(),
            limit: config.limit_start as f64,
            base: None,
            window: None,
            held_since_us: None,
            mean_us: 0.0,
        }
    }

    /// How many may load at once.
    pub(super) fn now(&self) -> usize {
        match self.held_since_us {
            Some(_) => self.config.limit_min,
            None => (self.limit as usize).clamp(self.config.limit_min, self.config.limit_max),
        }
    }

    /// What a load takes without a queue.
    pub(super) fn base(&self) -> Option<Duration> {
        self.base
            .map(|base| Duration::from_micros(base.us.max(0.0) as u64))
    }

    /// How long it takes until so many that wait have been served.
    pub(super) fn drains_in(&self, waiting: usize) -> Duration {
        let us = self.mean_us * waiting as f64 / self.now() as f64;
        Duration::from_micros(us as u64)
    }

    /// So many are under way.
    pub(super) fn used(&mut self, under_way: usize) {
        if let Some(window) = &mut self.window {
            window.used = window.used.max(under_way);
        }
    }

    /// A load ended that began then.
    pub(super) fn observe(&mut self, now_us: i64, began_us: i64, is_answered: bool) {
        // What began before the limit was held down stood in the queue that is to be gone.
        if self.held_since_us.is_some_and(|since| began_us < since) && began_us <= now_us {
            return;
        }
        let window = self.window.get_or_insert(Window {
            began_us: began_us.min(now_us),
            answers: 0,
            failed: 0,
            sum_us: 0.0,
            used: 0,
        });
        if now_us < window.began_us {
            // The clock was set back.
            self.window = None;
            self.held_since_us = None;
            return;
        }
        match is_answered {
            true => {
                window.answers += 1;
                window.sum_us += (now_us - began_us).max(0) as f64;
            }
            false => window.failed += 1,
        }
        let lasted_us = (now_us - window.began_us) as u128;
        let is_whole = window.answers + window.failed >= self.config.window_answers_min
            && lasted_us >= self.config.window.as_micros();
        if is_whole && let Some(window) = self.window.take() {
            self.conclude(&window, now_us);
        }
    }

    fn conclude(&mut self, window: &Window, now_us: i64) {
        if window.failed > 0 {
            self.held_since_us = None;
            self.set(self.limit * AFTER_FAILURE);
            return;
        }
        let mean_us = (window.sum_us / f64::from(window.answers)).max(1.0);
        self.mean_us = mean_us;
        let is_known = |base: &Base| {
            let age_us = now_us.saturating_sub(base.measured_at_us);
            // Measured later than now: the clock was set back.
            (0..=self.config.base_for.as_micros() as i128).contains(&i128::from(age_us))
        };
        let measured = Base {
            us: mean_us,
            measured_at_us: now_us,
        };
        let base = match self.base {
            _ if self.held_since_us.take().is_some() => {
                self.base = Some(measured);
                return;
            }
            Some(base) if is_known(&base) && mean_us >= base.us => base,
            Some(base) if is_known(&base) => Base {
                us: mean_us,
                ..base
            },
            // No more were there than always may be: there was no queue of ours.
            _ if window.used <= self.config.limit_min => measured,
            _ => {
                self.held_since_us = Some(now_us);
                return;
            }
        };
        self.base = Some(base);
        let gradient = (self.config.tolerance * base.us / mean_us).clamp(GRADIENT_MIN, 1.0);
        let next = self.limit * gradient + self.limit.sqrt();
        // What was not used says nothing about more.
        if next < self.limit || window.used * 2 >= self.now() {
            self.set(next);
        }
    }

    fn set(&mut self, limit: f64) {
        let (least, most) = (self.config.limit_min as f64, self.config.limit_max as f64);
        self.limit = limit.clamp(least, most);
    }
}

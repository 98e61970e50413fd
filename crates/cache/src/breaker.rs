//! The circuit breaker: what fails, or is slow, is left alone for a while, and then tried with
//! a few calls. Nygard: Release It!, 2007; the rules are those of resilience4j's time-based window.
//!
//! | state | calls | ends |
//! |---|---|---|
//! | closed | all | when the window holds enough calls, and too large a share of them failed or was slow |
//! | open | none | after [`BreakerConfig::open`], doubled each time that a probe fails |
//! | half-open | [`BreakerConfig::probes`] | closed, when all of them did well; open, at the first that did not |
//!
//! It keeps no timer and makes no call: who calls asks it before, and tells it afterwards. A
//! clock that is set back begins anew what was measured with it.

use crate::config::ConfigError;
use pando_model::clock::Clock;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When a breaker opens and closes.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerConfig {
    /// How far back calls count.
    pub window: Duration,
    /// Fewer calls within the window say nothing.
    pub calls_min: u32,
    /// From which share of failed calls on it opens, in `(0, 1]`.
    pub failed_share: f64,
    /// From which share of slow calls on it opens, in `(0, 1]`.
    pub slow_share: f64,
    /// What takes longer is slow.
    pub slow_after: Duration,
    /// How long it stays open at first.
    pub open: Duration,
    /// How long it stays open at most, however often its probes fail.
    pub open_max: Duration,
    /// So many calls have to do well before it closes, and no more are let through until then.
    pub probes: u32,
}

impl Default for BreakerConfig {
    fn default() -> BreakerConfig {
        BreakerConfig {
            window: Duration::from_secs(10),
            calls_min: 20,
            failed_share: 0.5,
            slow_share: 0.8,
            slow_after: Duration::from_millis(100),
            open: Duration::from_secs(1),
            open_max: Duration::from_secs(30),
            probes: 3,
        }
    }
}

impl BreakerConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let shares = [
            ("failed_share", self.failed_share),
            ("slow_share", self.slow_share),
        ];
        for (setting, share) in shares {
            if !(share > 0.0 && share <= 1.0) {
                return ConfigError::refuse(setting, share.to_string(), "above 0 and at most 1");
            }
        }
        for (setting, count) in [("calls_min", self.calls_min), ("probes", self.probes)] {
            if count == 0 {
                return ConfigError::refuse(setting, "0".to_owned(), "at least 1");
            }
        }
        let least = Duration::from_millis(1);
        for (setting, span) in [("window", self.window), ("open", self.open)] {
            if span < least {
                return ConfigError::refuse(setting, format!("{span:?}"), "at least 1 ms");
            }
        }
        if self.open_max < self.open {
            let value = format!("{:?}", self.open_max);
            return ConfigError::refuse("open_max", value, "at least as long as open");
        }
        Ok(())
    }
}

/// What a breaker does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It lets all calls through.
    Closed,
    /// It lets none through.
    Open,
    /// It lets a few through, to see.
    HalfOpen,
}

/// No call now: the breaker is open, or waits for what its probes bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open; it is tried again in {} ms", retry_after.as_millis())]
pub struct BreakerOpen {
    /// When it makes sense to ask again.
    pub retry_after: Duration,
}

/// A circuit breaker in front of one thing that may fail.
pub struct Breaker {
    config: BreakerConfig,
    clock: Arc<dyn Clock>,
    inside: Mutex<Inside>,
}

struct Inside {
    phase: Phase,
    /// Counts the changes of phase: what was begun in an earlier one says nothing about this.
    epoch: u64,
    window: Window,
    /// For how long it opens next.
    open_us: i64,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    Open { since_us: i64 },
    HalfOpen { under_way: u32, done: u32 },
}

/// A call that was let through. What became of it is to be told; one that is dropped was given
/// up by its caller, and says nothing.
#[derive(Debug)]
#[must_use = "what became of the call is to be told"]
pub struct Call {
    breaker: Arc<Breaker>,
    epoch: u64,
    began_us: i64,
    is_told: bool,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig, clock: Arc<dyn Clock>) -> Result<Arc<Breaker>, ConfigError> {
        config.validate()?;
        let inside = Mutex::new(Inside {
            phase: Phase::Closed,
            epoch: 0,
            window: Window::new(micros(config.window)),
            open_us: micros(config.open),
        });
        Ok(Arc::new(Breaker {
            config,
            clock,
            inside,
        }))
    }

    /// Whether a call may be made now.
    pub fn admit(self: &Arc<Self>) -> Result<Call, BreakerOpen> {
        let now_us = self.clock.now_us();
        let mut inside = self.inside.lock();
        inside.advance(now_us);
        match &mut inside.phase {
            Phase::Closed => {}
            Phase::Open { since_us } => {
                return Err(refused(*since_us + inside.open_us - now_us));
            }
            Phase::HalfOpen { under_way, done } if *under_way + *done < self.config.probes => {
                *under_way += 1;
            }
            Phase::HalfOpen { .. } => return Err(refused(micros(self.config.slow_after))),
        }
        Ok(Call {
            breaker: Arc::clone(self),
            epoch: inside.epoch,
            began_us: now_us,
            is_told: false,
        })
    }

    /// What it does at the moment.
    pub fn state(&self) -> BreakerState {
        let mut inside = self.inside.lock();
        inside.advance(self.clock.now_us());
        match inside.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn told(&self, call: &Call, has_failed: bool) {
        let now_us = self.clock.now_us();
        let is_slow = now_us.saturating_sub(call.began_us) > micros(self.config.slow_after);
        let mut inside = self.inside.lock();
        if inside.epoch != call.epoch {
            return;
        }
        match &mut inside.phase {
            Phase::Closed => {
                inside.window.count(now_us, has_failed, is_slow);
                if inside.window.is_over(&self.config) {
                    inside.enter(Phase::Open { since_us: now_us });
                }
            }
            Phase::HalfOpen { .. } if has_failed || is_slow => {
                let doubled = inside.open_us.saturating_mul(2);
                inside.open_us = doubled.min(micros(self.config.open_max));
                inside.enter(Phase::Open { since_us: now_us });
            }
            Phase::HalfOpen { under_way, done } => {
                *under_way -= 1;
                *done += 1;
                if *done == self.config.probes {
                    inside.open_us = micros(self.config.open);
                    inside.enter(Phase::Closed);
                }
            }
            // A change of phase changes the epoch, so nothing that counts comes here.
            Phase::Open { .. } => {}
        }
    }

    fn given_up(&self, call: &Call) {
        let mut inside = self.inside.lock();
        if inside.epoch == call.epoch
            && let Phase::HalfOpen { under_way, .. } = &mut inside.phase
        {
            *under_way -= 1;
        }
    }
}

impl Call {
    /// It was answered; by a refusal too, if that is an answer. Slow is what took too long.
    pub fn succeeded(mut self) {
        self.is_told = true;
        self.breaker.told(&self, false);
    }

    /// It was not answered, or not in time.
    pub fn failed(mut self) {
        self.is_told = true;
        self.breaker.told(&self, true);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_told {
            self.breaker.given_up(self);
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("config", &self.config)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Inside {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.window.clear();
    }

    /// An open breaker becomes half-open by time alone.
    fn advance(&mut self, now_us: i64) {
        let Phase::Open { since_us } = &mut self.phase else {
            return;
        };
        // Set back: what is left cannot be told, and is not more than the whole.
        *since_us = (*since_us).min(now_us);
        if now_us - *since_us >= self.open_us {
            self.enter(Phase::HalfOpen {
                under_way: 0,
                done: 0,
            });
        }
    }
}

/// Calls of the last while, in slices of it.
struct Window {
    slice_us: i64,
    slices: VecDeque<Slice>,
}

#[derive(Clone, Copy, Default)]
struct Slice {
    number: i64,
    calls: u32,
    failed: u32,
    slow: u32,
}

/// So finely a window slides.
const SLICES: i64 = 10;

impl Window {
    fn new(window_us: i64) -> Window {
        Window {
            slice_us: (window_us / SLICES).max(1),
            slices: VecDeque::new(),
        }
    }

    fn count(&mut self, now_us: i64, has_failed: bool, is_slow: bool) {
        let number = now_us.div_euclid(self.slice_us);
        if self.slices.back().is_some_and(|last| last.number > number) {
            self.clear();
        }
        while let Some(first) = self.slices.front()
            && first.number <= number - SLICES
        {
            self.slices.pop_front();
        }
        if self.slices.back().is_none_or(|last| last.number != number) {
            self.slices.push_back(Slice {
                number,
                ..Slice::default()
            });
        }
        if let Some(slice) = self.slices.back_mut() {
            slice.calls = slice.calls.saturating_add(1);
            slice.failed = slice.failed.saturating_add(u32::from(has_failed));
            slice.slow = slice.slow.saturating_add(u32::from(is_slow));
        }
    }

    fn is_over(&self, config: &BreakerConfig) -> bool {
        let sum = |of: fn(&Slice) -> u32| self.slices.iter().map(|s| u64::from(of(s))).sum::<u64>();
        let calls = sum(|slice| slice.calls);
        let is_share = |part: u64, share: f64| part as f64 >= share * calls as f64;
        calls >= u64::from(config.calls_min)
            && (is_share(sum(|slice| slice.failed), config.failed_share)
                || is_share(sum(|slice| slice.slow), config.slow_share))
    }

    fn clear(&mut self) {
        self.slices.clear();
    }
}

fn refused(left_us: i64) -> BreakerOpen {
    BreakerOpen {
        retry_after: Duration::from_micros(u64::try_from(left_us).unwrap_or(0)),
    }
}

fn micros(span: Duration) -> i64 {
    // A third of a million years, so that sums of two do not overflow.
    i64::try_from(span.as_micros()).map_or(i64::MAX / 4, |us| us.min(i64::MAX / 4))
}

#[cfg(test)]
mod tests;

//! How a queue's workers follow its load.

use crate::config::ConfigError;
use std::time::Duration;

/// How a queue's workers follow its load.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingConfig {
    /// There are always so many.
    pub workers_min: u32,
    /// There are never more.
    pub workers_max: u32,
    /// Which share of their time workers are busy, where there are as many as arrivals need; in
    /// `(0, 1]`.
    pub utilisation: f64,
    /// Within which time what waits is to be worked off.
    pub drain_target: Duration,
    /// How old a message may become before it is leased.
    pub oldest_objective: Duration,
    /// Over which time arrivals are counted.
    pub window: Duration,
    /// For so long fewer must have been enough, before there are fewer.
    pub down_after: Duration,
    /// Then so long lies between two steps down.
    pub down_every: Duration,
    /// And one step takes off this share, or one worker; in `(0, 1]`.
    pub down_share: f64,
}

impl Default for ScalingConfig {
    fn default() -> ScalingConfig {
        ScalingConfig {
            workers_min: 1,
            workers_max: 32,
            utilisation: 0.7,
            drain_target: Duration::from_secs(30),
            oldest_objective: Duration::from_secs(30),
            window: Duration::from_secs(5),
            down_after: Duration::from_secs(60),
            down_every: Duration::from_secs(10),
            down_share: 0.25,
        }
    }
}

/// More belong on several machines, each with its own.
const WORKERS_BOUND: u32 = 100_000;

impl ScalingConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=WORKERS_BOUND).contains(&self.workers_max) {
            let value = self.workers_max.to_string();
            return ConfigError::refuse("workers_max", value, "between 1 and 100000");
        }
        if self.workers_min > self.workers_max {
            let value = self.workers_min.to_string();
            return ConfigError::refuse("workers_min", value, "at most workers_max");
        }
        let shares = [
            ("utilisation", self.utilisation),
            ("down_share", self.down_share),
        ];
        for (setting, share) in shares {
            if !(share > 0.0 && share <= 1.0) {
                return ConfigError::refuse(setting, share.to_string(), "above 0 and at most 1");
            }
        }
        let spans = [
            ("drain_target", self.drain_target),
            ("oldest_objective", self.oldest_objective),
            ("scaling.window", self.window),
        ];
        for (setting, span) in spans {
            if !(Duration::from_millis(100)..=SPAN_BOUND).contains(&span) {
                return ConfigError::refuse(
                    setting,
                    format!("{span:?}"),
                    "between 100 ms and 1 day",
                );
            }
        }
        for (setting, span) in [
            ("down_after", self.down_after),
            ("down_every", self.down_every),
        ] {
            if span > SPAN_BOUND {
                return ConfigError::refuse(setting, format!("{span:?}"), "at most 1 day");
            }
        }
        Ok(())
    }
}

const SPAN_BOUND: Duration = Duration::from_secs(86_400);

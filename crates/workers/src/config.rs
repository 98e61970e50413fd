//! What is set of a worker.

use crate::rate::Rate;
use crate::source::Place;
use pando_queue::{ConfigError, ScalingConfig};
use std::time::Duration;

/// What is set of a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerConfig {
    /// Its name.
    pub name: String,
    /// What it works on.
    pub place: Place,
    /// How many messages it has at once, and how that follows the load.
    pub scaling: ScalingConfig,
    /// How many messages it begins at most in a time.
    pub rate: Option<Rate>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long a lease lasts before it is extended; the queue's where it is not said.
    pub visibility: Option<Duration>,
}

/// An attempt that takes longer belongs into several messages.
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(12 * 60 * 60);
/// A shorter lease would run out while the store is a little slow.
const VISIBILITIES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(12 * 60 * 60);

impl WorkerConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.scaling.validate()?;
        if !TIMEOUTS.contains(&self.timeout) {
            return refuse("timeout", self.timeout, "between 10 ms and 12 hours");
        }
        match self.visibility {
            Some(span) if !VISIBILITIES.contains(&span) => {
                refuse("visibility", span, "between 1 s and 12 hours")
            }
            _ => Ok(()),
        }
    }
}

fn refuse(
    setting: &'static str,
    value: Duration,
    must_be: &'static str,
) -> Result<(), ConfigError> {
    Err(ConfigError {
        setting,
        value: format!("{value:?}"),
        must_be,
    })
}

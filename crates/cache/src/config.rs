//! How a collection is cached.

use crate::policy::{Eviction, LFU_PART_ENTRIES};
use crate::resident::Shape;
use std::time::Duration;

/// How a collection is cached. All of it can be changed while the cache is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What leaves a full cache first.
    pub eviction: Eviction,
    /// How much is held, bookkeeping included.
    pub capacity_bytes: usize,
    /// How much an entry is expected to weigh; the frequency sketch of `lfu` and the rate at
    /// which the shadow samples are sized by it.
    pub entry_bytes: usize,
    /// Into how many parts the cache is cut, each with a lock of its own; by capacity where it
    /// is not given.
    pub parts: Option<usize>,
    /// How long an entry is fresh; without one, until it is invalidated or evicted.
    pub ttl: Option<Duration>,
    /// Up to which share of it the TTL is shortened by chance, so that what was filled together
    /// does not run out together; in `[0, 1]`.
    pub ttl_jitter: f64,
    /// How long past its TTL an entry may be given while it is loaded anew.
    pub stale_while_revalidate: Duration,
    /// How long past its TTL an entry may be given where the store fails. Only what is out of
    /// date by its TTL: the rule of the stamp holds all the same.
    pub stale_if_error: Duration,
    /// How long it is remembered that there is nothing; without one it is not.
    pub negative_ttl: Option<Duration>,
    /// How early entries are loaded before they are stale, as XFetch's β: 1 is the optimum for
    /// exponential arrivals, 0 is never.
    pub early_refresh: f64,
    /// In which part of its TTL, counted from the end, an entry that is asked for is loaded anew
    /// behind the answer; 0 is never, beside `early_refresh`.
    pub refresh_share: f64,
    /// Whether one process of all loads a key, where they share a second level.
    pub leases: bool,
    /// Whether ghosts are kept, which tell what other policies and sizes would do.
    pub shadow: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            eviction: Eviction::S3Fifo,
            capacity_bytes: 64 << 20,
            entry_bytes: 1024,
            parts: None,
            ttl: Some(Duration::from_secs(300)),
            ttl_jitter: 0.1,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            negative_ttl: Some(Duration::from_secs(10)),
            early_refresh: 1.0,
            refresh_share: 0.0,
            leases: true,
            shadow: false,
        }
    }
}

/// A configuration that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: it must be {must_be}")]
pub struct ConfigError {
    /// Which setting.
    pub setting: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub must_be: &'static str,
}

impl ConfigError {
    /// Refuses a value, and says what it may be.
    pub(crate) fn refuse<T>(
        setting: &'static str,
        value: String,
        must_be: &'static str,
    ) -> Result<T, ConfigError> {
        Err(ConfigError {
            setting,
            value,
            must_be,
        })
    }
}

impl Config {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.capacity_bytes < CAPACITY_BYTES_MIN {
            let value = self.capacity_bytes.to_string();
            return ConfigError::refuse("capacity", value, "at least 16 KiB");
        }
        if self.capacity_bytes > CAPACITY_BYTES_MAX {
            let value = self.capacity_bytes.to_string();
            return ConfigError::refuse("capacity", value, "at most 1 TiB");
        }
        if self.entry_bytes == 0 || self.entry_bytes > self.capacity_bytes {
            let value = self.entry_bytes.to_string();
            return ConfigError::refuse("entry_bytes", value, "between 1 and the capacity");
        }
        if self
            .parts
            .is_some_and(|parts| !(1..=PARTS_BOUND).contains(&parts))
        {
            let value = format!("{:?}", self.parts);
            return ConfigError::refuse("parts", value, "between 1 and 256");
        }
        if !(0.0..=1.0).contains(&self.ttl_jitter) {
            return ConfigError::refuse(
                "ttl_jitter",
                self.ttl_jitter.to_string(),
                "between 0 and 1",
            );
        }
        if !(0.0..=100.0).contains(&self.early_refresh) {
            let value = self.early_refresh.to_string();
            return ConfigError::refuse("early_refresh", value, "between 0 and 100");
        }
        if !(0.0..=1.0).contains(&self.refresh_share) {
            let value = self.refresh_share.to_string();
            return ConfigError::refuse("refresh_share", value, "between 0 and 1");
        }
        for (setting, ttl) in [("ttl", self.ttl), ("negative_ttl", self.negative_ttl)] {
            if ttl.is_some_and(|ttl| ttl.is_zero()) {
                return ConfigError::refuse(
                    setting,
                    "0".to_owned(),
                    "longer; leave it out for none",
                );
            }
        }
        Ok(())
    }

    pub(crate) fn shape(&self) -> Shape {
        let by_capacity = (self.capacity_bytes / PART_BYTES).clamp(1, PARTS_MAX);
        let least = match self.eviction {
            Eviction::Lfu => self.capacity_bytes / self.entry_bytes / LFU_PART_ENTRIES + 1,
            _ => 1,
        };
        Shape {
            eviction: self.eviction,
            capacity_bytes: self.capacity_bytes,
            parts: self
                .parts
                .unwrap_or(by_capacity.max(least.min(PARTS_BOUND))),
            entry_bytes: self.entry_bytes,
        }
    }
}

/// Less holds too little to be worth its bookkeeping.
const CAPACITY_BYTES_MIN: usize = 16 << 10;
/// More is a slip of the pen.
const CAPACITY_BYTES_MAX: usize = 1 << 40;
/// A part smaller than that would be full while others have room.
const PART_BYTES: usize = 4 << 20;
/// More would be too small, or too many.
const PARTS_BOUND: usize = 256;
/// Enough that threads of a machine seldom wait for one another.
const PARTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_cache_is_cut_into_parts_and_one_of_lfu_so_that_its_sketches_suffice() {
        for (eviction, capacity_bytes, parts) in [
            (Eviction::S3Fifo, 1 << 20, 1),
            (Eviction::S3Fifo, 64 << 20, 16),
            (Eviction::S3Fifo, 64 << 30, 16),
            (Eviction::Lfu, 64 << 20, 16),
            (Eviction::Lfu, 1 << 30, 140),
            (Eviction::Lfu, 64 << 30, 256),
        ] {
            let config = Config {
                eviction,
                capacity_bytes,
                ..Config::default()
            };
            assert_eq!(config.shape().parts, parts, "{eviction} {capacity_bytes}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_setting_and_what_it_may_be() {
        assert_eq!(Config::default().validate(), Ok(()));
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for (found, expected) in [
            (
                with(|c| c.capacity_bytes = 1),
                "capacity is 1: it must be at least 16 KiB",
            ),
            (
                with(|c| c.ttl_jitter = 1.5),
                "ttl_jitter is 1.5: it must be between 0 and 1",
            ),
            (
                with(|c| c.ttl_jitter = f64::NAN),
                "ttl_jitter is NaN: it must be between 0 and 1",
            ),
            (
                with(|c| c.parts = Some(0)),
                "parts is Some(0): it must be between 1 and 256",
            ),
            (
                with(|c| c.ttl = Some(Duration::ZERO)),
                "ttl is 0: it must be longer; leave it out for none",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }
}

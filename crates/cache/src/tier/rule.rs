//! How a collection is cached: its strategy, and the settings of its cache.

use crate::config::{Config, ConfigError};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How reads and writes of a collection go by its cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// A miss is loaded by the process that met it; a write goes to the store and invalidates.
    CacheAside,
    /// As `cache-aside`, and one process of all loads a key.
    #[default]
    ReadThrough,
    /// As `read-through`, and a write lays down what it wrote, as of its own position.
    WriteThrough,
    /// As `read-through`, and a write is acknowledged when the journal has it.
    WriteBehind,
    /// As `cache-aside`, and a write of this process invalidates by the feed alone.
    WriteAround,
    /// As `cache-aside`, and what is read in the last part of its TTL is loaded anew behind it.
    RefreshAhead,
}

/// How a collection is cached.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// How reads and writes go by the cache.
    pub strategy: Strategy,
    /// How the cache is kept.
    pub config: Config,
    /// Under another one nothing is found that was kept under this, here or by what processes
    /// share.
    pub generation: u64,
    /// What is loaded before it is asked for.
    pub warm: Option<Warm>,
}

/// What is loaded before it is asked for: after a start, and whenever all was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warm {
    /// What finds it, in the words of whoever [knows](super::Warmer).
    pub query: String,
    /// So many of what it finds in a second at most.
    pub rate: u32,
    /// With another one it is loaded again.
    pub asked: u64,
}

/// A name that is no strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy `{0}`: there are {names}", names = Strategy::NAMES.join(", "))]
pub struct UnknownStrategy(pub String);

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 6] = [
        Strategy::CacheAside,
        Strategy::ReadThrough,
        Strategy::WriteThrough,
        Strategy::WriteBehind,
        Strategy::WriteAround,
        Strategy::RefreshAhead,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 6] = [
        "cache-aside",
        "read-through",
        "write-through",
        "write-behind",
        "write-around",
        "refresh-ahead",
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Strategy::NAMES[self as usize]
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Strategy, UnknownStrategy> {
        let place = Strategy::NAMES.iter().position(|known| *known == name);
        let place = place.ok_or_else(|| UnknownStrategy(name.to_owned()))?;
        Ok(Strategy::ALL[place])
    }
}

/// In which part of its TTL, counted from the end, `refresh-ahead` loads an entry anew.
const AHEAD_SHARE: f64 = 0.25;
/// For how long `refresh-ahead` gives what is past its TTL where the store fails, if nothing else
/// is said.
const AHEAD_STALE: Duration = Duration::from_secs(60);

impl Rule {
    /// A rule with what its strategy asks of its cache; refuses what cannot be.
    pub fn new(strategy: Strategy, mut config: Config) -> Result<Rule, ConfigError> {
        config.leases = matches!(
            strategy,
            Strategy::ReadThrough | Strategy::WriteThrough | Strategy::WriteBehind
        );
        if strategy == Strategy::RefreshAhead {
            if config.ttl.is_none() {
                let value = "none".to_owned();
                return ConfigError::refuse("ttl", value, "a time, for refresh-ahead");
            }
            config.refresh_share = AHEAD_SHARE;
            if config.stale_if_error.is_zero() {
                config.stale_if_error = AHEAD_STALE;
            }
        }
        config.validate()?;
        Ok(Rule {
            strategy,
            config,
            generation: 0,
            warm: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_has_the_name_that_it_is_read_by() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.to_string().parse(), Ok(strategy));
        }
        let refused = "write-back".parse::<Strategy>().unwrap_err().to_string();
        assert!(refused.starts_with("there is no strategy `write-back`: there are cache-aside, "));
    }

    #[test]
    fn refresh_ahead_needs_a_ttl_to_be_ahead_of_and_keeps_what_is_stale_for_a_store_that_fails() {
        let without = Config {
            ttl: None,
            ..Config::default()
        };
        let refused = Rule::new(Strategy::RefreshAhead, without).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "ttl is none: it must be a time, for refresh-ahead"
        );
        let rule = Rule::new(Strategy::RefreshAhead, Config::default()).unwrap();
        assert_eq!(rule.config.stale_if_error, AHEAD_STALE);
        assert!(rule.config.refresh_share > 0.0);
    }
}

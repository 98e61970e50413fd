//! The policies of eviction, and how foyer is told of each.
//!
//! | policy | paper | parameters |
//! |---|---|---|
//! | `lru` | – | one list |
//! | `lfu` | W-TinyLFU, Einziger, Friedman, Manes 2017 | window 10 %, protected 80 %, counts halved every 8 × entries |
//! | `fifo` | – | one queue |
//! | `s3fifo` | Yang, Zhang, Qiu, Yue, Rashmi 2023 | small queue 10 %, ghosts 90 %, promoted when asked for twice more |
//! | `sieve` | Zhang, Yang, Yue, Vigfusson, Rashmi 2024 | one queue, one hand |

use foyer_memory::{EvictionConfig, FifoConfig, LfuConfig, LruConfig, S3FifoConfig, SieveConfig};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What leaves a full cache first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Eviction {
    /// What was used longest ago.
    Lru,
    /// What is used least often, W-TinyLFU.
    Lfu,
    /// What came first.
    Fifo,
    /// What was not used again soon, S3-FIFO.
    #[default]
    S3Fifo,
    /// What was not used since the hand last passed, SIEVE.
    Sieve,
}

/// No policy has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no eviction policy is called {0:?}; there are lru, lfu, fifo, s3fifo and sieve")]
pub struct UnknownEviction(pub String);

impl Eviction {
    /// All of them.
    pub const ALL: [Eviction; 5] = [
        Eviction::Lru,
        Eviction::Lfu,
        Eviction::Fifo,
        Eviction::S3Fifo,
        Eviction::Sieve,
    ];

    /// Its name in configuration and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Eviction::Lru => "lru",
            Eviction::Lfu => "lfu",
            Eviction::Fifo => "fifo",
            Eviction::S3Fifo => "s3fifo",
            Eviction::Sieve => "sieve",
        }
    }

    /// What foyer has to know, for a part of the cache that will hold about so many entries.
    pub(crate) fn foyer(self, entries: usize) -> EvictionConfig {
        match self {
            // foyer's second pool is for entries with a hint; with all of the capacity in the
            // first one it is a plain LRU.
            Eviction::Lru => LruConfig {
                high_priority_pool_ratio: 1.0,
            }
            .into(),
            Eviction::Lfu => LfuConfig {
                window_capacity_ratio: 0.1,
                protected_capacity_ratio: 0.8,
                cmsketch_eps: std::f64::consts::E
                    / (LFU_SAMPLE * entries).clamp(LFU_SAMPLE, LFU_SAMPLE_MAX) as f64,
                cmsketch_confidence: 0.9,
            }
            .into(),
            Eviction::Fifo => FifoConfig::default().into(),
            Eviction::S3Fifo => S3FifoConfig {
                small_queue_capacity_ratio: 0.1,
                ghost_queue_capacity_ratio: 0.9,
                small_to_main_freq_threshold: 2,
            }
            .into(),
            Eviction::Sieve => SieveConfig.into(),
        }
    }
}

/// How many times its entries the frequency sketch of `lfu` counts before it halves its counts.
/// foyer has as many columns of counters as that, six bytes each: 48 bytes for each entry. The
/// paper's 10 was worse on recorded traces, because foyer's counts are not capped.
const LFU_SAMPLE: usize = 8;
/// foyer's counts, and their sum, have 16 bits: were more counted between two halvings, the
/// counts of the most popular keys would begin at zero again (0.22.6).
const LFU_SAMPLE_MAX: usize = 60_000;
/// More entries than that in one part have a sketch that is too small for them.
pub(crate) const LFU_PART_ENTRIES: usize = LFU_SAMPLE_MAX / LFU_SAMPLE;

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Eviction {
    type Err = UnknownEviction;

    fn from_str(name: &str) -> Result<Eviction, UnknownEviction> {
        Eviction::ALL
            .into_iter()
            .find(|eviction| eviction.name() == name)
            .ok_or_else(|| UnknownEviction(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_from_the_name_it_is_written_with() {
        for eviction in Eviction::ALL {
            assert_eq!(eviction.to_string().parse(), Ok(eviction));
        }
        let unknown = "clock".parse::<Eviction>().unwrap_err();
        assert!(unknown.to_string().contains("\"clock\""));
    }
}

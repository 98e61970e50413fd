//! Configuration: `pando.toml`, then `PANDO__SECTION__KEY`, then flags; each
//! setting remembers where it came from.
//!
//! A file that cannot be kept in full is refused in full, with every fault at its
//! line and column; nothing is guessed. What a running server takes over on reload
//! is in [`reload`].

mod checks;
mod files;
pub mod keys;
mod layers;
pub mod reference;
pub mod reload;
mod sections;
pub mod units;

pub use layers::{Loaded, Origin, Sources, load};
pub use sections::{
    Cache, CachedCollection, Config, DataAccess, EngineKind, EvictionName, Exchange,
    ExchangeBinding, ExchangeKind, Listener, Log, LogFormat, Messaging, OnFailureName, PhaseName,
    Postgres, Queue, QueueBackoff, QueuePlace, QueueSchedule, StrategyName, Worker,
};

use std::fmt;

/// One fault of a configuration, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a place in the file, a variable, a flag.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Every fault that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", problem.place, problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(f, "\n  {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

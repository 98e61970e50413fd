//! How long sessions live, and how much there may be of them.

use pando_model::json::PatchLimits;
use std::time::Duration;

/// Seldom enough that a touch is no more than a sixteenth of what idling means.
const TOUCHES_WHILE_IDLE: u32 = 16;

/// Times and limits of sessions. The times are those that NIST SP 800-63B-4 gives for AAL2
/// (section 2.2.3): an hour without use, a day in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// How long a session lives without being used, where nothing is said.
    pub idle: Duration,
    /// How long it lives in all, where nothing is said.
    pub absolute: Duration,
    /// How long a session may be asked to live in all.
    pub absolute_max: Duration,
    /// Sessions of one user at most; one more ends the one that was not used for longest.
    pub per_user_max: usize,
    /// Bytes of a session's data at most, as JSON.
    pub data_bytes_max: usize,
    /// That a session was used is written down at most so often; more often where it is to live
    /// for less than sixteen times that without being used.
    pub touch: Duration,
}

impl SessionsConfig {
    /// How long a touch is held back.
    pub(super) fn held_back_us(&self, idle_us: i64) -> i64 {
        micros(self.touch).min(idle_us / i64::from(TOUCHES_WHILE_IDLE))
    }

    pub(super) fn patch_limits(&self) -> PatchLimits {
        PatchLimits {
            bytes_max: self.data_bytes_max,
            ..PatchLimits::default()
        }
    }
}

impl Default for SessionsConfig {
    fn default() -> SessionsConfig {
        const HOUR: u64 = 60 * 60;
        SessionsConfig {
            idle: Duration::from_secs(HOUR),
            absolute: Duration::from_secs(24 * HOUR),
            absolute_max: Duration::from_secs(30 * 24 * HOUR),
            per_user_max: 100,
            data_bytes_max: 64 << 10,
            touch: Duration::from_secs(60),
        }
    }
}

/// A time in microseconds.
pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

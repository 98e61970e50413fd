//! What can be set of sessions.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sessions of an application's users. The times are those that NIST SP 800-63B gives for AAL2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// How long a session lives without being used, where it does not say.
    pub idle: Duration,
    /// How long it lives in all, where it does not say.
    pub absolute: Duration,
    /// How long a session may say that it lives.
    pub max_absolute: Duration,
    /// The most sessions of one user: one more ends the one that was not used for longest.
    pub max_per_user: u32,
    /// The most JSON that a session keeps; more is refused (413).
    pub max_data: ByteSize,
    /// That a session was used is written down at most so often, or sixteen times within the
    /// time that it lives without being used.
    pub touch: Duration,
    /// What whoever holds a session, and sends no key, may do with its data: `none`, `read`, or
    /// `write`. The application, which sends its key too, may do both.
    pub data_without_key: DataAccess,
}

/// What may be done with a session's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DataAccess {
    /// Nothing.
    None,
    /// It may be read.
    #[default]
    Read,
    /// It may be read and changed.
    Write,
}

impl Default for Sessions {
    fn default() -> Sessions {
        const HOUR: u64 = 60 * 60;
        Sessions {
            idle: Duration::seconds(HOUR),
            absolute: Duration::seconds(24 * HOUR),
            max_absolute: Duration::seconds(30 * 24 * HOUR),
            max_per_user: 100,
            max_data: ByteSize::kib(64),
            touch: Duration::seconds(60),
            data_without_key: DataAccess::Read,
        }
    }
}

//! The refusal of a configuration that cannot be.

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

/// Microseconds, a quarter of all that there are at most, so that sums of two do not overflow.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).map_or(i64::MAX / 4, |us| us.min(i64::MAX / 4))
}

//! Names of topics.

use super::TopicError;
use std::fmt;
use std::sync::Arc;

/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 128;

/// A name that a topic can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The name, checked: 1 to 128 bytes without commas, blanks or control characters. Scopes
    /// could not name others.
    pub fn new(name: &str) -> Result<TopicName, TopicError> {
        let is_sound = |c: char| c != ',' && !c.is_whitespace() && !c.is_control();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_sound) {
            return Err(TopicError::Invalid(format!(
                "a topic's name has 1 to {NAME_BYTES_MAX} bytes, and no commas, blanks or control \
                 characters"
            )));
        }
        Ok(TopicName(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

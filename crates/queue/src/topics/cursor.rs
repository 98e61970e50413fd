//! How far a subscriber has got, as text: the id of an event, which it sends back when it comes again.
//!
//! | text | meaning |
//! |---|---|
//! | `{origin}-{number}` | behind the message that the process `origin` published as its `number`th |
//! | `{origin}.{place}` | behind the `place`th delivery in the process `origin`: nothing was told yet |

use std::fmt;
use std::str::FromStr;

/// A message's id: which process published it, as its how-manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MessageId {
    pub(super) origin: u64,
    pub(super) number: u64,
}

/// How far a subscriber has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) Point);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// Behind this message.
    Message(MessageId),
    /// Behind that many deliveries of this process.
    Place { origin: u64, place: u64 },
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.origin, self.number)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Point::Message(id) => write!(f, "{id}"),
            Point::Place { origin, place } => write!(f, "{origin:016x}.{place}"),
        }
    }
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is the id of no event: send back what the last one had")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Cursor, NoCursor> {
        let (origin, rest) = text.split_at_checked(16).ok_or(NoCursor)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !origin.bytes().all(is_hex) {
            return Err(NoCursor);
        }
        let origin = u64::from_str_radix(origin, 16).map_err(|_| NoCursor)?;
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| NoCursor),
            false => Err(NoCursor),
        };
        if let Some(digits) = rest.strip_prefix('-') {
            let number = number(digits)?;
            return Ok(Cursor(Point::Message(MessageId { origin, number })));
        }
        let place = number(rest.strip_prefix('.').ok_or(NoCursor)?)?;
        Ok(Cursor(Point::Place { origin, place }))
    }
}

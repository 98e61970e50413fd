//! Tokens of leases: what a consumer sends to acknowledge a message. Whoever leases a message anew
//! gets another one, so that one whose time ran out is good for nothing.

use super::{KEY_BYTES_MAX, check_key};
use crate::refused;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pando_model::broker;
use pando_model::error::Refusal;

/// A lease of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseToken {
    /// Whose it is.
    pub(super) group: String,
    pub(super) of: Of,
}

/// What a lease is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A message in the store, and what tells this lease from others of it.
    Store { id: i64, lease: i64 },
    /// A message on the broker, which knows its leases by a text of its own.
    Broker(OfBroker),
}

/// A lease on the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OfBroker {
    pub lease: broker::Lease,
    /// Which attempt it is, from 1: how long the next one waits goes by it.
    pub attempt: u32,
}

/// What the first byte says of those behind it: message, lease and group.
const OF_STORE: u8 = 1;
/// The attempt in two bytes, the group's length, the group, and the broker's text.
const OF_BROKER: u8 = 2;
/// Bytes of a token: a broker's text, and what is around it.
const BYTES_MAX: usize = 2 * 1024;

impl LeaseToken {
    /// As it is sent.
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::with_capacity(1 + 8 + 8 + self.group.len());
        let group = self.group.as_bytes();
        match &self.of {
            Of::Store { id, lease } => {
                bytes.push(OF_STORE);
                bytes.extend_from_slice(&id.to_be_bytes());
                bytes.extend_from_slice(&lease.to_be_bytes());
                bytes.extend_from_slice(group);
            }
            Of::Broker(OfBroker { lease, attempt }) => {
                bytes.push(OF_BROKER);
                let attempt = u16::try_from(*attempt).unwrap_or(u16::MAX);
                bytes.extend_from_slice(&attempt.to_be_bytes());
                bytes.push(u8::try_from(group.len()).unwrap_or(u8::MAX));
                bytes.extend_from_slice(group);
                bytes.extend_from_slice(lease.as_str().as_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads it. Refused is only what no lease was ever given.
    pub fn read(text: &str) -> Result<LeaseToken, Refusal> {
        LeaseToken::decode(text).ok_or_else(|| {
            refused::malformed("that is no lease")
                .hint("Send what POST …/lease gave as \"lease\", as it is.")
        })
    }

    fn decode(text: &str) -> Option<LeaseToken> {
        if text.len() > BYTES_MAX * 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (form, bytes) = bytes.split_first()?;
        let (group, of) = match *form {
            OF_STORE => {
                let (id, bytes) = bytes.split_first_chunk()?;
                let (lease, group) = bytes.split_first_chunk()?;
                let (id, lease) = (i64::from_be_bytes(*id), i64::from_be_bytes(*lease));
                (group, Of::Store { id, lease })
            }
            OF_BROKER => {
                let (attempt, bytes) = bytes.split_first_chunk()?;
                let attempt = u32::from(u16::from_be_bytes(*attempt));
                let (length, bytes) = bytes.split_first()?;
                let (group, lease) = bytes.split_at_checked(usize::from(*length))?;
                let lease = std::str::from_utf8(lease).ok()?;
                let lease = broker::Lease::new(lease);
                (group, Of::Broker(OfBroker { lease, attempt }))
            }
            _ => return None,
        };
        let group = std::str::from_utf8(group).ok()?.to_owned();
        check_key("a group", &group).ok()?;
        debug_assert!(group.len() <= KEY_BYTES_MAX);
        Some(LeaseToken { group, of })
    }

    /// Whether it is a broker's to settle.
    pub fn is_of_broker(&self) -> bool {
        matches!(self.of, Of::Broker(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written_and_nothing_else_is_one(
            id: i64, lease: i64, group in "[a-zé]{1,40}", text in "[ -~]{0,40}", attempt: u16,
            garbage in ".{0,60}",
        ) {
            let (attempt, lease_there) = (u32::from(attempt), broker::Lease::new(text));
            let of_broker = Of::Broker(OfBroker { lease: lease_there, attempt });
            for of in [Of::Store { id, lease }, of_broker] {
                let token = LeaseToken { group: group.clone(), of };
                let text = token.to_text();
                prop_assert_eq!(LeaseToken::read(&text), Ok(token.clone()));
                for cut in 0..text.len() {
                    let read = LeaseToken::read(&text[..cut]);
                    prop_assert_ne!(read, Ok(token.clone()));
                }
            }
            prop_assert!(LeaseToken::read(&garbage).is_err() || garbage.len() > 3);
        }
    }
}

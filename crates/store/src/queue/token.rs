//! Tokens of leases: what a consumer sends to acknowledge a message. Whoever leases a message anew
//! gets another one, so that one whose time ran out is good for nothing.

use super::{KEY_BYTES_MAX, check_key};
use crate::refused;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pando_model::error::Refusal;

/// A lease of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseToken {
    /// The message.
    pub(super) id: i64,
    /// What tells this lease from others of it.
    pub(super) lease: i64,
    /// Whose it is.
    pub(super) group: String,
}

/// Which form the bytes have: whoever reads it later knows.
const FORM: u8 = 1;
/// Form, message, and lease.
const LEAD_BYTES: usize = 1 + 8 + 8;

impl LeaseToken {
    /// As it is sent.
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::with_capacity(LEAD_BYTES + self.group.len());
        bytes.push(FORM);
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(&self.lease.to_be_bytes());
        bytes.extend_from_slice(self.group.as_bytes());
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
        if text.len() > (LEAD_BYTES + KEY_BYTES_MAX) * 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (form, bytes) = bytes.split_first()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let (lease, group) = bytes.split_first_chunk()?;
        let group = std::str::from_utf8(group).ok()?;
        check_key("a group", group).ok()?;
        (*form == FORM).then(|| LeaseToken {
            id: i64::from_be_bytes(*id),
            lease: i64::from_be_bytes(*lease),
            group: group.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written_and_nothing_else_is_one(
            id: i64, lease: i64, group in "[a-zé]{1,40}", garbage in ".{0,60}",
        ) {
            let token = LeaseToken { id, lease, group };
            let text = token.to_text();
            prop_assert_eq!(LeaseToken::read(&text), Ok(token.clone()));
            for cut in 0..text.len() {
                let read = LeaseToken::read(&text[..cut]);
                prop_assert_ne!(read, Ok(token.clone()));
            }
            prop_assert!(LeaseToken::read(&garbage).is_err() || garbage.len() > 23);
        }
    }
}

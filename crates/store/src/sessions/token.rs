//! Tokens: what whoever holds a session sends. They are shown once, and only their hashes are kept.
//!
//! A token is `pandos_` and base64url of a place (8 bytes) and 256 random bits. The place says in
//! which slot the session lies, and nothing else that its holder does not know: it is a hash of
//! the user's name.

use crate::error::StoreError;
use crate::session::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::fmt;

/// What every token begins with, so that people and scanners know what they found. No API key
/// begins like this.
pub const TOKEN_PREFIX: &str = "pandos_";
/// Bytes that cannot be guessed.
const SECRET_BYTES: usize = 32;
const PLACE_BYTES: usize = 8;
/// Characters behind the prefix: base64 without padding.
const TEXT_BYTES: usize = ((PLACE_BYTES + SECRET_BYTES) * 4).div_ceil(3);

/// A session's token. It has no `Display`, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    place: Place,
}

/// Which sessions lie side by side: those of a user, or the one that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(i64);

impl Token {
    /// A new token for a session at a place.
    pub(super) fn new(place: Place) -> Result<Token> {
        let mut bytes = [0; PLACE_BYTES + SECRET_BYTES];
        let (at, secret) = bytes.split_at_mut(PLACE_BYTES);
        at.copy_from_slice(&place.0.to_be_bytes());
        getrandom::fill(secret)
            .map_err(|error| StoreError::Catalog(format!("cannot make a token: {error}")))?;
        Ok(Token {
            text: format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)),
            place,
        })
    }

    /// Reads a token; `None` for what has not the form of one.
    pub fn read(text: &str) -> Option<Token> {
        let encoded = text.strip_prefix(TOKEN_PREFIX)?;
        if encoded.len() != TEXT_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let place = i64::from_be_bytes(*bytes.first_chunk()?);
        Some(Token {
            text: text.to_owned(),
            place: Place(place),
        })
    }

    /// What is sent: to the session's holder, and nowhere else.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// What is kept of it. So many random bits need no slow hash; and looking a hash up tells
    /// nothing about tokens by its timing.
    pub(super) fn hash(&self) -> Value {
        Value::Bytes(blake3::hash(self.text.as_bytes()).as_bytes().to_vec())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

impl Place {
    /// Where the sessions of a user lie.
    pub(super) fn of_user(user: &str) -> Place {
        Place::derived("pando sessions of a user v1", user.as_bytes())
    }

    /// Where a session of nobody's lies.
    pub(super) fn of_nobody(id: i64) -> Place {
        Place::derived("pando session of nobody v1", &id.to_be_bytes())
    }

    /// Where a session of somebody's or nobody's lies.
    pub(super) fn of(user: Option<&str>, id: i64) -> Place {
        user.map_or_else(|| Place::of_nobody(id), Place::of_user)
    }

    pub(super) fn value(self) -> Value {
        Value::Int(self.0)
    }

    pub(super) fn slot(self) -> Slot {
        let key = canonical::bytes_of(&[(&ColumnType::Bigint, &self.value())]);
        Slot::of_key(&key)
    }

    fn derived(context: &str, name: &[u8]) -> Place {
        let hash = blake3::derive_key(context, name);
        let mut bytes = [0; PLACE_BYTES];
        bytes.copy_from_slice(&hash[..PLACE_BYTES]);
        Place(i64::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = Token::new(Place::of_user("ada")).unwrap();
        assert_eq!(Token::read(token.text()), Some(token.clone()));
        assert_eq!(token.text().len(), TOKEN_PREFIX.len() + TEXT_BYTES);
        let text = token.text();
        let rest = &text[TOKEN_PREFIX.len()..];
        for other in [
            "",
            "pandos_",
            rest,
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("pando_{rest}"),
            &text.replace('_', "+"),
            &"가".repeat(20),
        ] {
            assert_eq!(Token::read(other), None, "{other:?}");
        }
    }

    #[test]
    fn tokens_are_shown_by_nothing_but_text() {
        let token = Token::new(Place::of_user("ada")).unwrap();
        assert_eq!(format!("{token:?}"), "Token { .. }");
    }

    #[test]
    fn no_two_tokens_and_no_two_of_their_bytes_are_alike() {
        let tokens: Vec<Token> = (0..2_000)
            .map(|_| Token::new(Place::of_user("ada")).unwrap())
            .collect();
        let texts: HashSet<&str> = tokens.iter().map(Token::text).collect();
        assert_eq!(texts.len(), tokens.len());
        // Each of the 256 bits is set in about half of them.
        let mut set = [0; SECRET_BYTES * 8];
        for token in &tokens {
            let bytes = URL_SAFE_NO_PAD.decode(&token.text()[TOKEN_PREFIX.len()..]);
            for (n, byte) in bytes.unwrap()[PLACE_BYTES..].iter().enumerate() {
                for bit in 0..8 {
                    set[n * 8 + bit] += usize::from(byte >> bit & 1);
                }
            }
        }
        // Eight standard deviations: a sound generator fails this once in 10¹² runs.
        assert!(
            set.iter().all(|ones| (821..=1179).contains(ones)),
            "{set:?}"
        );
    }

    #[test]
    fn places_are_frozen() {
        for (place, expected) in [
            (Place::of_user("ada"), PLACE_OF_ADA),
            (Place::of_nobody(1), PLACE_OF_NOBODY_1),
        ] {
            assert_eq!(place.0, expected);
        }
    }

    const PLACE_OF_ADA: i64 = 6_622_009_483_158_755_831;
    const PLACE_OF_NOBODY_1: i64 = -244_676_699_626_475_315;
}

//! What a caller brings to a request, and what it is handed back.

use crate::error::StoreError;
use bytes::Bytes;
use pando_model::engine::{Copies, Freshness, Progress};
use pando_model::stamp::{Position, Reach};
use std::time::Duration;

/// The only shard there is.
const SHARD: u32 = 0;

/// `Pando-Consistency`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// From the owner.
    Strong,
    /// At least what the caller has written and seen.
    #[default]
    Session,
    /// At most so many microseconds old.
    BoundedUs(u64),
    /// Whatever there is.
    Eventual,
}

/// What a request requires of the copy that answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What the caller has written and seen; nothing for a new one.
    pub token: Option<crate::token::Token>,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
}

impl Session {
    /// Which copies may answer it.
    pub(crate) fn freshness(&self) -> Freshness {
        let by_owner = self.token.as_ref().is_some_and(|token| token.strong);
        Freshness {
            seen: self.seen(),
            copies: match self.consistency {
                Consistency::Strong => Copies::Owner,
                Consistency::Session if by_owner => Copies::Owner,
                Consistency::Session => Copies::Covering,
                Consistency::BoundedUs(age) => Copies::Within(Duration::from_micros(age)),
                Consistency::Eventual => Copies::Any,
            },
        }
    }

    /// After a write, which the owner has made: whether what the caller had seen is in no
    /// history that goes on.
    pub(crate) fn has_lost(&self, owner: &Progress) -> bool {
        self.seen()
            .is_some_and(|seen| owner.history.reach(seen, owner.high) != Reach::Contained)
    }

    /// What a caller is handed: he keeps what he has seen, though a copy that is behind him, an
    /// answer that was kept, or a process that has heard of less goes by an earlier position.
    pub fn stamped(&self, high: Position, lost: bool) -> Stamped {
        let seen = self.seen().filter(|_| !lost);
        Stamped {
            high: seen.map_or(high, |seen| seen.max(high)),
            lost,
        }
    }

    fn seen(&self) -> Option<Position> {
        self.token.as_ref()?.position(SHARD)
    }
}

/// What every answer carries besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// What the caller is handed: the answer contains nothing beyond it.
    pub high: Position,
    /// The caller required something that the history has lost (`stamp_lost`).
    pub lost: bool,
}

/// The rows that a table request answers with.
#[derive(Clone, Debug, PartialEq)]
pub struct TableAnswer {
    /// The rows, in the shape asked for; empty for `return=minimal`.
    pub body: Bytes,
    /// How many rows `body` holds.
    pub rows: u64,
    /// How many were passed over.
    pub offset: u64,
    /// How many there are in all, where it was asked.
    pub total: Option<u64>,
    /// Whether `max_rows` cut the list.
    pub truncated: bool,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// For writes: rows inserted, updated or deleted.
    pub affected: u64,
    /// For writes: of these, rows that are new.
    pub inserted: u64,
    /// For a single new row: the filters that find it (`id=eq.1`), for `Location`.
    pub location: Option<String>,
}

/// Answers or errors of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;

    #[test]
    fn a_caller_is_handed_nothing_older_than_what_he_brought_unless_that_is_lost() {
        let at = |timeline, p| Position { timeline, p };
        for (seen, high, lost, expected) in [
            (None, at(1, 5), false, at(1, 5)),
            (Some(at(1, 7)), at(1, 5), false, at(1, 7)),
            (Some(at(1, 3)), at(1, 5), false, at(1, 5)),
            (Some(at(1, 7)), at(2, 5), false, at(2, 5)),
            (Some(at(1, 7)), at(1, 5), true, at(1, 5)),
        ] {
            let session = Session {
                token: seen.map(|seen| Token::of(SHARD, seen)),
                ..Session::default()
            };
            let stamped = session.stamped(high, lost);
            assert_eq!(
                stamped,
                Stamped {
                    high: expected,
                    lost
                },
                "{seen:?}"
            );
        }
    }
}

//! Stamps: where a shard's history has got to, and whether a copy may answer.
//!
//! | word | meaning |
//! |---|---|
//! | position | `(timeline, p)`: one point of a shard's history |
//! | stamp | the position of a committed write |
//! | `low` | taken before a read's snapshot: the answer contains all up to it |
//! | `high` | taken after it: nothing beyond it is in the answer |
//! | fork | the last position that a timeline shares with the one before it |
//!
//! A copy may answer if its `low` covers what the caller requires; the caller
//! is handed `high`.
//!
//! Worked example: timeline 1 reached p = 90; a backup taken at p = 70 was
//! restored as timeline 2, forked at 70. `(1, 65)` is contained in timeline 2,
//! `(1, 80)` is lost.

use serde::{Deserialize, Serialize};

/// A point in a shard's history, ordered by timeline, then `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The timeline; a restored or promoted history begins a new one. From 1.
    pub timeline: u32,
    /// The commit counter within the shard's history; it goes on over forks.
    pub p: u64,
}

/// A timeline and the last `p` that it shares with the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The timeline that began here.
    pub timeline: u32,
    /// The last `p` of the older timeline that the new one contains.
    pub at: u64,
}

/// How a position relates to a copy that has got as far as some `low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The copy contains it.
    Contained,
    /// The copy has not got there yet.
    Ahead,
    /// It lies on a branch of the history that this copy does not continue.
    Lost,
}

/// The forks of a shard's history, oldest first; timeline 1 needs no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    forks: Vec<Fork>,
}

impl History {
    /// A history from its forks, in any order.
    pub fn new(mut forks: Vec<Fork>) -> History {
        forks.sort_by_key(|fork| fork.timeline);
        History { forks }
    }

    /// Its forks, oldest first.
    pub fn forks(&self) -> &[Fork] {
        &self.forks
    }

    /// Where `wanted` lies for a copy of this history that has reached `low`.
    pub fn reach(&self, wanted: Position, low: Position) -> Reach {
        if wanted.timeline > low.timeline {
            // A timeline that this copy has not heard of: it may yet follow it.
            return Reach::Ahead;
        }
        match self.cut(wanted, low) {
            Some(at) if wanted.p > at => Reach::Lost,
            _ if wanted.p > low.p => Reach::Ahead,
            _ => Reach::Contained,
        }
    }

    /// What is left of `wanted` in this history once it has reached `low`: all of it, or what lies
    /// before the fork that lost the rest.
    pub fn kept(&self, wanted: Position, low: Position) -> Position {
        let cut = self.cut(wanted, low).unwrap_or(wanted.p);
        Position {
            p: wanted.p.min(cut),
            ..wanted
        }
    }

    /// The last position of `wanted`'s timeline that a history up to `low` goes on from.
    fn cut(&self, wanted: Position, low: Position) -> Option<u64> {
        self.forks
            .iter()
            .filter(|fork| fork.timeline > wanted.timeline && fork.timeline <= low.timeline)
            .map(|fork| fork.at)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timeline: u32, p: u64) -> Position {
        Position { timeline, p }
    }

    #[test]
    fn a_position_is_contained_in_a_later_timeline_only_up_to_its_fork() {
        let history = History::new(vec![
            Fork {
                timeline: 3,
                at: 95,
            },
            Fork {
                timeline: 2,
                at: 70,
            },
        ]);
        let low = at(3, 99);
        assert_eq!(history.reach(at(1, 70), low), Reach::Contained);
        assert_eq!(history.reach(at(1, 71), low), Reach::Lost);
        assert_eq!(history.reach(at(2, 95), low), Reach::Contained);
        assert_eq!(history.reach(at(2, 96), low), Reach::Lost);
        assert_eq!(history.reach(at(3, 99), low), Reach::Contained);
        assert_eq!(history.reach(at(3, 100), low), Reach::Ahead);
        assert_eq!(history.reach(at(4, 1), low), Reach::Ahead);
        assert_eq!(history.reach(at(1, 80), at(2, 90)), Reach::Lost);
    }

    #[test]
    fn what_lies_before_a_fork_is_kept_of_a_position_behind_it() {
        let fork = |timeline, at| Fork { timeline, at };
        let history = History::new(vec![fork(2, 70), fork(3, 95)]);
        for (wanted, low, kept) in [
            (at(1, 65), at(3, 99), at(1, 65)),
            (at(1, 80), at(3, 99), at(1, 70)),
            (at(2, 97), at(3, 99), at(2, 95)),
            // The copy has not heard of the fork that loses it.
            (at(2, 97), at(2, 90), at(2, 97)),
            (at(4, 1), at(3, 99), at(4, 1)),
        ] {
            assert_eq!(history.kept(wanted, low), kept, "{wanted:?} {low:?}");
        }
    }
}

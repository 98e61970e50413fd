//! Reads, and how fresh the copy has to be that answers one.

use super::{Outcome, Progress, Result, Step};
use crate::error::EngineError;
use crate::plan::{RowSet, Tree};
use crate::stamp::{Position, Reach};
use std::sync::Arc;
use std::time::Duration;

/// A read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The schema that the plan was made for.
    pub schema_version: u64,
    /// What to read.
    pub tree: Arc<Tree>,
    /// Whether the root's rows are to be counted past its limit.
    pub count: bool,
    /// Which copies may answer.
    pub freshness: Freshness,
}

/// How fresh the copy has to be that answers a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// What the caller has written and seen. Where it is in no history that goes on, the answer
    /// says that it is lost.
    pub seen: Option<Position>,
    /// Which copies may answer.
    pub copies: Copies,
}

/// Which copies may answer a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copies {
    /// The owner alone, which has all that was acknowledged.
    #[default]
    Owner,
    /// The owner; while there is none, the one that has got furthest.
    Latest,
    /// Each that contains what the caller has seen.
    Covering,
    /// Each that contains all that the owner had so long ago.
    Within(Duration),
    /// Each.
    Any,
}

impl Freshness {
    /// Whether what the caller has seen has to be in the answer.
    pub fn must_cover(&self) -> bool {
        !matches!(self.copies, Copies::Within(_) | Copies::Any)
    }

    /// What an owner that has no copies says before its snapshot: whether what the caller has
    /// seen is lost. `Behind` if it is being committed, and has to be waited for.
    pub fn check_at_owner(&self, progress: &Progress) -> Result<bool> {
        let Some(seen) = self.seen else {
            return Ok(false);
        };
        match progress.history.reach(seen, progress.low) {
            Reach::Contained => Ok(false),
            Reach::Lost => Ok(true),
            // The owner hands out nothing beyond its `high`: what is there was handed out
            // before a crash or an older file took it back.
            Reach::Ahead => match progress.history.reach(seen, progress.high) {
                Reach::Ahead | Reach::Lost => Ok(true),
                Reach::Contained if self.must_cover() => Err(EngineError::Behind),
                Reach::Contained => Ok(false),
            },
        }
    }
}

/// What a read is asked of, for a cache that stands in front of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cacheable {
    /// The collection whose rules of caching hold: `rest/reviews`, `kv/carts`, …
    pub collection: Arc<str>,
    /// Where rows run out by themselves, which no feed says.
    pub expiry: Option<Expiry>,
}

/// How the rows of a read run out by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The time of asking, in microseconds since 1970. The filters hold it, and the answer
    /// depends on it by nothing but what has run out.
    pub now_us: i64,
    /// Which output of each row says until when it is there; NULL is for ever.
    pub output: usize,
}

/// A question that a write answers for whoever keeps answers.
#[derive(Clone, Debug, PartialEq)]
pub struct LaidDown {
    /// What is read.
    pub tree: Arc<Tree>,
    /// Of what it is asked.
    pub of: Cacheable,
}

impl Cacheable {
    /// Of a collection whose rows stay until they are changed.
    pub fn new(collection: impl Into<Arc<str>>) -> Cacheable {
        Cacheable {
            collection: collection.into(),
            expiry: None,
        }
    }
}

/// The answer to a read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadAnswer {
    /// The rows.
    pub rows: RowSet,
    /// Taken before the snapshot: all up to it is in the answer.
    pub low: Position,
    /// Taken after the snapshot: nothing beyond it is in the answer.
    pub high: Position,
    /// What the caller has seen is in no history that goes on.
    pub lost: bool,
}

/// Several reads, of which later ones may follow from what earlier ones found.
#[derive(Clone)]
pub struct ReadSteps {
    /// The schema that the steps were planned for.
    pub schema_version: u64,
    /// What is read, in order; no step of them is a change, nor gives one.
    pub steps: Vec<Step>,
    /// Which copies may answer.
    pub freshness: Freshness,
}

/// The answer to several reads.
#[derive(Clone, Debug, PartialEq)]
pub struct StepsAnswer {
    /// What the steps found.
    pub outcomes: Vec<Outcome>,
    /// Taken before the snapshot: all up to it is in the answer.
    pub low: Position,
    /// Taken after the snapshot: nothing beyond it is in the answer.
    pub high: Position,
    /// What the caller has seen is in no history that goes on.
    pub lost: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::{Fork, History};

    #[test]
    fn a_stamp_beyond_what_the_owner_is_committing_is_lost_and_not_waited_for() {
        let at = |timeline, p| Position { timeline, p };
        let fork = Fork {
            timeline: 2,
            at: 70,
        };
        let progress = Progress {
            low: at(2, 90),
            high: at(2, 95),
            history: History::new(vec![fork]),
        };
        for (seen, copies, expected) in [
            (at(2, 90), Copies::Covering, Some(false)),
            (at(2, 91), Copies::Covering, None),
            (at(2, 95), Copies::Owner, None),
            (at(2, 95), Copies::Any, Some(false)),
            (at(2, 96), Copies::Covering, Some(true)),
            (at(2, 96), Copies::Any, Some(true)),
            (at(1, 70), Copies::Covering, Some(false)),
            (at(1, 71), Copies::Covering, Some(true)),
            (at(3, 1), Copies::Covering, Some(true)),
        ] {
            let freshness = Freshness {
                seen: Some(seen),
                copies,
            };
            let found = freshness.check_at_owner(&progress).ok();
            assert_eq!(found, expected, "{seen:?} {copies:?}");
        }
    }
}

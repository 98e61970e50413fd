//! How the shard's owner stands to a stamp that a caller brings.

use pando_model::engine::Progress;
use pando_model::stamp::{Position, Reach};

/// What is known of a stamp where all of its history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Every snapshot from now on contains it.
    Reached,
    /// It is being committed: soon known.
    Coming,
    /// It is in no history that goes on here: on a branch that was left, or beyond the end.
    /// The owner hands out nothing beyond its `high`, so what is there was handed out before
    /// a crash or an older file took it back.
    Lost,
}

/// Where `wanted` stands. Holds for the owner alone: a copy that has not got that far would
/// yet follow.
pub(super) fn of(progress: &Progress, wanted: Position) -> Standing {
    match progress.history.reach(wanted, progress.low) {
        Reach::Contained => Standing::Reached,
        Reach::Lost => Standing::Lost,
        Reach::Ahead => match progress.history.reach(wanted, progress.high) {
            Reach::Contained => Standing::Coming,
            Reach::Ahead | Reach::Lost => Standing::Lost,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::stamp::{Fork, History};

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
        for (wanted, standing) in [
            (at(2, 90), Standing::Reached),
            (at(2, 91), Standing::Coming),
            (at(2, 95), Standing::Coming),
            (at(2, 96), Standing::Lost),
            (at(1, 70), Standing::Reached),
            (at(1, 71), Standing::Lost),
            (at(3, 1), Standing::Lost),
        ] {
            assert_eq!(of(&progress, wanted), standing, "{wanted:?}");
        }
    }
}

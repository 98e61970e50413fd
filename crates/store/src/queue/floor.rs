//! From where on the relay looks: behind what it has handed over and deleted.
//!
//! Nothing is ever stored below what was read, as positions are the transactions' own. So it is
//! enough that the process which hands over remembers it, and one that begins to looks from the move
//! on. A message that was not taken is looked at again, with all behind it.

use super::message::Spot;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};

/// What this process has handed over of each queue.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    floors: Mutex<HashMap<String, Floor>>,
    /// Of queues whose messages are large, how many are looked for at once.
    fewer: Mutex<HashMap<String, u64>>,
}

/// Up to where a queue was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Floor {
    of: History,
    /// For each rank, the position and place of the last message below which nothing is left.
    done: BTreeMap<i64, (i64, i64)>,
}

/// In which history positions go up: after a failover that lost commits they are given again, and
/// after a move others are the relay's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The position of the move.
    pub since: Option<i64>,
    pub timeline: u32,
}

impl Floors {
    pub(super) fn of(&self, queue: &str) -> Floor {
        self.floors.lock().get(queue).cloned().unwrap_or_default()
    }

    /// How many messages of a queue are looked for at once, where they are large.
    pub(super) fn fewer(&self, queue: &str) -> Option<u64> {
        self.fewer.lock().get(queue).copied()
    }

    /// So many are looked for next; `None` where they are not large.
    pub(super) fn take_fewer(&self, queue: &str, limit: Option<u64>) {
        let mut fewer = self.fewer.lock();
        match limit {
            Some(limit) => fewer.insert(queue.to_owned(), limit),
            None => fewer.remove(queue),
        };
    }

    /// Looks from the move on again.
    pub(super) fn forget(&self, queue: &str) {
        self.floors.lock().remove(queue);
    }

    /// What was found in a history, by rank and in order, is deleted as far as it was taken.
    pub(super) fn raise(&self, queue: &str, of: History, found: &[(Spot, bool)]) {
        let mut floors = self.floors.lock();
        let floor = floors.entry(queue.to_owned()).or_default();
        if floor.of != of {
            *floor = Floor {
                of,
                ..Floor::default()
            };
        }
        let mut stopped = None;
        for (spot, is_taken) in found {
            if stopped == Some(spot.rank) {
                continue;
            }
            if !is_taken {
                stopped = Some(spot.rank);
                continue;
            }
            floor.done.insert(spot.rank, (spot.position, spot.place));
        }
    }
}

impl Floor {
    /// Behind which message of a rank it is looked, for a queue that moved at `since`.
    pub(super) fn behind(&self, rank: i64, since: i64) -> (i64, i64) {
        let from = (since, i64::MAX);
        let done = self
            .done
            .get(&rank)
            .filter(|_| self.of.since == Some(since));
        done.map_or(from, |done| from.max(*done))
    }

    /// Whether what was read behind it is all there is: it was made of the same history, or never
    /// raised.
    pub(super) fn holds_in(&self, of: History) -> bool {
        self.done.is_empty() || self.of.since != of.since || self.of.timeline == of.timeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(rank: i64, position: i64) -> Spot {
        let place = 0;
        Spot {
            rank,
            position,
            place,
        }
    }

    const MOVED: History = History {
        since: Some(5),
        timeline: 1,
    };

    #[test]
    fn a_floor_rises_up_to_the_first_of_a_rank_that_was_not_taken_and_never_sinks() {
        let floors = Floors::default();
        assert_eq!(floors.of("q").behind(0, 5), (5, i64::MAX));
        let found = [(spot(-1, 7), true), (spot(0, 6), true)];
        floors.raise("q", MOVED, &found);
        let found = [
            (spot(-1, 8), false),
            (spot(-1, 9), true),
            (spot(0, 10), true),
            (spot(0, 11), false),
            (spot(0, 12), true),
        ];
        floors.raise("q", MOVED, &found);
        let floor = floors.of("q");
        assert_eq!(floor.behind(-1, 5), (7, 0));
        assert_eq!(floor.behind(0, 5), (10, 0));
        assert_eq!(
            floor.behind(-2, 5),
            (5, i64::MAX),
            "nothing was found there"
        );
        assert_eq!(floors.of("other"), Floor::default());
    }

    #[test]
    fn a_floor_is_of_one_move_and_of_one_history() {
        let floors = Floors::default();
        floors.raise("q", MOVED, &[(spot(0, 9), true)]);
        let floor = floors.of("q");
        assert_eq!(floor.behind(0, 8), (8, i64::MAX), "it moved once more");
        let since = Some(5);
        let promoted = History { since, timeline: 2 };
        assert!(floor.holds_in(MOVED));
        assert!(!floor.holds_in(promoted), "positions may come again");
        floors.raise("q", promoted, &[(spot(-1, 3), true)]);
        assert_eq!(floors.of("q").behind(0, 5), (5, i64::MAX));
    }
}

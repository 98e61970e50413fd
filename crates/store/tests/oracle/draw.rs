//! Drawing from a seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// Draws; the same seed draws the same things.
pub struct Draw {
    rng: StdRng,
}

/// What a write asks of the version that is there.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Always,
    IfMatchAny,
    /// The version that was last seen.
    IfMatchSeen,
    IfMatchOther,
    IfNoneMatchAny,
    IfNoneMatchSeen,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    None,
    /// What the list that was kept in this place has given last.
    Kept(usize),
    Garbage,
}

/// Places to keep cursors in.
pub const KEPT: usize = 6;

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw {
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, times: u32) -> bool {
        self.rng.random_ratio(times, 100)
    }

    /// A number below `bound`; 0 for 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound.max(1))
    }

    /// One of them.
    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// The number of the one that is drawn, each as often as its weight says.
    pub fn weighed(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    /// Some of them, in their order.
    pub fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let mut some = of.to_vec();
        some.retain(|_| self.percent(40));
        some
    }

    pub fn when(&mut self) -> When {
        if self.percent(70) {
            return When::Always;
        }
        self.one(&[
            When::IfMatchAny,
            When::IfMatchSeen,
            When::IfMatchSeen,
            When::IfMatchOther,
            When::IfNoneMatchAny,
            When::IfNoneMatchSeen,
        ])
    }

    pub fn cursor(&mut self) -> Cursor {
        match self.weighed(&[12, 7, 1]) {
            0 => Cursor::None,
            1 => Cursor::Kept(self.below(KEPT)),
            _ => Cursor::Garbage,
        }
    }

    /// How long something lives: for ever, as long as a few operations take, or too long.
    pub fn ttl(&mut self) -> Option<Duration> {
        match self.weighed(&[50, 40, 9, 1]) {
            0 => None,
            1 => Some(Duration::from_micros(self.below(60) as u64)),
            2 => Some(Duration::from_secs(1)),
            _ => Some(Duration::MAX),
        }
    }

    /// How many at most: none said, few, or more than there may be.
    pub fn limit(&mut self) -> Option<u64> {
        self.one(&[None, None, Some(0), Some(1), Some(2), Some(3), Some(99)])
    }
}

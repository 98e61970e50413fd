//! Floors: the last invalidation of each thing, so that a fill from a read that is older than it
//! is refused. It is what closes the race between a slow fill and an invalidation that finds
//! nothing to remove yet (the stale set; Nishtala et al., Scaling Memcache at Facebook, NSDI 2013).
//!
//! Memory is bounded: the newest floors are exact; older ones are kept for buckets of tags, where
//! a fill may be refused for another tag's sake, and never accepted against its own.

use crate::tag::Tag;
use pando_model::stamp::Position;
use std::collections::{HashMap, VecDeque};

/// The floors of one shard's history, all on one timeline.
#[derive(Debug)]
pub(crate) struct Floors {
    /// Below it every fill is refused.
    base: Position,
    exact: HashMap<Tag, Position>,
    /// What became exact, oldest first. A tag that was raised again stands here twice, and only
    /// the later one counts.
    order: VecDeque<(Tag, Position)>,
    exact_max: usize,
    buckets: Vec<Option<Position>>,
}

/// How many floors are exact: three megabytes. A fill is refused for another's sake only where so
/// many tags were invalidated between its read and itself.
const EXACT_MAX: usize = 1 << 15;
/// How many buckets there are for the rest: 384 KiB.
const BUCKETS: usize = 1 << 14;

impl Floors {
    /// No floor but `base`.
    pub(crate) fn new(base: Position) -> Floors {
        Floors::bounded(base, EXACT_MAX, BUCKETS)
    }

    fn bounded(base: Position, exact_max: usize, buckets: usize) -> Floors {
        Floors {
            base,
            exact: HashMap::new(),
            order: VecDeque::new(),
            exact_max,
            buckets: vec![None; buckets],
        }
    }

    /// What the tag stands for was changed at a position.
    pub(crate) fn raise(&mut self, tag: Tag, at: Position) {
        let floor = self.exact.entry(tag).or_insert(at);
        if *floor > at {
            return; // an older invalidation that comes again
        }
        *floor = at;
        self.order.push_back((tag, at));
        while self.order.len() > self.exact_max {
            let Some((oldest, at)) = self.order.pop_front() else {
                break;
            };
            let bucket = self.bucket(oldest);
            self.buckets[bucket] = self.buckets[bucket].max(Some(at));
            if self.exact.get(&oldest) == Some(&at) {
                self.exact.remove(&oldest);
            }
        }
    }

    /// The position that a read of these has to have reached for its answer to be kept.
    pub(crate) fn of(&self, tags: &[Tag]) -> Position {
        let floors = tags.iter().flat_map(|tag| {
            let exact = self.exact.get(tag).copied();
            [exact, self.buckets[self.bucket(*tag)]]
        });
        floors.flatten().fold(self.base, Position::max)
    }

    fn bucket(&self, tag: Tag) -> usize {
        (tag.number() % self.buckets.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(p: u64) -> Position {
        Position { timeline: 1, p }
    }

    fn tag(n: u64) -> Tag {
        Tag::row("t", &n.to_le_bytes())
    }

    #[test]
    fn a_floor_is_exact_while_there_is_room_and_coarse_and_never_lower_afterwards() {
        let mut floors = Floors::bounded(at(5), 100, 16);
        for n in 0..100 {
            floors.raise(tag(n), at(10 + n));
        }
        assert_eq!(floors.of(&[tag(7)]), at(17));
        assert_eq!(floors.of(&[tag(1_000)]), at(5), "never invalidated");
        for n in 100..10_000 {
            floors.raise(tag(n), at(10 + n));
        }
        assert!(floors.exact.len() <= 100 && floors.order.len() <= 100);
        assert_eq!(floors.of(&[tag(9_999)]), at(10_009));
        assert!(floors.of(&[tag(7)]) >= at(17));
        assert!(
            floors.of(&[tag(1_000_000)]) < at(9_920),
            "a bucket's, not the newest"
        );
    }

    proptest! {
        #[test]
        fn no_fill_is_let_in_below_an_invalidation_whatever_came_in_between(
            raised in prop::collection::vec((0_u64..40, 0_u64..1_000), 1..400),
        ) {
            let mut floors = Floors::bounded(at(0), 8, 4);
            let mut last = HashMap::new();
            for (n, p) in raised {
                floors.raise(tag(n), at(p));
                let known = last.entry(n).or_insert(p);
                *known = p.max(*known);
                prop_assert!(floors.order.len() <= 8 && floors.exact.len() <= 8);
            }
            for (n, p) in last {
                prop_assert!(floors.of(&[tag(n)]) >= at(p));
            }
        }
    }
}

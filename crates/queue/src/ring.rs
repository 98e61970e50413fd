//! The newest of what was told, and what those who come to it are given.

use std::collections::VecDeque;
use std::sync::Arc;

/// What was told, each at a place; places only grow. A subscriber is an index into it.
#[derive(Debug)]
pub(crate) struct Ring<P, T> {
    entries: VecDeque<(P, Arc<T>)>,
    /// The index of the oldest entry; that of the next one if there is none.
    first: u64,
    /// Up to which place something may have been told that is not here.
    forgotten: P,
    /// Below this index it is not known how much was lost.
    uncertain: u64,
}

/// What comes next for a subscriber.
#[derive(Debug)]
pub(crate) enum Next<T> {
    Entry(Arc<T>),
    /// So many entries were missed, where that is known; it goes on at an index.
    Gap {
        missed: Option<u64>,
        on: u64,
    },
    Nothing,
}

impl<P: Copy + Ord, T> Ring<P, T> {
    /// An empty ring of what something up to `place` may have been told of.
    pub(crate) fn new(place: P) -> Ring<P, T> {
        Ring {
            entries: VecDeque::new(),
            first: 0,
            forgotten: place,
            uncertain: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Up to which place something may have been told that is not here.
    pub(crate) fn forgotten(&self) -> P {
        self.forgotten
    }

    /// The index of the oldest entry.
    pub(crate) fn begin(&self) -> u64 {
        self.first
    }

    /// The index of the entry that comes next.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn push(&mut self, place: P, entry: Arc<T>) {
        self.entries.push_back((place, entry));
    }

    /// Forgets the oldest.
    pub(crate) fn pop(&mut self) -> Option<(P, Arc<T>)> {
        let (place, entry) = self.entries.pop_front()?;
        self.first += 1;
        self.forgotten = place;
        if self.entries.is_empty() {
            // Most are quiet most of the time.
            self.entries.shrink_to(0);
        }
        Some((place, entry))
    }

    /// Something may have been told up to `place` that did not come here: what is here is not
    /// all of what was told.
    pub(crate) fn lose(&mut self, place: P) {
        self.first = self.end() + 1;
        self.entries.clear();
        self.forgotten = place;
        self.uncertain = self.first;
    }

    /// What comes next at an index.
    pub(crate) fn next(&self, index: u64) -> Next<T> {
        if index < self.first {
            let missed = (index >= self.uncertain).then_some(self.first - index);
            let on = self.first;
            return Next::Gap { missed, on };
        }
        let entry = usize::try_from(index - self.first).ok();
        let entry = entry.and_then(|at| self.entries.get(at));
        entry.map_or(Next::Nothing, |(_, entry)| Next::Entry(Arc::clone(entry)))
    }

    /// The index behind a place; `None` if something behind it may not be here any more.
    pub(crate) fn behind(&self, place: P) -> Option<u64> {
        let seen = self.entries.partition_point(|(told, _)| *told <= place);
        (self.forgotten <= place).then_some(self.first + seen as u64)
    }

    /// The index behind the newest entry of a kind.
    pub(crate) fn behind_newest(&self, is_it: impl Fn(&T) -> bool) -> Option<u64> {
        let at = self.entries.iter().rposition(|(_, entry)| is_it(entry))?;
        Some(self.first + at as u64 + 1)
    }
}

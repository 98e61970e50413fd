//! Which entries touched what: the way from an invalidation to what it removes.

use crate::entry::Entry;
use crate::tag::Tag;
use pando_model::stamp::Position;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries by what they touched. One tree, so that the many tags with one entry cost no more
/// than their place in it.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeMap<(Tag, u64), Indexed>);

/// Where an entry lies, and as of when it is true.
#[derive(Clone, Debug)]
pub(crate) struct Indexed {
    pub(crate) collection: u32,
    pub(crate) key: Arc<[u8]>,
    pub(crate) low: Position,
}

impl Index {
    pub(crate) fn insert(&mut self, collection: u32, key: &Arc<[u8]>, entry: &Entry) {
        for tag in &entry.tags {
            let indexed = Indexed {
                collection,
                key: Arc::clone(key),
                low: entry.low,
            };
            self.0.insert((*tag, entry.id), indexed);
        }
    }

    pub(crate) fn remove(&mut self, entry: &Entry) {
        for tag in &entry.tags {
            self.0.remove(&(*tag, entry.id));
        }
    }

    /// The entries that touched it, by their numbers.
    pub(crate) fn touched(&self, tag: Tag) -> impl Iterator<Item = (u64, &Indexed)> {
        let range = self.0.range((tag, 0)..=(tag, u64::MAX));
        range.map(|((_, id), indexed)| (*id, indexed))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Indexed) -> bool) {
        self.0.retain(|_, indexed| keep(indexed));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

//! The partial replica that all caches of a process are, for one shard: it follows the shard's
//! feed, and what it did not remove is true as of what it has consumed.
//!
//! | happening | what follows |
//! |---|---|
//! | a change in the feed | what touched it is removed, but for what was read after it; its floors rise |
//! | a fill | refused where its read is older than a floor of what it touched |
//! | a caller who is ahead of what was consumed | goes past, but for entries that were read after what he has seen |
//! | a gap, a new timeline | everything goes; older fills are refused |
//!
//! Hits take no lock of this. The order is what makes them right: `consumed` is read *before* the
//! entry, and stored after everything up to it was removed; so whatever is found was not
//! invalidated by anything up to the `consumed` that was read.

use crate::entry::{Entry, Times, Value, weight_bytes};
use crate::floors::Floors;
use crate::index::Index;
use crate::resident::Resident;
use crate::tag::Tag;
use arc_swap::ArcSwap;
use pando_model::engine::FeedPage;
use pando_model::stamp::{History, Position, Reach};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Entries of one collection.
pub(crate) type Entries = Resident<Arc<[u8]>, Arc<Entry>>;

/// The follower of one shard's feed, for all caches of the process.
#[derive(Debug)]
pub struct Replica {
    consumed: ArcSwap<Consumed>,
    state: Mutex<State>,
    /// What left a collection by itself, to be taken from the index by whoever made it leave.
    departed: Arc<Mutex<Vec<Arc<Entry>>>>,
    guards: Guards,
}

/// How far the feed was consumed.
#[derive(Debug)]
pub(crate) struct Consumed {
    pub(crate) at: Position,
    pub(crate) history: History,
    /// When nothing was committed yet beyond `at`, in microseconds since 1970.
    pub(crate) asked_at_us: i64,
}

#[derive(Debug)]
struct State {
    floors: Floors,
    index: Index,
    collections: BTreeMap<u32, Arc<Entries>>,
    collection_next: u32,
    entry_next: u64,
}

/// What keeps stale entries out. Always both, but in the test that shows that it would find them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guards {
    pub(crate) floor: bool,
    pub(crate) comparison: bool,
}

/// Why a fill was not kept. What was loaded may be given to its caller all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its read is older than an invalidation of what it touched.
    #[error("the read is older than an invalidation of what it touched")]
    BelowFloor,
    /// A newer read's answer is there.
    #[error("a newer answer is there")]
    Superseded,
    /// It is too heavy for the cache.
    #[error("the entry is heavier than an eighth of a part of the cache")]
    TooHeavy,
    /// It touched too much: name slots or tables in the place of rows.
    #[error("the entry touched more than 1,024 things")]
    TooManyTags,
    /// That there is nothing is not kept in this collection.
    #[error("what is absent is not kept")]
    Absent,
}

/// More would make an entry's bookkeeping outweigh it, and an invalidation's work unbounded.
pub(crate) const TAGS_MAX: usize = 1024;

/// What is to be kept.
pub(crate) struct Fill {
    pub(crate) key: Arc<[u8]>,
    pub(crate) value: Value,
    pub(crate) low: Position,
    pub(crate) high: Position,
    pub(crate) tags: Vec<Tag>,
    pub(crate) times: Times,
    /// The time, in microseconds since 1970.
    pub(crate) now_us: i64,
}

impl Replica {
    /// A replica that holds nothing and consumes the feed from `at` on, where the follower was
    /// registered. Reads from before it are not kept: what changed since is not in the feed.
    pub fn new(at: Position, history: History, now_us: i64) -> Arc<Replica> {
        let guards = Guards {
            floor: true,
            comparison: true,
        };
        Replica::guarded(at, history, now_us, guards)
    }

    pub(crate) fn guarded(
        at: Position,
        history: History,
        now_us: i64,
        guards: Guards,
    ) -> Arc<Replica> {
        Arc::new(Replica {
            consumed: ArcSwap::from_pointee(Consumed {
                at,
                history,
                asked_at_us: now_us,
            }),
            state: Mutex::new(State {
                floors: Floors::new(at),
                index: Index::default(),
                collections: BTreeMap::new(),
                collection_next: 0,
                entry_next: 1,
            }),
            departed: Arc::default(),
            guards,
        })
    }

    /// How far the feed was consumed: `low` of all entries at once.
    pub fn consumed(&self) -> Position {
        self.consumed.load().at
    }

    /// Takes in a page of the feed, which was asked for at `asked_at_us` (microseconds since
    /// 1970), with the history as it was then. Pages are taken in one after the other; one that
    /// comes again does no harm.
    pub fn consume(&self, page: &FeedPage, history: &History, asked_at_us: i64) {
        let mut state = self.state.lock();
        let before = self.consumed.load();
        let goes_on = !page.gap && before.at.timeline == page.consumed.timeline;
        if goes_on {
            for event in &page.events {
                for tag in Tag::changed(event) {
                    state.invalidate(tag, event.cursor.at, &before.history);
                }
            }
        } else {
            state.flush(page.consumed);
        }
        self.settle(&mut state);
        let history = if *history == before.history {
            before.history.clone()
        } else {
            history.clone()
        };
        let at = match goes_on {
            // A page that comes again takes nothing back.
            true => before.at.max(page.consumed),
            false => page.consumed,
        };
        self.consumed.store(Arc::new(Consumed {
            at,
            history,
            asked_at_us,
        }));
    }

    /// Removes what touched one of these before `at`, and keeps older reads of them out, ahead of
    /// the feed: for a write of this process's own, or a message from another one. It may come
    /// late, twice or never: the feed says it again.
    pub fn invalidate(&self, tags: &[Tag], at: Position) {
        let mut state = self.state.lock();
        let consumed = self.consumed.load();
        for tag in tags {
            state.invalidate(*tag, at, &consumed.history);
        }
        self.settle(&mut state);
    }

    /// Drops everything, and refuses what was read before `at`.
    pub fn flush(&self, at: Position) {
        self.state.lock().flush(at);
    }

    /// Whether a copy that has got as far as `low` may answer a caller who has seen so much;
    /// `None` where that is in no history that goes on.
    pub(crate) fn covers(
        &self,
        consumed: &Consumed,
        low: Position,
        seen: Position,
    ) -> Option<bool> {
        if !self.guards.comparison {
            return Some(true);
        }
        let by_feed = consumed.history.reach(seen, consumed.at);
        let by_read = consumed.history.reach(seen, low);
        match (by_feed, by_read) {
            (Reach::Contained, _) | (_, Reach::Contained) => Some(true),
            (Reach::Lost, _) => None,
            (Reach::Ahead, _) => Some(false),
        }
    }

    /// Read before the entry: see above.
    pub(crate) fn before(&self) -> arc_swap::Guard<Arc<Consumed>> {
        self.consumed.load()
    }

    /// Takes in a collection, and gives its number.
    pub(crate) fn join(&self, entries: impl FnOnce(Departures) -> Entries) -> (u32, Arc<Entries>) {
        let entries = Arc::new(entries(Departures(Arc::clone(&self.departed))));
        let mut state = self.state.lock();
        let number = state.collection_next;
        state.collection_next += 1;
        state.collections.insert(number, Arc::clone(&entries));
        (number, entries)
    }

    /// Lets a collection go.
    pub(crate) fn leave(&self, collection: u32) {
        let mut state = self.state.lock();
        if let Some(entries) = state.collections.remove(&collection) {
            entries.clear();
        }
        state
            .index
            .retain(|indexed| indexed.collection != collection);
    }

    /// Drops all entries of a collection.
    pub(crate) fn clear(&self, collection: u32) {
        let mut state = self.state.lock();
        if let Some(entries) = state.collections.get(&collection) {
            entries.clear();
        }
        state
            .index
            .retain(|indexed| indexed.collection != collection);
    }

    /// Does something to a collection while nothing is filled or removed.
    pub(crate) fn alone<T>(&self, act: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock();
        let done = act();
        self.settle(&mut state);
        done
    }

    /// Keeps what was loaded, unless it is older than what is known.
    pub(crate) fn fill(&self, collection: u32, fill: Fill) -> Result<Arc<Entry>, Refused> {
        if fill.tags.len() > TAGS_MAX {
            return Err(Refused::TooManyTags);
        }
        let mut state = self.state.lock();
        let consumed = self.consumed.load();
        let floor = state.floors.of(&fill.tags);
        if self.guards.floor && consumed.history.reach(floor, fill.low) == Reach::Ahead {
            return Err(Refused::BelowFloor);
        }
        let Some(entries) = state.collections.get(&collection).cloned() else {
            return Err(Refused::Superseded);
        };
        if let Some(there) = entries.get(&*fill.key)
            && there.low > fill.low
        {
            return Err(Refused::Superseded);
        }
        let bytes = match &fill.value {
            Value::Found(bytes) => bytes.len(),
            Value::Absent => 0,
        };
        let entry = Arc::new(Entry {
            id: state.entry_next,
            weight_bytes: weight_bytes(fill.key.len(), bytes, fill.tags.len()),
            value: fill.value,
            low: fill.low,
            high: fill.high,
            tags: fill.tags.into_boxed_slice(),
            times: fill.times,
            shared_at_us: AtomicI64::new(fill.now_us),
        });
        state.entry_next += 1;
        if !entries.insert(Arc::clone(&fill.key), Arc::clone(&entry)) {
            return Err(Refused::TooHeavy);
        }
        state.index.insert(collection, &fill.key, &entry);
        self.settle(&mut state);
        Ok(entry)
    }

    /// Takes from the index what left by itself.
    fn settle(&self, state: &mut State) {
        for entry in self.departed.lock().drain(..) {
            state.index.remove(&entry);
        }
    }

    #[cfg(test)]
    pub(crate) fn indexed(&self) -> usize {
        self.state.lock().index.len()
    }
}

/// Where a collection tells what left it.
#[derive(Clone, Debug)]
pub(crate) struct Departures(Arc<Mutex<Vec<Arc<Entry>>>>);

impl Departures {
    pub(crate) fn tell(&self, entry: &Arc<Entry>) {
        self.0.lock().push(Arc::clone(entry));
    }
}

impl State {
    fn invalidate(&mut self, tag: Tag, at: Position, history: &History) {
        self.floors.raise(tag, at);
        let touched: Vec<(u32, Arc<[u8]>)> = self
            .index
            .touched(tag)
            // What was read after the change has it.
            .filter(|(_, indexed)| history.reach(at, indexed.low) == Reach::Ahead)
            .map(|(_, indexed)| (indexed.collection, Arc::clone(&indexed.key)))
            .collect();
        for (collection, key) in touched {
            if let Some(entries) = self.collections.get(&collection) {
                entries.remove(&*key);
            }
        }
    }

    fn flush(&mut self, at: Position) {
        self.floors = Floors::new(at);
        self.index.clear();
        for entries in self.collections.values() {
            entries.clear();
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

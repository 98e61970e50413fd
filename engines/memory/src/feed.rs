//! The feed of committed changes, and who follows it.

use pando_model::engine::{FeedCursor, FeedEvent, FeedKind, FeedPage};
use pando_model::slot::{Epoch, Slot};
use pando_model::stamp::Position;
use rpds::RedBlackTreeMapSync;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Events, followers and the slots' counters.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    events: RedBlackTreeMapSync<FeedCursor, Arc<FeedEvent>>,
    followers: Arc<BTreeMap<String, FeedCursor>>,
    seqs: RedBlackTreeMapSync<Slot, u64>,
    /// All events behind this cursor are here.
    kept_from: FeedCursor,
}

/// A change of one row, not committed yet.
#[derive(Clone, Debug)]
pub(crate) struct RowEvent {
    pub(crate) slot: Slot,
    pub(crate) table: String,
    pub(crate) kind: FeedKind,
    pub(crate) key: Vec<u8>,
}

impl Feed {
    /// A feed that nobody follows.
    pub(crate) fn new(at: Position) -> Feed {
        Feed {
            events: RedBlackTreeMapSync::new_sync(),
            followers: Arc::default(),
            seqs: RedBlackTreeMapSync::new_sync(),
            kept_from: FeedCursor { at, ordinal: 0 },
        }
    }

    /// Whether changes are recorded.
    pub(crate) fn is_followed(&self) -> bool {
        !self.followers.is_empty()
    }

    /// How many events are kept.
    pub(crate) fn depth(&self) -> u64 {
        self.events.size() as u64
    }

    /// Appends the events of the transaction that commits at `at`.
    pub(crate) fn append(&mut self, at: Position, events: Vec<RowEvent>) {
        for (ordinal, event) in (1..).zip(events) {
            let seq = self.seqs.get(&event.slot).copied().unwrap_or(0) + 1;
            self.seqs.insert_mut(event.slot, seq);
            let cursor = FeedCursor { at, ordinal };
            self.events.insert_mut(
                cursor,
                Arc::new(FeedEvent {
                    cursor,
                    slot: event.slot,
                    epoch: Epoch::FIRST.number(),
                    seq,
                    table: event.table,
                    kind: event.kind,
                    key: event.key,
                }),
            );
        }
    }

    /// Where a follower stands; a new one stands behind all that is committed.
    pub(crate) fn follow(&mut self, name: &str, now: Position) -> FeedCursor {
        if let Some(cursor) = self.followers.get(name) {
            return *cursor;
        }
        let cursor = self.end(now);
        if !self.is_followed() {
            self.kept_from = cursor;
        }
        Arc::make_mut(&mut self.followers).insert(name.to_owned(), cursor);
        cursor
    }

    /// A page of events behind `after`.
    pub(crate) fn page(
        &self,
        after: FeedCursor,
        max: usize,
        now: Position,
        schema_version: u64,
    ) -> FeedPage {
        let known = after >= self.kept_from
            && after.at.timeline == now.timeline
            && after.at <= now
            && self.is_followed();
        let from = match known {
            true => after,
            false if self.is_followed() => self.kept_from,
            false => self.end(now),
        };
        let mut behind = self
            .events
            .range((Bound::Excluded(from), Bound::Unbounded))
            .map(|(_, event)| event);
        let events: Vec<FeedEvent> = behind
            .by_ref()
            .take(max)
            .map(|event| FeedEvent::clone(event))
            .collect();
        let consumed = match behind.next() {
            Some(next) => Position {
                p: next.cursor.at.p - 1,
                ..next.cursor.at
            },
            None => now,
        };
        FeedPage {
            next: events.last().map_or(from, |event| event.cursor),
            events,
            consumed,
            schema_version,
            gap: !known,
        }
    }

    /// Moves a follower on, and forgets what all have dealt with.
    pub(crate) fn acknowledge(&mut self, name: &str, cursor: FeedCursor, now: Position) {
        let Some(stood) = self.followers.get(name).copied() else {
            return;
        };
        let stands = stood.max(cursor.min(self.end(now)));
        Arc::make_mut(&mut self.followers).insert(name.to_owned(), stands);
        self.trim();
    }

    /// Removes a follower.
    pub(crate) fn unfollow(&mut self, name: &str) {
        if self.followers.contains_key(name) {
            Arc::make_mut(&mut self.followers).remove(name);
            self.trim();
        }
    }

    /// Behind all that is committed.
    fn end(&self, now: Position) -> FeedCursor {
        match self.events.last() {
            Some((last, _)) if last.at == now => *last,
            _ => FeedCursor {
                at: now,
                ordinal: 0,
            },
        }
    }

    fn trim(&mut self) {
        let Some(floor) = self.followers.values().min().copied() else {
            self.events = RedBlackTreeMapSync::new_sync();
            return;
        };
        while let Some((first, _)) = self.events.first() {
            let first = *first;
            if first > floor {
                break;
            }
            self.events.remove_mut(&first);
        }
        self.kept_from = self.kept_from.max(floor);
    }
}

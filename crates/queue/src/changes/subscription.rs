//! One subscriber of a table's changes.

use super::{Change, ChangesError, Hub, Log};
use crate::ring::{Next, Ring};
use pando_model::engine::{FeedCursor, FeedEvent};
use pando_model::stamp::Position;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// Events that whoever catches up reads at once.
const PAGE_EVENTS: usize = 512;

/// Before everything: a log that is made while nothing is followed loses all when something is.
const NOWHERE: FeedCursor = FeedCursor {
    at: Position { timeline: 0, p: 0 },
    ordinal: 0,
};

/// What a subscriber is told.
#[derive(Debug)]
pub enum Noted {
    /// A change.
    Change(Arc<Change>),
    /// There may have been changes that are not known any more; it goes on behind a cursor.
    Gap(FeedCursor),
    /// The store did not answer: whoever listens is to come back.
    Broken,
}

/// A subscriber of a table's changes, until it is dropped.
pub struct ChangesSubscription {
    guest: Guest,
    /// How far it has got.
    cursor: FeedCursor,
    way: Way,
    /// Whether the store knows the cursor: what somebody comes back with may be of another history.
    is_known: bool,
}

/// Where it gets its changes.
enum Way {
    /// From the feed, until it has caught up; these it has read already.
    Feed(VecDeque<FeedEvent>),
    /// From memory, at this index.
    Memory(u64),
}

/// A place among those who listen.
pub(super) struct Guest {
    hub: Arc<Hub>,
    log: Arc<Log>,
}

impl Guest {
    pub(super) fn enter(hub: &Arc<Hub>, table: &str) -> Result<Guest, ChangesError> {
        let max = hub.config.subscribers_max;
        let mut tables = hub.tables.lock();
        let mut has_room = false;
        hub.subscribers.send_if_modified(|count| {
            has_room = *count < max;
            *count += usize::from(has_room);
            has_room
        });
        if !has_room {
            return Err(ChangesError::Full { max });
        }
        // Nothing is here of what was taken in before.
        let taken = *hub.taken.borrow();
        let nothing = || {
            Arc::new(Log {
                table: table.to_owned(),
                ring: Mutex::new(Ring::new(taken.unwrap_or(NOWHERE))),
                told: Notify::new(),
                subscribers: AtomicUsize::new(0),
            })
        };
        let log = tables.entry(table.to_owned()).or_insert_with(nothing);
        log.subscribers.fetch_add(1, Relaxed);
        Ok(Guest {
            hub: Arc::clone(hub),
            log: Arc::clone(log),
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut tables = self.hub.tables.lock();
        if self.log.subscribers.fetch_sub(1, Relaxed) == 1 {
            tables.remove(&self.log.table);
        }
        self.hub.subscribers.send_modify(|count| *count -= 1);
    }
}

impl ChangesSubscription {
    pub(super) fn new(guest: Guest, cursor: FeedCursor, is_back: bool) -> ChangesSubscription {
        let ring = guest.log.ring.lock();
        let index = (!is_back).then(|| ring.behind(cursor)).flatten();
        drop(ring);
        ChangesSubscription {
            way: index.map_or_else(|| Way::Feed(VecDeque::new()), Way::Memory),
            guest,
            cursor,
            is_known: !is_back,
        }
    }

    /// Where it is: whoever comes back with this gets what has changed since.
    pub fn cursor(&self) -> FeedCursor {
        self.cursor
    }

    /// What comes next, once it is there; `None` when the process stops. What was not waited for is
    /// not lost.
    pub async fn next(&mut self) -> Option<Noted> {
        let log = Arc::clone(&self.guest.log);
        loop {
            // Made before it is looked, so that nothing is told in between.
            let told = log.told.notified();
            if self.guest.hub.closed.load(Relaxed) {
                return None;
            }
            let noted = match &mut self.way {
                Way::Memory(index) => {
                    // Looked at first: what was taken in by then is in the ring.
                    let taken = *self.guest.hub.taken.borrow();
                    let next = log.ring.lock().next(*index);
                    match next {
                        Next::Entry(change) => {
                            *index += 1;
                            // The follower may be behind what was read in the feed.
                            if change.event.cursor <= self.cursor {
                                continue;
                            }
                            Some(Noted::Change(change))
                        }
                        Next::Gap { .. } => {
                            self.way = Way::Feed(VecDeque::new());
                            continue;
                        }
                        Next::Nothing => {
                            self.cursor = self.cursor.max(taken.unwrap_or(self.cursor));
                            None
                        }
                    }
                }
                Way::Feed(read) => match read.pop_front() {
                    Some(event) => Some(Noted::Change(Arc::new(Change::new(event)))),
                    None => match self.read_feed().await {
                        Some(noted) => Some(noted),
                        None => continue,
                    },
                },
            };
            if let Some(noted) = noted {
                match &noted {
                    Noted::Change(change) => {
                        self.cursor = change.event.cursor;
                        self.guest.hub.delivered.fetch_add(1, Relaxed);
                    }
                    Noted::Gap(_) => {
                        self.guest.hub.gaps.fetch_add(1, Relaxed);
                    }
                    Noted::Broken => {}
                }
                return Some(noted);
            }
            told.await;
        }
    }

    /// Reads on in the feed, or goes over to memory where that holds all that comes next.
    async fn read_feed(&mut self) -> Option<Noted> {
        let hub = Arc::clone(&self.guest.hub);
        hub.followed().await;
        let index = self.guest.log.ring.lock().behind(self.cursor);
        if let Some(index) = index.filter(|_| self.is_known) {
            self.way = Way::Memory(index);
            return None;
        }
        let page = match hub.engine.fetch_feed(self.cursor, PAGE_EVENTS).await {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(%error, "could not read the store's changes");
                return Some(Noted::Broken);
            }
        };
        if page.gap {
            // What the page holds is read again, from before its first event.
            let begin = page.events.first().map_or(page.next, |event| FeedCursor {
                ordinal: event.cursor.ordinal.saturating_sub(1),
                ..event.cursor
            });
            self.cursor = begin;
            return Some(Noted::Gap(begin));
        }
        self.is_known = true;
        let is_all = page.events.len() < PAGE_EVENTS;
        let table = &self.guest.log.table;
        let of_table = |event: &FeedEvent| event.table == *table;
        let read: VecDeque<_> = page.events.into_iter().filter(of_table).collect();
        if read.is_empty() {
            let up_to = FeedCursor {
                at: page.consumed,
                ordinal: u32::MAX,
            };
            self.cursor = match is_all {
                true => page.next.max(up_to),
                false => page.next,
            };
        }
        self.way = Way::Feed(read);
        None
    }
}

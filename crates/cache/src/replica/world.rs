//! What the tests of the replica happen in: a store with a history, a cache, a follower.

use super::{Guards, Replica};
use crate::cache::{Cache, Found, Loaded};
use crate::config::Config;
use crate::entry::Value;
use crate::policy::Eviction;
use crate::random::SeededRandom;
use crate::replica::Refused;
use crate::tag::Tag;
use bytes::Bytes;
use pando_model::clock::ManualClock;
use pando_model::engine::{Copies, FeedCursor, FeedEvent, FeedKind, FeedPage, Freshness};
use pando_model::slot::Slot;
use pando_model::stamp::{History, Position};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BOTH: Guards = Guards {
    floor: true,
    comparison: true,
};

pub(crate) fn at(p: u64) -> Position {
    Position { timeline: 1, p }
}

/// A store with a history, a cache in front of it, and a follower that may lag.
pub(crate) struct World {
    pub(crate) replica: Arc<Replica>,
    pub(crate) cache: Arc<Cache>,
    /// Which key was written at which position: the second was at position 2.
    written: Vec<u8>,
}

impl World {
    /// A store that has reached position 10 and a cache that follows from there.
    pub(crate) fn new(guards: Guards) -> World {
        let replica = Replica::guarded(at(10), History::default(), 0, guards);
        let config = Config {
            eviction: Eviction::Lru,
            ttl: None,
            ..Config::default()
        };
        let clock = Arc::new(ManualClock::new(0));
        let random = Arc::new(SeededRandom::new(1));
        let cache = Cache::new(Arc::clone(&replica), config, clock, random).unwrap();
        let written = vec![0; 10];
        World {
            replica,
            cache,
            written,
        }
    }

    /// Another process over the same store, that follows from now on.
    pub(crate) fn restarted(&self) -> World {
        let mut world = World::new(self.replica.guards);
        let clock = Arc::new(ManualClock::new(0));
        let random = Arc::new(SeededRandom::new(1));
        world.replica = Replica::guarded(self.now(), History::default(), 0, world.replica.guards);
        let (replica, config) = (Arc::clone(&world.replica), world.cache.config());
        world.cache = Cache::new(replica, (*config).clone(), clock, random).unwrap();
        world.written.clone_from(&self.written);
        world
    }

    pub(crate) fn now(&self) -> Position {
        at(self.written.len() as u64)
    }

    /// Writes a key, and gives the stamp.
    pub(crate) fn write(&mut self, key: u8) -> Position {
        self.written.push(key);
        self.now()
    }

    /// When a key was last written, as of a position: that is its value.
    pub(crate) fn value(&self, key: u8, as_of: u64) -> u64 {
        let until = &self.written[..as_of as usize];
        until
            .iter()
            .rposition(|other| *other == key)
            .map_or(0, |i| i as u64 + 1)
    }

    /// A read of a key as of now, that is still to be answered.
    pub(crate) fn read(&self, key: u8) -> Loaded {
        let value = self.value(key, self.now().p).to_le_bytes();
        Loaded {
            value: Value::Found(Bytes::copy_from_slice(&value)),
            low: self.now(),
            high: self.now(),
            tags: vec![Tag::row("t", &[key])],
            until_us: None,
            lost: false,
        }
    }

    pub(crate) fn fill(&self, key: u8, loaded: Loaded) -> Result<(), Refused> {
        self.cache.fill(&[key], loaded, Duration::ZERO)
    }

    pub(crate) fn page(&self, from: u64, until: u64) -> FeedPage {
        let event = |p: u64| FeedEvent {
            cursor: FeedCursor {
                at: at(p),
                ordinal: 1,
            },
            slot: Slot::CATALOG,
            epoch: 1,
            seq: p,
            table: "t".to_owned(),
            kind: FeedKind::Update,
            key: vec![self.written[p as usize - 1]],
        };
        FeedPage {
            events: (from + 1..=until).map(event).collect(),
            next: FeedCursor {
                at: at(until),
                ordinal: 1,
            },
            consumed: at(until),
            schema_version: 1,
            gap: false,
        }
    }

    /// The follower takes in what was written up to a position.
    pub(crate) fn consume(&self, until: u64) {
        let page = self.page(self.replica.consumed().p, until);
        self.replica.consume(&page, &History::default(), 0);
    }

    pub(crate) fn get(&self, key: u8, seen: Option<Position>) -> Found {
        let copies = Copies::Covering;
        self.cache.get(&[key], &Freshness { seen, copies })
    }
}

/// The value of a hit, and its `low`.
pub(crate) fn value_of(found: &Found) -> Option<(u64, Position)> {
    match found {
        Found::Hit { answer, .. } => match &answer.value {
            Value::Found(bytes) => Some((
                u64::from_le_bytes(bytes[..].try_into().unwrap()),
                answer.low,
            )),
            Value::Absent => None,
        },
        _ => None,
    }
}

//! Hits take no lock of the follower's; threads that read, fill, write and follow at the same
//! time find nothing that is older than they are all the same.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests, not tests themselves

use bytes::Bytes;
use pando_cache::{Cache, Config, Eviction, Found, Loaded, Replica, SeededRandom, Tag, Value};
use pando_model::clock::SystemClock;
use pando_model::engine::{Copies, FeedCursor, FeedEvent, FeedKind, FeedPage, Freshness};
use pando_model::slot::Slot;
use pando_model::stamp::{History, Position};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const KEYS: u8 = 8;
const STEPS: usize = 20_000;

fn at(p: usize) -> Position {
    let p = p as u64;
    Position { timeline: 1, p }
}

/// Which key was written at which position, from 1.
#[derive(Default)]
struct Log(Mutex<Vec<u8>>);

impl Log {
    fn write(&self, key: u8) -> Position {
        let mut log = self.0.lock();
        log.push(key);
        at(log.len())
    }

    /// When a key was last written as of a position, or as of now: that is its value.
    fn read(&self, key: u8, as_of: Option<Position>) -> (usize, Position) {
        let log = self.0.lock();
        let until = as_of.map_or(log.len(), |at| at.p as usize);
        let last = log[..until].iter().rposition(|other| *other == key);
        (last.map_or(0, |i| i + 1), at(until))
    }

    fn page(&self, after: usize) -> FeedPage {
        let log = self.0.lock();
        let event = |i: usize| FeedEvent {
            cursor: cursor(i + 1),
            slot: Slot::CATALOG,
            epoch: 1,
            seq: i as u64 + 1,
            table: "t".to_owned(),
            kind: FeedKind::Update,
            key: vec![log[i]],
        };
        FeedPage {
            events: (after..log.len()).map(event).collect(),
            next: cursor(log.len()),
            consumed: at(log.len()),
            schema_version: 1,
            gap: false,
        }
    }
}

fn cursor(p: usize) -> FeedCursor {
    FeedCursor {
        at: at(p),
        ordinal: 1,
    }
}

/// A session that reads and fills, and writes now and then; gives its hits.
fn session(cache: &Cache, log: &Log, seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut seen, mut hits) = (at(1), 0);
    for _ in 0..STEPS {
        let key = random.random_range(0..KEYS);
        if random.random_range(0..50) == 0 {
            seen = log.write(key);
            continue;
        }
        let freshness = Freshness {
            seen: Some(seen),
            copies: Copies::Covering,
        };
        if let Found::Hit { answer, .. } = cache.get(&[key], &freshness) {
            let Value::Found(bytes) = &answer.value else {
                panic!("{answer:?}");
            };
            let value = usize::from_le_bytes(bytes[..].try_into().unwrap());
            let (must_have, _) = log.read(key, Some(seen.max(answer.low)));
            assert!(value >= must_have, "{value}, not {must_have}: {answer:?}");
            seen = seen.max(answer.high);
            hits += 1;
        } else {
            let (value, now) = log.read(key, None);
            if random.random_range(0..4) == 0 {
                std::thread::yield_now();
            }
            let loaded = Loaded {
                value: Value::Found(Bytes::copy_from_slice(&value.to_le_bytes())),
                low: now,
                high: now,
                tags: vec![Tag::row("t", &[key])],
                until_us: None,
                lost: false,
            };
            let _ = cache.fill(&[key], loaded, Duration::ZERO);
            seen = seen.max(now);
        }
    }
    hits
}

#[test]
fn no_thread_is_given_what_is_older_than_what_it_has_seen() {
    for eviction in Eviction::ALL {
        let log = Log::default();
        log.write(0);
        let replica = Replica::new(at(1), History::default(), 0);
        let config = Config {
            eviction,
            ..Config::default()
        };
        let random = Arc::new(SeededRandom::new(1));
        let clock = Arc::new(SystemClock);
        let cache = Cache::new(Arc::clone(&replica), config, clock, random).unwrap();
        let (over, hits) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|seed| {
                    let (cache, log, hits) = (&cache, &log, &hits);
                    scope.spawn(move || {
                        hits.fetch_add(session(cache, log, seed), Ordering::SeqCst);
                    })
                })
                .collect();
            let (log, over) = (&log, &over);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let page = log.page(replica.consumed().p as usize);
                    replica.consume(&page, &History::default(), 0);
                    std::thread::yield_now();
                }
            });
            let ends: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
            over.store(true, Ordering::SeqCst);
            assert!(ends.iter().all(Result::is_ok), "{eviction}");
        });
        let hits = hits.into_inner();
        assert!(hits > STEPS / 10, "{eviction}: {hits} hits");
    }
}

//! The stale set and its kin, driven step by step; and the same driven by chance, with a test
//! that shows that it finds what it looks for.

use super::world::{BOTH, World, at, value_of};
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
use pando_model::engine::{Copies, Freshness};
use pando_model::slot::Slot;
use pando_model::stamp::{Fork, History, Position};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_fill_older_than_the_invalidation_is_refused() {
    let race = |guards| {
        let mut world = World::new(guards);
        let slow = world.read(1);
        let stamp = world.write(1);
        // It finds nothing to remove: what is to be removed comes afterwards.
        world.consume(stamp.p);
        let filled = world.fill(1, slow);
        (filled, value_of(&world.get(1, Some(stamp))))
    };
    assert_eq!(race(BOTH), (Err(Refused::BelowFloor), None));
    let unguarded = Guards {
        floor: false,
        ..BOTH
    };
    assert_eq!(race(unguarded), (Ok(()), Some((0, at(11)))), "stale");
}

#[test]
fn a_caller_who_is_ahead_of_the_feed_goes_past_what_he_has_written_over() {
    let race = |guards| {
        let mut world = World::new(guards);
        world.fill(1, world.read(1)).unwrap();
        let stamp = world.write(1);
        world.get(1, Some(stamp))
    };
    assert_eq!(race(BOTH), Found::Ahead);
    let unguarded = Guards {
        comparison: false,
        ..BOTH
    };
    assert_eq!(value_of(&race(unguarded)), Some((0, at(10))), "stale");
}

/// Writes, slow reads, a follower that lags and sessions, in an order that chance makes: how many
/// answers were older than their caller, or than they said.
fn stale_answers(guards: Guards, seed: u64) -> (usize, usize) {
    let mut world = World::new(guards);
    let mut random = StdRng::seed_from_u64(seed);
    let mut sessions = [at(10); 3];
    let mut reads: Vec<(u8, Loaded)> = Vec::new();
    let (mut hits, mut stale) = (0, 0);
    for _ in 0..600 {
        let key = random.random_range(0..4);
        let session = random.random_range(0..sessions.len());
        match random.random_range(0..10) {
            0 => sessions[session] = world.write(key),
            1 | 2 => reads.push((key, world.read(key))),
            3 | 4 if !reads.is_empty() => {
                let (key, loaded) = reads.swap_remove(random.random_range(0..reads.len()));
                let _ = world.fill(key, loaded);
            }
            5 => {
                let lag = random.random_range(0..3);
                let until = world.now().p.saturating_sub(lag);
                world.consume(until.max(world.replica.consumed().p));
            }
            _ => {
                let seen = sessions[session];
                let found = world.get(key, Some(seen));
                if let Some((value, low)) = value_of(&found) {
                    hits += 1;
                    let must_have = world.value(key, seen.p.max(low.p));
                    stale += usize::from(value < must_have);
                    if let Found::Hit { answer, .. } = found {
                        sessions[session] = seen.max(answer.high);
                    }
                }
            }
        }
    }
    (hits, stale)
}

#[test]
fn no_order_of_writes_reads_and_messages_gives_a_session_what_is_older_than_itself() {
    let (mut hits, mut stale) = (0, 0);
    for seed in 0..200 {
        let found = stale_answers(BOTH, seed);
        hits += found.0;
        stale += found.1;
        assert_eq!(found.1, 0, "seed {seed}");
    }
    assert!(hits > 2_000, "{hits} hits: the cache was of use");
    assert_eq!(stale, 0);
}

/// The test of the test: with either guard off, it finds stale answers.
#[test]
fn without_the_floor_or_the_comparison_stale_answers_are_found() {
    for guards in [
        Guards {
            floor: false,
            ..BOTH
        },
        Guards {
            comparison: false,
            ..BOTH
        },
    ] {
        let stale: usize = (0..200).map(|seed| stale_answers(guards, seed).1).sum();
        assert!(stale > 0, "{guards:?}");
    }
}

#[test]
fn a_hot_unchanged_key_stays_for_a_caller_who_writes_other_keys_all_the_time() {
    let mut world = World::new(BOTH);
    world.fill(1, world.read(1)).unwrap();
    for _ in 0..1_000 {
        let stamp = world.write(2);
        // The follower has not got there: he goes past, and nothing is removed for his sake.
        assert_eq!(world.get(1, Some(stamp)), Found::Ahead);
        assert_eq!(value_of(&world.get(1, Some(at(10)))).unwrap().0, 0);
        world.consume(stamp.p);
        let found = world.get(1, Some(stamp));
        assert_eq!(value_of(&found), Some((0, stamp)));
    }
    let statistics = world.cache.statistics();
    assert_eq!((statistics.fills, statistics.misses), (1, 0));
}

#[test]
fn who_went_past_and_filled_from_a_newer_read_finds_it_before_the_feed_gets_there() {
    let mut world = World::new(BOTH);
    let old = world.read(1);
    world.fill(1, old.clone()).unwrap();
    let stamp = world.write(1);
    assert_eq!(world.get(1, Some(stamp)), Found::Ahead);
    world.fill(1, world.read(1)).unwrap();
    assert_eq!(value_of(&world.get(1, Some(stamp))), Some((11, at(11))));
    assert_eq!(world.fill(1, old), Err(Refused::Superseded));
    // The feed says what the entry knows already.
    world.consume(stamp.p);
    assert_eq!(value_of(&world.get(1, Some(stamp))), Some((11, at(11))));
}

#[test]
fn an_invalidation_ahead_of_the_feed_removes_and_keeps_out() {
    let mut world = World::new(BOTH);
    let slow = world.read(1);
    world.fill(1, slow.clone()).unwrap();
    let stamp = world.write(1);
    world.replica.invalidate(&[Tag::row("t", &[1])], stamp);
    assert_eq!(world.get(1, None), Found::Miss);
    assert_eq!(world.fill(1, slow), Err(Refused::BelowFloor));
    assert_eq!(world.replica.consumed(), at(10));
}

#[test]
fn a_change_reaches_what_touched_its_row_its_slot_or_its_table_and_nothing_else() {
    let mut world = World::new(BOTH);
    let stamp = world.write(7);
    let slot = |n| Slot::new(n).unwrap();
    let cases = [
        ("row", Tag::row("t", &[7]), true),
        ("slot", Tag::slot("t", Slot::CATALOG), true),
        ("table", Tag::table("t"), true),
        ("another row", Tag::row("t", &[8]), false),
        ("another slot", Tag::slot("t", slot(3)), false),
        ("another table", Tag::table("u"), false),
    ];
    for (name, tag, _) in cases {
        let mut loaded = world.read(0);
        loaded.low = at(10);
        // A join: something unchanged besides.
        loaded.tags = vec![Tag::row("u", b"other"), tag];
        world
            .cache
            .fill(name.as_bytes(), loaded, Duration::ZERO)
            .unwrap();
    }
    world.consume(stamp.p);
    for (name, _, is_gone) in cases {
        let freshness = Freshness::default();
        let copies = Copies::Any;
        let found = world.cache.get(
            name.as_bytes(),
            &Freshness {
                copies,
                ..freshness
            },
        );
        assert_eq!(found == Found::Miss, is_gone, "{name}");
    }
}

#[test]
fn that_nothing_is_there_is_forgotten_when_it_comes_to_be() {
    let mut world = World::new(BOTH);
    let mut absent = world.read(1);
    absent.value = Value::Absent;
    world.fill(1, absent).unwrap();
    assert!(matches!(world.get(1, None), Found::Hit { .. }));
    let stamp = world.write(1);
    world.consume(stamp.p);
    assert_eq!(world.get(1, None), Found::Miss);
}

#[test]
fn a_gap_drops_everything_and_refuses_what_was_read_before_its_end() {
    let mut world = World::new(BOTH);
    world.fill(1, world.read(1)).unwrap();
    let slow = world.read(2);
    world.write(3);
    let mut page = world.page(10, 11);
    page.events.clear();
    page.gap = true;
    world.replica.consume(&page, &History::default(), 0);
    assert_eq!(world.get(1, None), Found::Miss);
    assert_eq!(world.fill(2, slow), Err(Refused::BelowFloor));
    assert_eq!(world.fill(2, world.read(2)), Ok(()));
    assert_eq!(world.replica.indexed(), 1);
}

#[test]
fn a_page_that_comes_again_removes_nothing_and_takes_nothing_back() {
    let mut world = World::new(BOTH);
    world.write(1);
    let again = world.page(10, 11);
    world.consume(11);
    world.write(2);
    world.consume(12);
    world.fill(1, world.read(1)).unwrap();
    world.replica.consume(&again, &History::default(), 0);
    assert_eq!(world.replica.consumed(), at(12));
    assert_eq!(value_of(&world.get(1, Some(at(12)))).unwrap().0, 11);
}

#[test]
fn a_new_timeline_drops_everything_and_what_it_lost_is_not_answered_from_memory() {
    let mut world = World::new(BOTH);
    let stamp = world.write(1);
    world.fill(1, world.read(1)).unwrap();
    let slow = world.read(2);
    let history = History::new(vec![Fork {
        timeline: 2,
        at: 10,
    }]);
    let after = Position { timeline: 2, p: 12 };
    let mut page = world.page(10, 10);
    page.consumed = after;
    world.replica.consume(&page, &history, 0);
    assert_eq!(world.get(1, None), Found::Miss);
    assert_eq!(world.fill(2, slow), Err(Refused::BelowFloor));
    let mut read = world.read(1);
    (read.low, read.high) = (after, after);
    world.fill(1, read).unwrap();
    assert!(matches!(world.get(1, Some(at(10))), Found::Hit { .. }));
    assert_eq!(
        world.get(1, Some(stamp)),
        Found::Past,
        "the store says that it is lost"
    );
}

#[test]
fn the_index_holds_what_is_there_whatever_was_evicted_replaced_or_cleared() {
    let replica = Replica::new(at(1), History::default(), 0);
    for eviction in Eviction::ALL {
        let config = Config {
            eviction,
            capacity_bytes: 64 << 10,
            ..Config::default()
        };
        let clock = Arc::new(ManualClock::new(0));
        let random = Arc::new(SeededRandom::new(1));
        let cache = Cache::new(Arc::clone(&replica), config.clone(), clock, random).unwrap();
        for n in 0..2_000_u64 {
            let key = (n % 700).to_le_bytes();
            let loaded = Loaded {
                value: Value::Found(Bytes::from_static(&[0; 50])),
                low: at(n),
                high: at(n),
                tags: vec![Tag::table("t"), Tag::row("t", &key)],
                until_us: None,
                lost: false,
            };
            let _ = cache.fill(&key, loaded, Duration::ZERO);
        }
        let there = |cache: &Cache| cache.statistics().entries * 2;
        assert!(there(&cache) > 100, "{eviction}");
        assert_eq!(replica.indexed(), there(&cache), "{eviction}");
        let smaller = Config {
            capacity_bytes: 32 << 10,
            eviction: Eviction::S3Fifo,
            ..config
        };
        cache.reconfigure(smaller).unwrap();
        assert_eq!(replica.indexed(), there(&cache), "{eviction}");
        cache.clear();
        assert_eq!((replica.indexed(), there(&cache)), (0, 0), "{eviction}");
    }
}

//! Three processes over one store and one second level that loses, delays and brings back.

mod on_redis;

use super::*;
use crate::cache::{Found, Loaded};
use crate::replica::Guards;
use crate::replica::world::{BOTH, World, at, value_of};
use futures_util::FutureExt;
use pando_engine_memory::MemoryLevel2;
use pando_model::clock::ManualClock;
use pando_model::engine::{Copies, Freshness};
use pando_model::level2::Level2;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

/// The double never waits.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().unwrap()
}

fn covering(seen: Position) -> Freshness {
    Freshness {
        seen: Some(seen),
        copies: Copies::Covering,
    }
}

fn record(world: &World, loaded: &Loaded) -> Record {
    world.cache.record(loaded, Duration::ZERO).unwrap()
}

#[test]
fn what_one_process_loaded_another_one_gives_until_its_follower_heard_of_a_change() {
    let mut one = World::new(BOTH);
    let mut other = World::new(BOTH);
    let shared = record(&one, &one.read(1));
    let take = |world: &World, seen| value_of(&world.cache.take(&[1], &shared, &covering(seen)));
    assert_eq!(take(&other, at(10)), Some((0, at(10))));
    // Another key's change is consumed: it is true as of there.
    one.write(2);
    other.write(2);
    other.consume(11);
    assert_eq!(take(&other, at(11)), Some((0, at(11))));
    let stamp = one.write(1);
    other.write(1);
    assert_eq!(take(&other, stamp), None, "the writer is ahead of it");
    other.consume(stamp.p);
    // It comes up again, however often: the floor of this process refuses it.
    assert_eq!(take(&other, at(10)), None);
}

#[test]
fn a_process_that_began_later_takes_only_what_was_stamped_again_since() {
    let mut old = World::new(BOTH);
    let loaded = old.read(1);
    let shared = record(&old, &loaded);
    old.fill(1, loaded).unwrap();
    old.write(2);
    let new = old.restarted();
    let take = |record: &Record| value_of(&new.cache.take(&[1], record, &covering(at(11))));
    assert_eq!(take(&shared), None, "what changed before is not known here");
    old.consume(11);
    let again = old.cache.restamp(&[1]).unwrap();
    assert_eq!(again.at, at(11));
    assert_eq!(take(&again), Some((0, at(11))));
}

#[test]
fn what_is_of_another_timeline_is_not_taken() {
    let world = World::new(BOTH);
    for timeline in [0, 2] {
        let mut loaded = world.read(1);
        loaded.low = Position { timeline, p: 99 };
        let shared = record(&world, &loaded);
        let found = world.cache.take(&[1], &shared, &covering(at(10)));
        assert_eq!(found, Found::Miss, "timeline {timeline}");
    }
}

fn level2() -> MemoryLevel2 {
    MemoryLevel2::new(Arc::new(ManualClock::new(0)))
}

fn toggle(level2: &MemoryLevel2, is_away: &mut bool) {
    *is_away = !*is_away;
    level2.set_away(*is_away);
}

/// How many answers from either level were given, came from the second one, and were older than
/// their caller, or than they said.
fn stale_answers(guards: Guards, seed: u64) -> (usize, usize, usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut worlds = [(); 3].map(|()| World::new(guards));
    let (level2, mut kept, mut is_away) = (level2(), BTreeMap::new(), false);
    let mut sessions = [at(10); 3];
    let mut reads: Vec<(usize, u8, Loaded)> = Vec::new();
    let mut messages: Vec<(u8, Record)> = Vec::new();
    let (mut hits, mut shared, mut stale) = (0, 0, 0);
    for _ in 0..900 {
        let key = random.random_range(0..4_u8);
        let node = random.random_range(0..worlds.len());
        let session = random.random_range(0..sessions.len());
        match random.random_range(0..16) {
            0 => {
                for world in &mut worlds {
                    sessions[session] = world.write(key);
                }
            }
            1 | 2 => reads.push((node, key, worlds[node].read(key))),
            3 | 4 if !reads.is_empty() => {
                let n = random.random_range(0..reads.len());
                let (node, key, loaded) = reads.swap_remove(n);
                messages.push((key, record(&worlds[node], &loaded)));
                let _ = worlds[node].fill(key, loaded);
            }
            // Late, in any order, twice or never.
            5..=7 if !messages.is_empty() => {
                let n = random.random_range(0..messages.len());
                let (key, record) = match random.random_range(0..3) {
                    0 => messages[n].clone(),
                    _ => messages.swap_remove(n),
                };
                let _ = now(level2.put(&[key], record, LONG));
            }
            8 => {
                let lag = random.random_range(0..3);
                let world = &worlds[node];
                let until = world.now().p.saturating_sub(lag);
                world.consume(until.max(world.replica.consumed().p));
            }
            9 => match random.random_range(0..10) {
                0 => level2.restart(BTreeMap::new()),
                1 => level2.restart(kept.clone()),
                2..=4 => kept = level2.records(),
                5 => worlds[node] = worlds[node].restarted(),
                6 => toggle(&level2, &mut is_away),
                _ => now(level2.invalidate(&[key], worlds[node].now())).unwrap_or(()),
            },
            10 => messages.extend(worlds[node].cache.restamp(&[key]).map(|r| (key, r))),
            _ => {
                let (world, seen) = (&worlds[node], sessions[session]);
                let mut found = world.get(key, Some(seen));
                if value_of(&found).is_none()
                    && let Ok(Some(record)) = now(level2.fetch(&[key]))
                {
                    found = world.cache.take(&[key], &record, &covering(seen));
                    shared += usize::from(value_of(&found).is_some());
                }
                if let Some((value, low)) = value_of(&found) {
                    hits += 1;
                    stale += usize::from(value < world.value(key, seen.p.max(low.p)));
                    if let Found::Hit { answer, .. } = found {
                        sessions[session] = seen.max(answer.high);
                    }
                }
            }
        }
    }
    (hits, shared, stale)
}

#[test]
fn whatever_the_second_level_loses_delays_or_brings_back_no_session_is_given_what_is_stale() {
    let (mut hits, mut shared) = (0, 0);
    for seed in 0..200 {
        let found = stale_answers(BOTH, seed);
        assert_eq!(found.2, 0, "seed {seed}");
        hits += found.0;
        shared += found.1;
    }
    assert!(hits > 5_000 && shared > 1_000, "{hits}, {shared} shared");
}

/// The test of the test: with either guard off, it finds stale answers.
#[test]
fn without_the_floor_or_the_comparison_the_second_level_gives_stale_answers() {
    let (floor, comparison) = (false, false);
    for guards in [Guards { floor, ..BOTH }, Guards { comparison, ..BOTH }] {
        let stale: usize = (0..50).map(|seed| stale_answers(guards, seed).2).sum();
        assert!(stale > 0, "{guards:?}");
    }
}

proptest! {
    #[test]
    fn a_record_says_what_it_was_told_and_nothing_once_a_byte_of_it_is_lost(
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        numbers in prop::collection::vec(any::<u64>(), 0..5),
        (timeline, p, time) in any::<(u32, u64, i64)>(),
        (place, flip) in (any::<prop::sample::Index>(), 1_u8..),
    ) {
        let low = Position { timeline, p };
        let shared = Shared {
            value: bytes.map_or(Value::Absent, |bytes| Value::Found(bytes.into())),
            low,
            high: Position { timeline, p: p / 2 },
            tags: numbers.into_iter().map(Tag::numbered).collect(),
            times: Times {
                filled_at_us: time,
                load_us: 1,
                fresh_until_us: 2,
                stale_until_us: 3,
                error_until_us: i64::MAX,
            },
        };
        let mut record = shared.encode();
        prop_assert_eq!(Shared::decode(&record), Some(shared));
        let mut body = record.body.to_vec();
        let place = place.index(body.len());
        body[place] ^= flip;
        record.body = body.clone().into();
        prop_assert_eq!(Shared::decode(&record), None);
        record.body = body[..place].to_vec().into();
        prop_assert_eq!(Shared::decode(&record), None);
    }
}

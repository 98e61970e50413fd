//! Both stores, the same events; where answers differ, as few events as still make them differ.

use crate::draw::Draw;
use crate::event::{Event, Model};
use crate::past::{Past, Where};
use crate::side::Side;
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::clock::ManualClock;
use pando_model::engine::Engine;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

const OPERATIONS: usize = 10_000;
/// After so many events all that is there is compared, and both engines verify.
const DUMP_EVERY: usize = 1_000;
/// How often a failing run is tried again with fewer events.
const SHRINK_RUNS_MAX: usize = 200;
/// When it begins: microseconds since 1970.
const NOW_US: i64 = 1_800_000_000_000_000;

/// Which two stores are compared.
#[derive(Clone, Copy, Debug)]
pub enum Pair {
    /// SQLite, and memory.
    Engines,
    /// Memory, and memory with caches in front of it.
    Caches,
    /// Memory, and memory with caches in front of it and a space that is written behind.
    Behind,
    /// Memory, and memory with listeners before and after each commit.
    Listened,
    /// The same as behind, where the journal is forgotten somewhere.
    Past(Where),
}

/// Where the two gave different answers.
struct Difference {
    place: usize,
    answers: [String; 2],
}

/// Draws events of some models and carries them out on both stores.
///
/// # Panics
/// At the first difference, with the seed and the events that lead to it.
pub async fn both_answer_alike(pair: Pair, what: &str, models: &[Model]) {
    let (seed, events) = drawn(what, models);
    let mut tally = Tally::default();
    let Err(difference) = compare(pair, &events, &mut tally).await else {
        println!("{what}: the same answers; [answered, refused]: {tally:?}");
        return;
    };
    let mut kept = events[..=difference.place].to_vec();
    println!("{what}: event {} differs; shrinking", difference.place);
    let shrunk = shrink(pair, &mut kept).await.unwrap_or(difference);
    let trace = kept.iter().fold(String::new(), |mut trace, event| {
        let _ = writeln!(trace, "  {event:?}");
        trace
    });
    let [one, other] = shrunk.answers;
    panic!("PANDO_SEED={seed}: {pair:?}: after\n{trace}one says\n  {one}\nthe other\n  {other}");
}

/// Draws events as [`both_answer_alike`] does, for two of which one is wrong: it is found.
///
/// # Panics
/// If all answers are the same.
pub async fn a_difference_is_found(pair: Pair, what: &str, models: &[Model]) {
    let (seed, events) = drawn(what, models);
    match compare(pair, &events, &mut Tally::default()).await {
        Err(found) => println!("{what}: found at event {}", found.place),
        Ok(()) => panic!("PANDO_SEED={seed}: {pair:?}: it would not be noticed"),
    }
}

/// Events of some models, and the seed that repeats them.
fn drawn(what: &str, models: &[Model]) -> (u64, Vec<Event>) {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    let count = number("PANDO_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    println!("{what}: {count} operations, PANDO_SEED={seed} repeats them");
    let mut draw = Draw::new(seed);
    let mut operations = 0;
    let mut events = Vec::new();
    while operations < count {
        let event = draw.event(models);
        operations += operations_of(&event);
        events.push(event);
    }
    (seed, events)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn operations_of(event: &Event) -> usize {
    match event {
        Event::Together(verbs) => verbs.len(),
        Event::Later(_) => 0,
        _ => 1,
    }
}

/// How many of each verb were answered, and how many refused.
type Tally = BTreeMap<String, [usize; 2]>;

async fn compare(pair: Pair, events: &[Event], tally: &mut Tally) -> Result<(), Difference> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SqliteConfig::new(folder.path().join("pando.db"));
    // What is compared are answers; durability has tests of its own.
    config.synchronous = Synchronous::Normal;
    let clock = Arc::new(ManualClock::new(NOW_US));
    let in_memory = || Arc::new(MemoryEngine::with_clock(&*clock)) as Arc<dyn Engine>;
    let (one, other) = match pair {
        Pair::Engines => (
            Side::open(SqliteEngine::open(config).unwrap(), &clock).await,
            Side::open(in_memory(), &clock).await,
        ),
        Pair::Caches => (
            Side::open(in_memory(), &clock).await,
            Side::cached(in_memory(), &clock).await,
        ),
        Pair::Behind => (
            Side::open(in_memory(), &clock).await.beside_behind(),
            Side::cached(in_memory(), &clock).await.behind().await,
        ),
        Pair::Listened => (
            Side::open(in_memory(), &clock).await,
            Side::open(in_memory(), &clock).await.listened().await,
        ),
        Pair::Past(place) => {
            let past = Arc::new(Past::new(in_memory(), place));
            (
                Side::open(in_memory(), &clock).await.beside_behind(),
                Side::cached(past, &clock).await.behind().await,
            )
        }
    };
    for (place, event) in events.iter().enumerate() {
        if let Event::Later(us) = event {
            clock.advance_us(*us);
        }
        let answers = [one.answer(event).await, other.answer(event).await];
        if let Event::Alone(verb) = event {
            let counts = tally.entry(verb.name()).or_default();
            counts[usize::from(answers[0].starts_with("refused"))] += 1;
        }
        if answers[0] != answers[1] {
            return Err(Difference { place, answers });
        }
        let heard = other.heard(event).await;
        if heard[0] != heard[1] {
            let answers = heard.map(|heard| heard.join("\n  "));
            return Err(Difference { place, answers });
        }
        if place + 1 == events.len() || (place + 1) % DUMP_EVERY == 0 {
            let dumps = [one.dump().await, other.dump().await];
            if dumps[0] != dumps[1] {
                let answers = dumps.map(|dump| dump.join("\n  "));
                return Err(Difference { place, answers });
            }
        }
    }
    one.store.close().await.unwrap();
    other.store.close().await.unwrap();
    if let Some(report) = other.store.engine().caches() {
        for of in report.collections {
            let counts = tally.entry(of.collection).or_default();
            *counts = [of.counts.hits as usize, of.counts.misses as usize];
            assert_eq!(of.counts.inconsistent, 0);
        }
    }
    Ok(())
}

/// Leaves out runs of events, halving their length, as long as answers still differ.
async fn shrink(pair: Pair, kept: &mut Vec<Event>) -> Option<Difference> {
    let mut last = None;
    let mut runs = 0;
    let mut length = kept.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start + length <= kept.len() && runs < SHRINK_RUNS_MAX {
            runs += 1;
            let mut fewer = kept.clone();
            fewer.drain(start..start + length);
            match compare(pair, &fewer, &mut Tally::new()).await {
                Err(difference) => {
                    fewer.truncate(difference.place + 1);
                    *kept = fewer;
                    last = Some(difference);
                }
                Ok(()) => start += length,
            }
        }
        length /= 2;
    }
    last
}

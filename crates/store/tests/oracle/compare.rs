//! Both stores, the same events; where answers differ, as few events as still make them differ.

use crate::draw::Draw;
use crate::event::{Event, Model};
use crate::side::Side;
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::clock::ManualClock;
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

/// Where the two gave different answers.
struct Difference {
    place: usize,
    answers: [String; 2],
}

/// Draws events of some models and carries them out on both stores.
///
/// # Panics
/// At the first difference, with the seed and the events that lead to it.
pub async fn both_answer_alike(what: &str, models: &[Model]) {
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
    let mut tally = Tally::default();
    let Err(difference) = compare(&events, &mut tally).await else {
        println!("{what}: the same answers; [answered, refused]: {tally:?}");
        return;
    };
    let mut kept = events[..=difference.place].to_vec();
    println!("{what}: event {} differs; shrinking", difference.place);
    let shrunk = shrink(&mut kept).await.unwrap_or(difference);
    let trace = kept.iter().fold(String::new(), |mut trace, event| {
        let _ = writeln!(trace, "  {event:?}");
        trace
    });
    let [sqlite, memory] = shrunk.answers;
    panic!("PANDO_SEED={seed}: after\n{trace}sqlite says\n  {sqlite}\nmemory says\n  {memory}");
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

async fn compare(events: &[Event], tally: &mut Tally) -> Result<(), Difference> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SqliteConfig::new(folder.path().join("pando.db"));
    // What is compared are answers; durability has tests of its own.
    config.synchronous = Synchronous::Normal;
    let clock = Arc::new(ManualClock::new(NOW_US));
    let sqlite = Side::open(SqliteEngine::open(config).unwrap(), &clock).await;
    let engine = MemoryEngine::with_clock(&*clock);
    let memory = Side::open(Arc::new(engine), &clock).await;
    for (place, event) in events.iter().enumerate() {
        if let Event::Later(us) = event {
            clock.advance_us(*us);
        }
        let answers = [sqlite.answer(event).await, memory.answer(event).await];
        if let Event::Alone(verb) = event {
            let counts = tally.entry(verb.name()).or_default();
            counts[usize::from(answers[0].starts_with("refused"))] += 1;
        }
        if answers[0] != answers[1] {
            return Err(Difference { place, answers });
        }
        if place + 1 == events.len() || (place + 1) % DUMP_EVERY == 0 {
            let dumps = [sqlite.dump().await, memory.dump().await];
            if dumps[0] != dumps[1] {
                let answers = dumps.map(|dump| dump.join("\n  "));
                return Err(Difference { place, answers });
            }
        }
    }
    sqlite.store.close().await.unwrap();
    Ok(())
}

/// Leaves out runs of events, halving their length, as long as answers still differ.
async fn shrink(kept: &mut Vec<Event>) -> Option<Difference> {
    let mut last = None;
    let mut runs = 0;
    let mut length = kept.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start + length <= kept.len() && runs < SHRINK_RUNS_MAX {
            runs += 1;
            let mut fewer = kept.clone();
            fewer.drain(start..start + length);
            match compare(&fewer, &mut Tally::new()).await {
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

//! Two engines, the same random operations, the same answers.
//!
//! Operations are drawn from a seed before any is carried out, over a fixed
//! schema with every type and every kind of relation ([`world`]), and from
//! pools so small that keys collide and references are met. Compared are rows
//! as text, totals, outcomes, refusals to the byte, feeds, and at intervals
//! whole tables. Where two answers differ, operations are left out as long as
//! the last one still differs, and what remains is printed.

mod answer;
mod describe;
mod draw;
mod draw_filter;
mod draw_read;
mod draw_write;
mod world;

use crate::Factory;
use crate::differential::answer::{Answer, Follower, carry_out};
use crate::differential::describe::describe;
use crate::differential::draw::{Draw, Operation};
use crate::differential::world::World;
use crate::fixture::query::{SelectExt, select};
use pando_model::engine::{Engine, SchemaChange};
use pando_model::schema::SchemaStep;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// After so many operations whole tables are compared, and both engines verify.
const DUMP_EVERY: usize = 500;
/// How often a failing run is tried again with fewer operations. A run of a few
/// hundred takes a second or two.
const SHRINK_RUNS_MAX: usize = 300;

/// Carries out `operations` random operations on an engine of each factory.
///
/// # Panics
/// At the first difference, with the seed and the operations that lead to it.
pub async fn differential(a: &dyn Factory, b: &dyn Factory, seed: u64, operations: usize) {
    run(World::new(), a, b, seed, operations).await;
}

/// The same over tables that are marked as adopted; the engines are asked to create them all the
/// same, and one that adopts has to make them first.
///
/// # Panics
/// As [`differential`].
pub async fn differential_adopted(a: &dyn Factory, b: &dyn Factory, seed: u64, operations: usize) {
    run(World::adopted(), a, b, seed, operations).await;
}

async fn run(world: World, a: &dyn Factory, b: &dyn Factory, seed: u64, operations: usize) {
    println!("differential: seed {seed}, {operations} operations (PANDO_SEED={seed} repeats it)");
    let mut draw = Draw::new(&world, seed);
    let drawn: Vec<Operation> = (0..operations).map(|_| draw.operation()).collect();
    let mut kinds = BTreeMap::new();
    let Err(difference) = compare(a, b, &world, &drawn, &mut kinds).await else {
        println!("differential: the engines agree: {kinds:?}");
        return;
    };
    let mut kept = drawn[..=difference.place].to_vec();
    println!(
        "differential: operation {} differs; shrinking",
        difference.place
    );
    let shrunk = shrink(a, b, &world, &mut kept).await.unwrap_or(difference);
    let mut trace = String::new();
    for operation in &kept {
        let _ = writeln!(trace, "  {}", describe(operation));
    }
    panic!(
        "seed {seed}: answers differ after\n{trace}{} says {}\n{} says {}",
        shrunk.names.0, shrunk.answers.0, shrunk.names.1, shrunk.answers.1
    );
}

/// Where two engines gave different answers.
struct Difference {
    place: usize,
    names: (&'static str, &'static str),
    answers: (String, String),
}

/// Stops at the first difference; `kinds` counts what came of the operations.
async fn compare(
    a: &dyn Factory,
    b: &dyn Factory,
    world: &World,
    operations: &[Operation],
    kinds: &mut BTreeMap<String, usize>,
) -> Result<(), Difference> {
    let (a, b) = (a.make().await, b.make().await);
    let (a, b) = (a.engine(), b.engine());
    create(&a, world).await;
    create(&b, world).await;
    let mut followers = (Follower::new(&a).await, Follower::new(&b).await);
    for (place, operation) in operations.iter().enumerate() {
        let answers = (
            carry_out(&a, operation, &mut followers.0).await,
            carry_out(&b, operation, &mut followers.1).await,
        );
        *kinds.entry(answers.0.kind().to_owned()).or_default() += 1;
        let differ = |answers: (Answer, Answer)| Difference {
            place,
            names: (a.info().name, b.info().name),
            answers: (answers.0.to_string(), answers.1.to_string()),
        };
        if answers.0 != answers.1 {
            return Err(differ(answers));
        }
        let is_last = place + 1 == operations.len();
        if is_last || (place + 1) % DUMP_EVERY == 0 {
            let dumps = (dump(&a, world).await, dump(&b, world).await);
            if dumps.0 != dumps.1 {
                return Err(differ(dumps));
            }
        }
    }
    Ok(())
}

/// Leaves out runs of operations, halving their length, as long as the last
/// operation's answers still differ.
async fn shrink(
    a: &dyn Factory,
    b: &dyn Factory,
    world: &World,
    kept: &mut Vec<Operation>,
) -> Option<Difference> {
    let mut last = None;
    let mut runs = 0;
    let mut length = kept.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start + length < kept.len() && runs < SHRINK_RUNS_MAX {
            runs += 1;
            let mut fewer = kept.clone();
            fewer.drain(start..start + length);
            match compare(a, b, world, &fewer, &mut BTreeMap::new()).await {
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

async fn create(engine: &Arc<dyn Engine>, world: &World) {
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: world
            .tables
            .iter()
            .cloned()
            .map(SchemaStep::CreateTable)
            .collect(),
        record: Vec::new(),
    };
    engine.apply(change).await.expect("create the tables");
}

/// All rows of all tables, and what is wrong with them.
async fn dump(engine: &Arc<dyn Engine>, world: &World) -> Answer {
    let mut nobody = Follower::none();
    let mut all = Vec::new();
    for table in &world.tables {
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        let read = Operation::Read {
            tree: select(table, &names).tree(),
            count: true,
        };
        all.push(carry_out(engine, &read, &mut nobody).await.to_string());
    }
    let faults = engine.verify().await.expect("verify");
    assert!(faults.is_empty(), "{}: {faults:#?}", engine.info().name);
    Answer::Dump(all)
}

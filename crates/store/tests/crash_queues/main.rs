//! Power cuts under producers and consumers of a queue: what was acknowledged is neither lost nor
//! doubled, each key keeps its order, leases that hold hold still, and messages exist exactly for
//! the rows that exist.
//!
//! 8 rounds in the ordinary run; `PANDO_POWER_ROUNDS=200` for the long one, and `PANDO_SEED`
//! to repeat one. (`crash` does the same to the models.)

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod consume;
mod produce;
mod world;

use consume::{Consuming, come_back, drain, finish};
use pando_engine_sqlite::Synchronous;
use pando_powercut::{Disk, Survival};
use pando_store::Store;
use pando_workload::Batch;
use produce::{Producing, Sent, find_out};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use world::{GROUPS, Seen, World};

/// Consumers of each group.
const CONSUMERS: usize = 2;

fn rounds() -> u64 {
    let rounds = std::env::var("PANDO_POWER_ROUNDS").ok();
    rounds.map_or(8, |text| {
        text.parse().expect("PANDO_POWER_ROUNDS is a number")
    })
}

fn seed() -> u64 {
    let seed = match std::env::var("PANDO_SEED") {
        Ok(text) => text.parse().expect("PANDO_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

/// Time goes on, and what it brings comes, and goes, until the power does.
async fn pass(store: Arc<Store>, seen: Seen, disk: Disk, mut chance: StdRng) {
    let mut looked = BTreeMap::new();
    while !disk.is_off() {
        seen.clock_on(chance.random_range(1..2_000_000));
        let _ = store.queue_release(0).await;
        if chance.random_bool(0.1) {
            let _ = store.queue_sweep(&mut looked).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Work until the power goes, and a look once it is back. Gives what is wrong.
async fn round(world: &mut World, sent: Sent, chance: &mut StdRng) -> Vec<String> {
    let unknown = work(world, sent, chance).await;
    let store = match world.open().await {
        Ok(store) => store,
        Err(error) => return vec![format!("all was lost: {error}")],
    };
    let mut wrong = store.engine().verify().await.unwrap();
    wrong.extend(find_out(&store, &world.seen, &unknown, &mut world.counts).await);
    let held = std::mem::take(&mut world.held);
    let mut consumers = come_back(&store, &world.seen, held, chance);
    // Half of the rounds leave all of it to the next one, where there is one.
    let is_drained = !world.goes_on || chance.random_bool(0.5);
    if is_drained {
        world.counts.held_over += finish(&mut consumers).await;
        drain(&store, &world.seen, &mut consumers).await;
    } else {
        let each = consumers.into_iter();
        world.held = each.flat_map(|consumer| consumer.in_hand).collect();
    }
    wrong.extend(world.seen.wrong(is_drained));
    store.close().await.unwrap();
    wrong
}

/// Lets all work until the power goes, and brings it back. Gives what was not answered.
async fn work(world: &mut World, sent: Sent, chance: &mut StdRng) -> Vec<Batch> {
    let store = world.open().await.unwrap();
    // At any write, or when a commit is written and not answered, if one waits for that.
    let at_sync = world.waits_for_the_disk() && chance.random_bool(0.5);
    match at_sync {
        true => world.disk.cut_power_at_sync(chance.random_range(1..80)),
        false => world.disk.cut_power_after(chance.random_range(1..2_000)),
    }
    let mut random = || StdRng::seed_from_u64(chance.random());
    let (seen, disk) = (world.seen.clone(), world.disk.clone());
    let passing = pass(Arc::clone(&store), seen.clone(), disk.clone(), random());
    let passing = tokio::spawn(passing);
    let consuming: Vec<_> = (0..GROUPS.len() * CONSUMERS)
        .map(|number| {
            let consuming = Consuming {
                store: Arc::clone(&store),
                seen: seen.clone(),
                group: number % GROUPS.len(),
                chance: random(),
                in_hand: Vec::new(),
            };
            tokio::spawn(consuming.go_on(disk.clone()))
        })
        .collect();
    let mut producing = Vec::new();
    for producer in world.producers.drain(..) {
        let work = Producing {
            store: Arc::clone(&store),
            disk: disk.clone(),
            seen: seen.clone(),
            sent,
            chance: random(),
        };
        producing.push(tokio::spawn(work.go_on(producer)));
    }
    let mut unknown = Vec::new();
    for producing in producing {
        let (producer, batch) = producing.await.unwrap();
        world.producers.push(producer);
        unknown.extend(batch);
    }
    for consuming in consuming {
        world.held.extend(consuming.await.unwrap());
    }
    passing.await.unwrap();
    let _ = store.close().await;
    drop(store);
    world.disk.cut_power();
    let survival = match chance.random_range(0..6) {
        0..4 if at_sync => Survival::Everything,
        0 => Survival::Everything,
        1..4 => Survival::Sectors(chance.random()),
        _ => Survival::Nothing,
    };
    world.disk.restore_power(survival).unwrap();
    unknown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_and_doubles_no_message_and_leaves_none_without_its_row() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let mut world = World::new("queues-full", Synchronous::Full);
    for number in 1..=rounds() {
        world.goes_on = number < rounds();
        let wrong = round(&mut world, Sent::Together, &mut chance).await;
        assert!(wrong.is_empty(), "seed {seed}, round {number}: {wrong:#?}");
    }
    let (counts, groups) = (world.counts, world.seen.counts());
    println!("{} rounds: {counts:?}", rounds());
    for (name, group) in GROUPS.iter().zip(&groups) {
        println!("{name}: {group:?}");
    }
    let least = groups[0].published.min(groups[0].acked) > rounds() * 20;
    assert!(
        least && groups[0].again > 0 && counts.unknown > 0,
        "the rounds did not do enough to mean anything"
    );
    assert!(
        rounds() < 50
            || [
                counts.with_row,
                counts.without_row,
                counts.repeated,
                counts.held_over
            ]
            .iter()
            .all(|count| *count > 0),
        "what was in doubt was never there, or always"
    );
}

/// One round after the other, each with a disk of its own, until it is said of a message.
async fn finds(what: &str, synchronous: Synchronous, sent: Sent) {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    for number in 0..20 {
        let mut world = World::new(&format!("queues-{sent:?}-{number}"), synchronous);
        let wrong = round(&mut world, sent, &mut chance).await;
        if let Some(line) = wrong
            .iter()
            .find(|line| line.starts_with('p') && line.contains(what))
        {
            println!("found: {line}");
            return;
        }
    }
    panic!("seed {seed}: nothing {what}, so the test would not notice it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_test_finds_a_loss_where_commits_do_not_wait_for_the_disk() {
    finds("was lost", Synchronous::Normal, Sent::Together).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_test_finds_a_message_of_no_row_where_both_are_written_apart() {
    finds("was refused", Synchronous::Full, Sent::Apart).await;
}

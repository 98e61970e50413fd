//! Power cuts under transactions over all five models: every acknowledged one is there
//! afterwards, in all models, and none in some of them only.
//!
//! 8 rounds in the ordinary run; `PANDO_POWER_ROUNDS=200` for the long one, and `PANDO_SEED`
//! to repeat one. (`engines/sqlite/tests/power.rs` does the same to the engine alone, with failing syncs and
//! full disks.)

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod carry;
mod check;
mod flush;
mod look;
mod world;

use carry::{Sent, send};
use check::{check, read_own};
use pando_engine_sqlite::Synchronous;
use pando_model::error::EngineError;
use pando_powercut::{Disk, Survival};
use pando_store::Store;
use pando_store::error::StoreError;
use pando_workload::Writer;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::{Arc, Mutex};
use world::{Counts, Given, Told, World};

/// Transactions of a writer in a round that ends in an orderly way.
const ORDERLY: u64 = 3;

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

/// A writer at work.
struct Work {
    store: Arc<Store>,
    disk: Disk,
    given: Arc<Mutex<Given>>,
    sent: Sent,
    /// Ends by itself after so many.
    most: Option<u64>,
    chance: StdRng,
    counts: Counts,
}

impl Work {
    /// Writes until the power goes.
    async fn go_on(mut self, mut writer: Writer<Told>) -> (Writer<Told>, Counts) {
        while !self.disk.is_off() && self.most.is_none_or(|most| self.counts.acknowledged < most) {
            let transaction = writer.draw(&mut self.chance);
            match send(&self.store, &transaction, self.sent).await {
                Ok(answered) => {
                    assert!(!answered.replayed, "{} is new", transaction.key);
                    let told = answered.told;
                    self.given.lock().unwrap().note(&transaction.key, &told);
                    writer.acknowledge(transaction, told.clone());
                    self.counts.acknowledged += 1;
                    if self.chance.random_bool(0.1) {
                        read_own(&self.store, &self.disk, &writer, &told).await;
                    }
                }
                Err(StoreError::Engine(EngineError::Unavailable { .. })) => {
                    self.counts.refused += 1;
                }
                Err(StoreError::Engine(EngineError::OutcomeUnknown { .. })) => {
                    self.counts.unknown += 1;
                    writer.doubt(transaction);
                    break;
                }
                Err(other) => panic!("{other:?}: {transaction:?}"),
            }
        }
        (writer, self.counts)
    }
}

/// Applies the journal until the power goes.
async fn flush(store: Arc<Store>, disk: Disk) {
    while !disk.is_off() {
        match store.flush_journal().await {
            // What waits is as much a part of it as what is applied.
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// Lets the writers write until the power goes, brings it back and looks. Gives what is wrong.
async fn round(world: &mut World, sent: Sent, chance: &mut StdRng) -> Vec<String> {
    let store = world.open().await.unwrap();
    // At any write, or when a commit is written and not answered, if one waits for that.
    let at_sync = world.waits_for_the_disk() && chance.random_bool(0.5);
    match at_sync {
        true => world.disk.cut_power_at_sync(chance.random_range(1..60)),
        false => world.disk.cut_power_after(chance.random_range(1..3_000)),
    }
    // Some rounds end in an orderly way, so that the cut hits the closing.
    let most = chance.random_bool(0.2).then_some(ORDERLY);
    let flushing = world
        .is_behind
        .then(|| tokio::spawn(flush(Arc::clone(&store), world.disk.clone())));
    let mut working = Vec::new();
    for writer in world.writers.drain(..) {
        let work = Work {
            store: Arc::clone(&store),
            disk: world.disk.clone(),
            given: Arc::clone(&world.given),
            sent,
            most,
            chance: StdRng::seed_from_u64(chance.random()),
            counts: Counts::default(),
        };
        working.push(tokio::spawn(work.go_on(writer)));
    }
    for working in working {
        let (writer, told) = working.await.unwrap();
        world.writers.push(writer);
        world.counts.acknowledged += told.acknowledged;
        world.counts.refused += told.refused;
        world.counts.unknown += told.unknown;
    }
    if let Some(flushing) = flushing {
        flushing.abort();
    }
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
    let store = match world.open().await {
        Ok(store) => store,
        Err(error) => return vec![format!("all is lost: {error}")],
    };
    let wrong = check(world, &store, sent).await;
    store.flush_journal().await.unwrap();
    store.close().await.unwrap();
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut_whole_in_all_five_models() {
    survives(World::new("models-full", Synchronous::Full)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut_where_key_values_are_written_behind() {
    let mut world = World::new("models-behind", Synchronous::Full);
    world.is_behind = true;
    survives(world).await;
}

async fn survives(mut world: World) {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    for number in 0..rounds() {
        let wrong = round(&mut world, Sent::Whole, &mut chance).await;
        assert!(wrong.is_empty(), "seed {seed}, round {number}: {wrong:#?}");
    }
    let counts = world.counts;
    println!("{} rounds: {counts:?}", rounds());
    assert!(
        counts.acknowledged > rounds() * 20 && counts.unknown > rounds() / 2,
        "the rounds did not write enough to mean anything: {counts:?}"
    );
    assert!(
        counts.unknown_done > 0 || rounds() < 50,
        "what was in doubt was never there: {counts:?}"
    );
}

/// One round after the other, each with a disk of its own, until something is found that is
/// called so.
async fn finds(what: &str, synchronous: Synchronous, sent: Sent) {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    for number in 0..20 {
        let mut world = World::new(&format!("models-{what}-{number}"), synchronous);
        let wrong = round(&mut world, sent, &mut chance).await;
        if let Some(line) = wrong.iter().find(|line| line.contains(what)) {
            println!("found in round {number}: {line}");
            return;
        }
    }
    panic!("seed {seed}: nothing was {what}, so the test would not notice it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_test_finds_a_loss_where_commits_do_not_wait_for_the_disk() {
    finds("lost", Synchronous::Normal, Sent::Whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_test_finds_a_half_where_operations_are_sent_one_by_one() {
    finds("half", Synchronous::Full, Sent::InParts).await;
}

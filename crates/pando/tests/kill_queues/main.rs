//! SIGKILL at random moments under producers and consumers of a queue over HTTP, with publishes
//! within `/tx/v1`: what was acknowledged is neither lost nor doubled, each key keeps its order,
//! leases that hold hold still, and messages exist exactly for the rows that exist.
//!
//! `PANDO_KILL_ROUNDS` (4) and `PANDO_SEED` choose kills and moments. PostgreSQL itself fails
//! under the same load in `failover`.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod asking;
mod at_least_once;
mod brokers;
mod consume;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../several/database.rs"]
mod database;
mod load;
mod produce;
#[path = "../support/mod.rs"]
mod support;

use database::{Database, root_key, serve};
use load::{Load, MANY_ATTEMPTS, Sent};
use pando_cluster::Postgres;
use pando_workload::ORDER_DDL;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;
use support::{Server, migrate};

/// What is answered between two kills at most.
const BETWEEN: u64 = 150;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number")))
}

fn rounds() -> u64 {
    number("PANDO_KILL_ROUNDS").unwrap_or(4)
}

fn seed() -> u64 {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

/// Kills the server so often while they work; gives what is wrong.
fn kill_under_load(kills: u64, sent: Sent, seed: u64) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pando.toml"), MANY_ATTEMPTS).expect("a file");
    migrate(folder.path(), ORDER_DDL);
    let mut server = Server::start(folder.path());
    let load = Load::start(vec![server.address], "", sent, chance.random());
    for _ in 0..kills {
        load.proceed(chance.random_range(1..BETWEEN));
        server.kill();
        server = Server::start(folder.path());
        load.listen_at(vec![server.address]);
    }
    load.proceed(1);
    load.finish()
}

#[test]
fn a_kill_loses_and_doubles_no_message_and_leaves_none_without_its_row() {
    let seed = seed();
    let wrong = kill_under_load(rounds(), Sent::Together, seed);
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

#[test]
fn the_same_test_finds_a_message_of_no_row_where_both_are_sent_apart() {
    let seed = seed();
    for nth in 0..8 {
        let wrong = kill_under_load(1, Sent::Apart, seed.wrapping_add(nth));
        if let Some(line) = wrong.iter().find(|line| line.contains("was refused")) {
            return println!("found: {line}");
        }
    }
    panic!("seed {seed}: no message was without its row, so the test would not notice it");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_over_postgresql_that_are_killed_in_turn_lose_and_double_nothing() {
    let seed = seed();
    // PostgreSQL itself lives on.
    let database = Database::start_as(Postgres::builder().without_fsync()).await;
    database.write_migration("0001_order_placed.sql", ORDER_DDL);
    let folders = [0, 1, 2].map(|_| database.folder(MANY_ATTEMPTS));
    let killing = move || kill_in_turn(&folders, seed);
    let wrong = tokio::task::spawn_blocking(killing).await.expect("kills");
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

fn kill_in_turn(folders: &[PathBuf], seed: u64) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut servers: Vec<Server> = folders.iter().map(|folder| serve(folder)).collect();
    let addresses = |servers: &[Server]| servers.iter().map(|one| one.address).collect();
    let key = root_key(&folders[0]);
    let load = Load::start(addresses(&servers), &key, Sent::Together, chance.random());
    for nth in 0..rounds() {
        load.proceed(chance.random_range(1..BETWEEN));
        let place = usize::try_from(nth).expect("a number") % folders.len();
        servers.remove(place).kill();
        load.listen_at(addresses(&servers));
        servers.insert(place, serve(&folders[place]));
        load.listen_at(addresses(&servers));
    }
    load.proceed(1);
    load.finish()
}

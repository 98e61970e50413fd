//! SIGKILL at random moments under transactions over all five models, by `/tx/v1` and by
//! requests to each model: what was acknowledged is there afterwards, in all models; what was
//! not answered is there in all of them or in none, and is done once when it is sent again.
//!
//! `PANDO_KILL_ROUNDS` (8) and `PANDO_SEED` choose rounds and moments. `kill.rs` does the same
//! to tables alone, with more writers.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod look;
mod request;
#[path = "../support/mod.rs"]
mod support;

use pando_workload::{
    COLLECTION, Found, GRAPH, HUBS, NODE_KIND, SEARCHED, SPACE, Shared, State, TABLE_DDL,
    Transaction, Writer,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use request::{Sent, Told, send, send_in_parts};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use support::{Connection, Server, migrate};

/// Writers at the same time.
const WRITERS: u64 = 12;

/// Key-values that wait in a journal for most of the time.
const BEHIND: &str = "[cache.collections.\"kv/own\"]\nstrategy = \"write-behind\"\n\
                      [cache.journal]\nflush_interval = \"30ms\"\n";

#[test]
fn what_was_acknowledged_survives_a_kill_whole_in_all_five_models() {
    survives("");
}

#[test]
fn what_was_acknowledged_survives_a_kill_where_key_values_are_written_behind() {
    assert_eq!(SPACE, "own");
    survives(BEHIND);
}

fn survives(settings: &str) {
    let rounds = number("PANDO_KILL_ROUNDS").unwrap_or(8);
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = start_new(folder.path(), settings);
    let mut writers: Vec<Writer<Told>> = (1..=WRITERS).map(Writer::new).collect();
    let (mut acknowledged, mut unknown, mut carried_out) = (0, 0, 0);
    for round in 0..rounds {
        let at = format!("seed {seed}, round {round}");
        // The kill comes when so many were acknowledged: a moment, not a time.
        let enough = chance.random_range(1..300);
        writers = write_until_killed(server, writers, Sent::Whole, enough, &mut chance);
        server = Server::start(folder.path());
        let found = judge(&server, &writers).unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
        check_stamps(&server, &writers, &at);
        send_again(&server, &writers, &found, &at);
        for writer in &mut writers {
            acknowledged += writer.answered().len();
            unknown += u64::from(writer.in_doubt().is_some());
            writer.settle();
        }
        carried_out += found.iter().filter(|found| **found == Found::After).count();
        judge(&server, &writers).unwrap_or_else(|wrong| panic!("{at}, sent again: {wrong}"));
    }
    println!(
        "{rounds} kills: {acknowledged} acknowledged, {unknown} unknown, of these {carried_out} done"
    );
    assert_eq!(unknown, rounds * WRITERS);
    assert!(acknowledged as u64 > rounds, "too little to mean anything");
}

#[test]
fn the_same_test_finds_a_half_where_operations_are_sent_one_by_one() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    for _ in 0..8 {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start_new(folder.path(), "");
        let writers = (1..=WRITERS).map(Writer::new).collect();
        let enough = chance.random_range(1..50);
        let writers = write_until_killed(server, writers, Sent::InParts, enough, &mut chance);
        let server = Server::start(folder.path());
        match judge(&server, &writers) {
            Err(wrong) if wrong.contains("half") => return println!("found: {wrong}"),
            Err(other) => panic!("seed {seed}: {other}"),
            Ok(_) => {}
        }
    }
    panic!("seed {seed}: nothing was half, so the test would not notice it");
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seed() -> u64 {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

/// A server with the table, the search index and the hubs.
fn start_new(folder: &Path, settings: &str) -> Server {
    let config = format!("[docs.{COLLECTION}]\nsearch = [\"{SEARCHED}\"]\n{settings}");
    std::fs::write(folder.join("pando.toml"), config).expect("a file");
    migrate(folder, TABLE_DDL);
    let server = Server::start(folder);
    let mut connection = server.connect();
    for hub in HUBS {
        let path = format!("/graph/v1/{GRAPH}/nodes/{hub}");
        let body = json!({ "kind": NODE_KIND }).to_string();
        let made = connection.ask("PUT", &path, "", &body);
        assert_eq!(made.status, 201, "{made:?}");
    }
    // The index is built in the background, once.
    let path = format!("/docs/v1/{COLLECTION}?search=x");
    while connection.ask("GET", &path, "", "").status == 503 {
        thread::yield_now();
    }
    server
}

/// Lets the writers write until the server is gone.
fn write_until_killed(
    server: Server,
    writers: Vec<Writer<Told>>,
    sent: Sent,
    enough: u64,
    chance: &mut StdRng,
) -> Vec<Writer<Told>> {
    let done = Arc::new(AtomicU64::new(0));
    let writing: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            let mut connection = server.connect();
            let mut chance = StdRng::seed_from_u64(chance.random());
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while writer.in_doubt().is_none() {
                    let transaction = writer.draw(&mut chance);
                    let answer = match sent {
                        Sent::Whole => send(&mut connection, &transaction),
                        Sent::InParts => send_in_parts(&mut connection, &transaction),
                    };
                    match answer {
                        Ok(told) => {
                            assert!(!told.replayed, "{} is new: {told:?}", transaction.key);
                            writer.acknowledge(transaction, told);
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(_) => writer.doubt(transaction),
                    }
                }
                writer
            })
        })
        .collect();
    while done.load(Ordering::SeqCst) < enough {
        assert!(!writing.iter().any(thread::JoinHandle::is_finished));
        thread::yield_now();
    }
    server.kill();
    let writers = writing.into_iter().map(thread::JoinHandle::join);
    writers.map(|writer| writer.expect("a writer")).collect()
}

/// Each writer's things are what its answers say, each edge with its inverse and counted, and
/// what writers share is the sum of it. Gives what was found of what was not answered.
fn judge(server: &Server, writers: &[Writer<Told>]) -> Result<Vec<Found>, String> {
    let mut connection = server.connect();
    let (mut found, mut states): (Vec<Found>, Vec<State>) = Default::default();
    for writer in writers {
        let view = look::view(&mut connection, writer.names());
        let which = writer.judge(&view)?;
        states.push(writer.state_if(which));
        found.push(which);
    }
    let (shared, sum) = (look::shared(&mut connection), Shared::of(&states));
    if shared != sum {
        return Err(format!("half: {shared:?} is not the sum {sum:?}"));
    }
    Ok(found)
}

/// Each writer comes back with the stamp of its last answer, and it is not lost.
fn check_stamps(server: &Server, writers: &[Writer<Told>], at: &str) {
    let mut connection = server.connect();
    for writer in writers {
        let Some((_, told)) = writer.answered().last() else {
            continue;
        };
        let stamp = told.stamp.as_ref().expect("a stamp");
        let headers = format!("Pando-Stamp: {stamp}\r\n");
        let path = format!("/kv/v1/{SPACE}/{}", writer.names().counter());
        let read = connection.ask("GET", &path, &headers, "");
        assert!([200, 404].contains(&read.status), "{at}: {read:?}");
        assert_eq!(read.header("pando-stamp-lost"), None, "{at}: {read:?}");
    }
}

/// All writers at the same time send all of their transactions again: each has its first
/// answer, and what was not answered is done now, or was.
fn send_again(server: &Server, writers: &[Writer<Told>], found: &[Found], at: &str) {
    thread::scope(|scope| {
        for (writer, found) in writers.iter().zip(found) {
            let mut connection = server.connect();
            scope.spawn(move || {
                for (transaction, told) in writer.answered() {
                    is_replayed(&mut connection, transaction, told, at);
                }
                if let Some(transaction) = writer.in_doubt() {
                    let told = send(&mut connection, transaction).expect("an answer");
                    let was_there = *found == Found::After;
                    assert_eq!(told.replayed, was_there, "{at}: {transaction:?}: {told:?}");
                    is_replayed(&mut connection, transaction, &told, at);
                }
            });
        }
    });
}

fn is_replayed(connection: &mut Connection, transaction: &Transaction, told: &Told, at: &str) {
    let again = send(connection, transaction).expect("an answer");
    assert!(
        again.replayed && again.is_as(told),
        "{at}: {transaction:?} was answered {told:?}, and again {again:?}"
    );
}

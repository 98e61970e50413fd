//! SIGKILL at random moments under 64 writers: every acknowledged row is there
//! afterwards, whole, and none of a request that was not carried out in full.
//!
//! `PANDO_KILL_ROUNDS` (8) and `PANDO_KILL_SEED` choose rounds and moments.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use support::{Connection, Server, migrate};

const WRITERS: u64 = 64;
/// Rows of one request: all of them, or none.
const ROWS: u64 = 3;

#[test]
fn what_was_acknowledged_survives_a_kill_and_nothing_is_half_done() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let rounds = number("PANDO_KILL_ROUNDS").unwrap_or(8);
    let seed = number("PANDO_KILL_SEED").unwrap_or_else(rand::random);
    println!("PANDO_KILL_ROUNDS={rounds} PANDO_KILL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    migrate(
        folder.path(),
        "create table t (id bigint primary key, request bigint not null, note text not null);",
    );
    let next = Arc::new(AtomicU64::new(1));
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let server = Server::start(folder.path());
        // The kill comes when so many more were acknowledged: a moment, not a time.
        let enough = random.random_range(1..400);
        let done = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (address, next, done) = (server.address, next.clone(), done.clone());
                thread::spawn(move || write_until_broken(address, &next, &done))
            })
            .collect();
        while done.load(Ordering::SeqCst) < enough {
            thread::yield_now();
        }
        server.kill();
        for writer in writers {
            acknowledged.extend(writer.join().expect("a writer"));
        }
        let server = Server::start(folder.path());
        check(&server, &acknowledged, round);
    }
    assert!(!acknowledged.is_empty());
}

/// Writes requests of several rows until the server is gone; those acknowledged.
fn write_until_broken(address: SocketAddr, next: &AtomicU64, done: &AtomicU64) -> Vec<u64> {
    let mut connection = Connection::to(address);
    let mut acknowledged = Vec::new();
    loop {
        let request = next.fetch_add(1, Ordering::SeqCst);
        let rows: Vec<String> = (0..ROWS)
            .map(|n| {
                let id = request * ROWS + n;
                format!("{{\"id\":{id},\"request\":{request},\"note\":\"n{id}\"}}")
            })
            .collect();
        let body = format!("[{}]", rows.join(","));
        match connection.try_ask("POST", "/rest/v1/t", "", &body) {
            Ok(answer) if answer.status == 201 => {
                acknowledged.push(request);
                done.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => panic!("refused: {answer:?}"),
            Err(_) => return acknowledged,
        }
    }
}

fn check(server: &Server, acknowledged: &BTreeSet<u64>, round: u64) {
    let mut connection = server.connect();
    let mut found = BTreeSet::new();
    let mut after = 0;
    loop {
        let path = format!("/rest/v1/t?id=gt.{after}&order=id&limit=999");
        let rows = connection.ask("GET", &path, "", "").json();
        let rows = rows.as_array().expect("rows");
        for row in rows {
            let id = row["id"].as_u64().expect("an id");
            assert_eq!(row["request"], id / ROWS, "round {round}: {row}");
            assert_eq!(row["note"], format!("n{id}"), "round {round}: {row}");
            found.insert(id);
            after = id;
        }
        if rows.is_empty() {
            break;
        }
    }
    for request in acknowledged {
        let whole = (0..ROWS).all(|n| found.contains(&(request * ROWS + n)));
        assert!(
            whole,
            "round {round}: request {request} was acknowledged and is lost"
        );
    }
    for id in &found {
        let whole = (0..ROWS).all(|n| found.contains(&(id / ROWS * ROWS + n)));
        assert!(whole, "round {round}: request {} is half done", id / ROWS);
    }
}

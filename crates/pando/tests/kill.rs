//! SIGKILL at random moments under 64 writers: every acknowledged row is there
//! afterwards, whole, and none of a request that was not carried out in full. Who was
//! answered reads it with the stamp of that answer; who was not sends it again under its
//! key, and it is done once.
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
use support::{Answer, Connection, Server, migrate};

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
    let mut unanswered = 0;
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
        let told: Vec<Told> = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer"))
            .collect();
        acknowledged.extend(told.iter().flat_map(|told| &told.acknowledged));
        let server = Server::start(folder.path());
        check(&server, &acknowledged, round);
        for told in &told {
            send_again(&server, told, round);
            acknowledged.insert(told.unanswered);
            unanswered += 1;
        }
        check(&server, &acknowledged, round);
    }
    assert!(acknowledged.len() > unanswered);
}

/// What a writer knows when the server is gone.
struct Told {
    acknowledged: Vec<u64>,
    /// The stamp of the last answer.
    stamp: Option<String>,
    /// The one request that was not answered.
    unanswered: u64,
}

/// Writes requests of several rows until the server is gone.
fn write_until_broken(address: SocketAddr, next: &AtomicU64, done: &AtomicU64) -> Told {
    let mut connection = Connection::to(address);
    let mut told = Told {
        acknowledged: Vec::new(),
        stamp: None,
        unanswered: 0,
    };
    loop {
        let request = next.fetch_add(1, Ordering::SeqCst);
        match try_send(&mut connection, request) {
            Ok(answer) if answer.status == 201 => {
                told.acknowledged.push(request);
                told.stamp = answer.header("pando-stamp").map(str::to_owned);
                done.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => panic!("refused: {answer:?}"),
            Err(_) => {
                told.unanswered = request;
                return told;
            }
        }
    }
}

/// Sends a request, each time the same under the same key.
fn try_send(connection: &mut Connection, request: u64) -> std::io::Result<Answer> {
    let rows: Vec<String> = (0..ROWS)
        .map(|n| {
            let id = request * ROWS + n;
            format!("{{\"id\":{id},\"request\":{request},\"note\":\"n{id}\"}}")
        })
        .collect();
    let key = format!("Idempotency-Key: request-{request}\r\n");
    connection.try_ask("POST", "/rest/v1/t", &key, &format!("[{}]", rows.join(",")))
}

/// The last acknowledged request gets its answer again and is read with its stamp; the one
/// that was not answered is done now, or was.
fn send_again(server: &Server, told: &Told, round: u64) {
    let mut connection = server.connect();
    if let (Some(last), Some(stamp)) = (told.acknowledged.last(), &told.stamp) {
        let again = try_send(&mut connection, *last).expect("an answer");
        let replayed = again.header("idempotency-replayed");
        assert_eq!(
            (again.status, replayed),
            (201, Some("true")),
            "round {round}: {again:?}"
        );
        let path = format!("/rest/v1/t?request=eq.{last}");
        let headers = format!("Pando-Stamp: {stamp}\r\n");
        let read = connection.ask("GET", &path, &headers, "");
        let rows = read.json().as_array().map(Vec::len);
        assert_eq!(rows, Some(ROWS as usize), "round {round}: {read:?}");
        assert_eq!(read.header("pando-stamp-lost"), None, "round {round}");
    }
    let again = try_send(&mut connection, told.unanswered).expect("an answer");
    assert_eq!(again.status, 201, "round {round}: {again:?}");
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

//! SIGKILL at random moments between commits and what hears of them: each committed change is told
//! at least once, of one row in order, and nothing that was not committed.
//!
//! `PANDO_KILL_ROUNDS` (4) and `PANDO_SEED` choose kills and moments.

use crate::application::{Application, Got, PATIENCE, Told};
use crate::asking::{Addresses, Client, Told as Answered};
use crate::database::{Database, root_key};
use crate::site::TABLES;
use crate::support::{Server, migrate};
use pando_cluster::Postgres;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const WRITERS: u64 = 3;
/// Rows that are changed again and again, of each writer, besides those that are new.
const ROWS: u64 = 5;
/// Writes between two kills at most.
const BETWEEN: u64 = 60;
/// Ids of rows that are refused.
const REFUSED: u64 = 1_000_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

fn seed() -> u64 {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: PANDO_SEED={seed} repeats it");
    seed
}

fn rounds() -> u64 {
    number("PANDO_KILL_ROUNDS").unwrap_or(4)
}

/// An application that fails now and then.
fn application(seed: u64) -> Application {
    let chance = Mutex::new(StdRng::seed_from_u64(seed));
    Application::start(move |_| match chance.lock().unwrap().random_ratio(1, 20) {
        true => Told::status("500 Oh"),
        false => Told::ok(),
    })
}

fn listeners(application: &Application) -> String {
    format!(
        "[listeners.all]\non = [\"rest/orders\"]\nurl = \"{}\"\nattempts = 1000\n\
         backoff = {{ base = \"10ms\", cap = \"50ms\" }}\n",
        application.url("/changed")
    )
}

/// How often each row was stored for sure.
type Stored = Mutex<BTreeMap<i64, usize>>;

/// Writers at work, and what was committed for sure.
struct Writers {
    addresses: Addresses,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    stored: Arc<Stored>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    fn start(addresses: Vec<std::net::SocketAddr>, key: &str, chance: &mut StdRng) -> Writers {
        let mut writers = Writers {
            addresses: Arc::new(Mutex::new(addresses)),
            stop: Arc::default(),
            done: Arc::default(),
            stored: Arc::default(),
            threads: Vec::new(),
        };
        for number in 1..=WRITERS {
            let chance = StdRng::seed_from_u64(chance.random());
            let client = Client::new(&writers.addresses, key, chance);
            let (stop, done) = (Arc::clone(&writers.stop), Arc::clone(&writers.done));
            let stored = Arc::clone(&writers.stored);
            let writing = move || write(client, number, &stop, &done, &stored);
            writers.threads.push(thread::spawn(writing));
        }
        writers
    }

    fn proceed(&self, more: u64) {
        let enough = self.done.load(SeqCst) + more;
        let end = Instant::now() + PATIENCE * 2;
        while self.done.load(SeqCst) < enough {
            assert!(Instant::now() < end, "nothing goes on");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn finish(self) {
        self.stop.store(true, SeqCst);
        for thread in self.threads {
            thread.join().expect("a writer");
        }
    }
}

/// New rows, rows that change, rows that go and come back, and rows that are refused.
fn write(mut client: Client, number: u64, stop: &AtomicBool, done: &AtomicU64, stored: &Stored) {
    let mut made = 0;
    while !stop.load(SeqCst) {
        let own = number * 1_000 + client.chance.random_range(0..ROWS);
        let (id, told) = match client.chance.random_range(0..10) {
            0..3 => {
                made += 1;
                let id = number * 100_000 + made;
                let row = json!({"id": id, "total": made});
                (Some(id), client.post("/rest/v1/orders", &row))
            }
            3..8 => {
                let path = format!("/rest/v1/orders?id=eq.{own}");
                let row = json!({"id": own, "note": null, "total": client.chance.random::<u16>()});
                (Some(own), client.ask("PUT", &path, &row.to_string()))
            }
            8 => {
                let path = format!("/rest/v1/orders?id=eq.{own}");
                (None, client.ask("DELETE", &path, ""))
            }
            _ => {
                made += 1;
                let row = json!({"id": REFUSED + number * 100_000 + made, "total": -1});
                let told = client.post("/rest/v1/orders", &row);
                if let Answered::Answer(answer) = &told {
                    assert_eq!(answer.status, 400, "{answer:?}");
                }
                (None, told)
            }
        };
        if let Answered::Answer(answer) = told {
            if let Some(id) = id.filter(|_| answer.status < 300) {
                let mut stored = stored.lock().unwrap();
                *stored.entry(i64::try_from(id).unwrap()).or_default() += 1;
            }
            done.fetch_add(1, SeqCst);
        }
    }
}

/// What is there in the end, and what was told of it.
fn wrong(rows: &BTreeMap<i64, Value>, stored: &BTreeMap<i64, usize>, got: &[Got]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut told: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for got in got {
        let change: Value = serde_json::from_str(&got.body).expect("JSON");
        let id = change["key"]["id"].as_i64().expect("an id");
        told.entry(id).or_default().push(change);
    }
    for (id, changes) in &told {
        if *id >= REFUSED as i64 {
            wrong.push(format!("{id} was refused, and was told of"));
        }
        let positions = changes
            .iter()
            .map(|change| change["position"]["p"].as_i64());
        let positions: Vec<i64> = positions.map(|p| p.expect("a position")).collect();
        if !positions.is_sorted() {
            wrong.push(format!("{id} was told of out of order: {positions:?}"));
        }
        let is_there = rows.contains_key(id);
        let last = &changes[changes.len() - 1];
        if is_there == (last["kind"] == "delete") {
            wrong.push(format!("{id}: the last that was told is {}", last["kind"]));
        }
        // Each kind of change follows another: none is missing between them.
        let kinds = changes.iter().zip(positions.iter());
        let mut before: Option<(&Value, i64)> = None;
        for (change, position) in kinds {
            let kind = &change["kind"];
            if let Some((known, at)) = before.filter(|(_, at)| at != position) {
                let follows = (kind == "insert") == (known == "delete");
                if !follows {
                    wrong.push(format!("{id}: {known} at {at}, then {kind} at {position}"));
                }
            } else if before.is_none() && kind != "insert" {
                wrong.push(format!("{id}: {kind} is the first that was told"));
            }
            before = Some((kind, *position));
        }
    }
    for (id, times) in stored {
        let changes = told.get(id).into_iter().flatten();
        let changes = changes.filter(|change| change["kind"] != "delete");
        let places: BTreeSet<i64> = changes
            .filter_map(|one| one["position"]["p"].as_i64())
            .collect();
        if places.len() < *times {
            let told = places.len();
            wrong.push(format!(
                "{id} was stored {times} times, and told of {told} times"
            ));
        }
    }
    for (id, row) in rows {
        match told.get(id).and_then(|changes| changes.last()) {
            None => wrong.push(format!("{id} was never told of")),
            Some(last) if last["record"]["total"] != row["total"] => {
                wrong.push(format!("{id}: {row} was not told of"));
            }
            Some(_) => {}
        }
    }
    wrong
}

/// Waits until all is told, and gives what is wrong.
fn settle(client: &mut Client, stored: &Stored, application: &Application) -> Vec<String> {
    // A last change: when it is told, all before it are taken in.
    let mark = json!({"id": 1, "note": null, "total": 1});
    client.insist("PUT", "/rest/v1/orders?id=eq.1", &mark);
    let is_mark = |got: &Got| got.body.contains(r#""key":{"id":1}"#);
    let until = Instant::now() + PATIENCE * 2;
    loop {
        let got = application.got();
        let depth = client.insist("GET", "/queue/v1/listener.all", &Value::Null);
        if got.iter().any(is_mark) && depth.json()["depth"] == 0 {
            break;
        }
        if Instant::now() > until {
            let workers = client.insist("GET", "/admin/v1/workers", &Value::Null);
            panic!("{} were told: {} {}", got.len(), depth.body, workers.body);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut rows = BTreeMap::new();
    loop {
        let after = rows.last_key_value().map_or(0, |(id, _)| *id);
        let path = format!("/rest/v1/orders?id=gt.{after}&order=id&limit=500");
        let page = client.insist("GET", &path, &Value::Null).json();
        let page = page.as_array().expect("rows").clone();
        if page.is_empty() {
            break;
        }
        rows.extend(
            page.into_iter()
                .map(|row| (row["id"].as_i64().expect("an id"), row)),
        );
    }
    let got = application.got();
    println!(
        "{} rows are there, {} changes were told",
        rows.len(),
        got.len()
    );
    assert!(rows.len() > 20, "too little to mean anything");
    wrong(&rows, &stored.lock().unwrap(), &got)
}

/// Kills a process in turn under load; in rounds where `is_off` says so it knows of no listener.
fn kill(
    folders: &[PathBuf],
    application: &Application,
    seed: u64,
    is_off: impl Fn(u64) -> bool,
) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut servers: Vec<Server> = folders.iter().map(|folder| Server::start(folder)).collect();
    let addresses = |servers: &[Server]| servers.iter().map(|one| one.address).collect();
    let key = match folders {
        [_] => String::new(),
        [first, ..] => root_key(first),
        [] => panic!("no process"),
    };
    let writers = Writers::start(addresses(&servers), &key, &mut chance);
    for nth in 0..rounds() {
        writers.proceed(chance.random_range(1..BETWEEN));
        let place = usize::try_from(nth).expect("a number") % folders.len();
        servers.remove(place).kill();
        let file = folders[place].join("pando.toml");
        let written = std::fs::read_to_string(&file).expect("a file");
        if is_off(nth) {
            let without = written.split("[listeners").next().expect("a part");
            std::fs::write(&file, without).expect("a file");
        }
        servers.insert(place, Server::start(&folders[place]));
        std::fs::write(&file, written).expect("a file");
        *writers.addresses.lock().unwrap() = addresses(&servers);
    }
    writers.proceed(BETWEEN);
    let (addresses, stored) = (Arc::clone(&writers.addresses), Arc::clone(&writers.stored));
    writers.finish();
    let mut client = Client::new(&addresses, &key, chance);
    settle(&mut client, &stored, application)
}

fn over_sqlite(seed: u64, is_off: impl Fn(u64) -> bool) -> Vec<String> {
    let application = application(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let file: &Path = &folder.path().join("pando.toml");
    std::fs::write(file, listeners(&application)).expect("a file");
    migrate(folder.path(), TABLES);
    kill(&[folder.path().to_owned()], &application, seed, is_off)
}

#[test]
fn a_kill_between_commit_and_listener_loses_nothing_and_keeps_the_order() {
    let seed = seed();
    let wrong = over_sqlite(seed, |_| false);
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

#[test]
fn the_same_test_finds_a_journal_that_was_switched_off_for_a_while() {
    let seed = seed();
    // Between two of the kills nobody follows.
    let wrong = over_sqlite(seed, |nth| nth == 1);
    assert!(
        !wrong.is_empty(),
        "seed {seed}: the test would not notice it"
    );
    println!("found: {}", wrong[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_over_postgresql_killed_in_turn_lose_nothing() {
    let seed = seed();
    // PostgreSQL itself lives on.
    let database = Database::start_as(Postgres::builder().without_fsync()).await;
    database.write_migration("0001_tables.sql", TABLES);
    let application = application(seed);
    let folders = [0, 1].map(|_| database.folder(&listeners(&application)));
    let killing = move || kill(&folders, &application, seed, |_| false);
    let wrong = tokio::task::spawn_blocking(killing).await.expect("kills");
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

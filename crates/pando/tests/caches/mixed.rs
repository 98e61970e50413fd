//! Several web processes over one PostgreSQL, each with caches: sessions that go from one to the
//! other never read older than what they wrote or saw.
//!
//! `PANDO_CACHE_SECONDS` (4) is how long it takes; the checker's rate is taken over all of it.

use crate::several::Several;
use crate::support::Server;
use pando_cluster::{Redis, until};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

const CLIENTS: u64 = 64;
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rows that are read; each client writes some of its own.
const ROWS: u64 = 256;

const TABLE: &str = "create table counter (id bigint primary key, n bigint not null) \
                     with (cache = 'read-through', ttl = '1h');";
const SETTINGS: &str = "[cache.collections.\"kv/counters\"]\nttl = \"1h\"\n";

/// A session on all processes, and the newest that it has seen of each counter.
struct Session {
    connections: Vec<crate::support::Connection>,
    stamp: Option<String>,
    newest: HashMap<u64, u64>,
    random: StdRng,
}

impl Session {
    fn ask(&mut self, method: &str, path: &str, body: &str) -> String {
        let stamp = self.stamp.as_ref();
        let headers = stamp.map_or_else(String::new, |stamp| format!("Pando-Stamp: {stamp}\r\n"));
        let one = self.random.random_range(0..self.connections.len());
        let answer = self.connections[one].ask(method, path, &headers, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        self.stamp = answer
            .header("pando-stamp")
            .map(str::to_owned)
            .or(self.stamp.take());
        answer.body
    }

    /// Takes note of a counter; whether it is older than what was known.
    fn saw(&mut self, id: u64, n: u64) -> bool {
        let newest = self.newest.entry(id).or_default();
        let is_older = n < *newest;
        *newest = n.max(*newest);
        is_older
    }

    /// One request; how many counters in its answer were older than what was known.
    fn step(&mut self, own: u64) -> u64 {
        match self.random.random_range(0..10) {
            0 | 1 => {
                let id = own + CLIENTS * self.random.random_range(0..ROWS / CLIENTS);
                let n = self.newest.get(&id).copied().unwrap_or(0) + 1;
                let body = format!("{{\"id\":{id},\"n\":{n}}}");
                self.ask("PUT", &format!("/rest/v1/counter?id=eq.{id}"), &body);
                u64::from(self.saw(id, n))
            }
            2 => {
                let counted = self.ask("POST", &format!("/kv/v1/counters/{own}/incr"), "");
                let counted: Value = serde_json::from_str(&counted).expect("JSON");
                let n = counted["value"].as_u64().expect("a number");
                u64::from(self.saw(ROWS + own, n))
            }
            3 => {
                let n = self.ask("GET", &format!("/kv/v1/counters/{own}"), "");
                u64::from(self.saw(ROWS + own, n.parse().expect("a number")))
            }
            4 => {
                let listed = self.ask("GET", "/rest/v1/counter?order=id&limit=20", "");
                self.saw_all(&listed)
            }
            _ => {
                // Few are read often.
                let id =
                    self.random.random_range(0..ROWS) * self.random.random_range(0..ROWS) / ROWS;
                let read = self.ask("GET", &format!("/rest/v1/counter?id=eq.{id}"), "");
                self.saw_all(&read)
            }
        }
    }

    fn saw_all(&mut self, rows: &str) -> u64 {
        let rows: Value = serde_json::from_str(rows).expect("JSON");
        let rows = rows.as_array().expect("rows").iter();
        let number = |row: &Value, name: &str| row[name].as_u64().expect("a number");
        rows.map(|row| u64::from(self.saw(number(row, "id"), number(row, "n"))))
            .sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_over_several_processes_read_nothing_older_and_the_checker_finds_nothing_wrong() {
    read_and_write(Several::start(TABLE, SETTINGS).await, async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_they_share_a_redis_that_forgets_all_and_is_killed() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let settings = format!("[cache]\nredis = \"{}\"\n{SETTINGS}", redis.url());
    let site = Several::start(TABLE, &settings).await;
    let harm = async |site: &Several| {
        redis.cli(&["FLUSHALL"]).await.expect("Redis forgets");
        let shares_again = until("something at Redis again", PATIENCE, || async {
            let keys = redis.cli(&["DBSIZE"]).await.map_err(|e| e.to_string())?;
            match keys.trim().trim_start_matches("(integer) ") {
                "0" => Err("nothing lies there".to_owned()),
                _ => Ok(()),
            }
        });
        shares_again.await.expect("processes share");
        let alone = || site.count("rest/counter", "loads_unleased");
        let before = alone();
        redis.kill().await.expect("Redis runs");
        let is_missed = until("a load without Redis", PATIENCE, || async {
            (alone() > before)
                .then_some(())
                .ok_or("nobody has missed it")
        });
        is_missed.await.expect("processes go on");
        redis.start_empty().await.expect("Redis starts");
    };
    read_and_write(site, harm).await;
}

fn span() -> Duration {
    let said = std::env::var("PANDO_CACHE_SECONDS").ok();
    Duration::from_secs(said.and_then(|said| said.parse().ok()).unwrap_or(4))
}

/// Clients read and write while harm is done.
async fn read_and_write(site: Several, harm: impl AsyncFnOnce(&Several)) {
    let span = span();
    let seed: u64 = std::env::var("PANDO_SEED")
        .ok()
        .and_then(|said| said.parse().ok())
        .unwrap_or_else(rand::random);
    println!("PANDO_SEED={seed} repeats the clients");
    let site = Arc::new(site);
    let until = Instant::now() + span;
    // They go on until the harm is done, however long that takes.
    let is_done = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|own| {
        let (site, is_done) = (Arc::clone(&site), Arc::clone(&is_done));
        tokio::task::spawn_blocking(move || {
            let mut session = Session {
                connections: site.processes.iter().map(Server::connect).collect(),
                stamp: None,
                newest: HashMap::new(),
                random: StdRng::seed_from_u64(seed.wrapping_add(own)),
            };
            session.ask("POST", &format!("/kv/v1/counters/{own}/incr"), "");
            let (mut requests, mut older) = (0_u64, 0);
            let goes_on = |now| now < until || now < until + PATIENCE * 3 && !is_done.load(SeqCst);
            while goes_on(Instant::now()) {
                older += session.step(own);
                requests += 1;
            }
            (requests, older)
        })
    });
    let clients: Vec<_> = clients.collect();
    harm(&site).await;
    is_done.store(true, SeqCst);
    let (mut requests, mut older) = (0, 0);
    for client in clients {
        let (own, found) = client.await.expect("a client ends");
        requests += own;
        older += found;
    }
    let mut told = Vec::new();
    for collection in ["rest/counter", "kv/counters"] {
        let count = |name| site.count(collection, name);
        let (hits, misses, ahead) = (count("hits"), count("misses"), count("ahead"));
        let (checked, wrong) = (count("checked"), count("inconsistent"));
        told.push(format!(
            "{collection}: {hits} hits, {misses} misses, {ahead} ahead, {checked} checked, {wrong} wrong"
        ));
        assert!(hits > 0 && wrong == 0, "{told:?}");
    }
    println!(
        "{requests} requests in {span:?}, {older} older; {}",
        told.join("; ")
    );
    assert_eq!(older, 0);
    assert!(site.count("rest/counter", "checked") > 0);
}

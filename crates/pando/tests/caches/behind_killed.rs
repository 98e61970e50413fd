//! Processes that write key-values behind are killed, and so is their store: what is acknowledged is
//! there, for whoever asks whichever process.

use crate::behind::{WAITING, wait_for};
use crate::site::{Caller, wait_until_following};
use crate::support::{Connection, Server};
use pando_cluster::{Postgres, Stop};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const OFTEN: &str = "[cache.collections.\"kv/carts\"]\nstrategy = \"write-behind\"\n\
                     [cache.journal]\nflush_interval = \"20ms\"\n";
const CLIENTS: u64 = 12;
const KILLS: usize = 5;

/// What a client knows of a key that it alone writes.
#[derive(Default)]
struct Known {
    acknowledged: u64,
    /// What may have been written, or may yet be.
    in_doubt: Vec<u64>,
}

impl Known {
    fn admits(&self, n: u64) -> bool {
        n == self.acknowledged || self.in_doubt.contains(&n)
    }
}

/// Processes over one database, that are killed and started again.
struct Processes {
    addresses: Mutex<Vec<SocketAddr>>,
    is_over: AtomicBool,
    requests: AtomicU64,
}

struct Client {
    processes: Arc<Processes>,
    own: u64,
    stamp: Option<String>,
    known: Vec<Known>,
    random: StdRng,
}

const KEYS: usize = 4;

impl Client {
    /// Asks one of the processes; nothing where it is gone.
    fn ask(&mut self, method: &str, key: usize, body: &str) -> Option<(u16, String)> {
        let address = {
            let addresses = self.processes.addresses.lock().expect("a lock");
            addresses[self.random.random_range(0..addresses.len())]
        };
        let Ok(mut connection) = Connection::try_to(address, Duration::from_secs(30)) else {
            // It is being started: who asks all the time would take the time that this needs.
            std::thread::sleep(Duration::from_millis(2));
            return None;
        };
        let stamp = self.stamp.as_ref();
        let headers = stamp.map_or_else(String::new, |stamp| format!("Pando-Stamp: {stamp}\r\n"));
        let path = format!("/kv/v1/carts/{}-{key}", self.own);
        let answer = connection.try_ask(method, &path, &headers, body).ok()?;
        if let Some(stamp) = answer.header("pando-stamp") {
            self.stamp = Some(stamp.to_owned());
        }
        self.processes.requests.fetch_add(1, Ordering::SeqCst);
        Some((answer.status, answer.body))
    }

    fn step(&mut self) {
        let key = self.random.random_range(0..KEYS);
        if self.random.random_ratio(2, 3) {
            let known = &self.known[key];
            let last = known.in_doubt.iter().copied().chain([known.acknowledged]);
            let n = last.max().unwrap_or(0) + 1;
            match self.ask("PUT", key, &n.to_string()) {
                Some((204 | 201, _)) => self.known[key].acknowledged = n,
                // Whatever is not answered may have been done.
                _ => self.known[key].in_doubt.push(n),
            }
        } else if let Some(n) = self.read(key) {
            assert!(
                self.known[key].admits(n),
                "{n} is older: {}",
                self.told(key)
            );
        }
    }

    fn read(&mut self, key: usize) -> Option<u64> {
        match self.ask("GET", key, "")? {
            (200, body) => Some(body.parse().expect("a number")),
            (404, _) => Some(0),
            _ => None,
        }
    }

    fn told(&self, key: usize) -> String {
        let known = &self.known[key];
        let own = self.own;
        format!(
            "{own}-{key}: {} acknowledged, {:?} in doubt",
            known.acknowledged, known.in_doubt
        )
    }
}

/// A process, in a folder of its own: over this database, or else over SQLite.
pub fn start_process(root: &Path, number: usize, url: Option<&str>, settings: &str) -> Server {
    let folder: PathBuf = root.join(format!("node-{number}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (store, args): (_, &[&str]) = match url {
        Some(url) => (
            format!(
                "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\npool = 2\n"
            ),
            &["--role", "web"],
        ),
        None => (String::new(), &[]),
    };
    std::fs::write(folder.join("pando.toml"), format!("{store}{settings}")).expect("a file");
    let server = Server::start_with(&folder, args, &[]);
    wait_until_following(&server);
    server
}

/// Clients at work, each with keys of its own.
fn start_clients(processes: &Arc<Processes>, seed: u64) -> Vec<JoinHandle<Client>> {
    let start = |own: u64| {
        let mut client = Client {
            processes: Arc::clone(processes),
            own,
            stamp: None,
            known: (0..KEYS).map(|_| Known::default()).collect(),
            random: StdRng::seed_from_u64(seed.wrapping_add(own)),
        };
        std::thread::spawn(move || {
            while !client.processes.is_over.load(Ordering::SeqCst) {
                client.step();
            }
            client
        })
    };
    (0..CLIENTS).map(start).collect()
}

/// What each client's keys have, which is what it knows of them.
fn what_is_kept(clients: &mut [Client]) -> Vec<u64> {
    let mut kept = Vec::new();
    for client in clients {
        for key in 0..KEYS {
            let n = client.read(key).expect("an answer");
            let is_known = client.known[key].admits(n);
            assert!(is_known, "{n} is lost: {}", client.told(key));
            kept.push(n);
        }
    }
    kept
}

fn switch_off(server: &Server) {
    let off = r#"{"strategy":"cache-aside"}"#;
    let path = "/admin/v1/caches/kv/carts";
    let answer = server.connect().ask("PATCH", path, "", off);
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_for("it does not end", || {
        let caches = server.connect().ask("GET", "/admin/v1/caches", "", "");
        caches.json()["journals"] == Value::Array(Vec::new())
    });
}

/// Kills one of so many processes after the other under clients that go from one to the next.
fn kill_under_clients(count: usize, url: Option<&str>) {
    let said = std::env::var("PANDO_SEED").ok();
    let seed: u64 = said
        .and_then(|said| said.parse().ok())
        .unwrap_or_else(rand::random);
    println!("PANDO_SEED={seed} repeats the clients");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let start = |number: usize| start_process(folder.path(), number, url, OFTEN);
    let mut servers: Vec<Server> = (0..count).map(start).collect();
    let addresses = |servers: &[Server]| servers.iter().map(|server| server.address).collect();
    let processes = Arc::new(Processes {
        addresses: Mutex::new(addresses(&servers)),
        is_over: AtomicBool::new(false),
        requests: AtomicU64::new(0),
    });
    let clients = start_clients(&processes, seed);
    for _ in 0..KILLS {
        let enough = processes.requests.load(Ordering::SeqCst) + chance.random_range(50..300);
        wait_for("nobody is answered", || {
            processes.requests.load(Ordering::SeqCst) >= enough
        });
        let place = chance.random_range(0..servers.len());
        servers.remove(place).kill();
        servers.insert(place, start(place));
        *processes.addresses.lock().expect("a lock") = addresses(&servers);
    }
    processes.is_over.store(true, Ordering::SeqCst);
    let ended = clients.into_iter().map(|client| client.join());
    let mut clients: Vec<Client> = ended.map(|client| client.expect("a client")).collect();
    // Written behind, and then not any more.
    let kept = what_is_kept(&mut clients);
    switch_off(&servers[0]);
    assert_eq!(what_is_kept(&mut clients), kept);
    println!("{} requests", processes.requests.load(Ordering::SeqCst));
}

#[test]
fn nothing_acknowledged_is_lost_or_read_late_where_a_process_over_sqlite_is_killed() {
    kill_under_clients(1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_read_late_where_processes_over_postgresql_are_killed() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let killed = tokio::task::spawn_blocking(move || kill_under_clients(3, Some(&url)));
    killed.await.expect("it ends");
    drop(postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_nothing_is_acknowledged_and_what_waited_is_there_afterwards() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let folder = tempfile::tempdir().expect("a folder");
    let start = |url: &str| start_process(folder.path(), 0, Some(url), WAITING);
    let server = tokio::task::block_in_place(|| start(&url));
    let ask = |caller: &mut Caller, method: &str, body: &str| {
        tokio::task::block_in_place(|| caller.ask(method, "/kv/v1/carts/a", body))
    };
    let mut caller = Caller::new(&server);
    tokio::task::block_in_place(|| {
        wait_for("it is not written behind", || {
            let caches = server.connect().ask("GET", "/admin/v1/caches", "", "");
            caches.json()["journals"][0]["rows"] == 0
        });
    });
    assert_eq!(ask(&mut caller, "PUT", "1").status, 204);
    postgres.stop(Stop::Fast).await.expect("stop PostgreSQL");
    let refused = ask(&mut caller, "PUT", "2");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    postgres.start().await.expect("start PostgreSQL");
    tokio::task::block_in_place(|| {
        wait_for("the store is not found again", || {
            caller.ask("GET", "/kv/v1/carts/a", "").status == 200
        });
    });
    assert_eq!(ask(&mut caller, "GET", "").body, "1");
    assert_eq!(ask(&mut caller, "PUT", "3").status, 204);
    assert_eq!(ask(&mut caller, "GET", "").body, "3");
}

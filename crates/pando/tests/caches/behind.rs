//! Key-values that are written behind: what is acknowledged is there, for whoever asks whichever
//! process, however often processes are killed, also while this is switched on and off.

use crate::site::{Caller, Site, wait_until_following};
use crate::support::{Connection, Server};
use pando_cluster::Postgres;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing is applied by itself as long as a test takes.
const WAITING: &str = "[cache.collections.\"kv/carts\"]\nstrategy = \"write-behind\"\n\
                       [cache.journal]\nflush_interval = \"1h\"\n";
const OFTEN: &str = "[cache.collections.\"kv/carts\"]\nstrategy = \"write-behind\"\n\
                     [cache.journal]\nflush_interval = \"20ms\"\n";

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 30, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn journal(site: &Site) -> Value {
    site.cache("kv/carts")["journal"].clone()
}

fn wait_until(site: &Site, state: Option<&str>) {
    wait_for(&format!("the journal is not {state:?}"), || {
        journal(site)["state"].as_str() == state
    });
}

#[test]
fn a_write_is_acknowledged_by_the_journal_and_read_from_it() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    let path = "/kv/v1/carts/a";
    for n in 0..3 {
        let answer = caller.ask("PUT", path, &n.to_string());
        assert_eq!(answer.status, 204, "nothing is looked at: {answer:?}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        for _ in 0..2 {
            let read = caller.ask("GET", path, "");
            assert_eq!((read.status, &*read.body), (200, &*n.to_string()));
            assert_eq!(read.header("etag"), Some(&*tag));
        }
    }
    let (hits, loads) = site.hits_and_loads("kv/carts");
    assert_eq!((hits, loads), (3, 3), "both reads are one answer in memory");
    assert_eq!(caller.ask("DELETE", path, "").status, 204);
    assert_eq!(caller.ask("GET", path, "").status, 404);
    assert_eq!(caller.ask("DELETE", "/kv/v1/carts/never", "").status, 204);
    caller.write("PUT", "/kv/v1/carts/b?ttl=1h", "7");
    let batch = r#"[{"op":"incr","key":"b","by":1},{"op":"put","key":"c","text":"x"}]"#;
    caller.write("POST", "/kv/v1/carts/batch", batch);
    let listed = caller.read("/kv/v1/carts");
    assert!(
        listed.contains(r#""key":"b""#) && listed.contains(r#""key":"c""#),
        "{listed}"
    );
    assert!(!listed.contains(r#""key":"a""#), "{listed}");
    assert_eq!(caller.read("/kv/v1/carts/b"), "8");
    let tx = r#"{"ops":[{"method":"PUT","path":"/kv/v1/carts/d","body":1},
                        {"method":"GET","path":"/kv/v1/carts/d"},
                        {"method":"PUT","path":"/kv/v1/carts/d","body":2}]}"#;
    caller.write("POST", "/tx/v1", tx);
    assert_eq!(caller.read("/kv/v1/carts/d"), "2");
}

#[test]
fn what_waits_is_told_of_and_is_there_when_the_process_has_ended() {
    let site = Site::start(WAITING);
    wait_until(&site, Some("on"));
    let mut caller = Caller::new(&site.server);
    for n in 0..5 {
        caller.write("PUT", &format!("/kv/v1/carts/k{n}"), "1");
    }
    wait_for("what waits is not told of", || journal(&site)["rows"] == 5);
    let metrics = caller.read("/metrics");
    let waiting = "journal_rows{collection=\"kv/carts\"} 5";
    assert!(metrics.contains(waiting), "{metrics}");
    let folder = site.folder;
    site.server.signal("-TERM");
    assert_eq!(site.server.wait(), Some(0));
    let server = Server::start(folder.path());
    wait_for("the journal is looked at", || {
        let caches = server
            .connect()
            .ask("GET", "/admin/v1/caches", "", "")
            .json();
        caches["journals"][0]["rows"] == 0
    });
    assert_eq!(
        server.connect().ask("GET", "/kv/v1/carts/k4", "", "").body,
        "1"
    );
}

#[test]
fn only_key_values_can_be_written_behind() {
    let site = Site::start("");
    let mut caller = Caller::new(&site.server);
    for collection in ["rest/reviews", "docs/notes", "graph/g", "wide/weather"] {
        let path = format!("/admin/v1/caches/{collection}");
        let answer = caller.ask("PATCH", &path, r#"{"strategy":"write-behind"}"#);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("key-values alone"), "{answer:?}");
    }
    let settings = "[cache.collections.\"docs/notes\"]\nstrategy = \"write-behind\"\n";
    std::fs::write(site.folder.path().join("pando.toml"), settings).expect("a file");
    let answer = caller.ask("POST", "/admin/v1/reload", "");
    assert!(
        answer.status >= 400 && answer.body.contains("key-values alone"),
        "{answer:?}"
    );
}

#[test]
fn it_is_switched_on_and_off_under_writers_and_no_write_is_lost_or_fails() {
    let site = Site::start("[cache.journal]\nflush_interval = \"20ms\"\n");
    let is_over = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..4)
        .map(|own| {
            let (is_over, written) = (Arc::clone(&is_over), Arc::clone(&written));
            let mut caller = Caller::new(&site.server);
            std::thread::spawn(move || {
                let path = format!("/kv/v1/carts/k{own}");
                let mut n = 0;
                while !is_over.load(Ordering::SeqCst) {
                    n += 1;
                    caller.write("PUT", &path, &n.to_string());
                    assert_eq!(caller.read(&path), n.to_string());
                    n += 1;
                    caller.write("POST", &format!("{path}/incr"), "");
                    assert_eq!(caller.read(&path), n.to_string());
                    written.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut admin = Caller::new(&site.server);
    let path = "/admin/v1/caches/kv/carts";
    for _ in 0..4 {
        let some = written.load(Ordering::SeqCst) + 10;
        wait_for("nothing is written", || {
            written.load(Ordering::SeqCst) >= some
        });
        admin.write("PATCH", path, r#"{"strategy":"write-behind"}"#);
        wait_until(&site, Some("on"));
        let some = written.load(Ordering::SeqCst) + 10;
        wait_for("nothing is written", || {
            written.load(Ordering::SeqCst) >= some
        });
        admin.write("PATCH", path, r#"{"strategy":"write-through"}"#);
        wait_until(&site, None);
    }
    is_over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.join().expect("a writer");
    }
}

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
        let mut connection = Connection::try_to(address, Duration::from_secs(30)).ok()?;
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

/// A process over the database, in a folder of its own.
fn start_process(root: &Path, number: usize, url: &str, settings: &str) -> Server {
    let folder: PathBuf = root.join(format!("node-{number}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = format!(
        "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\npool = 2\n{settings}"
    );
    std::fs::write(folder.join("pando.toml"), text).expect("a file");
    Server::start_with(&folder, &["--role", "web"], &[])
}

/// Kills one process after the other under clients that go from one to the next.
fn kill_under_clients(url: &str) {
    let seed: u64 = std::env::var("PANDO_SEED")
        .ok()
        .and_then(|said| said.parse().ok())
        .unwrap_or_else(rand::random);
    println!("PANDO_SEED={seed} repeats the clients");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let start = |number: usize| {
        let server = start_process(folder.path(), number, url, OFTEN);
        wait_until_following(&server);
        server
    };
    let mut servers: Vec<Server> = (0..3).map(start).collect();
    let addresses = |servers: &[Server]| servers.iter().map(|server| server.address).collect();
    let processes = Arc::new(Processes {
        addresses: Mutex::new(addresses(&servers)),
        is_over: AtomicBool::new(false),
        requests: AtomicU64::new(0),
    });
    let clients: Vec<_> = (0..12)
        .map(|own| {
            let mut client = Client {
                processes: Arc::clone(&processes),
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
        })
        .collect();
    for _ in 0..5 {
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
    let mut clients: Vec<Client> = clients
        .into_iter()
        .map(|client| client.join().expect("a client"))
        .collect();
    // Written behind, and then not any more.
    let mut kept = Vec::new();
    for client in &mut clients {
        for key in 0..KEYS {
            let n = client.read(key).expect("an answer");
            assert!(
                client.known[key].admits(n),
                "{n} is lost: {}",
                client.told(key)
            );
            kept.push(n);
        }
    }
    let off = r#"{"strategy":"cache-aside"}"#;
    let answer = servers[0]
        .connect()
        .ask("PATCH", "/admin/v1/caches/kv/carts", "", off);
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_for("it does not end", || {
        let caches = servers[0]
            .connect()
            .ask("GET", "/admin/v1/caches", "", "")
            .json();
        caches["journals"] == Value::Array(Vec::new())
    });
    let mut kept = kept.into_iter();
    for client in &mut clients {
        for key in 0..KEYS {
            let n = client.read(key).expect("an answer");
            assert_eq!(Some(n), kept.next(), "{}", client.told(key));
        }
    }
    println!("{} requests", processes.requests.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_read_late_where_processes_over_postgresql_are_killed() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    tokio::task::spawn_blocking(move || kill_under_clients(&url))
        .await
        .expect("it ends");
    drop(postgres);
}

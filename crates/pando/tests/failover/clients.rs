//! Clients that write and read what they have written, each with a session of its own, on web
//! processes at random; and what they were told.

use crate::report::{Report, Told};
use crate::support::{Answer, Connection};
use pando_cluster::until;
use rand::Rng;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub const CLIENTS: u64 = 64;
/// Rows of a client have ids from its number times this.
pub const ROWS_MAX: u64 = 1_000_000;
/// What all clients share.
struct Shared {
    addresses: Vec<SocketAddr>,
    key: String,
    stop: AtomicBool,
    begun: Instant,
    /// Microseconds since `begun` of the last acknowledged write.
    last_write_us: AtomicU64,
    /// The longest time without one since the mark.
    longest_us: AtomicU64,
    marked: AtomicBool,
    written: AtomicU64,
    read: AtomicU64,
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<std::thread::JoinHandle<Client>>,
}

/// One client, and what it knows.
pub struct Client {
    pub number: u64,
    shared: Arc<Shared>,
    connections: Vec<Option<Connection>>,
    stamp: Option<String>,
    next: u64,
    /// Rows whose insert was acknowledged, or whose outcome is not known.
    pub done: BTreeSet<u64>,
    pub unknown: BTreeSet<u64>,
    pub counted: u64,
    pub counted_unknown: u64,
    /// The most that it has seen of its counter, and of its rows.
    seen: (u64, u64),
    pub told: Told,
}

impl Load {
    /// Clients that begin at once; those of each load have numbers of their own.
    pub fn start(addresses: &[SocketAddr], key: &str, load: u64) -> Load {
        let shared = Arc::new(Shared {
            addresses: addresses.to_vec(),
            key: key.to_owned(),
            stop: AtomicBool::new(false),
            begun: Instant::now(),
            last_write_us: AtomicU64::new(0),
            longest_us: AtomicU64::new(0),
            marked: AtomicBool::new(false),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
        });
        let first = load * CLIENTS + 1;
        let clients = (first..first + CLIENTS).map(|number| {
            let mut client = Client::new(number, shared.clone());
            std::thread::spawn(move || {
                while !client.shared.stop.load(Relaxed) {
                    client.turn();
                }
                client
            })
        });
        Load {
            clients: clients.collect(),
            shared,
        }
    }

    /// Lets them go on for so long, and until something was read since.
    pub async fn proceed(&self, time: Duration) {
        let end = Instant::now() + time;
        let limit = time + Duration::from_secs(60);
        let read = self.shared.read.load(Relaxed);
        let look = || async {
            let has_read = self.shared.read.load(Relaxed) > read;
            match has_read && Instant::now() >= end {
                true => Ok(()),
                false => Err("they have not gone on for so long"),
            }
        };
        until("clients going on", limit, look)
            .await
            .expect("reads go on");
    }

    /// From here on the time without writes counts.
    pub fn mark(&self) {
        self.shared.longest_us.store(0, Relaxed);
        self.shared.marked.store(true, Relaxed);
    }

    /// Waits until so many more writes were acknowledged that things go on.
    pub async fn written_again(&self, limit: Duration) {
        let enough = self.shared.written.load(Relaxed) + CLIENTS;
        let look = || async {
            match self.shared.written.load(Relaxed) < enough {
                true => Err("too few writes are done"),
                false => Ok(()),
            }
        };
        let again = until("writes after a failure", limit, look).await;
        again.expect("somebody can write");
    }

    /// Has them end, and gives what they know.
    pub async fn stop(self) -> Report {
        self.shared.stop.store(true, Relaxed);
        let clients = tokio::task::spawn_blocking(move || {
            let ended = self.clients.into_iter();
            ended
                .map(|client| client.join().expect("a client ends"))
                .collect::<Vec<_>>()
        });
        let clients = clients.await.expect("clients end");
        let mut told = Told::default();
        for client in &clients {
            told.add(&client.told);
        }
        Report {
            without_writes: Duration::from_micros(self.shared.longest_us.load(Relaxed)),
            clients,
            told,
        }
    }
}

impl Shared {
    fn wrote(&self) {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let last = self.last_write_us.swap(now, Relaxed);
        self.written.fetch_add(1, Relaxed);
        if self.marked.load(Relaxed) {
            self.longest_us.fetch_max(now.saturating_sub(last), Relaxed);
        }
    }
}

impl Client {
    fn new(number: u64, shared: Arc<Shared>) -> Client {
        Client {
            connections: shared.addresses.iter().map(|_| None).collect(),
            number,
            shared,
            stamp: None,
            next: 0,
            done: BTreeSet::new(),
            unknown: BTreeSet::new(),
            counted: 0,
            counted_unknown: 0,
            seen: (0, 0),
            told: Told::default(),
        }
    }

    fn turn(&mut self) {
        let chance: u32 = rand::rng().random_range(0..4);
        match chance {
            0 => self.insert(),
            1 => self.count(),
            2 => self.read_rows(),
            _ => self.read_counter(),
        }
    }

    fn insert(&mut self) {
        self.next += 1;
        let id = self.number * ROWS_MAX + self.next;
        let body = format!("{{\"id\": {id}, \"client\": {}}}", self.number);
        let key = match self.next % 2 {
            0 => format!("Idempotency-Key: \"{id}\"\r\n"),
            _ => String::new(),
        };
        match self.write("insert", "/rest/v1/entry", &key, &body) {
            Some(true) => {
                self.done.insert(id);
                self.seen.1 = self.seen.1.max(self.done.len() as u64);
            }
            Some(false) => {}
            None => {
                self.unknown.insert(id);
            }
        }
    }

    fn count(&mut self) {
        let path = format!("/kv/v1/counters/{}/incr", self.number);
        match self.write("incr", &path, "", "") {
            Some(true) => {
                self.counted += 1;
                self.seen.0 = self.seen.0.max(self.counted);
            }
            Some(false) => {}
            None => self.counted_unknown += 1,
        }
    }

    /// A write: whether it is done; `None` where nobody knows.
    fn write(&mut self, what: &str, path: &str, headers: &str, body: &str) -> Option<bool> {
        let begun = Instant::now();
        let answer = self.ask("POST", path, headers, body);
        let took = begun.elapsed();
        self.told.slowest_write = self.told.slowest_write.max(took);
        match answer {
            Ok(answer) if answer.status < 300 => {
                self.told.writes += 1;
                self.shared.wrote();
                Some(true)
            }
            Ok(answer) => {
                let code = code_of(&answer);
                self.told.fail(what, answer.status, &code);
                if answer.status == 503 && code != "outcome_unknown" {
                    if answer.header("retry-after").is_none() {
                        self.told
                            .wrong
                            .push(format!("{what}: 503 without Retry-After"));
                    }
                    let soonest = self.told.soonest_refusal.get_or_insert(took);
                    *soonest = took.min(*soonest);
                    Some(false)
                } else if code == "outcome_unknown" {
                    self.told.unknown += 1;
                    None
                } else {
                    let told = format!("{what}: {} {}", answer.status, answer.body);
                    self.told.wrong.push(told);
                    None
                }
            }
            Err(error) => {
                self.told.fail(what, 0, &error.kind().to_string());
                None
            }
        }
    }

    fn read_rows(&mut self) {
        let path = format!(
            "/rest/v1/entry?select=id&client=eq.{}&order=id.desc&limit=100000",
            self.number
        );
        let Some(body) = self.read("rows", &path) else {
            return;
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap_or_default();
        let ids: BTreeSet<u64> = rows.iter().filter_map(|row| row["id"].as_u64()).collect();
        if let Some(missing) = self.done.iter().find(|id| !ids.contains(id)) {
            self.told
                .wrong
                .push(format!("row {missing} is not seen by who wrote it"));
        }
        if (ids.len() as u64) < self.seen.1 {
            self.told
                .wrong
                .push("fewer rows than were seen before".to_owned());
        }
        self.seen.1 = ids.len() as u64;
    }

    fn read_counter(&mut self) {
        if self.counted == 0 {
            return;
        }
        let path = format!("/kv/v1/counters/{}", self.number);
        let Some(body) = self.read("counter", &path) else {
            return;
        };
        let value: u64 = body.trim().parse().unwrap_or(0);
        if value < self.seen.0 {
            let seen = self.seen.0;
            let wrong = format!("client {}: counter {value}, {seen} was seen", self.number);
            self.told.wrong.push(wrong);
        }
        self.seen.0 = value;
    }

    fn read(&mut self, what: &str, path: &str) -> Option<String> {
        let begun = Instant::now();
        let answer = self.ask("GET", path, "", "");
        self.told.slowest_read = self.told.slowest_read.max(begun.elapsed());
        match answer {
            Ok(answer) if answer.status < 300 => {
                self.told.reads += 1;
                self.shared.read.fetch_add(1, Relaxed);
                if answer.header("pando-stamp-lost").is_some() {
                    self.told.wrong.push(format!("{what}: the stamp is lost"));
                }
                Some(answer.body)
            }
            Ok(answer) => {
                self.told.fail(what, answer.status, &code_of(&answer));
                let told = format!("{what}: {} {}", answer.status, answer.body);
                self.told.wrong.push(told);
                None
            }
            Err(error) => {
                self.told.wrong.push(format!("{what}: {error}"));
                None
            }
        }
    }

    /// Asks one of the processes, and keeps the stamp.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Answer> {
        let one = rand::rng().random_range(0..self.connections.len());
        let mut connection = match self.connections[one].take() {
            Some(connection) => connection,
            None => Connection::to_patiently(self.shared.addresses[one], Duration::from_secs(60)),
        };
        let stamp = match &self.stamp {
            Some(stamp) => format!("Pando-Stamp: {stamp}\r\n"),
            None => String::new(),
        };
        let headers = format!("{}{stamp}{headers}", self.shared.key);
        let answer = connection.try_ask(method, path, &headers, body)?;
        if let Some(stamp) = answer.header("pando-stamp") {
            self.stamp = Some(stamp.to_owned());
        }
        self.connections[one] = Some(connection);
        Ok(answer)
    }
}

fn code_of(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

//! A collection under one strategy, and who reads and writes it.

use super::scene::Scene;
use crate::support::{Answer, Server};
use std::time::{Duration, Instant};

pub const STRATEGIES: [&str; 6] = [
    "cache-aside",
    "read-through",
    "write-through",
    "write-around",
    "refresh-ahead",
    "write-behind",
];

/// How long what lies in memory may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For longer than any test takes.
    Long,
    /// For a moment, and no longer.
    Brief,
    /// For a moment, and then where the store fails.
    Kept,
}

/// A collection under one strategy: a table, or a space where nothing else can have it.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    pub strategy: &'static str,
    pub lifetime: Lifetime,
}

impl Collection {
    pub fn all(lifetimes: &[Lifetime]) -> Vec<Collection> {
        let each = STRATEGIES.iter().flat_map(|strategy| {
            lifetimes.iter().map(|lifetime| Collection {
                strategy,
                lifetime: *lifetime,
            })
        });
        each.collect()
    }

    /// The table's or the space's name.
    pub fn own_name(&self) -> String {
        let lifetime = format!("{:?}", self.lifetime).to_lowercase();
        format!("{}_{lifetime}", self.strategy.replace('-', "_"))
    }

    pub fn is_table(&self) -> bool {
        self.strategy != "write-behind"
    }

    pub fn name(&self) -> String {
        let surface = if self.is_table() { "rest" } else { "kv" };
        format!("{surface}/{}", self.own_name())
    }

    /// Its rule, as in `pando.toml`.
    pub fn rule(&self) -> String {
        let times = match self.lifetime {
            Lifetime::Long => "ttl = \"1h\"",
            Lifetime::Brief => "ttl = \"300ms\"",
            // The minute of `refresh-ahead` need not be asked for.
            Lifetime::Kept if self.strategy == "refresh-ahead" => "ttl = \"300ms\"",
            Lifetime::Kept => "ttl = \"300ms\"\nstale_if_error = \"1m\"",
        };
        let (name, strategy) = (self.name(), self.strategy);
        format!("[cache.collections.\"{name}\"]\nstrategy = \"{strategy}\"\n{times}\n")
    }

    /// Whether what is past its time is given where the store fails.
    pub fn outlives_the_store(&self) -> bool {
        self.lifetime != Lifetime::Brief || self.strategy == "refresh-ahead"
    }

    /// How often three reads by him who has just written through the same process are answered
    /// from memory, and how often the store is asked. What is written behind changes once more
    /// when it is applied, and what is brief may run out between the two.
    pub fn promised(&self) -> Option<(u64, u64)> {
        match (self.lifetime, self.strategy) {
            (Lifetime::Brief | Lifetime::Kept, _) | (_, "write-behind") => None,
            (Lifetime::Long, "write-through") => Some((3, 0)),
            (Lifetime::Long, _) => Some((2, 1)),
        }
    }

    pub fn path(&self, key: u64) -> String {
        match self.is_table() {
            true => format!("/rest/v1/{}?id=eq.{key}", self.own_name()),
            false => format!("/kv/v1/{}/{key}", self.own_name()),
        }
    }

    /// What was asked for a key; `None` where there is nothing. Anything but an answer is a fault.
    pub fn number_of(&self, answer: &Answer) -> Option<u64> {
        let name = self.name();
        if !self.is_table() {
            return match answer.status {
                200 => Some(answer.body.parse().expect("a number")),
                404 => None,
                _ => panic!("{name}: {answer:?}"),
            };
        }
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        answer.json()[0]["n"].as_u64()
    }
}

/// Somebody who keeps the stamp that he is handed, and goes from process to process.
#[derive(Clone, Debug, Default)]
pub struct Session {
    stamp: Option<String>,
}

impl Session {
    pub fn ask(&mut self, at: &Server, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with("", at, method, path, body)
    }

    /// The same with more headers.
    fn ask_with(
        &mut self,
        headers: &str,
        at: &Server,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let mut headers = headers.to_owned();
        if let Some(stamp) = &self.stamp {
            headers.push_str(&format!("Pando-Stamp: {stamp}\r\n"));
        }
        let answer = at.connect().ask(method, path, &headers, body);
        if let Some(stamp) = answer.header("pando-stamp") {
            self.stamp = Some(stamp.to_owned());
        }
        answer
    }

    pub fn put(&mut self, at: &Server, of: Collection, key: u64, n: u64) -> Answer {
        let body = match of.is_table() {
            true => format!("{{\"id\":{key},\"n\":{n}}}"),
            false => n.to_string(),
        };
        self.ask(at, "PUT", &of.path(key), &body)
    }

    /// A write that has to be done.
    pub fn write(&mut self, at: &Server, of: Collection, key: u64, n: u64) {
        let answer = self.put(at, of, key, n);
        assert!(answer.status < 300, "{}: {answer:?}", of.name());
    }

    pub fn get(&mut self, at: &Server, of: Collection, key: u64) -> Answer {
        self.ask(at, "GET", &of.path(key), "")
    }

    /// A read that has to be answered.
    pub fn read(&mut self, at: &Server, of: Collection, key: u64) -> Option<u64> {
        of.number_of(&self.get(at, of, key))
    }
}

/// A key of a collection, and the one who writes it.
#[derive(Clone, Debug)]
pub struct Visit {
    pub of: Collection,
    pub key: u64,
    pub n: u64,
    pub session: Session,
}

impl Visit {
    pub fn new(of: Collection, key: u64) -> Visit {
        Visit {
            of,
            key,
            n: 0,
            session: Session::default(),
        }
    }

    /// The next number is written by way of one process.
    pub fn write(&mut self, at: &Server) {
        self.n += 1;
        self.session.write(at, self.of, self.key, self.n);
    }

    /// He who wrote reads what he wrote.
    pub fn read_own(&mut self, at: &Server, why: &str) {
        let n = self.session.read(at, self.of, self.key);
        let name = self.of.name();
        assert_eq!(n, Some(self.n), "{why}: {name} is not what was written");
    }

    /// The same, past the caches.
    pub fn read_from_the_owner(&mut self, at: &Server) {
        let (of, strong) = (self.of, "Pando-Consistency: strong\r\n");
        let path = of.path(self.key);
        let answer = self.session.ask_with(strong, at, "GET", &path, "");
        assert_eq!(of.number_of(&answer), Some(self.n), "{}", of.name());
    }

    /// He writes and reads three times by way of one process, from memory as the strategy promises.
    pub fn write_and_read_own(&mut self, scene: &Scene, process: usize, why: &str) {
        let at = &scene.processes[process];
        self.write(at);
        let counts = || scene.counts(process, self.of, ["hits", "loads"]);
        let [hits, loads] = counts();
        for _ in 0..3 {
            let n = self.session.read(at, self.of, self.key);
            assert_eq!(n, Some(self.n), "{why}: {}", self.of.name());
        }
        let [hits, loads] = [counts()[0] - hits, counts()[1] - loads];
        if let Some(promised) = self.of.promised() {
            assert_eq!((hits, loads), promised, "{why}: {}", self.of.name());
        }
    }
}

/// How long something took, and what it gave.
pub fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = act();
    (began.elapsed(), done)
}

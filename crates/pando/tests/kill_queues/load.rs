//! Producers and consumers at work, whatever becomes of the servers, and what they saw.

use crate::asking::{Addresses, Client};
use crate::{consume, produce};
use pando_workload::{Producer, QueueHistory};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const QUEUE: &str = "q";
/// In `pando.toml`: a message that is dead lets others of its key go, of which nothing is asked
/// here, and where answers are slower than leases last attempts are used up.
pub const MANY_ATTEMPTS: &str = "[queues.q]\nattempts = 1000\n";
/// How long leases last.
pub const VISIBILITY: Duration = Duration::from_millis(1_500);
/// What is told to come later comes within that time.
pub const DELAY_MAX: Duration = Duration::from_millis(500);

const PRODUCERS: u64 = 4;
const CONSUMERS: u64 = 3;
/// Nothing that is there comes later than that.
const PATIENCE: Duration = Duration::from_secs(60);

/// How messages and the row they are about are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// By `/tx/v1`.
    Together,
    /// The messages first, then the row, which is a fault: a kill leaves messages of no row.
    Apart,
}

/// What all share.
pub struct Shared {
    pub sent: Sent,
    pub stop: AtomicBool,
    /// Publishes and acknowledgements that were answered.
    pub done: AtomicU64,
    history: Mutex<QueueHistory>,
    /// The ids of rows that are there for sure.
    pub rows: Mutex<BTreeSet<u64>>,
}

/// See the module.
pub struct Load {
    pub shared: Arc<Shared>,
    addresses: Addresses,
    key: String,
    chance: StdRng,
    producing: Vec<JoinHandle<produce::Unknown>>,
    consuming: Vec<JoinHandle<()>>,
}

impl Load {
    /// Has them begin, at servers with the table that messages are about.
    pub fn start(addresses: Vec<SocketAddr>, key: &str, sent: Sent, seed: u64) -> Load {
        let mut load = Load {
            shared: Arc::new(Shared {
                sent,
                stop: AtomicBool::new(false),
                done: AtomicU64::new(0),
                history: Mutex::default(),
                rows: Mutex::default(),
            }),
            addresses: Arc::new(Mutex::new(addresses)),
            key: key.to_owned(),
            chance: StdRng::seed_from_u64(seed),
            producing: Vec::new(),
            consuming: Vec::new(),
        };
        for number in 1..=PRODUCERS {
            let (client, shared) = (load.client(), Arc::clone(&load.shared));
            let producer = Producer::new(number);
            let producing = thread::spawn(move || produce::go_on(client, &shared, producer));
            load.producing.push(producing);
        }
        for _ in 0..CONSUMERS {
            let (client, shared) = (load.client(), Arc::clone(&load.shared));
            let consuming = thread::spawn(move || consume::go_on(client, &shared));
            load.consuming.push(consuming);
        }
        load
    }

    fn client(&mut self) -> Client {
        let chance = StdRng::seed_from_u64(self.chance.random());
        Client::new(&self.addresses, &self.key, chance)
    }

    /// Servers listen elsewhere now.
    pub fn listen_at(&self, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().expect("addresses") = addresses;
    }

    /// Waits until so much more was answered: a moment, not a time.
    pub fn proceed(&self, more: u64) {
        let enough = self.shared.done.load(SeqCst) + more;
        let end = Instant::now() + PATIENCE;
        while self.shared.done.load(SeqCst) < enough {
            let everybody = self.producing.iter().all(|one| !one.is_finished())
                && self.consuming.iter().all(|one| !one.is_finished());
            assert!(everybody, "somebody has given up");
            assert!(Instant::now() < end, "nothing goes on");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Has them end, works on what is left, and gives what is wrong. Servers have to be there.
    pub fn finish(mut self) -> Vec<String> {
        self.shared.stop.store(true, SeqCst);
        let producing = std::mem::take(&mut self.producing).into_iter();
        let unknown: Vec<produce::Unknown> = producing
            .map(|one| one.join().expect("a producer"))
            .collect();
        for consuming in std::mem::take(&mut self.consuming) {
            consuming.join().expect("a consumer");
        }
        let mut client = self.client();
        let mut found = produce::Found::default();
        let mut wrong = produce::find_out(&mut client, &self.shared, unknown, &mut found);
        // What was leased by whoever was not answered comes then, and so does what was delayed.
        let least = Instant::now() + VISIBILITY + DELAY_MAX;
        let is_empty = consume::drain(&mut client, &self.shared, least, least + PATIENCE);
        let history = self.shared.history();
        println!("{found:?}, {:?}", history.counts());
        assert!(is_empty, "messages come still: nothing can be said");
        wrong.extend(history.drained());
        if wrong.is_empty() {
            let counts = history.counts();
            assert!(counts.acked > 20, "too little to mean anything");
        }
        wrong
    }
}

impl Shared {
    pub fn history(&self) -> MutexGuard<'_, QueueHistory> {
        self.history.lock().expect("a history")
    }

    pub fn is_over(&self) -> bool {
        self.stop.load(SeqCst)
    }

    pub fn count(&self) {
        self.done.fetch_add(1, SeqCst);
    }
}

/// Microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("a time").as_micros()).expect("a time")
}

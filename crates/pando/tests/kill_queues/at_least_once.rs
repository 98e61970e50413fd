//! Producers and consumers of a queue whose broker does not know what it got before: a message that
//! is handed over again after a kill may come twice. Each row's message comes at least once, and
//! none comes without its row.

use crate::asking::{Addresses, Client, Told};
use crate::load::QUEUE;
use crate::produce::rows;
use pando_workload::ORDER;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PRODUCERS: u64 = 3;
const CONSUMERS: u64 = 2;
/// Ids of a producer's rows lie below that.
const NUMBERS: u64 = 1_000_000;
/// Nothing that is there comes later than that.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    /// What was answered.
    done: AtomicU64,
    deliveries: AtomicU64,
    /// The ids of rows that are there for sure.
    rows: Mutex<BTreeSet<u64>>,
    /// The ids that messages came with.
    came: Mutex<BTreeSet<u64>>,
}

/// See the module.
pub struct Orders {
    seen: Arc<Seen>,
    addresses: Addresses,
    chance: StdRng,
    all: Vec<JoinHandle<()>>,
}

impl Orders {
    /// Has them begin, at a server with the table that messages are about.
    pub fn start(address: SocketAddr, seed: u64) -> Orders {
        let mut orders = Orders {
            seen: Arc::default(),
            addresses: Arc::new(Mutex::new(vec![address])),
            chance: StdRng::seed_from_u64(seed),
            all: Vec::new(),
        };
        for number in 1..=PRODUCERS {
            let (client, seen) = (orders.client(), Arc::clone(&orders.seen));
            let all = thread::spawn(move || produce(client, &seen, number));
            orders.all.push(all);
        }
        for _ in 0..CONSUMERS {
            let (mut client, seen) = (orders.client(), Arc::clone(&orders.seen));
            orders.all.push(thread::spawn(move || {
                while !seen.stop.load(SeqCst) {
                    consume(&mut client, &seen);
                }
            }));
        }
        orders
    }

    fn client(&mut self) -> Client {
        let chance = StdRng::seed_from_u64(self.chance.random());
        Client::new(&self.addresses, "", chance)
    }

    /// The server listens elsewhere now.
    pub fn listen_at(&self, address: SocketAddr) {
        *self.addresses.lock().expect("addresses") = vec![address];
    }

    /// Waits until so much more was answered, and so much more has come.
    pub fn proceed(&self, more: u64) {
        let seen = &self.seen;
        let answered = seen.done.load(SeqCst) + more;
        let delivered = seen.deliveries.load(SeqCst) + more;
        let end = Instant::now() + PATIENCE;
        while seen.done.load(SeqCst) < answered || seen.deliveries.load(SeqCst) < delivered {
            let everybody = self.all.iter().all(|one| !one.is_finished());
            assert!(everybody, "somebody has given up");
            assert!(Instant::now() < end, "nothing goes on");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Has them end, works on what is left, and gives what is wrong. The server has to be there.
    pub fn finish(mut self) -> Vec<String> {
        self.seen.stop.store(true, SeqCst);
        for one in std::mem::take(&mut self.all) {
            one.join().expect("a producer or a consumer");
        }
        let mut client = self.client();
        let there = rows(&mut client);
        let end = Instant::now() + PATIENCE;
        loop {
            let count = consume(&mut client, &self.seen);
            let has_all = there.is_subset(&self.seen.came.lock().expect("ids"));
            if count == Some(0) && has_all || Instant::now() > end {
                break;
            }
        }
        let known = self.seen.rows.lock().expect("rows");
        let came = self.seen.came.lock().expect("ids");
        let deliveries = self.seen.deliveries.load(SeqCst);
        println!(
            "{} rows, {} messages, {deliveries} deliveries",
            there.len(),
            came.len()
        );
        assert!(known.len() > 20, "too little to mean anything");
        let gone = known.difference(&there);
        let gone = gone.map(|id| format!("the row {id} was lost"));
        let lost = there.difference(&came);
        let lost = lost.map(|id| format!("the message of the row {id} was lost"));
        let alone = came.difference(&there);
        let alone = alone.map(|id| format!("a message came without the row {id}"));
        gone.chain(lost).chain(alone).collect()
    }
}

/// Publishes one message with its row after the other. What was not answered is not sent again.
fn produce(mut client: Client, seen: &Seen, number: u64) {
    let first = number * NUMBERS;
    for id in first..first + NUMBERS {
        if seen.stop.load(SeqCst) {
            return;
        }
        let ops = json!({ "ops": [
            { "method": "POST", "path": format!("/queue/v1/{QUEUE}/messages"),
              "body": [{ "body": id.to_string() }] },
            { "method": "POST", "path": format!("/rest/v1/{ORDER}"),
              "body": { "id": id, "producer": number } },
        ] });
        if let Told::Answer(answer) = client.post("/tx/v1", &ops) {
            assert_eq!(answer.status, 200, "{answer:?}");
            seen.rows.lock().expect("rows").insert(id);
            seen.done.fetch_add(1, SeqCst);
        }
    }
}

/// Leases some and acknowledges most of them; how many came.
fn consume(client: &mut Client, seen: &Seen) -> Option<usize> {
    let path = |verb: &str| format!("/queue/v1/{QUEUE}/{verb}");
    let ask = json!({ "max": 100, "wait": "100ms" });
    let Told::Answer(answer) = client.post(&path("lease"), &ask) else {
        return None;
    };
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let messages = answer["messages"].as_array().expect("messages");
    for message in messages {
        // Before all others a message came that no row is about.
        if let Ok(id) = message["body"].as_str().expect("a text").parse() {
            seen.came.lock().expect("ids").insert(id);
            seen.deliveries.fetch_add(1, SeqCst);
        }
    }
    let leases = messages.iter().map(|message| &message["lease"]);
    let leases: Vec<_> = leases.filter(|_| client.chance.random_bool(0.95)).collect();
    if !leases.is_empty() {
        // Whether it is carried out or not: what is not acknowledged comes again.
        client.post(&path("ack"), &json!({ "leases": leases }));
    }
    Some(messages.len())
}

//! Queues that move to a broker and back, over SQLite and a real NATS.
//!
//! A short run; `PANDO_MOVES=50` for a long one, and `PANDO_SEED` to repeat its draws.

use crate::concluded::concluded;
use pando_cluster::Nats;
use pando_engine_nats::{NatsBroker, NatsConfig};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::broker::Broker;
use pando_model::clock::SystemClock;
use pando_model::engine::Engine;
use pando_store::queue::{Lease, Leased, NewMessage, Settle};
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use pando_workload::{Delivery, Held, QueueHistory};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const QUEUE: &str = "mail";
const KEYS: usize = 4;
const CONSUMERS: usize = 3;
const VISIBILITY: Duration = Duration::from_secs(20);
/// How long a move waits for those who have not heard of it.
const HANDOVER: Duration = Duration::from_millis(300);
/// Messages of each key between two moves.
const BETWEEN: usize = 40;

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

async fn connect(nats: &Nats) -> Arc<dyn Broker> {
    Arc::new(
        NatsBroker::connect(NatsConfig::new(nats.url()))
            .await
            .unwrap(),
    )
}

/// A process with a file that says where the queue is.
async fn open(engine: Arc<dyn Engine>, nats: &Nats, on_broker: bool) -> Arc<Store> {
    let mut config = StoreConfig::default();
    let mut rules = config.queues.others.clone();
    rules.on_broker = on_broker;
    rules.ordered = true;
    rules.visibility = VISIBILITY;
    config.queues.declared.insert(QUEUE.into(), rules);
    config.queues.handover = HANDOVER;
    let store = Store::open(engine, Arc::new(SystemClock), config)
        .await
        .unwrap();
    store.queue_use_broker(connect(nats).await).await.unwrap();
    store
}

/// What producers and consumers share.
struct Site {
    store: Mutex<Arc<Store>>,
    history: Mutex<QueueHistory>,
    is_over: AtomicBool,
    /// Messages that came from the broker, and from the store.
    came: [AtomicU64; 2],
}

impl Site {
    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store.lock().unwrap())
    }

    async fn home(&self) -> bool {
        let homes = self.store().fetch_queue_homes().await.unwrap();
        homes.get(QUEUE).is_some_and(|home| home.on_broker)
    }

    async fn publish(&self, key: usize, number: usize) {
        let body = format!("{key}-{number}");
        let key = format!("k{key}");
        self.history.lock().unwrap().publishing(&body, Some(&key));
        let message = NewMessage {
            body: body.clone().into(),
            content_type: "text/plain".into(),
            ordering_key: Some(key),
            ..NewMessage::default()
        };
        let store = self.store();
        let publish = store.queue_publish(QUEUE, vec![message]).await.unwrap();
        concluded(&store, publish).await.unwrap();
        self.history.lock().unwrap().published(&body);
    }

    /// Leases and acknowledges until it is over and nothing comes any more.
    async fn consume(&self) {
        let lease = Lease {
            max: Some(5),
            ..Lease::default()
        };
        loop {
            let is_over = self.is_over.load(Ordering::Acquire);
            let store = self.store();
            let asked = self.history.lock().unwrap().moment();
            let until_us = now_us() + i64::try_from(VISIBILITY.as_micros()).unwrap();
            let wait = Duration::from_millis(200);
            let leased = store
                .queue_lease_anywhere(QUEUE, &lease, wait)
                .await
                .unwrap();
            {
                let mut history = self.history.lock().unwrap();
                let delivery = Delivery {
                    asked,
                    at_us: now_us(),
                    until_us,
                };
                for one in &leased {
                    history.delivered(&held(one), delivery);
                }
            }
            for one in &leased {
                self.ack(one).await;
            }
            if leased.is_empty() {
                if is_over && self.history.lock().unwrap().open().is_empty() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether the store that leased is closed by now or not: another one acknowledges as well.
    async fn ack(&self, leased: &Leased) {
        let store = self.store();
        let held = held(leased);
        self.history.lock().unwrap().acking(&held);
        let token = leased.lease.clone();
        self.came[usize::from(token.is_of_broker())].fetch_add(1, Ordering::Relaxed);
        let done = match token.is_of_broker() {
            true => {
                store
                    .queue_settle_brokered(QUEUE, &[token], &Settle::Ack)
                    .await
            }
            false => concluded(&store, store.queue_ack(QUEUE, vec![token]).unwrap()).await,
        };
        let acked = done.unwrap().acked;
        assert_eq!(acked, 1, "{}", held.body);
        let mut history = self.history.lock().unwrap();
        history.ack_answered(&[held], acked, now_us());
    }

    async fn relay(&self) {
        while !self.is_over.load(Ordering::Acquire)
            || !self.history.lock().unwrap().open().is_empty()
        {
            let store = self.store();
            store.queue_tend_moves().await.unwrap();
            if !store.queue_relay_all().await.unwrap() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn held(leased: &Leased) -> Held {
    Held {
        body: String::from_utf8(leased.message.body.to_vec()).unwrap(),
        lease: leased.lease.to_text(),
    }
}

fn moves() -> usize {
    let moves = std::env::var("PANDO_MOVES").ok();
    moves.map_or(4, |text| text.parse().expect("PANDO_MOVES is a number"))
}

fn sqlite(folder: &Path) -> Arc<dyn Engine> {
    SqliteEngine::open(SqliteConfig::new(folder.join("pando.db"))).unwrap()
}

/// Publishes to each key, moves the queue, and so on.
async fn publish_and_move(site: &Arc<Site>, engine: &Arc<dyn Engine>, nats: &Nats) {
    let mut random = StdRng::seed_from_u64(rand::random());
    for nth in 0..=moves() {
        if nth > 0 {
            // Messages are out, and some wait, wherever the queue is.
            let to_broker = nth % 2 == 1;
            let moved = open(Arc::clone(engine), nats, to_broker).await;
            *site.store.lock().unwrap() = moved;
            // It moves once what the move before has left is done.
            while site.home().await != to_broker {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let mut publishing = tokio::task::JoinSet::new();
        for key in 0..KEYS {
            let (site, many) = (Arc::clone(site), random.random_range(1..BETWEEN));
            publishing.spawn(async move {
                for number in 0..many {
                    site.publish(key, nth * BETWEEN + number).await;
                }
            });
        }
        publishing.join_all().await;
        // Half of it is handed over, or worked on, before the next move.
        let before = site
            .came
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        let here = usize::from(nth % 2 == 1);
        while site.came[here].load(Ordering::Relaxed) == before[here]
            && !site.history.lock().unwrap().open().is_empty()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_moves_to_a_broker_and_back_loses_nothing_and_keeps_each_keys_order() {
    let nats = Nats::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = sqlite(folder.path());
    let site = Arc::new(Site {
        store: Mutex::new(open(Arc::clone(&engine), &nats, false).await),
        history: Mutex::default(),
        is_over: AtomicBool::new(false),
        came: Default::default(),
    });
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..CONSUMERS {
        let site = Arc::clone(&site);
        working.spawn(async move { site.consume().await });
    }
    let relaying = Arc::clone(&site);
    working.spawn(async move { relaying.relay().await });
    publish_and_move(&site, &engine, &nats).await;
    site.is_over.store(true, Ordering::Release);
    let all = tokio::time::timeout(Duration::from_secs(60), working.join_all()).await;
    let history = site.history.lock().unwrap().clone();
    assert!(
        all.is_ok(),
        "left: {:?}, wrong: {:?}",
        history.open(),
        history.wrong()
    );
    assert_eq!(
        history.counts().again,
        0,
        "nothing was killed, and nothing came twice"
    );
    let wrong = history.drained();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let came = site
        .came
        .each_ref()
        .map(|count| count.load(Ordering::Relaxed));
    println!("{came:?} messages came from the store and from the broker");
    assert!(came.iter().all(|count| *count > 20), "{came:?}");
    let homes = site.store().fetch_queue_homes().await.unwrap();
    assert_eq!(homes.len(), 1);
    let none = Session::default();
    let left = site.store().queue_depth(QUEUE, None).unwrap();
    let (left, _) = site.store().answer(&left, &none).await.unwrap();
    assert_eq!(left.depth(), 0);
}

#[tokio::test]
async fn a_queue_that_has_to_be_synced_is_refused_on_a_broker_that_does_not() {
    let nats = Nats::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::default();
    let mut rules = config.queues.others.clone();
    rules.on_broker = true;
    rules.synced = true;
    config.queues.declared.insert(QUEUE.into(), rules);
    let engine = sqlite(folder.path());
    let store = Store::open(engine, Arc::new(SystemClock), config)
        .await
        .unwrap();
    let refused = store
        .queue_use_broker(connect(&nats).await)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("synced") && text.contains("nats"), "{text}");
    assert!(
        store.fetch_queue_homes().await.unwrap().is_empty(),
        "it stays"
    );
}

#[tokio::test]
async fn an_answer_says_the_less_of_what_store_and_broker_keep() {
    let nats = Nats::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = sqlite(folder.path());
    let store = open(engine, &nats, true).await;
    assert!(
        !store.queue_durability(QUEUE).synced,
        "nats-server 2.9 syncs later"
    );
    assert!(store.queue_durability("elsewhere").synced);
}

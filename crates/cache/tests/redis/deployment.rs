//! A store that counts, and processes before it; each has a cache, a follower, a way to Redis.

use bytes::Bytes;
use pando_cache::{
    Admission, AdmissionConfig, Answer, Backing, BreakerConfig, Cache, Config, Load, LoadError,
    Loaded, Prefix, Replica, Sharing, SharingConfig, Statistics, Tag, ThreadRandom, Value,
};
use pando_engine_redis::{RedisConfig, RedisLevel2};
use pando_model::clock::{Clock, SystemClock};
use pando_model::engine::{Copies, FeedCursor, FeedEvent, FeedKind, FeedPage, Freshness};
use pando_model::slot::Slot;
use pando_model::stamp::{History, Position};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A store of numbers: the value of a key is the position of its last write.
pub struct Store {
    /// Which key was written at which position; the first is at 1.
    written: Mutex<Vec<u32>>,
    load: Duration,
    /// So many loads are served at once; further ones wait in the store.
    places: Semaphore,
    on_it: AtomicUsize,
    most: AtomicUsize,
    loads: AtomicUsize,
}

impl Store {
    /// A store that serves so many at once, each in so long.
    pub fn new(places: usize, load: Duration) -> Arc<Store> {
        Arc::new(Store {
            written: Mutex::new(vec![u32::MAX; 10]),
            load,
            places: Semaphore::new(places),
            on_it: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
        })
    }

    pub fn now(&self) -> Position {
        at(self.written.lock().unwrap().len())
    }

    pub fn write(&self, key: u32) -> Position {
        let mut written = self.written.lock().unwrap();
        written.push(key);
        at(written.len())
    }

    /// The value of a key as of a position.
    pub fn value(&self, key: u32, as_of: Position) -> u64 {
        let written = self.written.lock().unwrap();
        let until = &written[..usize::try_from(as_of.p).unwrap()];
        let last = until.iter().rposition(|other| *other == key);
        last.map_or(0, |ix| ix as u64 + 1)
    }

    /// How many loads there were.
    pub fn loads(&self) -> usize {
        self.loads.load(SeqCst)
    }

    /// How many were on it at once, at most, since this was last asked.
    pub fn most_at_once(&self) -> usize {
        self.most.swap(0, SeqCst)
    }

    fn loader(self: &Arc<Self>, key: u32) -> Load {
        let store = Arc::clone(self);
        Arc::new(move |_| {
            let store = Arc::clone(&store);
            Box::pin(async move {
                store.loads.fetch_add(1, SeqCst);
                let on_it = store.on_it.fetch_add(1, SeqCst) + 1;
                store.most.fetch_max(on_it, SeqCst);
                let place = store.places.acquire().await.unwrap();
                let low = store.now();
                let value = store.value(key, low);
                tokio::time::sleep(store.load).await;
                drop(place);
                store.on_it.fetch_sub(1, SeqCst);
                Ok(Loaded {
                    value: Value::Found(Bytes::copy_from_slice(&value.to_le_bytes())),
                    low,
                    high: low,
                    tags: vec![Tag::row("t", &key.to_le_bytes())],
                    until_us: None,
                    lost: false,
                })
            })
        })
    }
}

/// What a deployment is like.
#[derive(Clone)]
pub struct Setup {
    pub redis: RedisConfig,
    pub sharing: SharingConfig,
    pub cache: Config,
    pub admission: Option<AdmissionConfig>,
}

impl Setup {
    /// As it is by default, but for a machine that other tests keep busy.
    pub fn new(url: impl Into<String>) -> Setup {
        Setup {
            redis: RedisConfig::new(url),
            sharing: SharingConfig {
                breaker: BreakerConfig {
                    slow_after: Duration::from_millis(45),
                    ..SharingConfig::default().breaker
                },
                ..SharingConfig::default()
            },
            cache: Config {
                ttl: None,
                ..Config::default()
            },
            admission: None,
        }
    }

    /// Nothing is given up for being slow.
    pub fn unhurried(mut self) -> Setup {
        self.redis.call_timeout = Duration::from_secs(20);
        self.redis.connect_timeout = Duration::from_secs(20);
        self.sharing.breaker.slow_after = Duration::from_secs(20);
        self.sharing.lease = Duration::from_secs(60);
        self.sharing.patience = Duration::from_secs(60);
        self
    }
}

/// One process.
pub struct Process {
    pub store: Arc<Store>,
    pub replica: Arc<Replica>,
    pub cache: Arc<Cache>,
    pub sharing: Arc<Sharing>,
}

impl Process {
    pub fn start(setup: &Setup, store: &Arc<Store>) -> Process {
        let clock = Arc::new(SystemClock);
        let level2 = RedisLevel2::start(setup.redis.clone()).unwrap();
        let sharing = Sharing::new(Arc::new(level2), setup.sharing.clone(), clock.clone());
        let sharing = sharing.unwrap();
        let admission = setup.admission.clone();
        let admission = admission.map(|config| Admission::new(config, clock.clone()).unwrap());
        let replica = Replica::new(store.now(), History::default(), clock.now_us());
        let prefix = Prefix::new("store", "0", 1, "numbers");
        let backing = Backing {
            sharing: Some((Arc::clone(&sharing), prefix)),
            admission,
            ..Backing::default()
        };
        let random = Arc::new(ThreadRandom);
        let config = setup.cache.clone();
        let cache = Cache::backed(Arc::clone(&replica), config, clock, random, backing);
        Process {
            store: Arc::clone(store),
            replica,
            cache: cache.unwrap(),
            sharing,
        }
    }

    /// Three of them.
    pub fn three(setup: &Setup, store: &Arc<Store>) -> Vec<Arc<Process>> {
        (0..3)
            .map(|_| Arc::new(Process::start(setup, store)))
            .collect()
    }

    /// What is answered to one who has seen so much.
    pub async fn read(&self, key: u32, seen: Position) -> Result<(u64, Answer), LoadError> {
        let freshness = Freshness {
            seen: Some(seen),
            copies: Copies::Covering,
        };
        let store = Arc::clone(&self.store);
        let (name, load) = (key.to_le_bytes(), move || store.loader(key));
        let answer = self.cache.get_or_load(&name, freshness, load).await?;
        let value = match &answer.value {
            Value::Found(bytes) => u64::from_le_bytes(bytes[..].try_into().unwrap()),
            Value::Absent => panic!("nothing is absent here"),
        };
        Ok((value, answer))
    }

    /// The same; it must be answered, with what is not older than what was seen.
    pub async fn read_well(&self, key: u32, seen: Position) -> u64 {
        let (value, answer) = self.read(key, seen).await.expect("an answer");
        let least = self.store.value(key, seen.max(answer.low));
        assert!(
            value >= least,
            "key {key}: {value}, not {least}, at {answer:?}"
        );
        value
    }

    /// Takes in all that was written.
    pub fn follow(&self) {
        let (from, until) = (self.replica.consumed().p, self.store.now().p);
        let written = self.store.written.lock().unwrap().clone();
        let event = |p: u64| FeedEvent {
            cursor: FeedCursor {
                at: Position { timeline: 1, p },
                ordinal: 1,
            },
            slot: Slot::CATALOG,
            epoch: 1,
            seq: p,
            table: "t".to_owned(),
            kind: FeedKind::Update,
            key: written[p as usize - 1].to_le_bytes().to_vec(),
        };
        let consumed = Position {
            timeline: 1,
            p: until,
        };
        let page = FeedPage {
            events: (from + 1..=until).map(event).collect(),
            next: FeedCursor {
                at: consumed,
                ordinal: 1,
            },
            consumed,
            schema_version: 1,
            gap: false,
        };
        let now_us = SystemClock.now_us();
        self.replica.consume(&page, &History::default(), now_us);
    }

    pub fn statistics(&self) -> Statistics {
        self.cache.statistics()
    }
}

/// What of the statistics all have together.
pub fn sum(processes: &[Arc<Process>], of: fn(&Statistics) -> u64) -> u64 {
    processes.iter().map(|one| of(&one.statistics())).sum()
}

/// Forgets what lies in memory; Redis keeps what it has.
pub fn forget(processes: &[Arc<Process>]) {
    for one in processes {
        one.cache.clear();
    }
}

fn at(p: usize) -> Position {
    Position {
        timeline: 1,
        p: p as u64,
    }
}

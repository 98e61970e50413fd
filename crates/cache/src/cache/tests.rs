//! A cache over a store that the test holds in its hand.

use super::*;
use crate::policy::Eviction;
use crate::random::SeededRandom;
use bytes::Bytes;
use pando_model::clock::ManualClock;
use pando_model::error::Refusal;
use pando_model::stamp::History;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

mod copies;

/// A store of one value, that answers when it is let.
struct Store {
    gate: Arc<Semaphore>,
    says: Arc<Mutex<LoadResult>>,
    asked: Arc<Mutex<Vec<Freshness>>>,
}

fn at(p: u64) -> Position {
    Position { timeline: 1, p }
}

fn loaded(text: &'static str, p: u64) -> LoadResult {
    Ok(Loaded {
        value: Value::Found(Bytes::from_static(text.as_bytes())),
        low: at(p),
        high: at(p),
        tags: vec![Tag::row("t", b"k")],
        until_us: None,
        lost: false,
    })
}

fn down() -> LoadResult {
    Err(Arc::new(EngineError::Unavailable {
        reason: "the test wants it so".to_owned(),
        retry_after: Duration::ZERO,
    }))
}

impl Store {
    /// A store that answers at once.
    fn new(says: LoadResult) -> Store {
        Store {
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            says: Arc::new(Mutex::new(says)),
            asked: Arc::default(),
        }
    }

    /// A store that answers as often as its gate is opened.
    fn gated(says: LoadResult) -> Store {
        Store {
            gate: Arc::new(Semaphore::new(0)),
            ..Store::new(says)
        }
    }

    fn load(&self) -> Load {
        let (gate, says) = (Arc::clone(&self.gate), Arc::clone(&self.says));
        let asked = Arc::clone(&self.asked);
        Arc::new(move |freshness| {
            let (gate, says) = (Arc::clone(&gate), Arc::clone(&says));
            asked.lock().push(freshness);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                says.lock().clone()
            })
        })
    }

    fn loads(&self) -> usize {
        self.asked.lock().len()
    }
}

struct Setting {
    cache: Arc<Cache>,
    clock: Arc<ManualClock>,
    runtime: tokio::runtime::Runtime,
}

fn setting(config: Config) -> Setting {
    let clock = Arc::new(ManualClock::new(1_000_000_000));
    let replica = Replica::new(at(10), History::default(), clock.now_us());
    let random = Arc::new(SeededRandom::new(3));
    let cache = Cache::new(
        replica,
        config,
        Arc::clone(&clock) as Arc<dyn Clock>,
        random,
    );
    Setting {
        cache: cache.unwrap(),
        clock,
        // One thread: what a test has spawned runs when the test waits.
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap(),
    }
}

fn config() -> Config {
    Config {
        ttl: Some(Duration::from_secs(10)),
        ttl_jitter: 0.0,
        stale_while_revalidate: Duration::from_secs(5),
        stale_if_error: Duration::from_secs(60),
        early_refresh: 0.0,
        ..Config::default()
    }
}

fn covering(seen: Option<u64>) -> Freshness {
    Freshness {
        seen: seen.map(at),
        copies: Copies::Covering,
    }
}

impl Setting {
    fn ask(&self, store: &Store, freshness: Freshness) -> Result<String, String> {
        let asked = self.cache.get_or_load(b"k", freshness, || store.load());
        self.runtime
            .block_on(asked)
            .map(text)
            .map_err(|e| e.to_string())
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance_us(seconds * 1_000_000);
    }

    /// Lets everything that was spawned run until it waits.
    fn settle(&self) {
        self.runtime.block_on(async {
            while self.cache.flights.aloft() > 0 {
                tokio::task::yield_now().await;
            }
        });
    }
}

fn text(answer: Answer) -> String {
    match answer.value {
        Value::Found(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Value::Absent => "nothing".to_owned(),
    }
}

#[test]
fn ten_thousand_who_miss_at_once_load_once_and_the_next_one_finds_it() {
    let setting = setting(config());
    let store = Store::gated(loaded("one", 10));
    setting.runtime.block_on(async {
        let tasks: Vec<_> = (0..10_000)
            .map(|_| {
                let (cache, load) = (Arc::clone(&setting.cache), store.load());
                tokio::spawn(async move {
                    cache
                        .get_or_load(b"k", covering(Some(10)), || Arc::clone(&load))
                        .await
                })
            })
            .collect();
        while setting.cache.statistics().misses < 10_000 {
            tokio::task::yield_now().await;
        }
        store.gate.add_permits(1);
        for task in tasks {
            assert_eq!(text(task.await.unwrap().unwrap()), "one");
        }
    });
    assert_eq!(store.loads(), 1);
    assert_eq!(setting.ask(&store, covering(None)), Ok("one".to_owned()));
    assert_eq!(store.loads(), 1);
}

#[test]
fn who_has_seen_more_than_the_load_he_waited_for_is_not_given_it() {
    let setting = setting(config());
    let store = Store::gated(loaded("old", 10));
    let waiter = |seen| {
        let (cache, load) = (Arc::clone(&setting.cache), store.load());
        async move {
            cache
                .get_or_load(b"k", covering(seen), || Arc::clone(&load))
                .await
                .map(text)
        }
    };
    setting.runtime.block_on(async {
        let first = tokio::spawn(waiter(None));
        let (second, third) = (
            tokio::spawn(waiter(Some(12))),
            tokio::spawn(waiter(Some(10))),
        );
        while setting.cache.statistics().misses < 3 {
            tokio::task::yield_now().await;
        }
        store.gate.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), "old");
        assert_eq!(third.await.unwrap().unwrap(), "old");
        *store.says.lock() = loaded("new", 12);
        store.gate.add_permits(1);
        assert_eq!(second.await.unwrap().unwrap(), "new");
    });
    assert_eq!(*store.asked.lock(), [covering(None), covering(Some(12))]);
}

#[test]
fn a_stale_entry_is_given_while_one_load_goes_on_behind_it() {
    let setting = setting(config());
    let store = Store::new(loaded("old", 10));
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.advance(12);
    *store.says.lock() = loaded("new", 10);
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.settle();
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "new");
    assert_eq!(store.loads(), 2);
    setting.advance(16);
    assert_eq!(
        setting.ask(&store, covering(None)).unwrap(),
        "new",
        "loaded in front"
    );
    assert_eq!(store.loads(), 3);
}

#[test]
fn where_the_store_fails_what_is_old_is_given_and_where_it_refuses_it_is_not() {
    let setting = setting(config());
    let store = Store::new(loaded("old", 10));
    let refusal = EngineError::Refused(Refusal::new("22023", "no such thing"));
    let refused: LoadResult = Err(Arc::new(refusal));
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    setting.advance(30);
    *store.says.lock() = down();
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "old");
    // He has written since: nothing here has got as far as he has.
    let ahead = setting.ask(&store, covering(Some(11))).unwrap_err();
    assert!(ahead.contains("the test wants it so"), "{ahead}");
    // Long after: nobody takes the store for one that fails any more.
    setting.advance(15);
    *store.says.lock() = refused;
    let refused = setting.ask(&store, covering(None)).unwrap_err();
    assert!(refused.contains("no such thing"), "{refused}");
    setting.advance(60);
    *store.says.lock() = down();
    assert!(
        setting.ask(&store, covering(None)).is_err(),
        "too old for that too"
    );
    let statistics = setting.cache.statistics();
    assert_eq!((statistics.stale_on_error, statistics.loads_failed), (1, 4));
}

#[test]
fn what_takes_long_to_load_is_loaded_early_and_once() {
    let setting = setting(Config {
        early_refresh: 1.0,
        ..config()
    });
    let store = Store::new(loaded("late", 10));
    let fill = loaded("early", 10).unwrap();
    setting
        .cache
        .fill(b"k", fill, Duration::from_secs(2))
        .unwrap();
    // 1 s before its end, with a load of 2 s, some 6 of 10 requests are chosen.
    setting.advance(9);
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(setting.ask(&store, covering(None)).unwrap());
    }
    setting.settle();
    assert!(answers.iter().any(|answer| answer == "early"));
    assert_eq!(setting.ask(&store, covering(None)).unwrap(), "late");
    assert_eq!(store.loads(), 1);
}

#[test]
fn a_strong_read_goes_past_and_a_bounded_one_asks_when_the_feed_was_last_read() {
    let setting = setting(config());
    let store = Store::new(loaded("one", 10));
    setting.ask(&store, covering(None)).unwrap();
    // The feed was last read when the replica was made.
    setting.advance(4);
    for (copies, is_loaded) in [
        (Copies::Owner, true),
        (Copies::Latest, true),
        (Copies::Any, false),
        (Copies::Within(Duration::from_secs(3)), true),
        (Copies::Within(Duration::from_secs(4)), false),
    ] {
        let before = store.loads();
        setting
            .ask(&store, Freshness { seen: None, copies })
            .unwrap();
        assert_eq!(store.loads() > before, is_loaded, "{copies:?}");
        let asked = store.asked.lock().last().copied().unwrap();
        assert!(!is_loaded || asked.copies == copies, "{asked:?}");
    }
}

#[test]
fn a_change_of_policy_or_size_keeps_what_fits_while_it_is_read() {
    let setting = setting(config());
    let store = Store::new(loaded("one", 10));
    setting.ask(&store, covering(None)).unwrap();
    for eviction in Eviction::ALL {
        let changed = Config {
            eviction,
            capacity_bytes: 1 << 20,
            shadow: true,
            ..config()
        };
        setting.cache.reconfigure(changed).unwrap();
        assert_eq!(setting.ask(&store, covering(None)).unwrap(), "one");
        assert_eq!(setting.cache.config().eviction, eviction);
        assert_eq!(setting.cache.estimates().len(), 15);
    }
    assert_eq!(store.loads(), 1);
    let refused = setting.cache.reconfigure(Config {
        capacity_bytes: 0,
        ..config()
    });
    assert!(refused.is_err());
    assert_eq!(setting.cache.config().capacity_bytes, 1 << 20);
}

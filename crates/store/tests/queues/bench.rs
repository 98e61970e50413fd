//! Stores whose clock stands still, with queues in them.

use crate::concluded::concluded;
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::ManualClock;
use pando_model::engine::Engine;
use pando_queue::{Backoff, BackoffConfig, DedupId, Schedule};
use pando_store::queue::{
    Acked, Lease, LeaseToken, Leased, Nack, NewMessage, QueueRules, Scheduled,
};
use pando_store::{Store, StoreConfig};
use std::sync::Arc;
use std::time::Duration;

/// When it is.
pub const NOW: i64 = 1_800_000_000_000_000;
pub const SECOND: i64 = 1_000_000;
/// How long leases last.
pub const VISIBILITY: i64 = 30 * SECOND;

pub struct Bench {
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    _folder: Option<tempfile::TempDir>,
}

/// Runs a claim over each engine. Of queues `q` has three attempts and a backoff of 1, 2 s, `p`
/// three priorities, `kept` a retention of an hour, `two` the groups `a` and `b`, and `both` has both.
pub async fn on_each<F: Future<Output = ()>>(claim: impl Fn(Bench) -> F) {
    let clock = Arc::new(ManualClock::new(NOW));
    let memory = Arc::new(MemoryEngine::with_clock(&*clock));
    claim(Bench::open(memory, clock, None).await).await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db"))).unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    claim(Bench::open(sqlite, clock, Some(folder)).await).await;
    let postgres = crate::postgres::open_new().await;
    let clock = Arc::new(ManualClock::new(NOW));
    claim(Bench::open(postgres, clock, None).await).await;
}

impl Bench {
    async fn open(
        engine: Arc<dyn Engine>,
        clock: Arc<ManualClock>,
        folder: Option<tempfile::TempDir>,
    ) -> Bench {
        let mut config = StoreConfig::default();
        let others = &mut config.queues.others;
        others.backoff = Backoff::new(BackoffConfig {
            attempts_max: 3,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            jitter: 0.0,
        })
        .unwrap();
        let others = others.clone();
        let mut declare = |name: &str, change: fn(&mut QueueRules)| {
            let mut rules = others.clone();
            change(&mut rules);
            config.queues.declared.insert(name.into(), rules);
        };
        declare("p", |rules| rules.priorities = 3);
        declare("kept", |rules| {
            rules.retention = Some(Duration::from_secs(3_600))
        });
        declare("two", |rules| rules.groups = vec!["a".into(), "b".into()]);
        declare("both", |rules| {
            rules.groups = vec!["a".into(), "b".into()];
            rules.retention = Some(Duration::from_secs(3_600));
        });
        declare("small", |rules| {
            rules.max_depth = Some(5);
            rules.max_in_flight = 3;
        });
        declare("hourly", |rules| {
            let hourly = Scheduled {
                schedule: Schedule::parse("0 * * * *", "UTC").unwrap(),
                body: "{\"do\":\"it\"}".into(),
                priority: 0,
                ordering_key: None,
            };
            rules.schedules.insert("each-hour".into(), hourly);
        });
        let store = Store::open(engine, clock.clone(), config).await.unwrap();
        Bench {
            store,
            clock,
            _folder: folder,
        }
    }

    pub async fn publish(&self, queue: &str, messages: Vec<NewMessage>) -> Vec<i64> {
        let publish = self.store.queue_publish(queue, messages).await.unwrap();
        concluded(&self.store, publish).await.unwrap().ids
    }

    /// Publishes bodies, each in a publish of its own.
    pub async fn publish_each(&self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            self.publish(queue, vec![message(body)]).await;
        }
    }

    pub async fn lease_of(&self, queue: &str, group: Option<&str>, max: u64) -> Vec<Leased> {
        let lease = Lease {
            max: Some(max),
            visibility: None,
            group: group.map(str::to_owned),
        };
        let has_some = self.store.queue_has_some(queue, &lease).unwrap();
        let has_some = concluded(&self.store, has_some).await.unwrap();
        let leased = self.store.queue_lease(queue, &lease).unwrap();
        let leased = concluded(&self.store, leased).await.unwrap();
        assert!(has_some || leased.is_empty(), "what is leased was seen");
        leased
    }

    pub async fn lease(&self, queue: &str, max: u64) -> Vec<Leased> {
        self.lease_of(queue, None, max).await
    }

    pub async fn ack(&self, queue: &str, leased: &[Leased]) -> Acked {
        let ack = self.store.queue_ack(queue, tokens(leased)).unwrap();
        concluded(&self.store, ack).await.unwrap()
    }

    pub async fn unlease(&self, queue: &str, leased: &[Leased]) -> Acked {
        let unlease = self.store.queue_unlease(queue, tokens(leased));
        concluded(&self.store, unlease.unwrap()).await.unwrap()
    }

    pub async fn bury(&self, queue: &str, leased: &[Leased], error: &str) -> Acked {
        let bury = self
            .store
            .queue_bury(queue, tokens(leased), error.to_owned());
        concluded(&self.store, bury.unwrap()).await.unwrap()
    }

    pub async fn nack(&self, queue: &str, leased: &[Leased], nack: Nack) -> Acked {
        let nack = self.store.queue_nack(queue, tokens(leased), nack);
        concluded(&self.store, nack.unwrap()).await.unwrap()
    }

    pub async fn extend(&self, queue: &str, leased: &[Leased], seconds: u64) -> Acked {
        let visibility = Some(Duration::from_secs(seconds));
        let extend = self.store.queue_extend(queue, tokens(leased), visibility);
        concluded(&self.store, extend.unwrap()).await.unwrap()
    }

    pub fn wait(&self, us: i64) {
        self.clock.advance_us(us);
    }
}

pub fn message(body: &str) -> NewMessage {
    NewMessage {
        body: body.to_owned().into(),
        content_type: "text/plain".into(),
        ..NewMessage::default()
    }
}

pub fn keyed(body: &str, key: &str) -> NewMessage {
    NewMessage {
        ordering_key: Some(key.into()),
        ..message(body)
    }
}

pub fn with_id(body: &str, id: &str) -> NewMessage {
    NewMessage {
        dedup_id: Some(DedupId::new(id).unwrap()),
        ..message(body)
    }
}

pub fn tokens(leased: &[Leased]) -> Vec<LeaseToken> {
    leased.iter().map(|one| one.lease.clone()).collect()
}

/// `one 1, two 3`: bodies and attempts.
pub fn text(leased: &[Leased]) -> String {
    let each = leased.iter().map(|one| {
        let body = String::from_utf8_lossy(&one.message.body);
        format!("{body} {}", one.attempt)
    });
    each.collect::<Vec<_>>().join(", ")
}

pub fn done(acked: u64, gone: u64) -> Acked {
    Acked { acked, gone }
}

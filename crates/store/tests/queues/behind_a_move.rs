//! What a queue has on a broker and what it has in the store, where it was moved: over SQLite and a broker
//! in memory.

use crate::bench::{NOW, SECOND, keyed, message};
use crate::concluded::concluded;
use crate::fake_broker::FakeBroker;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::broker::{Broker, Dead};
use pando_model::clock::ManualClock;
use pando_queue::{Backoff, BackoffConfig};
use pando_store::error::StoreError;
use pando_store::queue::{
    Lease, LeaseToken, Leased, Nack, NewMessage, QueuePage, QueueRules, Settle,
};
use pando_store::{Store, StoreConfig};
use std::sync::Arc;
use std::time::Duration;

const QUEUE: &str = "q";

struct Site {
    store: Arc<Store>,
    broker: Arc<FakeBroker>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Site {
    /// A queue in the store, of three attempts and a backoff from a second on, that may be moved, and of
    /// which two messages may be out.
    async fn open() -> Site {
        Site::with(|_| ()).await
    }

    /// The same with other rules.
    async fn with(change: impl FnOnce(&mut QueueRules)) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db"))).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let mut config = StoreConfig::default();
        let others = &mut config.queues.others;
        others.backoff = Backoff::new(BackoffConfig {
            attempts_max: 5,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            jitter: 0.0,
        })
        .unwrap();
        others.max_in_flight = 200;
        change(others);
        config.queues.handover = Duration::ZERO;
        let opened = Store::open(engine, clock.clone(), config).await;
        let (store, broker) = (opened.unwrap(), Arc::new(FakeBroker::default()));
        let used = Arc::clone(&broker) as Arc<dyn Broker>;
        store.queue_use_broker(used).await.unwrap();
        Site {
            store,
            broker,
            clock,
            _folder: folder,
        }
    }

    async fn move_to(&self, broker: bool) {
        let home = self.store.queue_ask_to_move(QUEUE, broker).await.unwrap();
        assert_eq!(home.on_broker, broker, "it has moved");
        self.clock.advance_us(SECOND);
    }

    async fn publish(&self, bodies: &[&str]) {
        for body in bodies {
            let publish = self.store.queue_publish(QUEUE, vec![message(body)]).await;
            concluded(&self.store, publish.unwrap()).await.unwrap();
        }
    }

    async fn lease(&self, max: u64) -> Vec<Leased> {
        let asked = Lease {
            max: Some(max),
            ..Lease::default()
        };
        let leased = self
            .store
            .queue_lease_anywhere(QUEUE, &asked, Duration::ZERO);
        leased.await.unwrap()
    }

    /// Settles leases of the broker, which come from somebody who was sent them; how many it were.
    async fn settle(&self, leases: Vec<LeaseToken>, how: Settle) -> u64 {
        let sent = leases.iter().map(LeaseToken::to_text);
        let read: Vec<LeaseToken> = sent.map(|text| LeaseToken::read(&text).unwrap()).collect();
        let settled = self.store.queue_settle_brokered(QUEUE, &read, &how);
        settled.await.unwrap().acked
    }

    /// What was leased, as text.
    async fn bodies(&self, max: u64) -> Vec<String> {
        let leased = self.lease(max).await;
        let each = leased.iter();
        each.map(|one| String::from_utf8_lossy(&one.message.body).into())
            .collect()
    }

    /// Has so many messages of the store die.
    async fn kill_here(&self, count: usize) {
        let each = (0..count).map(|number| message(&format!("here {number}")));
        let publish = self.store.queue_publish(QUEUE, each.collect()).await;
        concluded(&self.store, publish.unwrap()).await.unwrap();
        let asked = Lease {
            max: Some(count as u64),
            ..Lease::default()
        };
        let lease = self.store.queue_lease(QUEUE, &asked).unwrap();
        let leased = concluded(&self.store, lease).await.unwrap();
        assert_eq!(leased.len(), count);
        let bury = self.store.queue_bury(QUEUE, tokens(&leased), "no".into());
        concluded(&self.store, bury.unwrap()).await.unwrap();
    }

    fn kill_there(&self, count: i64) {
        let each = (0..count).map(|number| Dead {
            message: FakeBroker::message(number),
            error: "no".into(),
            attempts: 5,
            died_at_us: NOW,
        });
        self.broker.with(|state| state.dead.extend(each));
    }

    /// All dead letters, page by page, and how many pages they were.
    async fn dead(&self, limit: u64) -> (Vec<String>, usize) {
        let (mut all, mut pages, mut cursor) = (Vec::new(), 0, None);
        loop {
            let page = QueuePage {
                limit: Some(limit),
                cursor: cursor.take(),
                group: None,
            };
            let found = self.store.queue_dead_anywhere(QUEUE, &page).await.unwrap();
            assert!(found.messages.len() as u64 <= limit);
            let bodies = found.messages.iter();
            all.extend(bodies.map(|one| String::from_utf8_lossy(&one.message.body).into_owned()));
            pages += 1;
            cursor = found.cursor;
            if cursor.is_none() {
                return (all, pages);
            }
        }
    }
}

fn tokens(leased: &[Leased]) -> Vec<LeaseToken> {
    leased.iter().map(|one| one.lease.clone()).collect()
}

fn numbered(word: &str, count: usize) -> impl Iterator<Item = String> + '_ {
    (0..count).map(move |number| format!("{word} {number}"))
}

#[tokio::test]
async fn a_relay_hands_over_in_order_and_comes_back_to_what_was_not_taken() {
    let site = Site::open().await;
    site.move_to(true).await;
    site.publish(&["a", "b", "c"]).await;
    site.broker.with(|state| state.refuses = vec!["b"]);
    site.store.queue_relay_all().await.unwrap_err();
    assert_eq!(site.broker.ready(), ["a", "c"]);
    site.publish(&["d"]).await;
    site.store.queue_relay_all().await.unwrap_err();
    assert_eq!(site.broker.ready(), ["a", "c", "d"]);
    site.broker.with(|state| state.refuses.clear());
    site.publish(&["e"]).await;
    site.store.queue_relay_all().await.unwrap();
    assert_eq!(site.broker.ready(), ["a", "c", "d", "b", "e"]);
    site.store.queue_relay_all().await.unwrap();
    assert_eq!(site.broker.ready().len(), 5);
}

#[tokio::test]
async fn what_is_handed_over_after_two_more_moves_is_what_was_published_since() {
    let site = Site::open().await;
    for (round, there) in [("1", true), ("2", false), ("3", true)] {
        site.move_to(there).await;
        site.publish(&[round]).await;
        site.store.queue_relay_all().await.unwrap();
        let leased = site.lease(9).await;
        let bodies: Vec<&[u8]> = leased.iter().map(|one| &one.message.body[..]).collect();
        assert_eq!(bodies, [round.as_bytes()]);
        let (there, here): (Vec<_>, Vec<_>) = tokens(&leased)
            .into_iter()
            .partition(LeaseToken::is_of_broker);
        if !there.is_empty() {
            site.settle(there, Settle::Ack).await;
        }
        if !here.is_empty() {
            let ack = site.store.queue_ack(QUEUE, here).unwrap();
            concluded(&site.store, ack).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_given_back_to_a_broker_waits_twice_as_long_each_time() {
    let site = Site::open().await;
    site.move_to(true).await;
    site.publish(&["a"]).await;
    site.store.queue_relay_all().await.unwrap();
    for _ in 0..4 {
        let leased = site.lease(1).await;
        let nack = Settle::Nack(Nack::default());
        assert_eq!(site.settle(tokens(&leased), nack).await, 1);
    }
    let leased = site.lease(1).await;
    let delay = Some(Duration::from_secs(7));
    let said = Settle::Nack(Nack { delay, error: None });
    site.settle(tokens(&leased), said).await;
    let delays = site.broker.with(|state| state.delays.clone());
    assert_eq!(delays, [1, 2, 4, 8, 7].map(Duration::from_secs));
}

#[tokio::test]
async fn what_is_out_on_a_broker_counts_for_max_in_flight() {
    let site = Site::open().await;
    site.move_to(true).await;
    let each = (0..300).map(|number| (FakeBroker::message(number), 0));
    site.broker.with(|state| state.ready.extend(each));
    let leased = site.lease(250).await;
    assert_eq!(leased.len(), 250, "nobody has counted yet");
    site.store.queue_measure_watched().await.unwrap();
    let asked = Lease::default();
    let refused = site
        .store
        .queue_lease_anywhere(QUEUE, &asked, Duration::ZERO);
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("200 messages"), "{refused}");
    assert_eq!(site.settle(tokens(&leased), Settle::Ack).await, 250);
    site.store.queue_measure_watched().await.unwrap();
    assert_eq!(site.lease(50).await.len(), 50);
    let depth = site.store.queue_depth_anywhere(QUEUE, None).await.unwrap();
    assert_eq!((depth.ready, depth.in_flight), (0, 50), "each counted once");
}

#[tokio::test]
async fn dead_letters_on_both_sides_of_a_move_are_told_page_by_page_and_redriven_together() {
    let site = Site::open().await;
    site.kill_here(130).await;
    site.move_to(true).await;
    site.kill_there(150);
    let all: Vec<String> = numbered("here", 130)
        .chain(numbered("there", 150))
        .collect();
    for (limit, pages) in [(100, 3), (65, 5), (7, 40)] {
        assert_eq!(
            site.dead(limit).await,
            (all.clone(), pages),
            "{limit} a page"
        );
    }
    assert_eq!(site.bodies(9).await.len(), 0, "none is alive");
    let done = site
        .store
        .queue_redrive_anywhere(QUEUE, None)
        .await
        .unwrap();
    assert_eq!(done.redriven, 280);
    assert_eq!(site.dead(100).await, (vec![], 1));
    // Those of the store are older.
    site.clock.advance_us(SECOND);
    assert_eq!(
        site.bodies(130).await,
        numbered("here", 130).collect::<Vec<_>>()
    );
    assert_eq!(
        site.bodies(150).await,
        numbered("there", 150).collect::<Vec<_>>()
    );
    let done = site
        .store
        .queue_redrive_anywhere(QUEUE, None)
        .await
        .unwrap();
    assert_eq!((done.redriven, done.more), (0, false));
}

#[tokio::test]
async fn a_dead_letter_on_the_broker_is_redriven_after_its_queue_came_back() {
    let site = Site::open().await;
    site.move_to(true).await;
    site.kill_there(1);
    site.move_to(false).await;
    assert_eq!(site.bodies(9).await.len(), 0, "nothing is left there");
    site.publish(&["younger"]).await;
    assert_eq!(site.dead(9).await.0, ["there 0"]);
    let done = site
        .store
        .queue_redrive_anywhere(QUEUE, None)
        .await
        .unwrap();
    assert_eq!(done.redriven, 1);
    assert_eq!(site.bodies(9).await, ["there 0"]);
    let left = site.broker.with(|state| state.out.pop());
    assert!(left.is_some(), "it was leased there");
    site.store
        .queue_redrive_anywhere(QUEUE, None)
        .await
        .unwrap();
    assert_eq!(site.bodies(9).await, ["younger"]);
}

#[tokio::test]
async fn a_message_is_handed_over_above_the_priorities_that_a_queue_has_left() {
    let site = Site::open().await;
    let engine = Arc::clone(site.store.engine());
    let mut config = StoreConfig::default();
    config.queues.others.priorities = 3;
    let more = Store::open(engine, site.clock.clone(), config)
        .await
        .unwrap();
    site.move_to(true).await;
    let urgent = NewMessage {
        priority: 2,
        ..message("urgent")
    };
    let publish = more.queue_publish(QUEUE, vec![urgent]).await.unwrap();
    concluded(&more, publish).await.unwrap();
    site.publish(&["plain"]).await;
    site.store.queue_relay_all().await.unwrap();
    assert_eq!(site.broker.ready(), ["urgent", "plain"]);
}

#[tokio::test]
async fn messages_that_no_request_may_read_together_are_handed_over_a_few_at_once() {
    const MIB: usize = 1 << 20;
    for (bytes_max, many, bytes) in [(64 * MIB, 3, 45 * MIB), (8 * MIB, 18, 8 * MIB)] {
        let changed = Site::with(|rules| {
            rules.priorities = 3;
            rules.ordered = true;
            rules.message_bytes_max = bytes_max;
        });
        let site = changed.await;
        site.move_to(true).await;
        let mut expected = Vec::new();
        for nth in 0..many {
            let priority = 2 - u8::try_from(nth * 3 / many).unwrap();
            let first = char::from(b'a' + u8::try_from(nth).unwrap());
            let mut large = keyed(&first.to_string().repeat(bytes), "k");
            large.priority = priority;
            let publish = site.store.queue_publish(QUEUE, vec![large]).await.unwrap();
            concluded(&site.store, publish).await.unwrap();
            expected.push((first.to_string(), bytes));
        }
        let small: Vec<String> = (0..700).map(|number| format!("{number}")).collect();
        let each = small.iter().map(|body| keyed(body, "k"));
        let publish = site.store.queue_publish(QUEUE, each.collect()).await;
        concluded(&site.store, publish.unwrap()).await.unwrap();
        expected.extend(small.iter().map(|body| (body.clone(), body.len())));
        let mut rounds = 1;
        while site.store.queue_relay_all().await.unwrap() {
            rounds += 1;
        }
        let taken = site
            .broker
            .ready()
            .into_iter()
            .map(|body| match body.len() {
                0..4 => (body.clone(), body.len()),
                bytes => (body[..1].to_owned(), bytes),
            });
        let taken: Vec<_> = taken.collect();
        assert!(taken == expected, "nothing is lost, and the order is kept");
        // As many at once as a lease of such a queue has, again.
        let at_once = site.store.queue_rules(QUEUE).lease_max().min(500);
        let whole = expected.len() as u64 / at_once;
        assert!(rounds <= whole + 12, "{rounds} rounds, {at_once} at once");
    }
}

#[tokio::test]
async fn a_key_is_refused_on_a_broker_where_the_queue_is_not_ordered() {
    for is_ordered in [false, true] {
        let site = Site::with(|rules| rules.ordered = is_ordered).await;
        let publish = async || {
            let publish = site.store.queue_publish(QUEUE, vec![keyed("a", "k")]);
            publish.await.map(drop)
        };
        publish().await.expect("in the store");
        site.move_to(true).await;
        match publish().await {
            Ok(()) => assert!(is_ordered),
            Err(refused) => {
                assert!(!is_ordered, "{refused}");
                let StoreError::Refused(refusal) = refused else {
                    panic!("{refused}");
                };
                assert_eq!(refusal.details.as_deref(), Some("message 0"));
                assert!(refusal.hint.unwrap().contains("ordered = true"));
            }
        }
    }
}

//! What is read does not grow with what died, or with what is not needed: told by the entries of indexes
//! that PostgreSQL reads while an old transaction stays open.

use crate::bench::{NOW, keyed, message};
use crate::concluded::concluded;
use crate::fake_broker::FakeBroker;
use crate::postgres::Counted;
use pando_model::clock::ManualClock;
use pando_store::queue::{Lease, LeaseToken, Leased, NewMessage};
use pando_store::{Store, StoreConfig};
use std::future::Future;
use std::sync::Arc;

const QUEUE: &str = "q";
const LOG: &str = "_pando_queue_log";
const OUT: &str = "_pando_queue_out";
/// So many messages died, or are held.
const MANY: usize = 2_000;
/// So often something is done.
const TIMES: u64 = 50;

/// Does something with a store of its own; how many entries of a relation that read.
async fn entries_of<F: Future<Output = ()>>(
    database: &Counted,
    relation: &str,
    act: impl FnOnce(Arc<Store>, Arc<ManualClock>) -> F,
) -> u64 {
    let before = database.entries(relation).await;
    let clock = Arc::new(ManualClock::new(NOW));
    let opened = Store::open(database.open().await, clock.clone(), StoreConfig::default()).await;
    let store = opened.unwrap();
    act(Arc::clone(&store), clock).await;
    store.close().await.unwrap();
    database.entries(relation).await - before
}

async fn publish(store: &Store, messages: Vec<NewMessage>) {
    let publish = store.queue_publish(QUEUE, messages).await.unwrap();
    concluded(store, publish).await.unwrap();
}

async fn fill(store: &Store, each: impl Fn(usize) -> NewMessage) {
    for lot in 0..MANY / 500 {
        let lot = (0..500).map(|number| each(lot * 500 + number));
        publish(store, lot.collect()).await;
    }
}

async fn lease(store: &Store, max: u64) -> Vec<Leased> {
    let asked = Lease {
        max: Some(max),
        ..Lease::default()
    };
    let lease = store.queue_lease(QUEUE, &asked).unwrap();
    concluded(store, lease).await.unwrap()
}

#[tokio::test]
async fn a_relay_does_not_walk_over_what_it_has_handed_over() {
    let database = Counted::begin().await;
    let looks_cost = |looks: u64| {
        entries_of(&database, LOG, async move |store: Arc<Store>, _| {
            let broker = FakeBroker::default();
            store.queue_move(QUEUE, true).await.unwrap();
            fill(&store, |number| message(&number.to_string())).await;
            while store.queue_relay(QUEUE, &broker).await.unwrap().more {}
            assert_eq!(broker.ready().len(), MANY);
            for _ in 0..looks {
                let relayed = store.queue_relay(QUEUE, &broker).await.unwrap();
                assert_eq!(relayed.confirmed, 0);
            }
            store.queue_move(QUEUE, false).await.unwrap();
        })
    };
    let (few, many) = (looks_cost(0).await, looks_cost(TIMES).await);
    println!("{few} entries without looks, {many} with {TIMES}");
    assert!(many < few + TIMES * 10, "{few} and {many}");
}

#[tokio::test]
async fn a_purge_walks_over_what_it_removes_once() {
    let database = Counted::begin().await;
    let fill_it = entries_of(&database, LOG, async |store: Arc<Store>, _| {
        fill(&store, |number| message(&number.to_string())).await;
    });
    fill_it.await;
    let purge = entries_of(&database, LOG, async |store: Arc<Store>, _| {
        let purged = store.queue_purge(QUEUE).await.unwrap();
        assert_eq!(purged, MANY as u64);
    });
    let read = purge.await;
    println!("{read} entries for {MANY} messages");
    // Each is found, and found twice where it is deleted; 500 more for each 500 before, if not.
    assert!(read < MANY as u64 * 7 / 2, "{read}");
}

#[tokio::test]
async fn an_ack_of_a_key_reads_a_few_rows_however_many_are_held() {
    let database = Counted::begin().await;
    let hold = entries_of(&database, OUT, async |store: Arc<Store>, _| {
        fill(&store, |number| keyed(&number.to_string(), "hot")).await;
        let mut leased = lease(&store, 1_000).await;
        for _ in 1..MANY / 500 {
            leased.extend(lease(&store, 1_000).await);
        }
        assert_eq!(leased.len(), 1);
        let ack = store.queue_ack(QUEUE, vec![leased.remove(0).lease]);
        concluded(&store, ack.unwrap()).await.unwrap();
    });
    hold.await;
    let work = entries_of(
        &database,
        OUT,
        async |store: Arc<Store>, clock: Arc<ManualClock>| {
            for nth in 1..=TIMES {
                clock.advance_us(1);
                let leased = lease(&store, 10).await;
                assert_eq!(leased.len(), 1);
                assert_eq!(leased[0].message.body, nth.to_string());
                let tokens: Vec<LeaseToken> = leased.into_iter().map(|one| one.lease).collect();
                let ack = store.queue_ack(QUEUE, tokens).unwrap();
                concluded(&store, ack).await.unwrap();
            }
        },
    );
    let each = work.await / TIMES;
    println!("{each} entries for each lease and ack");
    assert!(each < 400, "{each}");
}

/// Once PostgreSQL has counted that nothing is out, all ways to look for what is due cost it the same.
#[tokio::test]
async fn a_lease_walks_over_none_of_the_dead_where_postgres_has_counted_no_living() {
    let database = Counted::begin().await;
    let die = entries_of(&database, OUT, async |store: Arc<Store>, _| {
        // As many as make the trees of the indexes as high as they become: what is out of a queue is
        // put in, and taken out, by hand.
        publish(&store, vec![message("first")]).await;
        let leased = lease(&store, 1).await;
        let same = "_pando_slot, queue, lane, consumer_group, n, rank, position, place, state, attempt, \
                    lease, due - n * interval '1 ms', ordering_key, error, since";
        let many =
            format!("INSERT INTO {OUT} SELECT {same} FROM {OUT}, generate_series(1, 300000) n");
        database.sql(&format!("{many}; ANALYZE {OUT}, {LOG}")).await;
        let tokens = leased.into_iter().map(|one| one.lease).collect();
        let ack = store.queue_ack(QUEUE, tokens).unwrap();
        concluded(&store, ack).await.unwrap();
        database.sql(&format!("DELETE FROM {OUT}")).await;
        database.sql(&format!("ANALYZE {OUT}, {LOG}")).await;
        // What came later than the look that counted.
        fill(&store, |number| message(&number.to_string())).await;
    });
    die.await;
    for relation in [OUT, LOG] {
        let work = entries_of(&database, relation, async |store: Arc<Store>, _| {
            // More often than a statement has a plan of its own.
            for _ in 0..TIMES {
                assert_eq!(lease(&store, 1).await.len(), 1);
            }
        });
        let each = work.await / TIMES;
        println!("{each} entries of {relation} for each lease");
        assert!(each < 200, "{relation}: {each}");
    }
}

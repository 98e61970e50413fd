//! The broker is killed, and started again on what it has.

use super::{Bench, GROUP, PATIENCE, Queue, SHORT, ids, leases, message};
use pando_model::broker::Message;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

pub(super) async fn nothing_confirmed_is_lost_when_the_broker_is_killed(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let confirmed = Arc::new(Mutex::new(BTreeSet::new()));
    let publishers: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(publish_until_it_fails(
                queue.clone(),
                Arc::clone(&confirmed),
            ))
        })
        .collect();
    while confirmed.lock().len() < 300 {
        tokio::task::yield_now().await;
    }
    bench.subject.kill().await;
    for publisher in publishers {
        publisher.await.expect("ran");
    }
    bench.subject.start().await;
    let mut missing = confirmed.lock().clone();
    let began = Instant::now();
    let mut refused = None;
    while !missing.is_empty() {
        let left = missing.len();
        assert!(
            began.elapsed() < PATIENCE * 2,
            "{left} are lost: {missing:?}; the last error: {refused:?}"
        );
        let ask = queue.ask(100, SHORT / 4);
        // Until it is connected again, it says that it is not.
        let leased = bench.broker.lease(queue.name(), GROUP, &ask).await;
        let leased = leased.unwrap_or_else(|error| {
            refused = Some(error);
            Vec::new()
        });
        for id in ids(&leased) {
            missing.remove(&id);
        }
        let _ = bench.broker.ack(queue.name(), &leases(&leased)).await;
        tokio::task::yield_now().await;
    }
}

async fn publish_until_it_fails(queue: Queue, confirmed: Arc<Mutex<BTreeSet<i64>>>) {
    loop {
        let messages: Vec<Message> = (0..10).map(|_| message()).collect();
        let Ok(said) = queue.broker.publish(queue.name(), &messages).await else {
            return;
        };
        let mut failed = false;
        for (message, said) in messages.iter().zip(said) {
            match said {
                Ok(()) => {
                    confirmed.lock().insert(message.id);
                }
                Err(_) => failed = true,
            }
        }
        if failed {
            return;
        }
    }
}

pub(super) async fn what_is_acked_well_before_the_broker_is_killed_is_not_delivered_again(
    bench: Bench,
) {
    let queue = bench.declare(|spec| spec.visibility = SHORT).await;
    queue.fill(20).await;
    let leased = queue.collect(GROUP, 20).await;
    queue.ack(&leased).await;
    // Brokers write acknowledgements down a little later than they take them; by then they have.
    assert_eq!(queue.lease(1, SHORT).await, []);
    bench.subject.kill().await;
    bench.subject.start().await;
    let began = Instant::now();
    loop {
        let ask = queue.ask(20, SHORT * 2);
        match bench.broker.lease(queue.name(), GROUP, &ask).await {
            Ok(leased) => return assert_eq!(leased, []),
            Err(error) => assert!(began.elapsed() < PATIENCE * 2, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

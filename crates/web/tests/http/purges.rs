//! Purges of queues on a broker that end between what the broker did and what is written down of it.

use crate::fake_broker::FakeBroker;
use crate::world::{Answer, World};
use pando_model::broker::Broker;
use pando_store::StoreConfig;
use std::sync::Arc;

/// A queue on a broker that has one message.
async fn site() -> (World, Arc<FakeBroker>) {
    let mut config = StoreConfig::default();
    let rules = config.queues.others.clone();
    let declared = &mut config.queues.declared;
    declared.entry("mail".to_owned()).or_insert(rules).on_broker = true;
    let (world, broker) = (
        World::keeping(config).await,
        Arc::new(FakeBroker::default()),
    );
    let used = Arc::clone(&broker) as Arc<dyn Broker>;
    world.store.queue_use_broker(used).await.expect("a broker");
    assert!(world.store.queue_is_brokered("mail"));
    put(&broker, 1);
    (world, broker)
}

fn put(broker: &FakeBroker, number: i64) {
    let message = (FakeBroker::message(number), 0);
    broker.with(|state| state.ready.push_back(message));
}

async fn purge(world: &World, key: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    world
        .ask("POST", "/queue/v1/mail/purge", &headers, "")
        .await
}

#[tokio::test]
async fn a_purge_that_the_broker_was_asked_for_and_nobody_heard_the_end_of_is_not_done_again() {
    let (world, broker) = site().await;
    broker.with(|state| state.loses_answers = true);
    let unknown = purge(&world, "a").await;
    assert_eq!(unknown.status, 503, "{unknown:?}");
    assert_eq!(unknown.json()["code"], "outcome_unknown", "{unknown:?}");
    // What was published since is not what was to go.
    broker.with(|state| state.loses_answers = false);
    put(&broker, 2);
    let again = purge(&world, "a").await;
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(again.json()["code"], "purge_interrupted", "{again:?}");
    assert_eq!(broker.ready(), ["there 2"]);
    let anew = purge(&world, "b").await;
    assert_eq!(anew.status, 200, "{anew:?}");
    assert!(broker.ready().is_empty());
    put(&broker, 3);
    let replayed = purge(&world, "b").await;
    assert_eq!(replayed.headers["idempotency-replayed"], "true");
    assert_eq!(broker.ready(), ["there 3"]);
}

#[tokio::test]
async fn a_purge_for_which_the_broker_did_not_answer_can_be_asked_for_again() {
    let (world, broker) = site().await;
    broker.with(|state| state.is_down = true);
    let refused = purge(&world, "a").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    broker.with(|state| state.is_down = false);
    assert_eq!(broker.ready(), ["there 1"]);
    let done = purge(&world, "a").await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(broker.ready().is_empty());
}

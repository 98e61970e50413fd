//! What is refused, and how.

use super::{Bench, GROUP, NOW, SHORT, message};
use pando_model::broker::{Ability, BrokerError, Lease, LeaseAsk, MESSAGES_MAX, QueueSpec};
use std::time::Duration;

pub(super) async fn a_queue_that_asks_for_more_than_there_is_is_refused_by_name(bench: Bench) {
    type Change = fn(&mut QueueSpec);
    let asks: [(Ability, Change); 6] = [
        (Ability::Groups, |spec| spec.groups.push("more".to_owned())),
        (Ability::Priority, |spec| spec.priorities = 3),
        (Ability::OrderingKeys, |spec| spec.ordered = true),
        (Ability::Synced, |spec| spec.synced = true),
        (Ability::Replay, |spec| {
            spec.retention = Some(Duration::from_secs(60));
        }),
        (Ability::Deduplication, |spec| {
            spec.dedup_window = Some(Duration::from_secs(60));
        }),
    ];
    for (ability, change) in asks {
        bench.declare_if(ability, change).await;
    }
    assert_eq!(
        bench.has(Ability::Synced),
        bench.broker.info().durability.synced
    );
    let mut spec = bench.spec();
    spec.name = "No.Name".to_owned();
    let said = bench.broker.declare(&spec).await;
    assert!(matches!(said, Err(BrokerError::Invalid { .. })), "{said:?}");
    let queue = bench.declare(|_| {}).await;
    if !bench.has(Ability::VisibilityOfLease) {
        let mut ask = queue.ask(1, NOW);
        ask.visibility /= 2;
        let said = bench.broker.lease(queue.name(), GROUP, &ask).await;
        bench.is_refused(said, Ability::VisibilityOfLease);
    }
    let mut keyed = message();
    keyed.ordering_key = Some("key".to_owned());
    let said = bench.broker.publish(queue.name(), &[keyed]).await;
    bench.is_refused(said, Ability::OrderingKeys);
    let mut urgent = message();
    urgent.priority = 1;
    let said = bench.broker.publish(queue.name(), &[urgent]).await;
    bench.is_refused(said, Ability::Priority);
    assert_eq!(queue.lease(1, NOW).await, []);
}

pub(super) async fn what_was_not_declared_is_no_queue(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let broker = &bench.broker;
    let lease = [Lease::new("1 x")];
    let ask = queue.ask(1, NOW);
    let errors = [
        broker.publish("nobody", &[message()]).await.err(),
        broker.lease("nobody", GROUP, &ask).await.err(),
        broker.lease(queue.name(), "nobody", &ask).await.err(),
        broker.ack("nobody", &lease).await.err(),
        broker.counts(queue.name(), "nobody").await.err(),
        broker.dead(queue.name(), "nobody", 1).await.err(),
        broker.redrive(queue.name(), "nobody", 1).await.err(),
        broker.purge("nobody").await.err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(BrokerError::NoSuchQueue { .. })),
            "{error:?}"
        );
    }
}

pub(super) async fn what_was_removed_is_no_queue_until_it_is_declared_again(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let stays = bench.declare(|_| {}).await;
    queue.fill(1).await;
    bench.subject.remove(queue.name()).await;
    let broker = &bench.broker;
    let published = broker.publish(queue.name(), &[message()]).await;
    let published = published.and_then(|mut each| each.pop().expect("one answer"));
    let errors = [
        published.err(),
        broker
            .lease(queue.name(), GROUP, &queue.ask(1, NOW))
            .await
            .err(),
        broker
            .lease(queue.name(), GROUP, &queue.ask(1, SHORT))
            .await
            .err(),
        broker.counts(queue.name(), GROUP).await.err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(BrokerError::NoSuchQueue { .. })),
            "{error:?}"
        );
    }
    stays.fill(1).await;
    stays.one().await;
    broker.declare(&queue.spec).await.expect("declared");
    let ids = queue.fill(1).await;
    assert_eq!(queue.one().await.message.id, ids[0]);
}

pub(super) async fn calls_have_bounds(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let many = vec![message(); MESSAGES_MAX + 1];
    let leases = vec![Lease::new("1 x"); MESSAGES_MAX + 1];
    let ask = |max| LeaseAsk {
        max,
        ..queue.ask(1, NOW)
    };
    let broker = &bench.broker;
    let errors = [
        broker.publish(queue.name(), &many).await.err(),
        broker.ack(queue.name(), &leases).await.err(),
        broker.nack(queue.name(), &leases, NOW, "").await.err(),
        broker.lease(queue.name(), GROUP, &ask(0)).await.err(),
        broker
            .lease(queue.name(), GROUP, &ask(MESSAGES_MAX + 1))
            .await
            .err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Some(BrokerError::Invalid { .. })),
            "{error:?}"
        );
    }
    assert_eq!(broker.publish(queue.name(), &[]).await, Ok(vec![]));
    let settled = broker.ack(queue.name(), &[]).await.expect("ack");
    assert_eq!((settled.done, settled.gone), (0, vec![]));
}

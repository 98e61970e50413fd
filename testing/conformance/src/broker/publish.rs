//! Publishing, and to whom.

use super::{Bench, GROUP, NOW, PATIENCE, SHORT, ids, message};
use pando_model::broker::Ability;
use std::time::{Duration, Instant};

pub(super) async fn an_id_is_one_message_within_the_window(bench: Bench) {
    let window = |window| {
        move |spec: &mut pando_model::broker::QueueSpec| {
            spec.dedup_window = Some(window);
        }
    };
    let long = bench.declare_if(Ability::Deduplication, window(PATIENCE * 10));
    let Some(queue) = long.await else { return };
    let (one, other) = (message(), message());
    queue.publish(&[one.clone(), one.clone()]).await;
    let mut changed = one.clone();
    changed.body = "another body".into();
    queue.publish(&[changed, other.clone()]).await;
    let leased = queue.collect(GROUP, 2).await;
    let found: Vec<_> = leased.iter().map(|one| one.message.clone()).collect();
    assert_eq!(found, [one.clone(), other]);
    queue.ack(&leased).await;
    queue.publish(std::slice::from_ref(&one)).await;
    assert_eq!(
        queue.lease(1, SHORT / 2).await,
        [],
        "not after its ack either"
    );

    // When the window has passed it is a message of its own.
    let queue = bench.declare(window(Duration::from_millis(200))).await;
    queue.publish(std::slice::from_ref(&one)).await;
    let first = queue.one().await;
    queue.ack(&[first]).await;
    let began = Instant::now();
    loop {
        queue.publish(std::slice::from_ref(&one)).await;
        if let [again] = &queue.lease(1, NOW).await[..] {
            assert_eq!((&again.message, again.attempt), (&one, 1));
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the window does not pass");
    }
}

pub(super) async fn each_group_gets_every_message_and_acks_for_itself(bench: Bench) {
    let groups = |spec: &mut pando_model::broker::QueueSpec| {
        spec.groups = ["mail", "audit", "search"].map(str::to_owned).to_vec();
    };
    let Some(queue) = bench.declare_if(Ability::Groups, groups).await else {
        return;
    };
    let published = queue.fill(5).await;
    for group in &queue.spec.groups {
        let leased = queue.collect(group, 5).await;
        assert_eq!(ids(&leased), published, "{group}");
        if group != "audit" {
            queue.ack(&leased).await;
        }
    }
    for (group, depth) in [("mail", Some(0)), ("audit", Some(5)), ("search", Some(0))] {
        let counts = bench.broker.counts(queue.name(), group).await;
        let counts = counts.expect("counts");
        assert_eq!(counts.depth, 0, "{group}");
        if bench.has(Ability::Counts) {
            assert_eq!(counts.in_flight, depth, "{group}");
        }
    }
}

pub(super) async fn a_declaration_that_is_repeated_or_changed_keeps_what_is_there(bench: Bench) {
    let mut queue = bench.declare(|_| {}).await;
    let published = queue.fill(3).await;
    let held = queue.one().await;
    bench.broker.declare(&queue.spec).await.expect("the same");
    if bench.has(Ability::Groups) {
        queue.spec.groups.push("audit".to_owned());
    }
    bench.broker.declare(&queue.spec).await.expect("one more");
    let rest = queue.collect(GROUP, 2).await;
    assert_eq!(ids(&rest), published[1..]);
    queue.ack(&[held]).await;
    queue.ack(&rest).await;
    if bench.has(Ability::Groups) {
        let later = queue.fill(1).await;
        let mut audited = Vec::new();
        while audited.last() != later.last() {
            let leased = queue.lease_of("audit", 10, PATIENCE).await;
            assert!(!leased.is_empty(), "a new group gets what comes");
            audited.extend(ids(&leased));
        }
    }
}

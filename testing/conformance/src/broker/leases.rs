//! Leases: who has a message, and for how long.

use super::{Bench, GROUP, LONG, NOW, PATIENCE, Queue, SHORT, ids, leases, message};
use bytes::Bytes;
use pando_model::broker::{Ability, Lease};
use std::collections::HashSet;
use std::time::{Duration, Instant};

pub(super) async fn what_is_published_is_leased_as_it_is_until_it_is_acked(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let mut messages = vec![message(), message(), message(), message()];
    messages[0].body = Bytes::from_static(b"\0\r\n\xff\xfe");
    messages[1].body = Bytes::new();
    messages[1].attributes = "{\r\n\"가\": \" \\\"\\u0000\"}".to_owned();
    messages[2].content_type = String::new();
    messages[2].published_at_us = 0;
    messages[3].body = Bytes::from(vec![b'x'; 200_000]);
    messages[3].id = (1 << 53) - 1;
    queue.publish(&messages).await;
    let leased = queue.collect(GROUP, 4).await;
    let found: Vec<_> = leased.iter().map(|one| one.message.clone()).collect();
    assert_eq!(found, messages);
    assert!(leased.iter().all(|one| one.attempt == 1));
    assert_eq!(queue.lease(10, NOW).await, []);
    queue.ack(&leased).await;
    let counts = bench
        .broker
        .counts(queue.name(), GROUP)
        .await
        .expect("counts");
    assert_eq!((counts.depth, counts.dead), (0, 0));
}

pub(super) async fn who_leases_waits_for_what_is_published_meanwhile(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let waits = {
        let queue = queue.clone();
        tokio::spawn(async move { queue.lease(10, PATIENCE).await })
    };
    let began = Instant::now();
    assert_eq!(queue.lease(1, Duration::from_millis(300)).await, []);
    assert!(began.elapsed() >= Duration::from_millis(290), "it waited");
    let published = queue.fill(1).await;
    assert_eq!(ids(&waits.await.expect("ran")), published);
    assert!(began.elapsed() < PATIENCE / 2, "it was woken");
}

pub(super) async fn what_is_acked_is_not_delivered_again(bench: Bench) {
    let queue = bench.declare(|spec| spec.visibility = SHORT).await;
    let published = queue.fill(50).await;
    let leased = queue.lease(50, PATIENCE).await;
    queue.ack(&leased).await;
    let rest = queue.collect(GROUP, 50 - leased.len()).await;
    queue.ack(&rest).await;
    assert_eq!([ids(&leased), ids(&rest)].concat(), published);
    assert_eq!(queue.lease(50, SHORT + SHORT / 2).await, []);
}

pub(super) async fn a_lease_that_ran_out_is_delivered_again_and_its_ack_is_gone(bench: Bench) {
    let queue = bench.declare(|spec| spec.visibility = SHORT).await;
    queue.fill(1).await;
    let began = Instant::now();
    let first = queue.one().await;
    let second = queue.one().await;
    assert!(began.elapsed() >= SHORT.mul_f32(0.95), "it was another's");
    assert_eq!(second.message, first.message);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    let old = [first.lease.clone()];
    let settled = bench.broker.ack(queue.name(), &old).await.expect("ack");
    assert_eq!((settled.done, &settled.gone[..]), (0, &old[..]));
    let settled = bench.broker.nack(queue.name(), &old, NOW, "late").await;
    assert_eq!(settled.expect("nack").gone, old);
    if bench.has(Ability::Extend) {
        let extended = bench.broker.extend(queue.name(), &old, SHORT).await;
        assert_eq!(extended, Ok(vec![None]));
    }
    queue.ack(&[second]).await;
    assert_eq!(queue.lease(1, SHORT + SHORT / 2).await, []);
}

pub(super) async fn a_lease_that_is_extended_outlives_its_time(bench: Bench) {
    let queue = bench.declare(|spec| spec.visibility = SHORT).await;
    queue.fill(1).await;
    let mut leased = queue.one().await;
    if !bench.has(Ability::Extend) {
        let leases = [leased.lease];
        let said = bench.broker.extend(queue.name(), &leases, SHORT).await;
        return bench.is_refused(said, Ability::Extend);
    }
    for _ in 0..3 {
        let others = queue.lease(1, SHORT / 2).await;
        assert_eq!(others, []);
        let leases = [leased.lease.clone()];
        let extended = bench.broker.extend(queue.name(), &leases, SHORT).await;
        let extended = extended.expect("extended").pop().expect("an answer");
        leased.lease = extended.expect("it had not run out");
    }
    queue.ack(&[leased]).await;
}

pub(super) async fn nobody_gets_what_another_has(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let published = queue.fill(200).await;
    let worker = |queue: Queue| async move {
        let mut got = Vec::new();
        loop {
            let leased = queue.lease(7, SHORT).await;
            if leased.is_empty() {
                return got;
            }
            got.extend(ids(&leased));
        }
    };
    let workers: Vec<_> = (0..8)
        .map(|_| tokio::spawn(worker(queue.clone())))
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.expect("ran"));
    }
    assert_eq!(all.len(), published.len());
    let all: HashSet<i64> = all.into_iter().collect();
    assert_eq!(all, published.into_iter().collect());
}

pub(super) async fn another_process_settles_a_lease_or_is_told_that_it_is_gone(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let other = bench.subject.another().await;
    other.declare(&queue.spec).await.expect("declared");
    queue.fill(1).await;
    let leased = [queue.one().await];
    let settled = other.ack(queue.name(), &leases(&leased)).await;
    let settled = settled.expect("ack");
    if bench.has(Ability::SharedLeases) {
        assert_eq!((settled.done, settled.gone), (1, vec![]));
    } else {
        assert_eq!((settled.done, settled.gone), (0, leases(&leased)));
        queue.ack(&leased).await;
    }
    // What a process had when it ended comes to another one.
    let theirs = Queue {
        broker: other,
        spec: queue.spec.clone(),
    };
    queue.fill(1).await;
    let held = theirs.one().await;
    theirs.broker.close().await.expect("closed");
    if !bench.has(Ability::SharedLeases) {
        assert_eq!(queue.one().await.message, held.message);
    }
    let said = theirs.broker.ack(queue.name(), &[held.lease]).await;
    said.expect_err("it is closed");
}

pub(super) async fn what_is_no_lease_is_gone(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    let other = bench.declare(|_| {}).await;
    queue.fill(1).await;
    let leased = queue.one().await;
    let text = leased.lease.as_str();
    let forged = [
        Lease::new(""),
        Lease::new("가"),
        Lease::new("x".repeat(10_000)),
        Lease::new(text.replace(|c: char| c.is_ascii_digit(), "9")),
        Lease::new(text.replace(' ', "")),
        Lease::new(format!("{text}.>")),
    ];
    let settled = bench.broker.ack(queue.name(), &forged).await.expect("ack");
    assert!(settled.done <= 2, "{settled:?}");
    let settled = bench.broker.ack(queue.name(), &forged[..3]).await;
    assert_eq!(settled.expect("ack").gone, forged[..3]);
    let elsewhere = [leased.lease.clone()];
    let settled = bench.broker.ack(other.name(), &elsewhere).await;
    assert_eq!(
        settled.expect("ack").gone,
        elsewhere,
        "it is another queue's"
    );
    queue.ack(&[leased]).await;
}

pub(super) async fn what_is_given_back_comes_again_with_one_more_attempt(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    queue.fill(1).await;
    for attempt in 1..4 {
        let leased = queue.one().await;
        assert_eq!(leased.attempt, attempt);
        queue.nack(&leased, NOW, "not today").await;
    }
    let leased = queue.one().await;
    assert_eq!(leased.attempt, 4);
    queue.ack(&[leased]).await;
}

pub(super) async fn what_is_given_back_with_a_delay_does_not_come_before_it(bench: Bench) {
    let queue = bench.declare(|spec| spec.visibility = LONG).await;
    queue.fill(2).await;
    let leased = queue.one().await;
    if !bench.has(Ability::NackDelay) {
        let leases = [leased.lease];
        let said = bench.broker.nack(queue.name(), &leases, SHORT, "").await;
        return bench.is_refused(said, Ability::NackDelay);
    }
    let began = Instant::now();
    queue.nack(&leased, SHORT, "later").await;
    let other = queue.one().await;
    assert_ne!(other.message.id, leased.message.id, "it holds up nobody");
    let again = queue.one().await;
    assert_eq!(again.message, leased.message);
    assert_eq!(again.attempt, 2);
    let took = began.elapsed();
    assert!(took >= SHORT.mul_f32(0.95), "it came after {took:?}");
    queue.ack(&[other, again]).await;
}

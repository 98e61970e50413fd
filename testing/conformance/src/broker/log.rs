//! What lies in a queue: replayed, counted, looked at, removed.

use super::{Bench, GROUP, LONG, NOW, SHORT, ids, now_us};
use pando_model::broker::{Ability, QueueSpec};

pub(super) async fn a_group_is_set_back_to_a_time(bench: Bench) {
    let kept = |spec: &mut QueueSpec| spec.retention = Some(LONG);
    let Some(queue) = bench.declare_if(Ability::Replay, kept).await else {
        let queue = bench.declare(|_| {}).await;
        let said = bench.broker.replay(queue.name(), GROUP, 0).await;
        return bench.is_refused(said, Ability::Replay);
    };
    let mut published = queue.fill(3).await;
    let leased = queue.collect(GROUP, 3).await;
    queue.ack(&leased).await;
    // Brokers count milliseconds: what comes is of a later one, when that has passed.
    while now_us() / 1_000 <= leased[2].message.published_at_us / 1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        queue.lease(1, std::time::Duration::from_millis(10)).await,
        []
    );
    let between_us = now_us();
    let later = queue.fill(2).await;
    published.extend(&later);
    // One of them is leased, one not.
    queue.lease(1, SHORT).await;
    for (from_us, expected) in [(0, &published), (between_us, &later)] {
        let replayed = bench.broker.replay(queue.name(), GROUP, from_us).await;
        replayed.expect("replayed");
        let leased = queue.collect(GROUP, expected.len()).await;
        assert_eq!(&ids(&leased), expected, "from {from_us}");
        queue.ack(&leased).await;
        assert_eq!(queue.lease(1, NOW).await, []);
    }
}

pub(super) async fn counts_tell_what_waits_what_is_out_and_what_is_dead(bench: Bench) {
    let queue = bench.declare(|spec| spec.attempts_max = 1).await;
    let counts = async || {
        let counts = bench.broker.counts(queue.name(), GROUP).await;
        let counts = counts.expect("counts");
        (
            counts.depth,
            counts.in_flight,
            counts.dead,
            counts.oldest_us,
        )
    };
    let all = bench.has(Ability::Counts);
    let told = |in_flight: u64| all.then_some(in_flight);
    assert_eq!(counts().await, (0, told(0), 0, None));
    let began_us = now_us();
    queue.fill(5).await;
    let (depth, in_flight, dead, oldest_us) = counts().await;
    assert_eq!((depth, in_flight, dead), (5, told(0), 0));
    if all {
        let oldest_us = oldest_us.expect("the oldest");
        assert!((began_us..=now_us()).contains(&oldest_us));
    }
    let leased = queue.collect(GROUP, 2).await;
    queue.nack(&leased[0], NOW, "no").await;
    let (depth, in_flight, dead, oldest_us) = counts().await;
    assert_eq!((depth, in_flight, dead), (3, told(1), 1));
    if all {
        let oldest = leased[1].message.published_at_us;
        assert_eq!(oldest_us, Some(oldest), "what is out is not done with");
    }
    queue.ack(&leased[1..]).await;
    let rest = queue.collect(GROUP, 3).await;
    queue.ack(&rest).await;
    assert_eq!(counts().await, (0, told(0), 1, None));
}

pub(super) async fn who_peeks_takes_nothing(bench: Bench) {
    let queue = bench.declare(|_| {}).await;
    if !bench.has(Ability::Peek) {
        let said = bench.broker.peek(queue.name(), GROUP, 10).await;
        return bench.is_refused(said, Ability::Peek);
    }
    assert_eq!(bench.broker.peek(queue.name(), GROUP, 10).await, Ok(vec![]));
    let published = queue.fill(4).await;
    let first = queue.one().await;
    for (max, expected) in [(2, &published[1..3]), (10, &published[1..])] {
        let seen = bench.broker.peek(queue.name(), GROUP, max).await;
        let seen: Vec<i64> = seen.expect("peek").iter().map(|one| one.id).collect();
        assert_eq!(seen, expected);
    }
    let rest = queue.collect(GROUP, 3).await;
    assert_eq!(ids(&rest), published[1..]);
    assert!(rest.iter().all(|one| one.attempt == 1), "it was no attempt");
    queue.ack(&[first]).await;
    queue.ack(&rest).await;
}

pub(super) async fn a_purge_empties_the_queue_for_all_groups(bench: Bench) {
    let groups = |spec: &mut QueueSpec| {
        if bench.has(Ability::Groups) {
            spec.groups.push("audit".to_owned());
        }
        spec.attempts_max = 1;
    };
    let queue = bench.declare(groups).await;
    let purge = || bench.broker.purge(queue.name());
    if !bench.has(Ability::Purge) {
        return bench.is_refused(purge().await, Ability::Purge);
    }
    queue.fill(1).await;
    let poison = queue.one().await;
    queue.nack(&poison, NOW, "no").await;
    queue.fill(10).await;
    purge().await.expect("purged");
    for group in &queue.spec.groups {
        assert_eq!(queue.lease_of(group, 10, NOW).await, [], "{group}");
        let counts = bench.broker.counts(queue.name(), group).await;
        assert_eq!(counts.expect("counts").depth, 0, "{group}");
    }
    let dead = bench.broker.dead(queue.name(), GROUP, 10).await;
    assert_eq!(dead.expect("dead").len(), 1, "the dead stay");
    let later = queue.fill(2).await;
    assert_eq!(ids(&queue.collect(GROUP, 2).await), later);
}

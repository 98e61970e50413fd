//! Leases: who loads.

use super::{Bench, LONG, SHORT, at, record};
use pando_model::level2::Lease;
use pando_model::stamp::Position;
use std::time::Duration;

impl Bench {
    async fn lease(&self, key: &[u8], holder: u128, past: Option<Position>) -> Lease {
        let lease = self.level2.lease(key, holder, SHORT, past).await;
        lease.expect("lease")
    }
}

fn is_held(lease: &Lease) -> bool {
    matches!(lease, Lease::Held(left) if *left <= SHORT)
}

pub(super) async fn one_of_many_who_ask_at_once_is_granted_the_load(bench: Bench) {
    for round in 0..10 {
        let key = bench.key(&round.to_string());
        let tasks: Vec<_> = (1..=32)
            .map(|holder| {
                let (bench, key) = (bench.clone(), key.clone());
                let lease = async move { bench.level2.lease(&key, holder, LONG, None).await };
                tokio::spawn(lease)
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            match task.await.expect("ran").expect("lease") {
                Lease::Granted => granted += 1,
                Lease::Held(left) => assert!(left <= LONG && left > LONG / 2, "{left:?}"),
                Lease::Newer(record) => panic!("nothing was laid down: {record:?}"),
            }
        }
        assert_eq!(granted, 1);
    }
}

pub(super) async fn a_lease_ends_with_its_span_or_is_prolonged_by_its_holder(bench: Bench) {
    let key = bench.key("k");
    let (one, other) = (u128::MAX, 1);
    assert_eq!(bench.lease(&key, one, None).await, Lease::Granted);
    assert!(is_held(&bench.lease(&key, other, None).await));
    let prolonged = bench.level2.lease(&key, one, LONG, None).await;
    assert_eq!(prolonged, Ok(Lease::Granted));
    bench.subject.pass(SHORT).await;
    let held = bench.lease(&key, other, None).await;
    assert!(
        matches!(held, Lease::Held(left) if left > SHORT),
        "{held:?}"
    );
    // Prolonging sets it anew: shorter, too.
    assert_eq!(bench.lease(&key, one, None).await, Lease::Granted);
    bench.subject.pass(SHORT).await;
    assert_eq!(bench.lease(&key, other, None).await, Lease::Granted);
    assert!(is_held(&bench.lease(&key, one, None).await));
}

pub(super) async fn only_its_holder_gives_a_lease_back(bench: Bench) {
    let key = bench.key("k");
    let release = async |holder| bench.level2.release(&key, holder).await.expect("done");
    release(1).await;
    assert_eq!(bench.lease(&key, 1, None).await, Lease::Granted);
    release(2).await;
    assert!(is_held(&bench.lease(&key, 2, None).await), "it was not his");
    release(1).await;
    assert_eq!(bench.lease(&key, 2, None).await, Lease::Granted);
    // Late, or doubled.
    release(1).await;
    assert!(is_held(&bench.lease(&key, 1, None).await));
}

pub(super) async fn who_asks_after_something_was_laid_down_is_told_of_it(bench: Bench) {
    let key = bench.key("k");
    let there = record(at(10), "there");
    bench.put(&key, &there).await;
    let newer = Lease::Newer(there);
    assert_eq!(bench.lease(&key, 1, None).await, newer);
    assert_eq!(bench.lease(&key, 1, Some(at(9))).await, newer);
    assert_eq!(bench.lease(&key, 1, Some(at(10))).await, Lease::Granted);
    // Also who holds it, and also while another one does.
    assert_eq!(bench.lease(&key, 1, Some(at(9))).await, newer);
    assert_eq!(bench.lease(&key, 2, Some(at(9))).await, newer);
    assert!(is_held(&bench.lease(&key, 2, Some(at(11))).await));
    let later = Position { timeline: 2, p: 1 };
    let later = record(later, "later");
    bench.put(&key, &later).await;
    let told = bench.lease(&key, 2, Some(at(11))).await;
    assert_eq!(told, Lease::Newer(later));
}

pub(super) async fn who_asks_while_the_holder_lays_down_and_lets_go_is_never_told_to_load(
    bench: Bench,
) {
    for round in 0..30 {
        let key = bench.key(&round.to_string());
        assert_eq!(bench.lease(&key, 1, None).await, Lease::Granted);
        let holder = {
            let (bench, key) = (bench.clone(), key.clone());
            tokio::spawn(async move {
                bench.put(&key, &record(at(5), "loaded")).await;
                bench.level2.release(&key, 1).await.expect("released");
            })
        };
        let askers: Vec<_> = (2..6)
            .map(|holder| {
                let (bench, key) = (bench.clone(), key.clone());
                tokio::spawn(async move { bench.lease(&key, holder, None).await })
            })
            .collect();
        for asker in askers {
            let told = asker.await.expect("ran");
            assert_ne!(told, Lease::Granted, "round {round}");
        }
        holder.await.expect("ran");
    }
}

pub(super) async fn a_lease_is_of_its_key_alone(bench: Bench) {
    let (one, other) = (bench.key("one"), bench.key("other"));
    assert_eq!(bench.lease(&one, 1, None).await, Lease::Granted);
    assert_eq!(bench.lease(&other, 2, None).await, Lease::Granted);
    assert_eq!(bench.fetch(&one).await, None, "a lease is no record");
    assert!(bench.put(&one, &record(at(1), "x")).await);
    bench.level2.invalidate(&one, at(2)).await.expect("done");
    let told = bench.lease(&one, 2, None).await;
    assert!(is_held(&told), "an invalidation ends no lease: {told:?}");
    let zero = bench.level2.lease(&other, 2, Duration::ZERO, None).await;
    assert_eq!(zero, Ok(Lease::Granted));
}

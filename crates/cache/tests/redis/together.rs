//! One load for all; who comes later; what comes back from the past.

use crate::deployment::{Process, Setup, Store, forget, sum};
use pando_cluster::Redis;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_who_miss_one_key_in_three_processes_at_once_load_once() {
    let redis = Redis::builder().start().await.unwrap();
    let store = Store::new(1_000, Duration::from_millis(300));
    let processes = Process::three(&Setup::new(redis.url()).unhurried(), &store);
    let barrier = Arc::new(Barrier::new(10_000));
    let readers: Vec<_> = (0..10_000)
        .map(|n| {
            let (process, barrier) = (Arc::clone(&processes[n % 3]), Arc::clone(&barrier));
            let seen = store.now();
            tokio::spawn(async move {
                barrier.wait().await;
                process.read_well(7, seen).await
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 0);
    }
    assert_eq!(store.loads(), 1);
    assert_eq!(sum(&processes, |s| s.shared_waits), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_loaded_the_others_take_until_they_hear_of_a_change() {
    let redis = Redis::builder().start().await.unwrap();
    let store = Store::new(8, Duration::ZERO);
    let processes = Process::three(&Setup::new(redis.url()).unhurried(), &store);
    let begin = store.now();
    for process in &processes {
        assert_eq!(process.read_well(1, begin).await, 0);
        process.sharing.settled().await;
    }
    assert_eq!(store.loads(), 1);
    let stamp = store.write(1);
    // The writer is ahead of all copies: one load, which the others are given once they follow.
    assert_eq!(processes[0].read_well(1, stamp).await, stamp.p);
    processes[0].sharing.settled().await;
    assert_eq!(store.loads(), 2);
    for process in &processes {
        process.follow();
        assert_eq!(process.read_well(1, stamp).await, stamp.p);
    }
    assert_eq!(store.loads(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_begins_later_is_given_what_the_others_laid_down_again() {
    let redis = Redis::builder().start().await.unwrap();
    let store = Store::new(8, Duration::ZERO);
    let mut setup = Setup::new(redis.url()).unhurried();
    setup.sharing.restamp = Some(Duration::from_millis(50));
    let old = Process::start(&setup, &store);
    old.read_well(1, store.now()).await;
    // Another key's: what changed before the new process began, it has not heard of.
    let begin = store.write(2);
    old.follow();
    let again = async || {
        let before = old.statistics().restamps;
        old.read_well(1, begin).await;
        match old.statistics().restamps > before {
            true => Ok(()),
            false => Err("it is too early"),
        }
    };
    let limit = Duration::from_secs(30);
    pando_cluster::until("laid down again", limit, again)
        .await
        .unwrap();
    old.sharing.settled().await;
    let new = Process::start(&setup, &store);
    new.read_well(1, begin).await;
    assert_eq!(new.statistics().shared_hits, 1);
    assert_eq!(store.loads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_what_it_had_long_ago_makes_nothing_stale() {
    let redis = Redis::builder().start().await.unwrap();
    let store = Store::new(8, Duration::ZERO);
    let mut setup = Setup::new(redis.url()).unhurried();
    setup.sharing.breaker.open = Duration::from_millis(50);
    let processes = Process::three(&setup, &store);
    let begin = store.now();
    for key in 0..50 {
        processes[key as usize % 3].read_well(key, begin).await;
    }
    for process in &processes {
        process.sharing.settled().await;
    }
    redis.save().await.unwrap();
    for key in 0..25 {
        store.write(key);
    }
    let stamp = store.now();
    redis.kill().await.unwrap();
    redis.start().await.unwrap();
    assert_eq!(redis.cli(&["dbsize"]).await.unwrap(), "50");
    for process in &processes {
        process.follow();
    }
    forget(&processes);
    let (loads, limit) = (store.loads(), Duration::from_secs(60));
    // Reached again: a key that nobody changed is given from there, old as it is.
    let shares = async || {
        forget(&processes);
        assert_eq!(processes[0].read_well(49, stamp).await, 0);
        match processes[0].statistics().shared_hits > 0 {
            true => Ok(()),
            false => Err("Redis is not asked yet"),
        }
    };
    pando_cluster::until("sharing again", limit, shares)
        .await
        .unwrap();
    for process in &processes {
        for key in 0..50 {
            let value = process.read_well(key, stamp).await;
            assert_eq!(value, store.value(key, stamp), "{key}");
        }
        process.sharing.settled().await;
    }
    assert!(store.loads() - loads >= 25, "each that changed is loaded");
    let shared = sum(&processes, |s| s.shared_hits);
    assert!(shared >= 75, "what did not change is not: {shared}");
}

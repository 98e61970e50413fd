//! What is loaded before it is asked for: when, how fast, and for whom it makes way. And what a
//! flush does to what is under way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod site;

use pando_cache::Config;
use pando_model::engine::Engine;
use site::{COLLECTION, Site};
use std::sync::Arc;

#[tokio::test]
async fn while_others_use_what_the_store_has_nothing_is_asked_before_it_is_wanted() {
    let site = Arc::new(Site::start().await);
    let all = site.engine.leave.acquire_many(1_000).await.unwrap();
    let crowd: Vec<_> = (0..200)
        .map(|id| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.read(id).await })
        })
        .collect();
    site.until(|site| site.tier.caches().unwrap().loads_waiting > 0)
        .await;
    site.rule(0, Some("five"));
    site.until(|site| site.warming().state == "paused").await;
    assert_eq!(site.asked(), 0, "they were in the way of others");
    drop(all);
    for one in crowd {
        one.await.unwrap();
    }
    site.until(|site| site.warming().state == "done").await;
    assert_eq!(site.asked(), 5);
}

#[tokio::test]
async fn what_was_dropped_is_loaded_again_and_no_more_often_than_every_half_minute() {
    let site = Site::start().await;
    site.rule(0, Some("five"));
    site.until(|site| site.warming().state == "done").await;
    site.drop_all(1).await;
    site.looks().await;
    assert_eq!(site.warming().warmed, 5, "it was loaded again at once");
    site.pass(31);
    site.until(|site| site.warming().warmed == 10).await;
    // Whoever asks for it waits for nothing.
    site.rule(1, Some("five"));
    site.until(|site| site.warming().warmed == 15).await;
}

#[tokio::test]
async fn what_fails_is_told_and_tried_again_unless_it_can_never_be() {
    let site = Site::start().await;
    for (query, asked) in [("failing", 3), ("bad", 0)] {
        let before = site.asked();
        site.rule(0, Some(query));
        site.until(|site| site.warming().state == "failed").await;
        assert_eq!(site.asked() - before, asked, "{query}");
        assert_eq!(site.warming().error.as_deref(), Some(query));
        assert_eq!(site.warming().warmed, 0);
        site.pass(31);
        if query == "failing" {
            site.until(|site| site.asked() - before == asked * 2).await;
        } else {
            site.looks().await;
            assert_eq!(site.warming().state, "failed", "it was begun again");
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_refused_is_told_of_and_the_others_are_loaded() {
    let site = Site::start().await;
    site.rule(0, Some("refused"));
    site.until(|site| site.warming().state == "done").await;
    let warming = site.warming();
    assert_eq!((warming.total, warming.done, warming.warmed), (5, 5, 4));
    assert_eq!(warming.error.as_deref(), Some("refused"));
}

#[tokio::test]
async fn a_collection_is_not_held_up_by_one_that_is_slow_or_does_not_answer() {
    let site = Site::start().await;
    for (name, query, rate) in [("rest/a", "many", 1), ("rest/b", "hangs", 1_000)] {
        site.rule_of(name, 0, Some((query, rate)), Config::default());
        site.until(|site| site.warming_of(name).state == "running")
            .await;
    }
    site.rule(0, Some("five"));
    site.until(|site| site.warming().state == "done").await;
    let slow = site.warming_of("rest/a");
    assert!(slow.done < 100 && slow.state == "running", "{slow:?}");
    assert_eq!(site.warming_of("rest/b").state, "running");
    // And what does not answer is given up.
    site.until(|site| site.warming_of("rest/b").state == "failed")
        .await;
    let error = site.warming_of("rest/b").error.unwrap();
    assert!(error.contains("no answer within"), "{error}");
}

#[tokio::test]
async fn no_more_is_put_into_a_full_memory_than_it_holds() {
    let site = Site::start().await;
    let config = Config {
        capacity_bytes: 64 << 10,
        ..Config::default()
    };
    site.rule_of(COLLECTION, 0, None, config.clone());
    // What clients use.
    let of = |site: &Site| site.tier.caches().unwrap().collections.remove(0);
    let mut id = -1;
    while of(&site).used_bytes < (64 << 10) / 10 * 9 {
        site.read(id).await;
        id -= 1;
    }
    let (fits, fills) = (of(&site).entries, of(&site).counts.fills);
    site.rule_of(COLLECTION, 0, Some(("rows", 10_000)), config);
    site.until(|site| site.warming().state == "full").await;
    let put_in = of(&site).counts.fills - fills;
    assert!(
        put_in > fits / 2 && put_in <= fits * 11 / 10,
        "{put_in} were put in where {fits} fit"
    );
}

#[tokio::test]
async fn what_is_dropped_while_it_is_loaded_is_loaded_anew_at_once_but_not_for_ever() {
    let site = Site::start().await;
    site.rule(0, Some("held"));
    for version in 1..=4 {
        site.until(|site| site.asked() == version).await;
        site.drop_all(version).await;
        site.leave.add_permits(1);
    }
    site.until(|site| site.warming().state == "waiting").await;
    site.looks().await;
    assert_eq!(site.warming().state, "waiting");
    assert_eq!(site.asked(), 4);
    site.leave.add_permits(5);
    site.pass(31);
    site.until(|site| site.warming().state == "done").await;
}

#[tokio::test]
async fn what_is_read_while_all_is_flushed_is_not_given_afterwards() {
    let site = Arc::new(Site::start().await);
    let all = site.engine.leave.acquire_many(1_000).await.unwrap();
    let read = {
        let site = Arc::clone(&site);
        tokio::spawn(async move { site.read(1).await })
    };
    site.until(|site| site.reads() == 1).await;
    // It was read before, and comes in later.
    site.rule(1, None);
    drop(all);
    read.await.unwrap();
    for loads in [2, 2] {
        site.read(1).await;
        assert_eq!(site.reads(), loads);
    }
}

//! Whoever writes reads what it wrote, on whichever web process and from whichever copy, though
//! replicas are behind; and the stamp is what does it.
//!
//! `PANDO_PAIRS` (2,000) is how many times something is written and read.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod browser;
mod site;
#[path = "../support/mod.rs"]
mod support;

use browser::{Browser, Stamps};
use site::{Consistency, Site};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const WRITERS: u64 = 32;
/// Browsers, and how many requests each has under way at once over HTTP/1.1.
const BROWSERS: u64 = 4;
const CONNECTIONS: u64 = 6;
const TABLE: &str = "create table note (id bigint primary key, n bigint not null);";

fn pairs() -> u64 {
    let said = std::env::var("PANDO_PAIRS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(2_000)
}

/// Writes so many times and reads each back; how often what was read was older.
async fn stale(
    site: &Arc<Site>,
    consistency: Consistency,
    pairs: u64,
    first: u64,
    reads: u32,
) -> u64 {
    let (left, stale) = (Arc::new(AtomicU64::new(pairs)), Arc::new(AtomicU64::new(0)));
    let writers = (0..WRITERS).map(|writer| {
        let (site, left, stale) = (site.clone(), left.clone(), stale.clone());
        tokio::task::spawn_blocking(move || {
            let mut ask = site.caller(consistency);
            let path = format!("/rest/v1/note?id=eq.{}", first + writer);
            let mut n = 0_u64;
            let take = |left: u64| left.checked_sub(1);
            while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                n += 1;
                let body = format!("{{\"id\": {}, \"n\": {n}}}", first + writer);
                let (status, answer) = ask("PUT", &path, &body);
                assert!(status < 300, "{status} {answer}");
                for _ in 0..reads {
                    let (status, answer) = ask("GET", &path, "");
                    assert_eq!(status, 200, "{answer}");
                    let rows: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
                    let read = rows[0]["n"].as_u64().unwrap_or(0);
                    stale.fetch_add(u64::from(read < n), Relaxed);
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer ends");
    }
    stale.load(Relaxed)
}

/// The same table, in the memory of each process; nothing runs out while it is looked at.
const CACHED: &str = "create table note (id bigint primary key, n bigint not null) \
                      with (cache = 'read-through', ttl = '1h');";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_older_than_what_it_wrote_with_caches_in_front_either() {
    let site = Arc::new(Site::start(CACHED, 2).await);
    site.delay(1, Duration::from_millis(200)).await;
    let count = pairs();
    let found = stale(&site, Consistency::Session, count, 1, 3).await;
    println!("{count} pairs with caches in front: {found} stale");
    assert_eq!(found, 0);
    // What is read again is in the memory of some process by then.
    let hits = site
        .caches()
        .iter()
        .map(|caches| hits_of(caches))
        .sum::<u64>();
    assert!(hits > 0, "nothing was answered from memory");
    let without = stale(&site, Consistency::None, count.min(2_000), 1_000, 3).await;
    println!("with caches and without the stamp: {without} stale");
    assert!(without > 0, "the same test finds nothing without the stamp");
}

/// Answers from memory.
fn hits_of(caches: &serde_json::Value) -> u64 {
    let collections = caches["collections"].as_array().into_iter().flatten();
    collections.filter_map(|of| of["hits"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_older_than_what_it_wrote_and_without_the_stamp_somebody_does() {
    let site = Arc::new(Site::start(TABLE, 2).await);
    site.delay(1, Duration::from_millis(200)).await;
    let count = pairs();
    let found = stale(&site, Consistency::Session, count, 1, 1).await;
    println!("{count} pairs over a primary and two replicas, one 200 ms behind: {found} stale");
    assert_eq!(found, 0);
    let without = stale(&site, Consistency::None, count.min(2_000), 1_000, 1).await;
    println!("without the stamp: {without} stale");
    assert!(without > 0, "the same test finds nothing without the stamp");
}

/// Browsers that write and read back so many times, each over several connections at once; how
/// often what was read was older than what the same connection had written.
async fn stale_in_browsers(site: &Arc<Site>, stamps: Stamps, pairs: u64, first: u64) -> u64 {
    let (left, stale) = (Arc::new(AtomicU64::new(pairs)), Arc::new(AtomicU64::new(0)));
    let mut tabs = Vec::new();
    for browser in 0..BROWSERS {
        let one = Arc::new(Browser::new(site.ways()));
        for tab in 0..CONNECTIONS {
            let (one, left, stale) = (one.clone(), left.clone(), stale.clone());
            let row = first + browser * CONNECTIONS + tab;
            tabs.push(tokio::task::spawn_blocking(move || {
                let mut ask = one.connection(stamps);
                let path = format!("/rest/v1/note?id=eq.{row}");
                let mut n = 0_u64;
                let take = |left: u64| left.checked_sub(1);
                while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                    n += 1;
                    let body = format!("{{\"id\": {row}, \"n\": {n}}}");
                    let (status, answer) = ask("PUT", &path, &body);
                    assert!(status < 300, "{status} {answer}");
                    let (status, answer) = ask("GET", &path, "");
                    assert_eq!(status, 200, "{answer}");
                    let rows: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
                    let read = rows[0]["n"].as_u64().unwrap_or(0);
                    stale.fetch_add(u64::from(read < n), Relaxed);
                }
            }));
        }
    }
    for tab in tabs {
        tab.await.expect("it ends");
    }
    stale.load(Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_with_cookies_alone_reads_what_it_wrote_also_when_its_requests_overlap() {
    let site = Arc::new(Site::start(TABLE, 2).await);
    site.delay(1, Duration::from_millis(200)).await;
    let count = pairs() / 4;
    let found = stale_in_browsers(&site, Stamps::Kept, count, 1).await;
    println!("{count} pairs of {BROWSERS} browsers with {CONNECTIONS} connections: {found} stale");
    assert_eq!(found, 0);
    let without = stale_in_browsers(&site, Stamps::Stripped, count.min(500), 1_000).await;
    println!("with the stamp cookies stripped: {without} stale");
    assert!(
        without > 0,
        "the same test finds nothing without the cookies"
    );
}

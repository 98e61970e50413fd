//! Leases that wait for a message, and what ends the wait.

use crate::site::{Site, bodies, messages, post};
use crate::support::{Answer, Connection};
use serde_json::{Value, json};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any test may take: whoever is answered was woken.
const LONG: &str = "60s";

/// A lease that waits, on a connection of its own.
fn waiting(site: &Site, body: &Value) -> JoinHandle<Answer> {
    let (address, body) = (site.server.address, body.to_string());
    std::thread::spawn(move || post(&mut Connection::to(address), "q/lease", "", &body))
}

/// Until so many leases wait: who waits is none of the requests under way, but has its connection.
fn until_waiting(site: &Site, waiters: u64) {
    let began = Instant::now();
    loop {
        let text = site.server.connect().ask("GET", "/metrics", "", "").body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("pando_queue_waiting "));
        if line.and_then(|count| count.parse().ok()) == Some(waiters) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{line:?} wait");
        std::thread::yield_now();
    }
}

#[test]
fn a_publish_wakes_who_waits() {
    let site = Site::start();
    let waiter = waiting(&site, &json!({ "wait": LONG }));
    until_waiting(&site, 1);
    site.publish("q", &json!({ "body": 1 }));
    let answer = waiter.join().expect("it is answered");
    assert_eq!(bodies(&messages(&answer)), [json!(1)]);
    until_waiting(&site, 0);
}

#[test]
fn a_publish_within_a_transaction_wakes_who_waits_and_a_message_whose_time_comes_does() {
    let site = Site::start();
    let mut op = json!({ "method": "POST", "path": "/queue/v1/q/messages", "body": { "body": 1 } });
    for delay in ["0s", "300ms"] {
        let waiter = waiting(&site, &json!({ "wait": LONG }));
        until_waiting(&site, 1);
        op["body"]["delay"] = json!(delay);
        let ops = json!({ "ops": [op] }).to_string();
        let done = site.server.connect().ask("POST", "/tx/v1", "", &ops);
        assert_eq!(done.status, 200, "{done:?}");
        let answer = waiter.join().expect("it is answered");
        assert_eq!(bodies(&messages(&answer)), [json!(1)], "{delay}");
    }
}

#[test]
fn a_lease_that_runs_out_wakes_who_waits() {
    let site = Site::start();
    site.publish("q", &json!({ "body": 1 }));
    let first = site.lease("q", &json!({ "visibility": "500ms" }));
    let waiter = waiting(&site, &json!({ "wait": LONG }));
    let answer = waiter.join().expect("it is answered");
    let again = messages(&answer);
    assert_eq!(again[0]["id"], first[0]["id"]);
    assert_eq!(again[0]["attempt"], 2);
}

#[test]
fn a_crowd_gets_each_message_once() {
    let site = Site::start();
    let waiters: Vec<_> = (0..8)
        .map(|_| waiting(&site, &json!({ "wait": LONG })))
        .collect();
    until_waiting(&site, 8);
    let many: Vec<_> = (0..8).map(|n| json!({ "body": n })).collect();
    site.publish("q", &json!(many));
    let each = waiters.into_iter().map(|waiter| {
        let answer = waiter.join().expect("it is answered");
        bodies(&messages(&answer))[0].as_u64().expect("a number")
    });
    let mut found: Vec<u64> = each.collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_wait_ends_with_its_time_whatever_a_request_may_take() {
    let site = Site::of("[limits]\nrequest_timeout = \"1s\"\n");
    let began = Instant::now();
    assert!(site.lease("q", &json!({ "wait": "1500ms" })).is_empty());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn who_waits_is_none_of_the_requests_of_which_there_may_be_so_many() {
    let site = Site::of("[limits]\nmax_requests = 2\n");
    let mut waiters = Vec::new();
    for n in 1..=3 {
        waiters.push(waiting(&site, &json!({ "wait": LONG })));
        until_waiting(&site, n);
    }
    site.publish("q", &json!({ "body": 1 }));
    site.publish("q", &json!([{ "body": 2 }, { "body": 3 }]));
    for waiter in waiters {
        let answer = waiter.join().expect("it is answered");
        assert_eq!(messages(&answer).len(), 1);
    }
}

#[test]
fn a_server_that_stops_answers_who_waits_with_nothing() {
    let site = Site::start();
    let waiter = waiting(&site, &json!({ "wait": LONG }));
    until_waiting(&site, 1);
    site.server.signal("-TERM");
    let answer = waiter.join().expect("it is answered");
    assert!(messages(&answer).is_empty());
    assert_eq!(site.server.wait(), Some(0));
}

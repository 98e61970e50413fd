//! Consumers: they lease, acknowledge, give back and extend, and some never answer.

use crate::asking::{Client, Told, leases};
use crate::load::{QUEUE, Shared, VISIBILITY, now_us};
use pando_workload::{Delivery, Held};
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Messages of one lease at most.
const LEASED_MAX: u64 = 20;
/// The same, where nobody else works.
const DRAINED_MAX: u64 = 100;
/// How long a lease waits for a message.
const WAIT: &str = "100ms";

/// Works until it is over; what it has then comes to others.
pub fn go_on(mut client: Client, shared: &Shared) {
    let mut in_hand = Vec::new();
    while !shared.is_over() {
        match client.chance.random_range(0..10) {
            0..4 => lease(&mut client, shared, LEASED_MAX, &mut in_hand),
            4..8 => {
                let some = some(&mut client, &mut in_hand, 20);
                ack(&mut client, shared, &some);
            }
            8 => nack(&mut client, shared, &mut in_hand),
            _ => extend(&mut client, shared, &mut in_hand),
        }
    }
}

fn path(verb: &str) -> String {
    format!("/queue/v1/{QUEUE}/{verb}")
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).expect("a span")
}

fn lease(client: &mut Client, shared: &Shared, max: u64, in_hand: &mut Vec<Held>) {
    let asked = shared.history().moment();
    let until_us = now_us() + micros(VISIBILITY);
    let visibility = format!("{}ms", VISIBILITY.as_millis());
    let body = json!({ "max": max, "visibility": visibility, "wait": WAIT });
    let Told::Answer(answer) = client.post(&path("lease"), &body) else {
        return;
    };
    assert_eq!(answer.status, 200, "{answer:?}");
    let delivery = Delivery {
        asked,
        at_us: now_us(),
        until_us,
    };
    let mut history = shared.history();
    for message in answer.json()["messages"].as_array().expect("messages") {
        let text = |name: &str| message[name].as_str().expect("a text").to_owned();
        let held = Held {
            body: text("body"),
            lease: text("lease"),
        };
        history.delivered(&held, delivery);
        in_hand.push(held);
    }
}

fn some(client: &mut Client, in_hand: &mut Vec<Held>, most: usize) -> Vec<Held> {
    in_hand.shuffle(&mut client.chance);
    let most = client.chance.random_range(1..=most);
    in_hand.split_off(in_hand.len().saturating_sub(most))
}

fn named(some: &[Held]) -> Value {
    leases(some.iter().map(|one| one.lease.as_str()))
}

/// What an answer says of so many leases: how many held.
fn count(answer: &Value, name: &str, all: usize) -> u64 {
    let number = |name: &str| answer[name].as_u64().expect("a number");
    assert_eq!(number(name) + number("gone"), all as u64, "{answer}");
    number(name)
}

fn ack(client: &mut Client, shared: &Shared, some: &[Held]) {
    if some.is_empty() {
        return;
    }
    {
        let mut history = shared.history();
        some.iter().for_each(|one| history.acking(one));
    }
    match client.post(&path("ack"), &json!({ "leases": named(some) })) {
        Told::Answer(answer) => {
            assert_eq!(answer.status, 200, "{answer:?}");
            let acked = count(&answer.json(), "acked", some.len());
            shared.history().ack_answered(some, acked, now_us());
            shared.count();
        }
        Told::NotDone => {
            let mut history = shared.history();
            some.iter().for_each(|one| history.ack_refused(one));
        }
        Told::Unknown => {}
    }
}

fn nack(client: &mut Client, shared: &Shared, in_hand: &mut Vec<Held>) {
    let some = some(client, in_hand, 3);
    if some.is_empty() {
        return;
    }
    {
        let mut history = shared.history();
        some.iter().for_each(|one| history.giving_back(one));
    }
    let body = json!({ "leases": named(&some), "delay": "50ms", "error": "no" });
    if let Told::Answer(answer) = client.post(&path("nack"), &body) {
        assert_eq!(answer.status, 200, "{answer:?}");
        count(&answer.json(), "nacked", some.len());
    }
}

fn extend(client: &mut Client, shared: &Shared, in_hand: &mut Vec<Held>) {
    for one in some(client, in_hand, 3) {
        let visibility = match client.chance.random_bool(0.5) {
            true => VISIBILITY,
            false => Duration::from_millis(client.chance.random_range(500..2_000)),
        };
        let until_us = now_us() + micros(visibility);
        shared.history().extending(&one, until_us);
        let span = visibility;
        let visibility = format!("{}ms", visibility.as_millis());
        let leases = named(std::slice::from_ref(&one));
        let body = json!({ "leases": leases, "visibility": visibility });
        if let Told::Answer(answer) = client.post(&path("extend"), &body) {
            // Not every broker has leases of another length than the queue's.
            if answer.json()["code"] == "unsupported" && span != VISIBILITY {
                in_hand.push(one);
                continue;
            }
            assert_eq!(answer.status, 200, "{answer:?}");
            match count(&answer.json(), "extended", 1) {
                1 => shared.history().extended(&one, until_us),
                _ => shared.history().gone(&one, now_us()),
            }
        }
        in_hand.push(one);
    }
}

/// Works until nothing is left, from `least` on; after `most` what is left is lost. Whether nothing
/// came in the end: else it is not known what is lost.
pub fn drain(client: &mut Client, shared: &Shared, least: Instant, most: Instant) -> bool {
    let mut in_hand = Vec::new();
    loop {
        lease(client, shared, DRAINED_MAX, &mut in_hand);
        // All at once: on a slow machine leases would run out one request after the other.
        let some = std::mem::take(&mut in_hand);
        ack(client, shared, &some);
        let now = Instant::now();
        let is_done = some.is_empty() && shared.history().open().is_empty();
        if now > most || is_done && now > least {
            return some.is_empty();
        }
    }
}

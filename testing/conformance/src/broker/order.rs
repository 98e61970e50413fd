//! Order for a key.

use super::{Bench, GROUP, NOW, PATIENCE, Queue, SHORT, ids, message};
use pando_model::broker::{Ability, Message, QueueSpec};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

const KEYS: usize = 5;
const EACH: usize = 8;

fn of_key(key: &str) -> Message {
    let mut message = message();
    message.ordering_key = Some(key.to_owned());
    message
}

fn ordered(spec: &mut QueueSpec) {
    spec.ordered = true;
    spec.attempts_max = 100;
}

/// What was done, and what is out, of each key.
#[derive(Default)]
struct Seen {
    out: HashMap<String, i64>,
    done: HashMap<String, Vec<i64>>,
    count: usize,
}

pub(super) async fn messages_of_a_key_come_one_at_a_time_and_in_order_whoever_fails(bench: Bench) {
    let Some(queue) = bench.declare_if(Ability::OrderingKeys, ordered).await else {
        return;
    };
    let mut messages = Vec::new();
    for _ in 0..EACH {
        messages.push(message());
        messages.extend((0..KEYS).map(|key| of_key(&format!("key {key}"))));
    }
    queue.publish(&messages).await;
    let total = messages.len();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let workers: Vec<_> = (0..4)
        .map(|number| tokio::spawn(work(queue.clone(), Arc::clone(&seen), total, number)))
        .collect();
    for worker in workers {
        worker.await.expect("ran");
    }
    let seen = seen.lock();
    for key in (0..KEYS).map(|key| format!("key {key}")) {
        let of_it = messages
            .iter()
            .filter(|m| m.ordering_key.as_ref() == Some(&key));
        let expected: Vec<i64> = of_it.map(|message| message.id).collect();
        assert_eq!(seen.done[&key], expected, "{key}");
    }
}

/// Takes, gives every third back at first, and writes down the rest.
async fn work(queue: Queue, seen: Arc<Mutex<Seen>>, total: usize, number: usize) {
    while seen.lock().count < total {
        let leased = queue.lease(3 + number, SHORT / 4).await;
        for delivery in &leased {
            if let Some(key) = &delivery.message.ordering_key {
                let out = seen.lock().out.insert(key.clone(), delivery.message.id);
                assert_eq!(out, None, "two of {key} are out");
            }
        }
        for delivery in leased {
            let fails = delivery.message.id % 3 == 0 && delivery.attempt == 1;
            {
                let mut seen = seen.lock();
                if let Some(key) = delivery.message.ordering_key.clone() {
                    seen.out.remove(&key);
                    if !fails {
                        let done = seen.done.entry(key).or_default();
                        done.push(delivery.message.id);
                    }
                }
                if !fails {
                    seen.count += 1;
                }
            }
            if fails {
                queue.nack(&delivery, NOW, "once").await;
            } else {
                queue.ack(&[delivery]).await;
            }
        }
    }
}

pub(super) async fn a_dead_message_lets_the_next_of_its_key_go(bench: Bench) {
    let poisoned = |spec: &mut QueueSpec| {
        spec.ordered = true;
        spec.attempts_max = 1;
    };
    let Some(queue) = bench.declare_if(Ability::OrderingKeys, poisoned).await else {
        return;
    };
    let messages = [of_key("a"), of_key("a"), of_key("a")];
    queue.publish(&messages).await;
    let first = queue.lease(10, PATIENCE).await;
    assert_eq!(ids(&first), [messages[0].id], "one at a time");
    assert_eq!(queue.lease(10, SHORT / 2).await, []);
    queue.nack(&first[0], NOW, "no").await;
    let second = queue.lease(10, PATIENCE).await;
    assert_eq!(ids(&second), [messages[1].id]);
    queue.ack(&second).await;
    let third = queue.lease(10, PATIENCE).await;
    assert_eq!(ids(&third), [messages[2].id]);
    queue.ack(&third).await;
    let redriven = bench.broker.redrive(queue.name(), GROUP, 10).await;
    assert_eq!(redriven, Ok(1));
    let again = queue.one().await;
    assert_eq!(again.message, messages[0]);
    queue.ack(&[again]).await;
}

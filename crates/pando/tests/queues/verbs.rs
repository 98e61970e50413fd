//! Each verb, and what becomes of a message by it.

use crate::site::{Site, bodies, ids, leases, messages};
use serde_json::json;

#[test]
fn a_message_is_published_leased_and_acknowledged_once() {
    for engine in ["sqlite", "memory"] {
        let site = Site::of(&format!("[store]\nengine = \"{engine}\"\n"));
        let answer = site.post("mail/messages", &json!({ "body": { "to": "a" } }));
        assert_eq!(answer.status, 201, "{answer:?}");
        let durability = json!({ "synced": engine == "sqlite", "copies": 1 });
        assert_eq!(answer.json()["durability"], durability);
        let leased = site.lease("mail", &json!({}));
        let [message] = &leased[..] else {
            panic!("{leased:?}");
        };
        assert_eq!(message["id"], ids(&answer)[0].as_str());
        assert_eq!(message["body"], json!({ "to": "a" }));
        assert_eq!(message["attempt"], 1);
        assert_eq!(message["priority"], 0);
        assert!(message.get("content_type").is_none(), "{message}");
        let at = message["enqueued_at"].as_str().expect("a time");
        assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
        assert!(site.lease("mail", &json!({})).is_empty(), "it is leased");
        let acked = site.post("mail/ack", &leases(&leased)).json();
        assert_eq!(acked, json!({ "acked": 1, "gone": 0 }));
        let again = site.post("mail/ack", &leases(&leased)).json();
        assert_eq!(again, json!({ "acked": 0, "gone": 1 }));
        for name in ["published", "leased", "acked"] {
            assert_eq!(site.metric(name, "(others)"), 1, "{name}");
        }
    }
}

#[test]
fn messages_are_leased_in_their_order_and_as_many_as_asked_for() {
    let site = Site::start();
    let many: Vec<_> = (0..5).map(|n| json!({ "body": n })).collect();
    let published = site.publish("q", &json!(many));
    assert_eq!(published.len(), 5);
    let first = site.lease("q", &json!({ "max": 2 }));
    assert_eq!(bodies(&first), [json!(0), json!(1)]);
    let others = site.lease("q", &json!({ "max": 9 }));
    assert_eq!(bodies(&others), [json!(2), json!(3), json!(4)]);
}

#[test]
fn each_group_gets_each_message() {
    let site = Site::start();
    site.publish("q", &json!({ "body": 1 }));
    let leased = ["a", "b"].map(|group| site.lease("q", &json!({ "group": group })));
    for (group, leased) in ["a", "b"].into_iter().zip(leased) {
        assert_eq!(bodies(&leased), [json!(1)], "{group}");
        let acked = site.post("q/ack", &leases(&leased)).json();
        assert_eq!(acked["acked"], 1, "{group}");
    }
}

#[test]
fn what_is_given_back_comes_again_and_what_is_extended_stays() {
    let site = Site::start();
    site.publish("q", &json!([{ "body": 1 }, { "body": 2 }]));
    let leased = site.lease("q", &json!({ "max": 2, "visibility": "30s" }));
    let mut back = leases(&leased[..1]);
    back["delay"] = json!(0);
    back["error"] = json!("no");
    let nacked = site.post("q/nack", &back).json();
    assert_eq!(nacked, json!({ "nacked": 1, "gone": 0 }));
    let mut longer = leases(&leased[1..]);
    longer["visibility"] = json!("2m");
    let extended = site.post("q/extend", &longer).json();
    assert_eq!(extended, json!({ "extended": 1, "gone": 0 }));
    let again = site.lease("q", &json!({ "max": 2 }));
    assert_eq!(bodies(&again), [json!(1)]);
    assert_eq!(again[0]["attempt"], 2);
    assert_ne!(again[0]["lease"], leased[0]["lease"]);
    let late = site.post("q/ack", &leases(&leased)).json();
    assert_eq!(late, json!({ "acked": 1, "gone": 1 }));
}

#[test]
fn messages_of_an_ordering_key_are_leased_one_at_a_time() {
    let site = Site::start();
    let of_key = |n: u32| json!({ "body": n, "ordering_key": "k" });
    site.publish("q", &json!([of_key(1), of_key(2), { "body": 3 }]));
    let first = site.lease("q", &json!({ "max": 9 }));
    assert_eq!(bodies(&first), [json!(1), json!(3)]);
    assert_eq!(first[0]["ordering_key"], "k");
    site.post("q/ack", &leases(&first));
    assert_eq!(bodies(&site.lease("q", &json!({ "max": 9 }))), [json!(2)]);
}

#[test]
fn an_id_is_published_once_and_answered_with_the_first() {
    let site = Site::start();
    let one = json!({ "body": 1, "dedup_id": "order-7" });
    let first = site.publish("q", &one);
    let both = site.publish("q", &json!([one, { "body": 2, "dedup_id": "order-8" }]));
    assert_eq!(both[0], first[0]);
    assert_eq!(bodies(&site.lease("q", &json!({ "max": 9 }))).len(), 2);
    assert_eq!(site.metric("published", "(others)"), 2);
}

#[test]
fn a_repetition_with_the_same_key_is_answered_as_the_first_time() {
    let site = Site::start();
    let key = |key: &str| format!("Idempotency-Key: {key}\r\n");
    let body = json!({ "body": 1 }).to_string();
    let first = site.post_with("q/messages", &key("p"), &body);
    let again = site.post_with("q/messages", &key("p"), &body);
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let wait = json!({ "max": 5, "wait": "30s" }).to_string();
    let leased = site.post_with("q/lease", &key("l"), &wait);
    assert_eq!(bodies(&messages(&leased)), [json!(1)]);
    // It does not wait, though nothing is there.
    let again = site.post_with("q/lease", &key("l"), &wait);
    assert_eq!(again.body, leased.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = site.post_with("q/lease", &key("l"), "{}");
    assert_eq!(other.status, 422, "{other:?}");
    let empty = site.post_with("q/lease", &key("e"), "{}");
    assert!(messages(&empty).is_empty());
    site.publish("q", &json!({ "body": 2 }));
    let again = site.post_with("q/lease", &key("e"), "{}");
    assert_eq!(again.body, empty.body, "an empty answer is one too");
    let acks = leases(&messages(&leased)).to_string();
    for _ in 0..2 {
        let acked = site.post_with("q/ack", &key("a"), &acks);
        assert_eq!(acked.json()["acked"], 1, "{acked:?}");
    }
    assert_eq!(site.metric("published", "(others)"), 2);
    assert_eq!(site.metric("leased", "(others)"), 1);
    assert_eq!(site.metric("acked", "(others)"), 1);
}

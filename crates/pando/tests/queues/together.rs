//! Publishes within `/tx/v1`: the message is there exactly if the data is.

use crate::site::{Site, bodies};
use serde_json::{Value, json};

fn publish(body: &Value) -> Value {
    json!({ "method": "POST", "path": "/queue/v1/q/messages", "body": body })
}

fn put(key: &str, headers: &Value) -> Value {
    json!({ "method": "PUT", "path": format!("/kv/v1/s/{key}"), "headers": headers, "body": 1 })
}

#[test]
fn a_message_is_published_with_its_data_or_neither_is() {
    let site = Site::start();
    let mut connection = site.server.connect();
    let mut tx = |ops: Value| {
        let body = json!({ "ops": ops }).to_string();
        connection.ask("POST", "/tx/v1", "", &body)
    };
    let done = tx(json!([
        put("a", &json!({})),
        publish(&json!({ "body": "a" }))
    ]));
    assert_eq!(done.status, 200, "{done:?}");
    let told = &done.json()[1];
    assert_eq!(told["status"], 201);
    assert!(told["body"]["ids"][0].is_string(), "{told}");
    let taken_back = tx(json!([
        publish(&json!({ "body": "b" })),
        put("a", &json!({ "If-None-Match": "*" })),
    ]));
    assert_eq!(taken_back.status, 412, "{taken_back:?}");
    assert_eq!(taken_back.json()["details"]["op"], 1);
    let refused = tx(json!([put("c", &json!({})), publish(&json!({ "x": 1 }))]));
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(bodies(&site.lease("q", &json!({ "max": 9 }))), [json!("a")]);
    let mut connection = site.server.connect();
    for (key, status) in [("a", 200), ("c", 404)] {
        let path = format!("/kv/v1/s/{key}");
        assert_eq!(connection.ask("GET", &path, "", "").status, status, "{key}");
    }
}

#[test]
fn several_publishes_of_a_transaction_are_in_its_order() {
    let site = Site::start();
    let ops = ["a", "b", "c"].map(|body| publish(&json!({ "body": body })));
    let body = json!({ "ops": ops }).to_string();
    let done = site.server.connect().ask("POST", "/tx/v1", "", &body);
    assert_eq!(done.status, 200, "{done:?}");
    let leased = bodies(&site.lease("q", &json!({ "max": 9 })));
    assert_eq!(leased, [json!("a"), json!("b"), json!("c")]);
}

#[test]
fn of_queues_a_transaction_takes_publishes_only() {
    let site = Site::start();
    for (word, body) in [
        ("lease", json!({})),
        ("ack", json!({ "leases": ["x"] })),
        ("nack", json!({ "leases": ["x"] })),
        ("extend", json!({ "leases": ["x"] })),
    ] {
        let path = format!("/queue/v1/q/{word}");
        let ops = json!({ "ops": [{ "method": "POST", "path": path, "body": body }] });
        let mut connection = site.server.connect();
        let answer = connection.ask("POST", "/tx/v1", "", &ops.to_string());
        assert_eq!(answer.status, 422, "{word}: {answer:?}");
        let hint = answer.json()["hint"].to_string();
        assert!(hint.contains("/queue/v1/{queue}/messages"), "{hint}");
    }
}

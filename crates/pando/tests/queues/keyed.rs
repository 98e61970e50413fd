//! `Idempotency-Key` of what is no transaction of the store: a purge, and what a broker is asked to do.

use crate::site::{Site, leases, post};
use crate::support::{Answer, Server};
use pando_cluster::Nats;
use serde_json::{Value, json};

fn key(key: &str) -> String {
    format!("Idempotency-Key: {key}\r\n")
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

/// Asks twice under one key; the answer, which is the same both times.
fn twice(server: &Server, path: &str, name: &str, body: &str) -> Value {
    let ask = || post(&mut server.connect(), path, &key(name), body);
    let first = ask();
    assert!(first.status < 300, "{path}: {first:?}");
    assert!(!is_replayed(&first), "{path}: {first:?}");
    let again = ask();
    assert!(is_replayed(&again), "{path}: {again:?}");
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    match first.body.is_empty() {
        true => Value::Null,
        false => first.json(),
    }
}

#[test]
fn a_purge_with_a_key_is_done_once_and_takes_nothing_that_came_since() {
    let site = Site::start();
    site.publish("q", &json!([{ "body": 1 }, { "body": 2 }]));
    let ask = |name: &str| site.post_with("q/purge", &key(name), "");
    assert_eq!(ask("a").json(), json!({ "purged": 2 }));
    site.publish("q", &json!({ "body": 3 }));
    let again = ask("a");
    assert!(is_replayed(&again), "{again:?}");
    assert_eq!(again.json(), json!({ "purged": 2 }));
    let refused = site.post_with("q/purge", &key("a"), "{}");
    assert_eq!(refused.status, 422, "another body: {refused:?}");
    assert_eq!(ask("b").json(), json!({ "purged": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_is_asked_to_do_with_a_key_is_done_once() {
    let nats = Nats::builder().start().await.expect("NATS");
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[queue]\nengine = \"{}\"\n[queues.mail]\nretention = \"1h\"\nattempts = 1\n",
        nats.url()
    );
    std::fs::write(folder.path().join("pando.toml"), config).expect("a file");
    let server = Server::start(folder.path());
    let ask = |path: &str, body: &Value| {
        let answer = post(&mut server.connect(), path, "", &body.to_string());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    };
    let lease = || {
        let leased = ask("mail/lease", &json!({ "wait": "30s" }));
        leased["messages"].as_array().expect("messages").clone()
    };
    for body in [1, 2, 3] {
        ask("mail/messages", &json!({ "body": body }));
    }
    let first = leases(&lease()).to_string();
    let acked = twice(&server, "mail/ack", "ack", &first);
    assert_eq!(acked, json!({ "acked": 1, "gone": 0 }));
    let other = json!({ "leases": ["AgdkZWZhdWx0eA"] }).to_string();
    let refused = post(&mut server.connect(), "mail/ack", &key("ack"), &other);
    assert_eq!(refused.status, 422, "another body: {refused:?}");

    let second = leases(&lease());
    let extended = twice(&server, "mail/extend", "extend", &second.to_string());
    assert_eq!(extended, json!({ "extended": 1, "gone": 0 }));
    let nacked = twice(&server, "mail/nack", "nack", &second.to_string());
    assert_eq!(nacked, json!({ "nacked": 1, "gone": 0 }));
    let redriven = twice(&server, "mail/redrive", "redrive", "");
    assert_eq!(redriven["redriven"], 1, "it had one attempt");
    twice(
        &server,
        "mail/replay?from=2026-01-01T00:00:00Z",
        "replay",
        "",
    );
    twice(&server, "mail/purge", "purge", "");
    ask("mail/messages", &json!({ "body": "since" }));
    assert_eq!(lease()[0]["body"], "since", "the purge is not repeated");
}

//! A server and the broker that its queues are on, where one of them does not know or find the other.

use crate::site::{bodies, post};
use crate::support::{self, Answer, Server};
use pando_cluster::Nats;
use serde_json::{Value, json};
use std::path::Path;

fn write(folder: &Path, config: &str) {
    std::fs::write(folder.join("pando.toml"), config).expect("a file");
}

fn on(nats: &Nats) -> String {
    format!("[queue]\nengine = \"{}\"\n", nats.url())
}

fn ask(server: &Server, path: &str, body: &Value) -> Answer {
    post(&mut server.connect(), path, "", &body.to_string())
}

fn ready(server: &Server) -> Answer {
    server.connect().ask("GET", "/readyz", "", "")
}

/// Publishes, and waits until it has come by way of the broker.
fn use_broker(server: &Server, queue: &str) {
    let published = ask(
        server,
        &format!("{queue}/messages"),
        &json!({ "body": "first" }),
    );
    assert_eq!(published.status, 201, "{published:?}");
    let leased = ask(server, &format!("{queue}/lease"), &json!({ "wait": "30s" }));
    assert_eq!(leased.json()["messages"][0]["body"], "first", "{leased:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_of_no_broker_says_so_and_serves_nothing_of_the_queues_there() {
    let nats = Nats::builder().start().await.expect("NATS");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &on(&nats));
    let server = Server::start(folder.path());
    use_broker(&server, "mail");
    let told = ready(&server).json();
    assert_eq!(told["checks"]["broker"]["ok"], true, "{told}");
    assert_eq!(told["checks"]["broker"]["engine"], "nats");
    let status = support::json(folder.path(), &["status"]);
    assert_eq!(status["broker"]["queues"], json!(["mail"]), "{status}");
    server.kill();

    write(folder.path(), "");
    let server = Server::start(folder.path());
    let not_ready = ready(&server);
    let told = not_ready.json();
    assert_eq!(not_ready.status, 503, "{told}");
    assert_eq!(told["checks"]["broker"]["ok"], false);
    assert_eq!(told["checks"]["store"]["ok"], true);
    assert!(
        !not_ready.body.contains("mail"),
        "names are not for everybody"
    );
    let leases = json!({ "leases": ["AQ"] });
    for (path, body) in [
        ("mail/messages", json!({ "body": 1 })),
        ("mail/lease", json!({})),
        ("mail/ack", leases),
        ("mail/redrive", json!({})),
    ] {
        let refused = ask(&server, path, &body);
        assert_eq!(refused.status, 503, "{path}: {refused:?}");
        let refused = refused.json();
        assert_eq!(refused["code"], "broker_missing", "{path}: {refused}");
        assert!(
            refused["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("[queue] engine"))
        );
    }
    let ops = json!({ "ops": [{ "method": "POST", "path": "/queue/v1/mail/messages",
                                "body": [{ "body": 1 }] }] });
    let refused = server.connect().ask("POST", "/tx/v1", "", &ops.to_string());
    assert_eq!(refused.json()["code"], "broker_missing", "{refused:?}");
    let elsewhere = ask(&server, "other/messages", &json!({ "body": 1 }));
    assert_eq!(elsewhere.status, 201, "{elsewhere:?}");
    let status = support::json(folder.path(), &["status"]);
    assert_eq!(status["broker"]["ok"], false, "{status}");
    assert_eq!(status["broker"]["queues"], json!(["mail"]));
    server.kill();

    // The way back that is told.
    let back = format!("{}[queues.mail]\nengine = \"store\"\n", on(&nats));
    write(folder.path(), &back);
    let server = Server::start(folder.path());
    assert_eq!(ready(&server).status, 200);
    let published = ask(&server, "mail/messages", &json!({ "body": "second" }));
    assert_eq!(published.status, 201, "{published:?}");
    let leased = ask(&server, "mail/lease", &json!({ "wait": "60s", "max": 10 })).json();
    let messages = leased["messages"].as_array().expect("messages");
    assert!(!bodies(messages).is_empty(), "{leased}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_is_named_and_costs_no_more_than_its_queues() {
    let nats = Nats::builder().start().await.expect("NATS");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &on(&nats));
    let server = Server::start(folder.path());
    use_broker(&server, "mail");
    nats.kill().await.expect("killed");
    let still = ready(&server);
    let told = still.json();
    assert_eq!(still.status, 200, "{told}");
    assert_eq!(told["checks"]["broker"]["ok"], false, "{told}");
    assert!(told["checks"]["broker"]["reason"].is_string(), "{told}");
    let published = ask(&server, "mail/messages", &json!({ "body": "meanwhile" }));
    assert_eq!(published.status, 201, "the store keeps it: {published:?}");
    let doctor = support::pando(folder.path())
        .args(["doctor", "--json"])
        .output();
    let doctor: Value = serde_json::from_slice(&doctor.expect("it ran").stdout).expect("JSON");
    let findings = doctor["findings"].as_array().expect("findings");
    let broker = findings.iter().find(|found| found["check"] == "broker");
    assert_eq!(broker.expect("a finding")["severity"], "fail", "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_of_the_store_are_settled_though_the_broker_of_those_beside_them_is_down() {
    let nats = Nats::builder().start().await.expect("NATS");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &on(&nats));
    let server = Server::start(folder.path());
    let lease = |body: &str| {
        let published = ask(&server, "mail/messages", &json!({ "body": body }));
        assert_eq!(published.status, 201, "{published:?}");
        let leased = ask(&server, "mail/lease", &json!({ "wait": "30s" })).json();
        assert_eq!(leased["messages"][0]["body"], body, "{leased}");
        leased["messages"][0]["lease"].clone()
    };
    let there = lease("there");
    support::json(folder.path(), &["queue", "move", "mail", "--to", "store"]);
    let here = lease("here");
    nats.kill().await.expect("killed");
    let both = json!({ "leases": [there, here] });
    let told = ask(&server, "mail/ack", &both);
    assert_eq!(told.status, 503, "{told:?}");
    let again = ask(&server, "mail/ack", &json!({ "leases": [here] }));
    assert_eq!(again.json(), json!({ "acked": 0, "gone": 1 }), "{again:?}");
}

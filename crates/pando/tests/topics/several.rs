//! Topics and changes of several processes.

use super::database::{Database, root_key, serve};
use super::listener::Listener;
use super::support::{Server, refused};
use pando_cluster::{Nats, Redis};
use std::collections::BTreeSet;

const TABLE: &str = "create table orders (id bigint primary key);";

/// Publishes through each in turn; all who listen anywhere hear the same, in the same order.
async fn check(database: &Database, more: &str) {
    const MESSAGES: usize = 40;
    database.write_migration("0001_orders.sql", TABLE);
    let folders = [0, 1].map(|_| database.folder(more));
    let servers: Vec<Server> = folders.iter().map(|folder| serve(folder)).collect();
    let key = root_key(&folders[0]);
    let open = |server: &Server, path: &str| Listener::open(server, path, &key);
    let mut listeners: Vec<Listener> = servers.iter().map(|s| open(s, "/topics/v1/a")).collect();
    let headers = format!("{key}Content-Type: text/plain\r\n");
    let publish = |server: &Server, text: &str| {
        // Until they have found each other there is nobody to tell.
        loop {
            let answer = server.connect().ask("POST", "/topics/v1/a", &headers, text);
            match answer.status {
                200 => break,
                503 => assert_eq!(answer.json()["code"], "bus_unavailable", "{answer:?}"),
                _ => panic!("{answer:?}"),
            }
        }
    };
    // Who has told something over the bus hears what is told over it.
    for (server, listener) in servers.iter().zip(&mut listeners) {
        publish(server, "ready");
        while listener.data(1) != ["ready"] {}
    }
    publish(&servers[0], "first");
    // That a process may have missed something before it was connected is told, too.
    for listener in &mut listeners {
        while listener.data(1) != ["first"] {}
    }
    std::thread::scope(|scope| {
        for (who, server) in servers.iter().enumerate() {
            let publish = &publish;
            scope.spawn(move || (0..MESSAGES).for_each(|n| publish(server, &format!("{who}:{n}"))));
        }
    });
    let heard = listeners[0].data(2 * MESSAGES);
    assert_eq!(heard, listeners[1].data(2 * MESSAGES), "one order for all");
    let each: BTreeSet<&String> = heard.iter().collect();
    assert_eq!(each.len(), 2 * MESSAGES, "each once");
    // Whoever comes back may come back to the other one.
    publish(&servers[0], "missed");
    while listeners[0].data(1) != ["missed"] {}
    let header = format!("{key}Last-Event-ID: {}\r\n", listeners[1].last_id);
    let mut back = Listener::open(&servers[0], "/topics/v1/a", &header);
    assert_eq!(back.data(1), ["missed"]);
    drop(listeners);
    let mut changes = open(&servers[1], "/changes/v1/orders");
    for n in 0..3 {
        let body = format!("{{\"id\":{n}}}");
        let answer = servers[0]
            .connect()
            .ask("POST", "/rest/v1/orders", &key, &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let told: serde_json::Value = serde_json::from_str(&changes.data(1)[0]).unwrap();
        assert_eq!(told["key"]["id"], n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_over_one_postgresql_tell_one_another() {
    let database = Database::start().await;
    check(&database, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_tell_one_another_over_redis() {
    let database = Database::start().await;
    let redis = Redis::builder().start().await.unwrap();
    check(&database, &format!("[topics]\nbus = \"{}\"\n", redis.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_tell_one_another_over_nats() {
    let database = Database::start().await;
    let nats = Nats::builder().start().await.unwrap();
    check(&database, &format!("[topics]\nbus = \"{}\"\n", nats.url())).await;
}

#[test]
fn a_bus_that_cannot_be_is_refused_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    for (text, reason) in [
        (
            "bus = \"store\"",
            "only PostgreSQL tells other processes anything",
        ),
        (
            "bus = \"redis+cluster://a,b\"",
            "name one Redis, or sentinels",
        ),
        (
            "bus = \"nowhere\"",
            "it is not of the form redis://host:port/db",
        ),
        (
            "bus_ca_file = \"ca.pem\"",
            "there is no Redis or NATS in topics.bus",
        ),
        (
            "bus = \"nats://u:secret@a:4222\"",
            "put credentials into a file",
        ),
        ("bus = \"nats://\"", "write nats://host:port,host:port"),
        (
            "bus = \"nats://a\"\nbus_password_file = \"password\"",
            "there is no Redis in topics.bus",
        ),
        (
            "bus = \"redis://a\"\nbus_credentials_file = \"a.creds\"",
            "there is no NATS in topics.bus",
        ),
        ("heartbeat = \"60s\"", "at most half of limits.idle_timeout"),
        (
            "ring_memory = \"128KiB\"",
            "at least four times topics.max_message",
        ),
        ("ring = 0", "must be more than nothing"),
    ] {
        let file = folder.path().join("pando.toml");
        std::fs::write(file, format!("[topics]\n{text}\n")).unwrap();
        let error = refused(folder.path(), &["config", "check"], 2);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

//! The change feed of a table.

use super::listener::{Event, Listener};
use super::support::{Server, migrate};
use serde_json::{Value, json};

const TABLES: &str = "create table orders (id bigint primary key, note text);\n\
                      create table lines (day date, n integer, primary key (day, n));";

fn serve(folder: &std::path::Path) -> Server {
    Server::start_with(folder, &[], &[("PANDO__TOPICS__HEARTBEAT", "100ms")])
}

fn write(server: &Server, method: &str, path: &str, body: &str) {
    let answer = server.connect().ask(method, path, "", body);
    assert!(
        (200..300).contains(&answer.status),
        "{method} {path}: {answer:?}"
    );
}

/// An event's kind and key.
fn told(listener: &mut Listener) -> (String, Value) {
    let Event { kind, data } = listener.next().expect("an event");
    let data: Value = serde_json::from_str(&data).unwrap();
    if kind != "pando.gap" {
        assert_eq!(data["kind"], kind.as_str());
        assert!(data["position"]["p"].as_u64().unwrap() > 0, "{data}");
    }
    (kind, data["key"].clone())
}

fn told_all(listener: &mut Listener, count: usize) -> Vec<(String, Value)> {
    (0..count).map(|_| told(listener)).collect()
}

#[test]
fn each_change_is_told_once_in_the_order_of_commits_and_of_its_table_alone() {
    let folder = tempfile::tempdir().unwrap();
    migrate(folder.path(), TABLES);
    let server = serve(folder.path());
    write(
        &server,
        "POST",
        "/rest/v1/orders",
        r#"{"id":1,"note":"before anybody listens"}"#,
    );
    let mut orders = Listener::open(&server, "/changes/v1/orders", "");
    let mut lines = Listener::open(&server, "/changes/v1/lines", "");
    write(
        &server,
        "POST",
        "/rest/v1/orders",
        r#"[{"id":2},{"id":9007199254740993}]"#,
    );
    write(
        &server,
        "POST",
        "/rest/v1/lines",
        r#"{"day":"2026-01-31","n":1}"#,
    );
    write(
        &server,
        "PATCH",
        "/rest/v1/orders?id=eq.1",
        r#"{"note":"x"}"#,
    );
    write(&server, "DELETE", "/rest/v1/orders?id=eq.2", "");
    let of = |kind: &str, id: i64| (kind.to_owned(), json!({ "id": id }));
    let expected = [
        of("insert", 2),
        of("insert", 9_007_199_254_740_993),
        of("update", 1),
        of("delete", 2),
    ];
    assert_eq!(told_all(&mut orders, 4), expected);
    let line = ("insert".to_owned(), json!({ "day": "2026-01-31", "n": 1 }));
    assert_eq!(told(&mut lines), line);
    // What is refused is no change.
    assert_eq!(
        server
            .connect()
            .ask("POST", "/rest/v1/orders", "", r#"{"id":1}"#)
            .status,
        409
    );
    write(&server, "POST", "/rest/v1/orders", r#"{"id":3}"#);
    assert_eq!(told(&mut orders), of("insert", 3));
}

#[test]
fn whoever_comes_back_misses_nothing_also_where_the_server_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    migrate(folder.path(), TABLES);
    let server = serve(folder.path());
    let mut orders = Listener::open(&server, "/changes/v1/orders", "");
    let opened = orders.last_id.clone();
    write(&server, "POST", "/rest/v1/orders", r#"[{"id":1},{"id":2}]"#);
    let of = |id: i64| ("insert".to_owned(), json!({ "id": id }));
    assert_eq!(told(&mut orders), of(1));
    let one = orders.last_id.clone();
    drop(orders);
    write(&server, "POST", "/rest/v1/orders", r#"{"id":3}"#);
    let path = format!("/changes/v1/orders?last_event_id={opened}");
    assert_eq!(
        told_all(&mut Listener::open(&server, &path, ""), 3),
        [of(1), of(2), of(3)]
    );
    server.kill();
    let server = serve(folder.path());
    let header = format!("Last-Event-ID: {one}\r\n");
    write(&server, "POST", "/rest/v1/orders", r#"{"id":4}"#);
    let mut back = Listener::open(&server, "/changes/v1/orders", &header);
    assert_eq!(told_all(&mut back, 3), [of(2), of(3), of(4)]);
    write(&server, "POST", "/rest/v1/orders", r#"{"id":5}"#);
    assert_eq!(told(&mut back), of(5));
    // A quiet table beats with how far it has got.
    let before = back.last_id.clone();
    write(
        &server,
        "POST",
        "/rest/v1/lines",
        r#"{"day":"2026-01-31","n":1}"#,
    );
    while back.last_id == before {
        assert_eq!(back.next_block(), Some(None));
    }
}

#[test]
fn what_the_feed_does_not_hold_is_told_as_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    migrate(folder.path(), TABLES);
    let server = serve(folder.path());
    let mut old = Listener::open(&server, "/changes/v1/orders?last_event_id=1-0-0", "");
    assert_eq!(told(&mut old).0, "pando.gap");
    write(&server, "POST", "/rest/v1/orders", r#"{"id":1}"#);
    assert_eq!(told(&mut old), ("insert".to_owned(), json!({ "id": 1 })));
    // Of another history.
    let mut lost = Listener::open(&server, "/changes/v1/orders?last_event_id=9-1-1", "");
    assert_eq!(told(&mut lost).0, "pando.gap");
    for (path, status, code) in [
        ("/changes/v1/nothing", 404, "PGRST205"),
        ("/changes/v1/_pando_key", 404, "PGRST205"),
        ("/changes/v1/orders?last_event_id=x", 400, "malformed"),
        ("/changes/v1/orders?form=plain", 400, "malformed"),
        ("/changes/v1/orders/1", 404, "PGRST125"),
    ] {
        let answer = server.connect().ask("GET", path, "", "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    assert_eq!(
        server
            .connect()
            .ask("POST", "/changes/v1/orders", "", "")
            .status,
        405
    );
    server.signal("-TERM");
    assert_eq!(old.next(), None);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_websocket_is_refused_with_how_to_ask_for_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    migrate(folder.path(), TABLES);
    let server = serve(folder.path());
    let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answer = server
        .connect()
        .ask("GET", "/changes/v1/orders", headers, "");
    assert_eq!(answer.status, 400, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["code"], "websocket", "{told}");
    let hint = told["hint"].as_str().unwrap();
    assert!(hint.contains("Accept: text/event-stream"), "{hint}");
}

//! Topics as event streams.

use super::listener::{Event, Listener};
use super::support::{Server, json};
use super::{TEXT, publish};
use std::io::Write;
use std::net::TcpStream;

#[test]
fn whoever_listens_is_told_and_whoever_comes_back_gets_what_he_has_missed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    assert_eq!(
        publish(&server, "a", "nobody listens").json()["subscribers"],
        0
    );
    let mut first = Listener::open(&server, "/topics/v1/a", "");
    assert!((2_000..4_000).contains(&first.retry_ms.unwrap()));
    let opened = first.last_id.clone();
    let answer = publish(&server, "a", "1").json();
    assert_eq!(answer["subscribers"], 1);
    assert_eq!(first.data(1), ["1"]);
    assert_eq!(answer["id"], first.last_id.as_str());
    let one = first.last_id.clone();
    drop(first);
    publish(&server, "a?type=paid", "2\n3");
    let typed = Event {
        kind: "paid".to_owned(),
        data: "2\n3".to_owned(),
    };
    let header = format!("Last-Event-ID: {one}\r\n");
    let mut back = Listener::open(&server, "/topics/v1/a", &header);
    assert_eq!(back.next(), Some(typed.clone()));
    let path = format!("/topics/v1/a?last_event_id={opened}");
    let mut back = Listener::open(&server, &path, "");
    assert_eq!(back.data(1), ["1"]);
    assert_eq!(back.next(), Some(typed));
    // The header is newer than an address that a browser keeps.
    let mut back = Listener::open(&server, &path, &header);
    assert_eq!(back.data(1), ["2\n3"]);
    drop(server);
    let server = Server::start(folder.path());
    publish(&server, "a", "4");
    let mut back = Listener::open(&server, "/topics/v1/a", &header);
    let gap = back.next().unwrap();
    assert_eq!(
        (&*gap.kind, &*gap.data),
        ("pando.gap", r#"{"missed":null}"#)
    );
    assert_eq!(back.data(1), ["4"]);
}

#[test]
fn an_event_of_cloudevents_is_told_as_one_however_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut plain = Listener::open(&server, "/topics/v1/a", "");
    let mut wrapped = Listener::open(&server, "/topics/v1/a?form=cloudevents", "");
    let structured = r#"{"specversion":"1.0","id":"7","source":"/s","type":"paid","datacontenttype":"application/json","data":{"n":1}}"#;
    let kind = "Content-Type: application/cloudevents+json\r\n";
    let binary = "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-id: 7\r\n\
                  ce-source: /s\r\nce-type: paid\r\n";
    for (headers, body) in [(kind, structured), (binary, r#"{"n":1}"#)] {
        let answer = server.connect().ask("POST", "/topics/v1/a", headers, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = plain.next().unwrap();
        assert_eq!(told.kind, "paid");
        let event: serde_json::Value = serde_json::from_str(&told.data).unwrap();
        let meant: serde_json::Value = serde_json::from_str(structured).unwrap();
        assert_eq!(event, meant);
        assert_eq!(wrapped.next().unwrap(), told);
    }
    publish(&server, "a", "text");
    assert_eq!(plain.data(1), ["text"]);
    let event: serde_json::Value = serde_json::from_str(&wrapped.data(1)[0]).unwrap();
    assert_eq!(event["data"], "text");
    assert_eq!(event["source"], "/topics/v1/a");
}

#[test]
fn a_reader_that_never_reads_is_no_harm_to_fifty_that_do() {
    const MESSAGES: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    // More than there are: whoever reads misses none, however busy the machine is.
    let server = Server::start_with(folder.path(), &[], &[("PANDO__TOPICS__RING", "2000")]);
    let mut silent = TcpStream::connect(server.address).unwrap();
    write!(
        silent,
        "GET /topics/v1/a HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address
    )
    .unwrap();
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let mut listener = Listener::open(&server, "/topics/v1/a", "");
            std::thread::spawn(move || listener.data(MESSAGES))
        })
        .collect();
    let padding = "x".repeat(4_000);
    let mut connection = server.connect();
    for n in 0..MESSAGES {
        let text = format!("{n} {padding}");
        let answer = connection.ask("POST", "/topics/v1/a", TEXT, &text);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for reader in readers {
        let told = reader.join().unwrap();
        let numbers = told
            .iter()
            .map(|text| text.split(' ').next().unwrap().parse());
        assert!(
            numbers.eq((0..MESSAGES).map(Ok)),
            "in order, and all of them"
        );
    }
    drop(silent);
}

#[test]
fn one_that_is_slow_is_told_how_many_it_has_missed_and_goes_on() {
    const MESSAGES: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[], &[("PANDO__TOPICS__RING", "8")]);
    let mut slow = Listener::open(&server, "/topics/v1/a", "");
    let mut connection = server.connect();
    // Far more than what lies between two ends of a connection.
    let text = "x".repeat(60_000);
    for _ in 0..MESSAGES {
        connection.ask("POST", "/topics/v1/a", TEXT, &text);
    }
    publish(&server, "a", "last");
    let (mut told, mut missed) = (0, 0);
    loop {
        let event = slow.next().unwrap();
        match &*event.kind {
            "pando.gap" => {
                let gap: serde_json::Value = serde_json::from_str(&event.data).unwrap();
                missed += gap["missed"].as_u64().unwrap();
            }
            _ if event.data == "last" => break,
            _ => told += 1,
        }
    }
    assert!(missed > 0);
    assert_eq!(told + missed, MESSAGES as u64);
    let metrics = server.connect().ask("GET", "/metrics", "", "").body;
    assert!(
        metrics.contains(&format!("pando_topics_published_total {}", MESSAGES + 1)),
        "{metrics}"
    );
    assert!(metrics.contains("pando_topics_subscribers 1"), "{metrics}");
    assert!(
        !metrics.contains("pando_topics_lagged_total 0"),
        "{metrics}"
    );
}

#[test]
fn a_server_that_stops_ends_what_goes_on_behind_what_it_has_still_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut topic = Listener::open(&server, "/topics/v1/a", "");
    publish(&server, "a", "1");
    server.signal("-TERM");
    assert_eq!(topic.data(1), ["1"]);
    assert_eq!(topic.next(), None);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_quiet_topic_beats_and_a_key_that_is_revoked_listens_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PANDO__TOPICS__HEARTBEAT", "50ms"),
        ("PANDO__AUTH__REQUIRED", "true"),
    ];
    let server = Server::start_with(folder.path(), &[], &settings);
    let made = json(
        folder.path(),
        &["keys", "create", "--scope", "topics:read:a"],
    );
    let key = format!(
        "Authorization: Bearer {}\r\n",
        made["key"].as_str().unwrap()
    );
    for (method, path, status) in [
        ("GET", "/topics/v1/b", 403),
        ("POST", "/topics/v1/a", 403),
        ("GET", "/changes/v1/t", 403),
    ] {
        let answer = server.connect().ask(method, path, &key, "");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    assert_eq!(
        server.connect().ask("GET", "/topics/v1/a", "", "").status,
        401
    );
    let mut listener = Listener::open(&server, "/topics/v1/a", &key);
    json(
        folder.path(),
        &["keys", "revoke", "--yes", made["id"].as_str().unwrap()],
    );
    assert_eq!(listener.next(), None);
    drop(listener);
    let made = json(folder.path(), &["keys", "create", "--scope", "topics:*"]);
    let key = format!(
        "Authorization: Bearer {}\r\n{TEXT}",
        made["key"].as_str().unwrap()
    );
    let mut listener = Listener::open(&server, "/topics/v1/b", &key);
    while listener.heartbeats < 3 {
        assert_eq!(listener.next_block(), Some(None), "it is held open");
    }
    let path = "/topics/v1/b";
    let answer = server.connect().ask("POST", path, &key, "x");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(listener.data(1), ["x"]);
}

/// What cannot be listened to: path, headers, status and code.
const UNREADABLE: [(&str, &str, u16, &str); 9] = [
    (
        "/topics/v1/a",
        "Accept: application/json\r\n",
        406,
        "not_acceptable",
    ),
    ("/topics/v1/a,b", "", 400, "malformed"),
    ("/topics/v1/a%20b", "", 400, "malformed"),
    ("/topics/v1/a/b", "", 404, "PGRST125"),
    ("/topics/v1/", "", 404, "PGRST125"),
    ("/topics/v1/a?form=xml", "", 400, "malformed"),
    ("/topics/v1/a?last_event_id=7", "", 400, "malformed"),
    (
        "/topics/v1/a",
        "Last-Event-ID: \u{e9}\r\n",
        400,
        "malformed",
    ),
    ("/topics/v1/a?x=1", "", 400, "malformed"),
];
/// What cannot be published: path and headers.
const UNPUBLISHED: [(&str, &str); 3] = [
    ("/topics/v1/a?type=pando.gap", TEXT),
    ("/topics/v1/a", "ce-id: 1\r\n"),
    ("/topics/v1/a", "Content-Type: x\r\n"),
];

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PANDO__TOPICS__MAX_MESSAGE", "1KiB"),
        ("PANDO__TOPICS__MAX_SUBSCRIBERS", "1"),
    ];
    let server = Server::start_with(folder.path(), &[], &settings);
    let check = |method: &str, path: &str, headers: &str, body: &str, status: u16, code: &str| {
        let answer = server.connect().ask(method, path, headers, body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["code"], code, "{answer:?}");
    };
    for (path, headers, status, code) in UNREADABLE {
        check("GET", path, headers, "", status, code);
    }
    check("DELETE", "/topics/v1/a", "", "", 405, "PGRST117");
    for (path, headers) in UNPUBLISHED {
        check("POST", path, headers, "x", 400, "malformed");
    }
    for bytes in [1_025, 1_020] {
        let body = "x".repeat(bytes);
        check(
            "POST",
            "/topics/v1/a",
            TEXT,
            &body,
            413,
            "message_too_large",
        );
    }
    let foreign = "Origin: https://evil.example\r\n";
    check("GET", "/topics/v1/a", foreign, "", 403, "foreign_page");
    check("POST", "/topics/v1/a", foreign, "", 403, "foreign_page");
    let listener = Listener::open(&server, "/topics/v1/a", "");
    check("GET", "/topics/v1/a", "", "", 503, "subscribers_full");
    drop(listener);
    let answer = server.connect().ask("OPTIONS", "/topics/v1/a", "", "");
    assert_eq!(answer.header("allow"), Some("OPTIONS,GET,HEAD,POST"));
}

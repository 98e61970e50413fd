//! Servers that ask to be asked again, that are not there, or are none; and keys.

use crate::world::{World, hasty};
use pando_client::{Client, ErrorKind};
use pando_web::WebConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// A server that answers with these in turn, one on each connection, and gives the heads of
/// the requests.
async fn answering(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heads);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a head"));
            }
            noted
                .lock()
                .await
                .push(String::from_utf8_lossy(&head).into_owned());
            stream
                .write_all(answer.as_bytes())
                .await
                .expect("it is read");
        }
    });
    (url, heads)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn key_of(head: &str) -> Option<&str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix("idempotency-key: "))
}

#[tokio::test]
async fn what_the_server_asks_to_be_sent_again_is_sent_again_under_the_same_key() {
    let again = "retry-after: 2\r\n";
    let (url, heads) = answering(vec![
        answer("503 x", again, r#"{"code":"busy","message":"full"}"#),
        answer("503 x", "", r#"{"code":"outcome_unknown","message":"?"}"#),
        answer(
            "409 x",
            again,
            r#"{"code":"idempotency_key_in_use","message":"wait"}"#,
        ),
        answer("201 x", "etag: \"7\"\r\n", ""),
    ])
    .await;
    let (builder, timer) = hasty(&url);
    let stored = builder
        .build()
        .expect("a client")
        .kv("s")
        .put("k", "")
        .await;
    assert!(stored.expect("at last").created);
    let waits: Vec<u64> = timer.waits().iter().map(Duration::as_secs).collect();
    assert_eq!(waits, [2, 0, 2]);
    let heads = heads.lock().await;
    let keys: Vec<_> = heads.iter().map(|head| key_of(head)).collect();
    assert!(
        keys[0].is_some() && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
}

#[tokio::test]
async fn nothing_else_is_sent_again() {
    for (status, headers, body) in [
        ("503 x", "", r#"{"code":"full","message":"no promise"}"#),
        ("409 x", "", r#"{"code":"23505","message":"twice"}"#),
        (
            "429 x",
            "retry-after: 1\r\n",
            r#"{"code":"many","message":"slower"}"#,
        ),
        ("500 x", "", "not JSON"),
        ("504 x", "", r#"{"code":"57014","message":"slow"}"#),
    ] {
        let (url, heads) = answering(vec![answer(status, headers, body)]).await;
        let client = hasty(&url).0.build().expect("a client");
        client.kv("s").get("k").await.expect_err("it is an error");
        let heads = heads.lock().await;
        assert_eq!(heads.len(), 1, "{status}");
        assert_eq!(key_of(&heads[0]), None, "a read has no key");
    }
}

#[tokio::test]
async fn an_error_after_an_attempt_of_unknown_outcome_does_not_deny_it() {
    let unknown = answer("503 x", "", r#"{"code":"outcome_unknown","message":"?"}"#);
    let busy = answer(
        "503 x",
        "retry-after: 1\r\n",
        r#"{"code":"busy","message":"full"}"#,
    );
    let refused = answer(
        "412 x",
        "",
        r#"{"code":"precondition_failed","message":"no"}"#,
    );
    for (answers, is_unknown) in [
        (vec![busy.clone(); 5], false),
        ([vec![unknown.clone()], vec![busy; 4]].concat(), true),
        (vec![unknown.clone(); 5], true),
        // Under its key the server knows what became of it.
        (vec![unknown, refused], false),
    ] {
        let (url, _) = answering(answers).await;
        let client = hasty(&url).0.build().expect("a client");
        let error = client
            .kv("s")
            .put("k", "v")
            .await
            .expect_err("it is an error");
        assert_eq!(error.is_outcome_unknown(), is_unknown, "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_none_or_silent_is_told_apart() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let error = hasty(&url)
        .0
        .build()
        .expect("a client")
        .kv("s")
        .put("k", "v")
        .await;
    let error = error.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.is_retry_safe() && !error.is_outcome_unknown());

    let (url, _) = answering(vec![answer("200 OK", "", "<html>")]).await;
    let error = hasty(&url)
        .0
        .build()
        .expect("a client")
        .kv("s")
        .get("k")
        .await;
    assert_eq!(error.expect_err("no ETag").kind(), ErrorKind::Undecodable);

    let (url, _) = answering(vec![answer("200 OK", "", &"x".repeat(1_000))]).await;
    let client = hasty(&url)
        .0
        .answer_bytes_max(999)
        .build()
        .expect("a client");
    let error = client.kv("s").get("k").await.expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::Undecodable);

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let patience = Some(Duration::from_millis(20));
    let client = hasty(&url)
        .0
        .attempt_time(patience)
        .build()
        .expect("a client");
    let error = client
        .kv("s")
        .put("k", "v")
        .await
        .expect_err("no answer comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.is_outcome_unknown());
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_it_is() {
    for url in [
        "",
        "localhost",
        "ftp://x",
        "http://a@b",
        "http://x/path",
        "http://",
    ] {
        let error = Client::new(url).expect_err("it is no server's address");
        assert_eq!(error.kind(), ErrorKind::Usage, "{url}");
    }
    let error = Client::new("https://localhost").expect_err("who signed it?");
    assert!(error.hint().is_some_and(|hint| hint.contains("ca_pem")));
    let client = Client::new("http://127.0.0.1:1").expect("a client");
    let broken = client.kv("s").put("k", "v").content_type("a\nb").await;
    assert_eq!(broken.expect_err("a line end").kind(), ErrorKind::Usage);
    let path = client.request(http::Method::GET, "no/path").await;
    assert_eq!(path.expect_err("no slash").kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_key_opens_what_it_may_and_is_shown_nowhere() {
    let config = WebConfig {
        auth_required: true,
        ..WebConfig::default()
    };
    let world = World::with(config, None).await;
    let scopes = "kv:read,kv:write".parse().expect("scopes");
    let made = world.store.create_key("test", scopes).await.expect("a key");
    let nobody = world.client().kv("s").get("k").await.expect_err("no key");
    assert_eq!(
        (nobody.kind(), nobody.status().map(|s| s.as_u16())),
        (ErrorKind::Forbidden, Some(401))
    );
    let client = Client::builder(&world.url).key(&made.secret);
    assert!(!format!("{client:?}").contains(&made.secret));
    let client = client.build().expect("a client");
    client.kv("s").put("k", "v").await.expect("it may");
    let elsewhere = client
        .table("films")
        .select("*")
        .rows::<serde_json::Value>();
    assert!(!format!("{client:?} {elsewhere:?}").contains(&made.secret));
    let elsewhere = elsewhere.await.expect_err("it may not");
    assert_eq!(elsewhere.kind(), ErrorKind::Forbidden);
    assert!(!format!("{elsewhere:?} {elsewhere}").contains(&made.secret));
    let odd = Client::builder(&world.url)
        .key("line\nend")
        .build()
        .expect_err("no key");
    assert!(!format!("{odd:?}").contains("line"));
}

//! Real sockets: both versions of HTTP, slow callers, and stopping.

use crate::world::{TestAdmin, store};
use pando_web::{Limits, Running, WebConfig, serve};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn start(limits: Limits) -> (Running, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (stop, stopped) = oneshot::channel();
    let config = WebConfig {
        limits,
        ..WebConfig::default()
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    let admin = Arc::new(TestAdmin::default());
    let running = serve(vec![listener], None, store().await, admin, config, shutdown);
    (running.expect("a server"), stop)
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.addresses[0])
        .await
        .expect("a connection")
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn http_1_is_spoken_with_the_body_s_length() {
    let (running, stop) = start(Limits::default()).await;
    let mut stream = connect(&running).await;
    let request = "HEAD /rest/v1/countries HTTP/1.1\r\nHost: localhost\r\n\r\n\
                   GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let answer = read_to_end(stream).await;
    let answers: Vec<&str> = answer.split("HTTP/1.1 200 OK\r\n").collect();
    assert_eq!(answers.len(), 3, "{answer}");
    assert!(answers[1].contains("content-length: 2\r\n"), "{answer}");
    assert!(answers[2].ends_with("{\"status\":\"live\"}"), "{answer}");
    drop(stop);
    assert_eq!(running.wait().await.cut_off, 0);
}

#[tokio::test]
async fn arrows_in_a_request_line_are_understood() {
    let (running, _stop) = start(Limits::default()).await;
    let mut stream = connect(&running).await;
    for (table, close) in [("countries", "keep-alive"), ("customers", "close")] {
        let request = format!(
            "GET /rest/v1/{table}?select=name->>a HTTP/1.1\r\nHost: localhost\r\nConnection: {close}\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        // Text has no parts, which only somebody who has read the path can say.
        assert!(
            answer.contains("42883") || answer.contains("->>"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_a_target_cannot_hold_is_taken_as_if_it_were_encoded() {
    let (running, _stop) = start(Limits::default()).await;
    for query in [
        "name=eq.\"Korea\"",
        "name=in.(\"Korea\",\"Ko{}|^`\\\\rea\")",
    ] {
        let mut stream = connect(&running).await;
        let request = format!(
            "GET /rest/v1/countries?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let answer = read_to_end(stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{query}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_the_words_of_all_errors() {
    let (running, _stop) = start(Limits::default()).await;
    let headers: String = (0..120).map(|n| format!("X-{n}: 1\r\n")).collect();
    let host = "Host: localhost\r\n";
    for (request, status, code) in [
        (
            format!("GET /livez HTTP/1.1\r\n{host}{headers}\r\n"),
            "431",
            "headers_too_large",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(70_000)),
            "414",
            "uri_too_long",
        ),
        (
            format!("GET /rest/v1/a b HTTP/1.1\r\n{host}\r\n"),
            "400",
            "malformed",
        ),
        (
            format!("POST /rest/v1/a HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n"),
            "400",
            "malformed",
        ),
    ] {
        let mut stream = connect(&running).await;
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        stream.shutdown().await.expect("it is all");
        let answer = read_to_end(stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let length = format!("content-length: {}", body.len());
        assert!(head.to_lowercase().contains(&length), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["code"], code, "{body}");
        assert!(
            body["hint"].is_string() && body["message"].is_string(),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_refused_request_s_body_does_not_spoil_the_next_request() {
    let (running, _stop) = start(Limits::default()).await;
    let mut stream = connect(&running).await;
    for _ in 0..3 {
        let head = "POST /rest/v1/nothing?columns=; HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        tokio::task::yield_now().await;
        stream.write_all(b"{\"id\":1}").await.expect("it is sent");
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn a_caller_that_sends_too_much_gets_to_read_why_not() {
    let limits = Limits {
        max_body: 1_000,
        ..Limits::default()
    };
    let (running, _stop) = start(limits).await;
    let mut stream = connect(&running).await;
    let length = 4 << 20;
    let head = format!(
        "POST /rest/v1/countries HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
        .write_all(&vec![b' '; length])
        .await
        .expect("it is taken in");
    let answer = read_to_end(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn cleartext_http_2_is_spoken() {
    let (running, _stop) = start(Limits::default()).await;
    let io = hyper_util::rt::TokioIo::new(connect(&running).await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .expect("a handshake");
    tokio::spawn(connection);
    for (method, length) in [("GET", 2), ("HEAD", 0)] {
        let request = http::Request::builder()
            .method(method)
            .uri(format!(
                "http://localhost:{}/rest/v1/countries",
                running.addresses[0].port()
            ))
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let body = http_body_util::BodyExt::collect(answer.into_body()).await;
        assert_eq!(body.expect("a body").to_bytes().len(), length, "{method}");
    }
}

#[tokio::test]
async fn a_head_that_dribbles_in_is_cut_off() {
    let limits = Limits {
        header_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let (running, _stop) = start(limits).await;
    for sent in [
        "",
        "GET / HT",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ",
    ] {
        let mut stream = connect(&running).await;
        stream.write_all(sent.as_bytes()).await.expect("it is sent");
        let end = tokio::time::timeout(Duration::from_secs(10), read_to_end(stream)).await;
        assert!(end.is_ok(), "after {sent:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_ended() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let (running, _stop) = start(limits).await;
    let mut stream = connect(&running).await;
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let answer = tokio::time::timeout(Duration::from_secs(10), read_to_end(stream)).await;
    assert!(answer.expect("it is ended").contains("200 OK"));
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_what_waits_to_be_accepted() {
    let (running, stop) = start(Limits::default()).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&running).await;
        let head =
            "POST /rest/v1/countries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[";
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        streams.push(stream);
    }
    stop.send(()).expect("it runs");
    let waiting = tokio::spawn(running.wait());
    for mut stream in streams {
        stream.write_all(b"]").await.expect("it is sent");
        let answer = read_to_end(stream).await;
        assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    }
    assert_eq!(waiting.await.expect("it ends").cut_off, 0);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_deadline() {
    let limits = Limits {
        drain_timeout: Duration::from_millis(400),
        ..Limits::default()
    };
    let (running, stop) = start(limits).await;
    let mut stream = connect(&running).await;
    let head = "POST /rest/v1/countries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[";
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    // The server has taken the request in once it counts it.
    while running.web().requests_in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(()).expect("it runs");
    assert_eq!(running.wait().await.cut_off, 1);
}

//! Topics over WebSockets.

use super::listener::Listener;
use super::publish;
use super::support::{Answer, Server, json};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const PATIENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<TcpStream>;

async fn connect(server: &Server, path: &str, protocol: Option<&'static str>) -> Socket {
    let url = format!("ws://{}{path}", server.address);
    let mut request = url.into_client_request().unwrap();
    if let Some(protocol) = protocol {
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut socket, reply) = client_async(request, stream).await.unwrap();
    let spoken = reply.headers().get("sec-websocket-protocol");
    assert_eq!(spoken.map(|value| value.to_str().unwrap()), protocol);
    let open = event(&mut socket).await;
    assert_eq!(open["type"], "pando.open", "{open}");
    socket
}

async fn next(socket: &mut Socket) -> Message {
    let next = tokio::time::timeout(PATIENCE, socket.next()).await;
    next.expect("in time")
        .expect("not at its end")
        .expect("sound")
}

async fn event(socket: &mut Socket) -> Value {
    loop {
        match next(socket).await {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code and the reason of a close.
async fn closed(socket: &mut Socket) -> (CloseCode, String) {
    loop {
        match next(socket).await {
            Message::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
            Message::Close(None) => panic!("closed without a code"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_told_events_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut socket = connect(&server, "/topics/v1/a", Some("cloudevents.json")).await;
    let mut stream = Listener::open(&server, "/topics/v1/a", "");
    for text in ["1", "<{\"2\"}>"] {
        assert_eq!(publish(&server, "a", text).json()["subscribers"], 2);
        let told = event(&mut socket).await;
        assert_eq!(told["data"], text);
        assert_eq!(told["datacontenttype"], "text/plain");
        assert_eq!(stream.data(1), [text]);
        assert_eq!(told["pandocursor"], stream.last_id.as_str());
    }
    socket
        .send(Message::Ping(Bytes::from_static(b"?")))
        .await
        .unwrap();
    assert_eq!(
        next(&mut socket).await,
        Message::Pong(Bytes::from_static(b"?"))
    );
    socket.close(None).await.unwrap();
    publish(&server, "a", "3");
    let path = format!("/topics/v1/a?last_event_id={}", stream.last_id);
    let mut back = connect(&server, &path, None).await;
    assert_eq!(event(&mut back).await["data"], "3");
    let mut other = connect(
        &server,
        "/topics/v1/a?last_event_id=00000000000000aa-1",
        None,
    )
    .await;
    let gap = event(&mut other).await;
    assert_eq!(
        (&gap["type"], &gap["data"]["missed"]),
        (&"pando.gap".into(), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_closed_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("PANDO__TOPICS__HEARTBEAT", "100ms")];
    let server = Server::start_with(folder.path(), &[], &settings);
    let mut talks = connect(&server, "/topics/v1/a", None).await;
    talks.send(Message::text("x")).await.unwrap();
    let (code, reason) = closed(&mut talks).await;
    assert_eq!(
        (code, &*reason),
        (
            CloseCode::Unsupported,
            "nothing is taken here: publish with POST"
        )
    );
    let mut large = connect(&server, "/topics/v1/a", None).await;
    large.send(Message::text("x".repeat(5_000))).await.unwrap();
    assert_eq!(closed(&mut large).await.0, CloseCode::Size);
    let made = json(folder.path(), &["keys", "create", "--scope", "topics:read"]);
    let mut request = format!("ws://{}/topics/v1/a", server.address)
        .into_client_request()
        .unwrap();
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    request
        .headers_mut()
        .insert("authorization", key.parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut revoked, _) = client_async(request, stream).await.unwrap();
    json(
        folder.path(),
        &["keys", "revoke", "--yes", made["id"].as_str().unwrap()],
    );
    assert_eq!(closed(&mut revoked).await.0, CloseCode::Policy);
    let mut open = connect(&server, "/topics/v1/a", None).await;
    publish(&server, "a", "last");
    server.signal("-TERM");
    assert_eq!(event(&mut open).await["data"], "last");
    assert_eq!(closed(&mut open).await.0, CloseCode::Away);
    assert!(open.next().await.is_none());
    let ended = tokio::task::spawn_blocking(|| server.wait()).await.unwrap();
    assert_eq!(ended, Some(0));
}

#[test]
fn a_handshake_that_is_none_is_refused_with_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let ask = |method: &str, headers: &str| -> Answer {
        let headers = format!("Upgrade: websocket\r\n{headers}");
        server.connect().ask(method, "/topics/v1/a", &headers, "")
    };
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Connection: upgrade\r\n";
    for (headers, status) in [
        (format!("{version}{key}"), 400),
        (format!("{upgrade}{key}"), 426),
        (format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}"), 426),
        (format!("{upgrade}{version}"), 400),
        (format!("{upgrade}{version}{key}{key}"), 400),
        (
            format!("{upgrade}{version}{key}Origin: https://evil.example\r\n"),
            403,
        ),
    ] {
        let answer = ask("GET", &headers);
        assert_eq!(answer.status, status, "{headers}: {answer:?}");
        assert!(answer.json()["hint"].is_string(), "{answer:?}");
    }
    let old = ask("GET", &format!("{upgrade}{key}"));
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    // RFC 6455, section 1.3.
    let answer = ask("GET", &format!("{upgrade}{version}{key}"));
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
}

//! Subscribing over a WebSocket (RFC 6455). Each text frame is an event of CloudEvents in JSON, as
//! their binding for WebSockets has it; nothing is taken from the other end.
//!
//! The talk goes on in the connection's own task: it counts as a connection, and a server that
//! stops waits for it.

use crate::error::ApiError;
use crate::events::Standing;
use crate::payload::Payload;
use crate::reply::{self, Reply};
use crate::web::Web;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pando_queue::topics::{Form, Subscription};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// The one version there is.
const VERSION: HeaderValue = HeaderValue::from_static("13");
/// CloudEvents' name for what is spoken here.
const PROTOCOL: &str = "cloudevents.json";
/// What is taken from the other end at once: it has nothing to say but that it closes.
const TAKEN_BYTES_MAX: usize = 4 << 10;
/// How much is gathered before it is sent.
const GATHERED_BYTES: usize = 16 << 10;
/// How long the other end may take to close.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a socket is looked after.
struct Care {
    standing: Standing,
    heartbeat: Duration,
    /// Whoever takes nothing for so long is gone.
    patience: Duration,
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// What a request has to hold (RFC 6455, section 4.2.1): the connection, and what it is answered.
pub(super) fn handshake(parts: &Parts) -> Result<(OnUpgrade, Reply), ApiError> {
    let headers = &parts.headers;
    if parts.method != Method::GET || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(malformed(
            "it is asked for with GET and Connection: Upgrade",
        ));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        let error = "a WebSocket of this version is not spoken here";
        return Err(
            ApiError::new(StatusCode::UPGRADE_REQUIRED, "websocket", error)
                .hint("Sec-WebSocket-Version is 13.")
                .header(UPGRADE, HeaderValue::from_static("websocket"))
                .header(SEC_WEBSOCKET_VERSION, VERSION),
        );
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(malformed("Sec-WebSocket-Key is there once"));
    };
    let Some(on) = parts.extensions.get::<OnUpgrade>() else {
        return Err(malformed("it needs a connection of HTTP/1.1"));
    };
    let mut reply = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let answer = reply.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    // Base64 is of ASCII.
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if has_token(headers, &SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        let protocol = HeaderValue::from_static(PROTOCOL);
        answer.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok((on.clone(), reply))
}

/// The answer after which a subscriber is told over the socket.
pub(super) fn answer(
    web: &Web,
    standing: Standing,
    (on, mut reply): (OnUpgrade, Reply),
    subscription: Subscription,
) -> Reply {
    let care = Care {
        standing,
        heartbeat: web.streams().heartbeat,
        patience: web.limits().idle_timeout,
    };
    *reply.body_mut() = Payload::switched(async move {
        match on.await {
            Ok(upgraded) => talk(TokioIo::new(upgraded), subscription, care).await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not come about"),
        }
    });
    reply
}

async fn talk<S>(io: S, mut subscription: Subscription, care: Care)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(TAKEN_BYTES_MAX)
        .write_buffer_size(GATHERED_BYTES)
        .max_message_size(Some(TAKEN_BYTES_MAX))
        .max_frame_size(Some(TAKEN_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Some(close) = tell(&mut socket, &mut subscription, &care).await else {
        return;
    };
    drop(subscription);
    let goodbye = async {
        if socket.close(Some(close)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Who does not answer is closed all the same.
    let _ = timeout(GOODBYE, goodbye).await;
}

/// Tells what there is, until there is a reason to close: the reason, or nothing if the other end
/// is gone.
async fn tell<S>(
    socket: &mut WebSocketStream<S>,
    subscription: &mut Subscription,
    care: &Care,
) -> Option<CloseFrame>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let opening = text(subscription.opening_frame())?;
    timeout(care.patience, socket.send(opening))
        .await
        .ok()?
        .ok()?;
    let mut beat = interval(care.heartbeat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_heard = true;
    loop {
        tokio::select! {
            told = subscription.next() => {
                let Some(told) = told else {
                    return Some(close(CloseCode::Away, "the server is stopping"));
                };
                let sending = async {
                    let mut next = Some(told);
                    while let Some(told) = next {
                        let frame = subscription.form(&told, Form::Frame);
                        socket.feed(text(frame)?).await.ok()?;
                        next = subscription.take();
                    }
                    socket.flush().await.ok()
                };
                timeout(care.patience, sending).await.ok()??;
            }
            said = socket.next() => match said {
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    let why = "nothing is taken here: publish with POST";
                    return Some(close(CloseCode::Unsupported, why));
                }
                // One that closes is answered by the library, and is at its end next.
                Some(Ok(_)) => was_heard = true,
                Some(Err(error)) => return blame(&error),
                None => return None,
            },
            _ = beat.tick() => {
                if !care.standing.holds() {
                    return Some(close(CloseCode::Policy, "the key is not valid any more"));
                }
                if !std::mem::take(&mut was_heard) {
                    return None;
                }
                let ping = socket.send(Message::Ping(Default::default()));
                timeout(care.patience, ping).await.ok()?.ok()?;
            }
        }
    }
}

/// Why a socket is closed whose other end did what it may not.
fn blame(error: &Error) -> Option<CloseFrame> {
    match error {
        Error::Capacity(_) => Some(close(CloseCode::Size, "nothing so large is taken here")),
        Error::Protocol(_) => Some(close(CloseCode::Protocol, "this is no WebSocket's frame")),
        Error::Utf8(_) => Some(close(CloseCode::Invalid, "a text is not UTF-8")),
        _ => None,
    }
}

fn text(frame: bytes::Bytes) -> Option<Message> {
    // JSON is UTF-8.
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}

fn close(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    })
}

fn malformed(what: &str) -> ApiError {
    crate::params::malformed(format!("this is no WebSocket's handshake: {what}"))
        .hint("RFC 6455, section 4.1, says what a client sends.")
}

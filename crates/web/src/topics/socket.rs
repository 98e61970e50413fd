//! Subscribing over a WebSocket (RFC 6455): the handshake. What is said then is in [`talk`].
//!
//! The talk goes on in the connection's own task: it counts as a connection, and a server that
//! stops waits for it.

use super::talk::{self, Care};
use crate::error::ApiError;
use crate::events::Standing;
use crate::payload::Payload;
use crate::reply::{self, Reply};
use crate::web::Web;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pando_queue::topics::Subscription;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The one version there is.
const VERSION: HeaderValue = HeaderValue::from_static("13");
/// CloudEvents' name for what is spoken here.
const PROTOCOL: &str = "cloudevents.json";
/// Whether a request asks for a WebSocket.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
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
        is_valid: move || standing.holds(),
        heartbeat: web.streams().heartbeat,
        patience: web.limits().idle_timeout,
    };
    *reply.body_mut() = Payload::switched(async move {
        match on.await {
            Ok(upgraded) => talk::go_on(TokioIo::new(upgraded), subscription, care).await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not come about"),
        }
    });
    reply
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

//! Answers. One type serves all routes: a body is there as a whole, but for those that go on.

use crate::payload::Payload;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

/// An answer.
pub type Reply = Response<Payload>;

/// `application/json` with its charset, as all JSON here is sent.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Payload::default());
    *reply.status_mut() = status;
    reply
}

/// The answer to OPTIONS: the methods that a place takes.
pub(crate) fn allowing(methods: &'static str) -> Reply {
    let mut reply = empty(StatusCode::OK);
    let methods = HeaderValue::from_static(methods);
    reply.headers_mut().insert(ALLOW, methods);
    reply
}

/// An answer with a body of some type.
pub(crate) fn body(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Payload::from(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(text) => body(status, JSON, text),
        // Only maps with keys that are no strings cannot be written; there are none here.
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// An answer's body.
pub(crate) fn into_bytes(reply: Reply) -> Bytes {
    // One that is whole is there from the start.
    let mut body = reply.into_body();
    match futures_util::FutureExt::now_or_never(http_body_util::BodyExt::frame(&mut body)) {
        Some(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

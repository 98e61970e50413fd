//! Subscribing: as an event stream, or over a WebSocket.

use super::{socket, told};
use crate::error::ApiError;
use crate::events::{self, LAST_EVENT_ID, Source, Standing};
use crate::gate::Caller;
use crate::params::{Params, malformed};
use crate::reply::Reply;
use crate::web::Web;
use bytes::Bytes;
use http::request::Parts;
use pando_queue::topics::{Cursor, Form, NoCursor, Subscription, TopicName};

/// What a request may say besides.
const KNOWN: [&str; 2] = ["last_event_id", "form"];

pub(super) fn answer(
    web: &Web,
    topic: &TopicName,
    parts: &Parts,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    if socket::is_asked(&parts.headers) {
        let params = Params::read(&parts.uri, &KNOWN[..1])?;
        let handshake = socket::handshake(parts)?;
        let from = from(parts, &params)?;
        let subscription = web.topics().subscribe(topic, from).map_err(told)?;
        let standing = Standing::of(web, caller);
        return Ok(socket::answer(web, standing, handshake, subscription));
    }
    let params = Params::read(&parts.uri, &KNOWN)?;
    let form = params.parsed("form", "plain or cloudevents", |text| match text {
        "plain" => Some(Form::Plain),
        "cloudevents" => Some(Form::Event),
        _ => None,
    })?;
    events::require_accepted(&parts.headers)?;
    let from = from(parts, &params)?;
    let subscription = web.topics().subscribe(topic, from).map_err(told)?;
    let id = from.is_none().then(|| subscription.opening().to_string());
    let source = Listener {
        subscription,
        form: form.unwrap_or(Form::Plain),
    };
    Ok(events::answer(web, &parts.method, caller, id, source))
}

/// How far whoever comes back had got. A browser says it in the header, where nobody else does.
fn from(parts: &Parts, params: &Params) -> Result<Option<Cursor>, ApiError> {
    let header = parts.headers.get(LAST_EVENT_ID);
    let header = header.map(|value| value.to_str().unwrap_or("?"));
    let (what, text) = match (header, params.text("last_event_id")) {
        // The header is newer: the address stays as it was when a browser comes back.
        (Some(text), _) => ("Last-Event-ID", text),
        (None, Some(text)) => ("last_event_id", text),
        (None, None) => return Ok(None),
    };
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|error: NoCursor| malformed(format!("{what} cannot be used: {error}"))),
    }
}

struct Listener {
    subscription: Subscription,
    form: Form,
}

impl Source for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        let told = self.subscription.next().await?;
        Some(self.subscription.form(&told, self.form))
    }
}

//! The change feed of a table over HTTP: `/changes/v1/{table}`, an event stream.

use crate::deadline::Deadline;
use crate::error::{ApiError, unavailable};
use crate::events::{self, LAST_EVENT_ID, Source};
use crate::gate::Caller;
use crate::params::{Params, malformed};
use crate::reply::{self, Reply};
use crate::rest;
use crate::topics::websocket_is_asked;
use crate::web::Web;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::engine::{FeedCursor, FeedEvent};
use pando_model::schema::RESERVED_PREFIX;
use pando_model::stamp::Position;
use pando_queue::changes::{ChangesError, ChangesSubscription, Noted};
use pando_store::Store;
use pando_store::listening::committed_of;
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

const ALLOWED: &str = "OPTIONS,GET,HEAD";
/// The event that tells that there may have been changes that are not known any more.
const GAP: &str = "pando.gap";

/// Answers a request.
pub(crate) async fn answer(
    web: &Web,
    name: &str,
    parts: &Parts,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    match parts.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(reply::allowing(ALLOWED)),
        _ => return Err(ApiError::method(&parts.method, ALLOWED)),
    }
    if websocket_is_asked(&parts.headers) {
        return Err(no_websocket(name));
    }
    let params = Params::read(&parts.uri, &["last_event_id"])?;
    let schema = web.store().schema();
    let known = schema.tables.get(name);
    if known.is_none() || name.starts_with(RESERVED_PREFIX) {
        return Err(rest::no_such_table(name));
    }
    events::require_accepted(&parts.headers)?;
    let from = from(parts, &params)?;
    let Some(changes) = web.changes() else {
        return Err(unavailable(
            "stopping",
            "nobody follows the store's changes here",
        ));
    };
    let subscribed = pin!(async { changes.subscribe(name, from).await.map_err(told) });
    let subscription = deadline.for_plan(subscribed).await?;
    let id = text_of(subscription.cursor());
    let source = Listener {
        store: web.shared_store(),
        subscription,
        table: name.to_owned(),
        is_over: false,
    };
    let id = from.is_none().then_some(id);
    Ok(events::answer(web, &parts.method, caller, id, source))
}

/// Whoever asks for a WebSocket cannot read an event stream. It is no 426: that asks for an upgrade
/// (RFC 9110, section 15.5.22).
fn no_websocket(name: &str) -> ApiError {
    let message = "changes are told as an event stream, not over a WebSocket";
    let hint = format!(
        "Send GET with Accept: text/event-stream and without Upgrade, as browsers do by \
         new EventSource(\"/changes/v1/{name}\")."
    );
    ApiError::new(StatusCode::BAD_REQUEST, "websocket", message).hint(hint)
}

fn told(error: ChangesError) -> ApiError {
    let text = error.to_string();
    match error {
        ChangesError::Full { .. } => unavailable("subscribers_full", text)
            .hint("[topics] max_subscribers says how many there may be in one process.")
            .retry_after(Duration::from_secs(5)),
        ChangesError::Engine(error) => error.into(),
        ChangesError::Closed => unavailable("stopping", text).retry_after(Duration::from_secs(1)),
    }
}

fn from(parts: &Parts, params: &Params) -> Result<Option<FeedCursor>, ApiError> {
    let header = parts.headers.get(LAST_EVENT_ID);
    let header = header.map(|value| value.to_str().unwrap_or("?"));
    match header.or(params.text("last_event_id")) {
        None | Some("") => Ok(None),
        Some(text) => match cursor_of(text) {
            Some(cursor) => Ok(Some(cursor)),
            None => Err(malformed("the last event's id cannot be used")
                .hint("Send back the id of the last event as it was, or none.")),
        },
    }
}

/// `timeline-p-ordinal`.
fn text_of(cursor: FeedCursor) -> String {
    let Position { timeline, p } = cursor.at;
    format!("{timeline}-{p}-{}", cursor.ordinal)
}

fn cursor_of(text: &str) -> Option<FeedCursor> {
    let is_sound = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-');
    let [timeline, p, ordinal] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() || ![timeline, p, ordinal].into_iter().all(is_sound) {
        return None;
    }
    let p: u64 = p.parse().ok()?;
    // Engines keep it as a whole number with a sign.
    i64::try_from(p).ok()?;
    Some(FeedCursor {
        at: Position {
            timeline: timeline.parse().ok()?,
            p,
        },
        ordinal: ordinal.parse().ok()?,
    })
}

struct Listener {
    store: Arc<Store>,
    subscription: ChangesSubscription,
    table: String,
    is_over: bool,
}

impl Source for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        match self.subscription.next().await? {
            Noted::Change(change) => {
                Some(change.sent(|event| block_of(&self.store, &self.table, event)))
            }
            // Whoever is cut off behind it has been told.
            Noted::Gap(cursor) => Some(block(&text_of(cursor), GAP, "{}")),
            Noted::Broken => {
                self.is_over = true;
                None
            }
        }
    }

    /// Whoever listens to a quiet table knows how far it has got all the same.
    fn heartbeat(&self) -> Bytes {
        format!("id: {}\n\n", text_of(self.subscription.cursor())).into()
    }
}

fn block_of(store: &Store, table: &str, event: &FeedEvent) -> Bytes {
    let kind = event.kind.name();
    let committed = committed_of(&store.schema(), event);
    // A key that the schema in force does not know is not told.
    let key = committed.map_or_else(|| "null".to_owned(), |committed| committed.change.key);
    let table = Value::from(table);
    let Position { timeline, p } = event.cursor.at;
    let data = format!(
        r#"{{"table":{table},"kind":"{kind}","key":{key},"position":{{"timeline":{timeline},"p":{p}}}}}"#
    );
    block(&text_of(event.cursor), kind, &data)
}

fn block(id: &str, event: &str, data: &str) -> Bytes {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_nothing_else_is_one() {
        for text in [
            "1-2-3",
            "4294967295-9223372036854775807-4294967295",
            "0-0-0",
        ] {
            assert_eq!(cursor_of(text).map(text_of).as_deref(), Some(text));
        }
        for text in [
            "",
            "1",
            "1-2",
            "1-2-3-4",
            "1--3",
            "+1-2-3",
            "1-9223372036854775808-0",
            "x-1-1",
        ] {
            assert_eq!(cursor_of(text), None, "{text:?}");
        }
    }
}

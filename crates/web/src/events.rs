//! Event streams (HTML, section 9.2): what goes on behind its answer, whatever it tells.

use crate::error::ApiError;
use crate::gate::Caller;
use crate::payload::Payload;
use crate::reply::{self, Reply};
use crate::web::Web;
use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use pando_store::Store;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx gathers an answer otherwise, and whoever listens hears nothing.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A comment, which nobody sees.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// What there is to tell.
pub(crate) trait Source: Send + 'static {
    /// The next event as it is sent, once it is there; `None` when there will be none any more.
    /// It may be asked again before it has answered, and nothing is lost by that.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;

    /// What is sent where there was nothing to tell for a while.
    fn heartbeat(&self) -> Bytes {
        HEARTBEAT
    }
}

/// Whether the key that somebody listens with is still valid.
pub(crate) struct Standing {
    store: Arc<Store>,
    caller: Caller,
}

impl Standing {
    pub(crate) fn of(web: &Web, caller: &Caller) -> Standing {
        Standing {
            store: web.shared_store(),
            caller: caller.clone(),
        }
    }

    pub(crate) fn holds(&self) -> bool {
        let key = self.caller.as_ref();
        key.is_none_or(|key| self.store.is_valid(key))
    }
}

/// 406 unless an event stream is among what is accepted.
pub(crate) fn require_accepted(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut named = headers.get_all(ACCEPT).iter().peekable();
    if named.peek().is_none() {
        return Ok(());
    }
    let is_named = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let is_refused = parameters.split(';').any(|parameter| {
                let quality = parameter.trim().strip_prefix("q=");
                quality.is_some_and(|quality| quality.parse() == Ok(0.0))
            });
            let name = name.trim().to_ascii_lowercase();
            let known = ["text/event-stream", "text/*", "*/*"];
            !is_refused && known.contains(&name.as_str())
        })
    };
    if named.any(is_named) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::NOT_ACCEPTABLE,
        "not_acceptable",
        "what is told here is an event stream",
    )
    .hint("Accept text/event-stream."))
}

/// An answer that goes on: `id` is where it begins, for whoever comes back before anything was told.
pub(crate) fn answer(
    web: &Web,
    method: &Method,
    caller: &Caller,
    id: Option<String>,
    source: impl Source,
) -> Reply {
    let heartbeat = web.streams().heartbeat;
    let mut reply = reply::empty(StatusCode::OK);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, EVENT_STREAM);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if *method == Method::HEAD {
        *reply.body_mut() = Payload::events(stream::empty());
        return reply;
    }
    let telling = Telling {
        opening: Some(opening(web.streams().retry, id)),
        standing: Standing::of(web, caller),
        asked: Instant::now(),
        heartbeat,
        source,
    };
    let events = stream::unfold(telling, async |mut telling| {
        let next = telling.next().await;
        next.map(|next| (next, telling))
    });
    *reply.body_mut() = Payload::events(events);
    reply
}

struct Telling<S> {
    opening: Option<Bytes>,
    standing: Standing,
    /// When it was last asked whether the key is valid: there may be something to tell all the time.
    asked: Instant,
    heartbeat: Duration,
    source: S,
}

impl<S: Source> Telling<S> {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        let told = timeout(self.heartbeat, self.source.next()).await;
        if self.asked.elapsed() >= self.heartbeat {
            self.asked = Instant::now();
            if !self.standing.holds() {
                return None;
            }
        }
        told.unwrap_or_else(|_| Some(self.source.heartbeat()))
    }
}

/// What a stream begins with. An id without data is kept by whoever listens, and is no event.
fn opening(retry: Duration, id: Option<String>) -> Bytes {
    let retry = spread(retry).as_millis();
    let id = id.map_or(String::new(), |id| format!("id: {id}\n"));
    format!("retry: {retry}\n{id}\n").into()
}

/// Once to twice as long: whoever is cut off with others does not come back with them.
fn spread(span: Duration) -> Duration {
    // Fibonacci hashing: the next one falls into the widest gap that the others left.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let part = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
    span + span.mul_f64(part as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stream_has_to_be_accepted_by_whoever_says_what_he_accepts() {
        for (accept, is_accepted) in [
            (None, true),
            (Some("text/event-stream"), true),
            (Some("*/*"), true),
            (Some("text/*;q=0.1"), true),
            (Some("application/json, Text/Event-Stream"), true),
            (Some("application/json"), false),
            (Some("text/event-stream;q=0"), false),
            (Some("text/html"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(
                require_accepted(&headers).is_ok(),
                is_accepted,
                "{accept:?}"
            );
        }
    }

    #[test]
    fn those_who_are_cut_off_together_come_back_one_by_one() {
        let span = Duration::from_secs(2);
        let mut spans: Vec<Duration> = (0..100).map(|_| spread(span)).collect();
        spans.sort();
        spans.dedup();
        assert_eq!(spans.len(), 100);
        assert!(spans[0] >= span && spans[99] < span * 2, "{spans:?}");
    }
}

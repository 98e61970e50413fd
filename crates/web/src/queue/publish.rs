//! Publishing: messages in JSON, an event of CloudEvents 1.0, or bytes as they are.
//!
//! | `Content-Type` | what is published |
//! |---|---|
//! | `application/json`, or none | what the body says: `{"body", "delay", …}`, or an array of such |
//! | `application/cloudevents+json` | the event; what else is to be said of it is in the query |
//! | any, with `ce-` headers | the event, whose data is the body |
//! | another | the body, as what it was sent |

use super::body::{SPAN, Span, is_json, is_plain_json};
use super::given::{GivenPublished, readable};
use super::refuse_query;
use crate::answer::Answer;
use crate::error::ApiError;
use crate::kv;
use crate::object::{self, Instant, Object};
use crate::operate::Asked;
use crate::params::{self, Params, malformed};
use crate::web::Web;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use pando_model::datetime;
use pando_queue::listeners::QUEUE_PREFIX;
use pando_queue::{Attribute, DedupId, Event, EventError};
use pando_store::operation::Operation;
use pando_store::queue::{NewMessage, Posted, Published};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// As JSON is kept.
pub(super) const JSON: &str = "application/json";
/// What is said in the query of a message that is not in JSON.
const PARAMS: [&str; 5] = ["delay", "at", "priority", "ordering_key", "dedup_id"];
/// The same of a message for an exchange.
const EXCHANGE_PARAMS: [&str; 7] = [
    "delay",
    "at",
    "priority",
    "ordering_key",
    "dedup_id",
    "routing_key",
    "mandatory",
];
/// As PostgreSQL calls a time with a field that cannot be.
const OUT_OF_RANGE: &str = "22008";
const INSTANT: &str = "a time, such as 2026-01-31T05:06:07Z or microseconds since 1970";

/// A message, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(default, deserialize_with = "params::given")]
    delay: Option<Span>,
    #[serde(default, deserialize_with = "params::given")]
    at: Option<Instant>,
    #[serde(default, deserialize_with = "params::given")]
    priority: Option<u8>,
    #[serde(default, deserialize_with = "params::given")]
    ordering_key: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    dedup_id: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    routing_key: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    mandatory: Option<bool>,
}

/// What a message is published to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Queue,
    Exchange,
}

/// How a message is published.
struct How {
    delay: Option<Span>,
    at: Option<Instant>,
    priority: Option<u8>,
    ordering_key: Option<String>,
    dedup_id: Option<String>,
    routing_key: Option<String>,
    mandatory: Option<bool>,
}

/// What is published.
struct Content {
    body: Bytes,
    content_type: String,
    attributes: Option<String>,
}

/// Plans a publish.
pub(super) async fn plan(
    web: &Web,
    queue: &str,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    refuse_listeners(queue)?;
    let store = web.store();
    let now_us = store.clock().now_us();
    let posted = read(&asked, now_us, web.limits().max_batch, Target::Queue)?;
    let messages: Vec<NewMessage> = posted.into_iter().map(|one| one.message).collect();
    let is_later = |message: &&NewMessage| message.at_us.is_some_and(|at| at > now_us);
    let later = messages.iter().filter(is_later).count();
    let now = messages.len() - later;
    store.queue_admit_publish(queue, messages.len())?;
    store.queue_ensure(queue).await?;
    let operation = store.queue_publish(queue, messages).await?;
    let durability = store.queue_durability(queue);
    let count = asked.news.published(queue, now, later);
    Ok(operation.map(move |published: Published| {
        count.set(published.new as u64);
        let given = GivenPublished::of(&published, durability);
        Ok(Answer::json(StatusCode::CREATED, &given))
    }))
}

/// What listeners are told is what was committed, and nothing that somebody says was.
fn refuse_listeners(queue: &str) -> Result<(), ApiError> {
    if !queue.starts_with(QUEUE_PREFIX) {
        return Ok(());
    }
    let message = format!("{queue:?} is the queue of a listener: only what is committed enters it");
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message);
    Err(error.hint("Publish to a queue whose name begins otherwise."))
}

/// The messages of a request to an exchange.
pub(crate) fn read_posted(asked: &Asked<'_>, web: &Web) -> Result<Vec<Posted>, ApiError> {
    let now_us = web.store().clock().now_us();
    read(asked, now_us, web.limits().max_batch, Target::Exchange)
}

/// The messages of a request; `max` at most.
fn read(
    asked: &Asked<'_>,
    now_us: i64,
    max: usize,
    target: Target,
) -> Result<Vec<Posted>, ApiError> {
    let headers = &asked.parts.headers;
    if let Some(event) = event(headers, &asked.body)? {
        let how = How::read(asked, target)?;
        return Ok(vec![how.message(of_event(&event)?, now_us)?]);
    }
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.map(|kind| kind.to_str().unwrap_or_default());
    match kind {
        Some(kind) if !is_plain_json(kind) => {
            let how = How::read(asked, target)?;
            Ok(vec![how.message(as_it_is(&asked.body, kind)?, now_us)?])
        }
        _ => {
            refuse_query(asked)?;
            in_json(&asked.body, now_us, max, target)
        }
    }
}

/// One message, or an array of them.
fn in_json(body: &[u8], now_us: i64, max: usize, target: Target) -> Result<Vec<Posted>, ApiError> {
    let wrong = |error| {
        let message = format!("the body is neither {{\"body\": …}} nor an array of such: {error}");
        malformed(message).hint(match target {
            Target::Queue => {
                "A message has body, and if wanted delay or at, priority, ordering_key, dedup_id."
            }
            Target::Exchange => {
                "A message has body and routing_key, and if wanted mandatory, delay or at, \
                 priority, ordering_key, dedup_id."
            }
        })
    };
    if body.trim_ascii_start().first() != Some(&b'[') {
        let sent: Sent<'_> = object::read(body).map_err(wrong)?;
        return Ok(vec![sent.posted(now_us, target)?]);
    }
    let all: Vec<Object<Sent<'_>>> = serde_json::from_slice(body).map_err(wrong)?;
    if all.len() > max {
        let count = all.len();
        return Err(malformed(format!(
            "a request publishes {max} messages at most, not {count}"
        )));
    }
    let each = all.into_iter().enumerate();
    each.map(|(place, Object(sent))| {
        let read = sent.posted(now_us, target);
        read.map_err(|error| error.details(format!("message {place}")))
    })
    .collect()
}

impl Sent<'_> {
    fn posted(self, now_us: i64, target: Target) -> Result<Posted, ApiError> {
        if target == Target::Queue && (self.routing_key.is_some() || self.mandatory.is_some()) {
            let message = "routing_key and mandatory are of messages for an exchange";
            return Err(malformed(message).hint("POST /exchanges/v1/{exchange}/messages."));
        }
        let content = Content {
            body: readable(self.body)?,
            content_type: JSON.to_owned(),
            attributes: None,
        };
        let how = How {
            delay: self.delay,
            at: self.at,
            priority: self.priority,
            ordering_key: self.ordering_key,
            dedup_id: self.dedup_id,
            routing_key: self.routing_key,
            mandatory: self.mandatory,
        };
        how.message(content, now_us)
    }
}

impl How {
    /// What the query says.
    fn read(asked: &Asked<'_>, target: Target) -> Result<How, ApiError> {
        let known = match target {
            Target::Queue => &PARAMS[..],
            Target::Exchange => &EXCHANGE_PARAMS,
        };
        let params = Params::read(&asked.parts.uri, known)?;
        let text = |name| params.text(name).map(str::to_owned);
        Ok(How {
            delay: params.parsed("delay", SPAN, |text| {
                let seconds = || text.parse().ok().map(std::time::Duration::from_secs);
                Span::read(text).or_else(|| seconds().map(Span))
            })?,
            at: params.text("at").map(instant_of),
            priority: params.number("priority")?,
            ordering_key: text("ordering_key"),
            dedup_id: text("dedup_id"),
            routing_key: text("routing_key"),
            mandatory: params.flag("mandatory")?,
        })
    }

    fn message(self, content: Content, now_us: i64) -> Result<Posted, ApiError> {
        let at_us = match (self.delay, &self.at) {
            (Some(_), Some(_)) => {
                return Err(
                    malformed("delay and at are two ways to say one thing").hint("Leave one out.")
                );
            }
            (Some(Span(delay)), None) if !delay.is_zero() => {
                let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
                Some(now_us.saturating_add(delay))
            }
            (_, at) => at.as_ref().map(|at| moment("at", at)).transpose()?,
        };
        let dedup_id = self.dedup_id.map(|id| {
            let checked = DedupId::new(&id);
            checked.map_err(|error| malformed(error.to_string()))
        });
        Ok(Posted {
            routing_key: self.routing_key,
            mandatory: self.mandatory.unwrap_or(false),
            message: NewMessage {
                body: content.body,
                content_type: content.content_type,
                attributes: content.attributes,
                at_us,
                priority: self.priority.unwrap_or(0),
                ordering_key: self.ordering_key,
                dedup_id: dedup_id.transpose()?,
            },
        })
    }
}

/// A time in a query.
pub(super) fn instant_of(text: &str) -> Instant {
    match text.parse() {
        Ok(us) => Instant::Us(us),
        Err(_) => Instant::Text(text.to_owned()),
    }
}

/// A time in microseconds since 1970. One that can be read and lies in no year there is is out of
/// range (422), as one that the queue itself does not take.
pub(super) fn moment(name: &str, at: &Instant) -> Result<i64, ApiError> {
    let out_of_range = || {
        let message = format!("{name} {at} is out of range");
        let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message);
        error.hint("A time lies in the years 0001 to 9999.")
    };
    match at {
        Instant::Us(us) => datetime::in_range(*us).ok_or_else(out_of_range),
        Instant::Text(text) => {
            datetime::parse_timestamptz(text).map_err(|refusal| match refusal.code.as_ref() {
                OUT_OF_RANGE => out_of_range(),
                _ => malformed(format!("{name} {at} is not {INSTANT}")),
            })
        }
    }
}

/// A body as it was sent.
fn as_it_is(body: &Bytes, kind: &str) -> Result<Content, ApiError> {
    kv::check_content_type(kind)?;
    check_json(body, kind)?;
    Ok(Content {
        body: body.clone(),
        content_type: kind.to_owned(),
        attributes: None,
    })
}

/// What says that it is JSON has to be: it is given as JSON to whoever leases it.
fn check_json(body: &[u8], kind: &str) -> Result<(), ApiError> {
    if !is_json(kind) {
        return Ok(());
    }
    let read: serde_json::Result<IgnoredAny> = serde_json::from_slice(body);
    read.map(drop).map_err(|error| {
        malformed(format!(
            "the body is not JSON, as its type {kind:?} says: {error}"
        ))
    })
}

/// The event that a request is, if it is one.
fn event(headers: &HeaderMap, body: &[u8]) -> Result<Option<Event>, ApiError> {
    let all = headers.iter();
    let all = all.map(|(name, value)| (name.as_str(), value.as_bytes()));
    Event::read(all, body).map_err(|error| match error {
        EventError::Format { .. } => ApiError::unsupported_media_type(error.to_string()),
        _ => malformed(error.to_string()).hint("CloudEvents 1.0 says what an event has to have."),
    })
}

fn of_event(event: &Event) -> Result<Content, ApiError> {
    let content_type = event.content_type().unwrap_or_default();
    let body = event.data().unwrap_or_default();
    if event.data().is_some() {
        check_json(body, content_type)?;
    }
    let all = event.attributes();
    // That is the message's own, as of all others.
    let all = all.filter(|(name, _)| *name != "datacontenttype");
    let attributes: Map<String, Value> = all
        .map(|(name, value)| (name.to_owned(), attribute(value)))
        .collect();
    Ok(Content {
        body: Bytes::copy_from_slice(body),
        content_type: match event.data() {
            Some(_) => content_type.to_owned(),
            None => String::new(),
        },
        attributes: Some(Value::Object(attributes).to_string()),
    })
}

fn attribute(value: &Attribute) -> Value {
    match value {
        Attribute::Boolean(value) => Value::Bool(*value),
        Attribute::Integer(value) => Value::from(*value),
        Attribute::String(text) => Value::from(text.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::datetime::{TIMESTAMP_MAX, TIMESTAMP_MIN};

    #[test]
    fn a_time_in_microseconds_lies_in_the_years_that_a_text_can_name() {
        for us in [TIMESTAMP_MIN, 0, TIMESTAMP_MAX] {
            assert_eq!(moment("from", &Instant::Us(us)).ok(), Some(us));
        }
        for us in [i64::MIN, TIMESTAMP_MIN - 1, TIMESTAMP_MAX + 1, i64::MAX] {
            let refused = moment("from", &Instant::Us(us)).expect_err("it is in no year");
            assert_eq!(refused.status_code(), 422, "{us}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_malformed_and_a_time_that_cannot_be_is_out_of_range() {
        for (text, status) in [
            ("noon", 400),
            ("2026-02-30T00:00:00Z", 422),
            ("99999-01-01T00:00:00Z", 422),
        ] {
            let refused = moment("at", &Instant::Text(text.to_owned())).expect_err(text);
            assert_eq!(refused.status_code(), status, "{text}");
        }
    }
}

//! A message as NATS has it: the body is the payload, the rest are headers.
//!
//! What somebody else published to a queue's subject is a message as well: without an id it has the
//! negative of its place in the stream.

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use pando_model::broker::{Dead, Message};

const ID: &str = "Pando-Id";
const TYPE: &str = "Content-Type";
const ATTRIBUTES: &str = "Pando-Attributes";
const KEY: &str = "Pando-Ordering-Key";
const PUBLISHED: &str = "Pando-Published";
/// The one group that a message is for; all, where it is missing.
const GROUP: &str = "Pando-Group";
const ERROR: &str = "Pando-Error";
const ATTEMPTS: &str = "Pando-Attempts";

/// What `Nats-Msg-Id` tells messages apart by.
pub(crate) enum Once<'a> {
    /// A publish of this id.
    Published(i64),
    /// The death of what lies there in the stream.
    Died(&'a str, u64),
    /// The return of what lies there among the dead.
    Returned(&'a str, u64),
}

pub(crate) fn headers(message: &Message) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ID, message.id.to_string());
    put(&mut headers, TYPE, &message.content_type);
    put(&mut headers, ATTRIBUTES, &message.attributes);
    if let Some(key) = &message.ordering_key {
        put(&mut headers, KEY, key);
    }
    headers.insert(PUBLISHED, message.published_at_us.to_string());
    set_once(&mut headers, Once::Published(message.id));
    headers
}

pub(crate) fn set_once(headers: &mut HeaderMap, once: Once<'_>) {
    let text = match once {
        Once::Published(id) => id.to_string(),
        Once::Died(group, sequence) => format!("died.{group}.{sequence}"),
        Once::Returned(group, sequence) => format!("returned.{group}.{sequence}"),
    };
    headers.insert(NATS_MESSAGE_ID, text);
}

/// Makes the headers of a message those of a dead one.
pub(crate) fn bury(
    headers: &mut HeaderMap,
    group: &str,
    sequence: u64,
    attempts: u32,
    error: &str,
) {
    set_once(headers, Once::Died(group, sequence));
    headers.insert(ATTEMPTS, attempts.to_string());
    put(headers, ERROR, error);
}

/// Makes the headers of a dead message those of one that is for its group alone.
pub(crate) fn raise(headers: &mut HeaderMap, group: &str, sequence: u64) {
    set_once(headers, Once::Returned(group, sequence));
    headers.insert(GROUP, group);
}

pub(crate) fn message(headers: Option<&HeaderMap>, body: Bytes, sequence: u64) -> Message {
    let text = |name| headers.and_then(|headers| get(headers, name));
    let number = |name| text(name).and_then(|text| text.parse().ok());
    Message {
        id: number(ID).unwrap_or_else(|| -i64::try_from(sequence).unwrap_or(i64::MAX)),
        body,
        content_type: text(TYPE).unwrap_or_else(|| "application/octet-stream".to_owned()),
        attributes: text(ATTRIBUTES).unwrap_or_else(|| "{}".to_owned()),
        ordering_key: text(KEY),
        priority: 0,
        published_at_us: number(PUBLISHED).unwrap_or(0),
    }
}

pub(crate) fn dead(headers: &HeaderMap, body: Bytes, sequence: u64, died_at_us: i64) -> Dead {
    let attempts = get(headers, ATTEMPTS).and_then(|text| text.parse().ok());
    Dead {
        message: message(Some(headers), body, sequence),
        error: get(headers, ERROR).unwrap_or_default(),
        attempts: attempts.unwrap_or(0),
        died_at_us,
    }
}

/// Whether a message is for another group.
pub(crate) fn is_for_another(headers: Option<&HeaderMap>, group: &str) -> bool {
    let of = headers.and_then(|headers| headers.get(GROUP));
    of.is_some_and(|of| of.as_str() != group)
}

/// A text, as the inside of a JSON string: line breaks would end a header, and spaces around it are
/// lost on the way.
fn put(headers: &mut HeaderMap, name: &str, text: &str) {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = &quoted[1..quoted.len() - 1];
    let begins = inside.trim_start_matches(' ');
    let within = begins.trim_end_matches(' ');
    let spaces = |bytes: usize| "\\u0020".repeat(bytes);
    let (before, behind) = (inside.len() - begins.len(), begins.len() - within.len());
    headers.insert(
        name,
        format!("{}{within}{}", spaces(before), spaces(behind)),
    );
}

fn get(headers: &HeaderMap, name: &str) -> Option<String> {
    let inside = headers.get(name)?.as_str();
    let text = serde_json::from_str(&format!("\"{inside}\""));
    Some(text.unwrap_or_else(|_| inside.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_went_whatever_is_in_it() {
        let message = Message {
            id: i64::MAX,
            body: Bytes::from_static(b"\0\r\n\xff"),
            content_type: "text/plain; charset=\"utf-8\"".to_owned(),
            attributes: "{\r\n\"a\": \"\\u0000\"}".to_owned(),
            ordering_key: Some(" \n: 가 \t\\ ".to_owned()),
            priority: 0,
            published_at_us: 1_800_000_000_000_000,
        };
        let headers = headers(&message);
        let back = super::message(Some(&headers), message.body.clone(), 1);
        assert_eq!(back, message);
    }

    #[test]
    fn what_somebody_else_published_is_a_message_as_well() {
        let message = message(None, Bytes::from_static(b"x"), 7);
        assert_eq!((message.id, &message.attributes[..]), (-7, "{}"));
    }
}

//! A message as RabbitMQ has it: the body, properties, and headers.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use pando_model::broker::{Dead, Message};

const TYPE: &str = "pando-content-type";
const ATTRIBUTES: &str = "pando-attributes";
const PUBLISHED: &str = "pando-published";
const ERROR: &str = "pando-error";
const ATTEMPTS: &str = "pando-attempts";
const DIED: &str = "pando-died";
/// How often a quorum queue took it back; missing at first.
const COUNT: &str = "x-delivery-count";
/// Written to stable storage (AMQP 0-9-1, basic.properties).
const PERSISTENT: u8 = 2;

pub(crate) fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    put(&mut headers, TYPE, &message.content_type);
    put(&mut headers, ATTRIBUTES, &message.attributes);
    let published = AMQPValue::LongLongInt(message.published_at_us);
    headers.insert(PUBLISHED.into(), published);
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message.id.to_string().into())
        .with_headers(headers);
    // For other clients; longer than such a string may be, it is in the headers alone.
    match lapin::types::ShortString::try_new(message.content_type.clone()) {
        Ok(content_type) => properties.with_content_type(content_type),
        Err(_) => properties,
    }
}

/// The properties of a message that is dead.
pub(crate) fn buried(
    message: &Message,
    attempts: u32,
    died_at_us: i64,
    error: &str,
) -> BasicProperties {
    let properties = properties(message);
    let mut headers = properties.headers().clone().unwrap_or_default();
    put(&mut headers, ERROR, error);
    headers.insert(ATTEMPTS.into(), AMQPValue::LongUInt(attempts));
    headers.insert(DIED.into(), AMQPValue::LongLongInt(died_at_us));
    properties.with_headers(headers)
}

/// What somebody else published has what it has, and is message 0 without a number for an id.
pub(crate) fn message(properties: &BasicProperties, body: Vec<u8>) -> Message {
    let id = properties.message_id().as_ref();
    let content_type = properties.content_type().as_ref();
    Message {
        id: id.and_then(|id| id.as_str().parse().ok()).unwrap_or(0),
        body: Bytes::from(body),
        content_type: text(properties, TYPE)
            .or_else(|| content_type.map(|text| text.as_str().to_owned()))
            .unwrap_or_default(),
        attributes: text(properties, ATTRIBUTES).unwrap_or_else(|| "{}".to_owned()),
        ordering_key: None,
        priority: 0,
        published_at_us: number(properties, PUBLISHED).unwrap_or(0),
    }
}

pub(crate) fn attempt(properties: &BasicProperties) -> u32 {
    let count = number(properties, COUNT).unwrap_or(0);
    u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1)
}

pub(crate) fn dead(properties: &BasicProperties, body: Vec<u8>) -> Dead {
    let attempts = number(properties, ATTEMPTS).and_then(|count| u32::try_from(count).ok());
    Dead {
        message: message(properties, body),
        error: text(properties, ERROR).unwrap_or_default(),
        attempts: attempts.unwrap_or(0),
        died_at_us: number(properties, DIED).unwrap_or(0),
    }
}

fn put(headers: &mut FieldTable, name: &str, text: &str) {
    headers.insert(name.into(), AMQPValue::LongString(text.into()));
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn text(properties: &BasicProperties, name: &str) -> Option<String> {
    match header(properties, name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Servers choose the width that a number needs.
fn number(properties: &BasicProperties, name: &str) -> Option<i64> {
    match *header(properties, name)? {
        AMQPValue::ShortShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => Some(number.into()),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => Some(number.into()),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => Some(number),
        _ => None,
    }
}

//! Messages, as they are given to whoever leases or looks at them.

use super::body::{is_json, is_plain_json};
use super::publish::JSON;
use crate::kv::instant;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pando_store::queue::{Leased, Message};
use serde::Serialize;
use serde_json::value::RawValue;

/// A message that was leased.
#[derive(Serialize)]
pub(super) struct GivenLease<'a> {
    id: String,
    lease: String,
    #[serde(flatten)]
    content: Content<'a>,
    attempt: u32,
}

/// What a message is, whoever gets it.
#[derive(Serialize)]
pub(super) struct Content<'a> {
    body: Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a RawValue>,
    priority: u8,
    ordering_key: Option<&'a str>,
    enqueued_at: String,
}

/// A body: of JSON as it is, of text a string, of all else `{"base64": …}`; `content_type` tells
/// which, where it is not plain JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Nothing,
    Json(&'a RawValue),
    Text(&'a str),
    Octets { base64: String },
}

impl GivenLease<'_> {
    pub(super) fn of(leased: &Leased) -> GivenLease<'_> {
        GivenLease {
            id: leased.message.id.to_string(),
            lease: leased.lease.to_text(),
            content: Content::of(&leased.message),
            attempt: leased.attempt,
        }
    }
}

impl Content<'_> {
    pub(super) fn of(message: &Message) -> Content<'_> {
        let kind = message.content_type.as_str();
        let attributes = message.attributes.as_deref();
        Content {
            body: Body::of(&message.body, kind),
            content_type: (kind != JSON && !kind.is_empty()).then_some(kind),
            attributes: attributes.and_then(|json| serde_json::from_str(json).ok()),
            priority: message.priority,
            ordering_key: message.ordering_key.as_deref(),
            enqueued_at: instant(message.published_at_us),
        }
    }
}

impl Body<'_> {
    fn of<'a>(bytes: &'a [u8], kind: &str) -> Body<'a> {
        if kind.is_empty() && bytes.is_empty() {
            return Body::Nothing;
        }
        let text = std::str::from_utf8(bytes).ok();
        let json = text.filter(|_| is_plain_json(kind) || is_json(kind));
        if let Some(json) = json.and_then(|text| serde_json::from_str(text).ok()) {
            return Body::Json(json);
        }
        match text {
            Some(text) if kind.starts_with("text/") => Body::Text(text),
            _ => Body::Octets {
                base64: STANDARD.encode(bytes),
            },
        }
    }
}

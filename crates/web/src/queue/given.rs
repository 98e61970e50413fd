//! Messages, as they are given to whoever leases or looks at them, and what is told of a publish.

use super::body::{is_json, is_plain_json};
use super::publish::JSON;
use crate::error::ApiError;
use crate::kv::instant;
use crate::params::malformed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pando_model::engine::Durability;
use pando_store::queue::{Leased, Message, Published};
use serde::Serialize;
use serde_json::value::RawValue;

/// Levels of lists and objects that readers of JSON take, as a rule.
const DEEP: usize = 127;

/// A message that was leased.
#[derive(Serialize)]
pub(super) struct GivenLease<'a> {
    id: String,
    lease: String,
    #[serde(flatten)]
    content: Content<'a>,
    attempt: u32,
}

/// What is told of a publish.
#[derive(Serialize)]
pub(super) struct GivenPublished {
    durability: GivenDurability,
    ids: Vec<String>,
}

#[derive(Serialize)]
struct GivenDurability {
    copies: u32,
    synced: bool,
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

/// The bytes of a JSON body. Refused is what a reader of the lease could choke on: nobody could then
/// acknowledge what comes with it.
pub(super) fn readable(json: &RawValue) -> Result<Bytes, ApiError> {
    // A number of any size is JSON, and is given back as it was.
    if !is_plain(json)
        && let Err(error) = serde_json::from_str::<serde_json::Value>(json.get())
        && !error.to_string().starts_with("number out of range")
    {
        let message = format!("the body is JSON that many a reader cannot read: {error}");
        return Err(malformed(message).hint(
            "Nest at most 127 levels deep, and write no half of a surrogate pair; or send the bytes \
             by themselves, with a Content-Type of their own.",
        ));
    }
    Ok(Bytes::copy_from_slice(json.get().as_bytes()))
}

/// Whether nothing in it can be more than a reader takes: most bodies need not be read again.
fn is_plain(json: &RawValue) -> bool {
    let mut open = 0;
    json.get().bytes().all(|byte| {
        open += usize::from(matches!(byte, b'[' | b'{'));
        byte != b'\\'
    }) && open <= DEEP
}

impl GivenPublished {
    pub(super) fn of(published: &Published, durability: Durability) -> GivenPublished {
        GivenPublished {
            durability: GivenDurability {
                copies: durability.copies,
                synced: durability.synced,
            },
            ids: published.ids.iter().map(i64::to_string).collect(),
        }
    }
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
        let is_read = |text: &&str| serde_json::from_str::<serde_json::Value>(text).is_ok();
        let json = json.filter(|text| is_plain_json(kind) || is_read(text));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_a_reader_could_choke_on_is_refused_and_others_are_kept_to_the_byte() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for body in ["\"\\ud800\"", deep.as_str()] {
            let raw: &RawValue = serde_json::from_str(body).unwrap();
            let refused = readable(raw).unwrap_err();
            assert_eq!(
                refused.status_code(),
                http::StatusCode::BAD_REQUEST,
                "{body}"
            );
        }
        for body in ["{\"b\": 1.0,\"a\":\"\\ud83d\\ude00\"}", "null", "1e400"] {
            let raw: &RawValue = serde_json::from_str(body).unwrap();
            assert_eq!(readable(raw).unwrap(), body);
        }
    }

    #[test]
    fn a_body_of_another_json_type_that_cannot_be_read_is_given_as_bytes() {
        let given = Body::of(b"\"\\ud800\"", "application/problem+json");
        assert!(matches!(given, Body::Octets { .. }));
        let given = Body::of(b"{}", "application/problem+json");
        assert!(matches!(given, Body::Json(_)));
    }
}

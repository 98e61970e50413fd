//! Structured content mode (HTTP 3.2) in the JSON event format.

use super::{ATTRIBUTES_MAX, Attribute, CONTENT_TYPE, Event, EventError, HttpMessage, Place};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

const MEDIA_TYPE: &str = "application/cloudevents";

/// Whether a content type says that the body is an event, in whichever format (HTTP 3).
pub(super) fn is_meant(media_type: &str) -> bool {
    let begin = media_type.trim_start().get(..MEDIA_TYPE.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(MEDIA_TYPE))
}

/// One event in JSON and UTF-8 is read, and nothing else.
pub(super) fn check_format(media_type: &str) -> Result<(), EventError> {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    match essence.eq_ignore_ascii_case("application/cloudevents+json") && parts.all(is_utf8) {
        true => Ok(()),
        false => Err(EventError::Format {
            media_type: media_type.chars().take(100).collect(),
        }),
    }
}

pub(super) fn read(body: &[u8]) -> Result<Event, EventError> {
    let members: Members = serde_json::from_slice(body).map_err(|error| EventError::Body {
        fault: format!("is not the JSON object of an event: {error}"),
    })?;
    let (mut data, mut data_base64) = (None, None);
    let mut attributes = Vec::with_capacity(members.0.len());
    for (name, value) in members.0 {
        match name.as_str() {
            "data" => data = Some(value),
            "data_base64" if value.get() != "null" => data_base64 = Some(value),
            _ => {
                if let Some(value) = attribute(&name, value.get())? {
                    attributes.push((name, value));
                }
            }
        }
    }
    let of_type = attributes.iter().find(|(name, _)| name == CONTENT_TYPE);
    let media_type = of_type.and_then(|(_, value)| value.as_str());
    let bytes = match (data, data_base64) {
        (Some(_), Some(_)) => {
            return Err(wrong("data", "is there besides data_base64: leave one out"));
        }
        (Some(data), None) => {
            let bytes = match media_type {
                Some(media_type) if !is_json(media_type) => {
                    let text = serde_json::from_str::<String>(data.get());
                    let fault = format!("must be a string, as the content type is {media_type:?}");
                    text.map_err(|_| wrong("data", &fault))?.into_bytes()
                }
                _ => data.get().as_bytes().to_vec(),
            };
            if media_type.is_none() {
                // JSON 3.1.2: what is implied is said, so that the other mode says it as well.
                attributes.push((CONTENT_TYPE.to_owned(), "application/json".into()));
            }
            Some(bytes)
        }
        (None, Some(base64)) => {
            let text = serde_json::from_str::<String>(base64.get()).ok();
            let bytes = text.and_then(|text| STANDARD.decode(text).ok());
            let fault = "must be a string in Base64, with its padding (RFC 4648, section 4)";
            Some(bytes.ok_or_else(|| wrong("data_base64", fault))?)
        }
        (None, None) => None,
    };
    Event::checked(attributes, bytes, Place::Member)
}

/// JSON 2.2: what null says is not there.
fn attribute(name: &str, json: &str) -> Result<Option<Attribute>, EventError> {
    if json == "null" {
        return Ok(None);
    }
    let value = match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok().map(Attribute::String),
        Some(b't' | b'f') => serde_json::from_str(json).ok().map(Attribute::Boolean),
        _ => json.parse().ok().map(Attribute::Integer),
    };
    let fault = "must be a string, a truth value or a whole number of 32 bits; what has more to it \
                 belongs into data";
    value.map(Some).ok_or_else(|| wrong(name, fault))
}

fn wrong(name: &str, fault: &str) -> EventError {
    EventError::Attribute {
        attribute: name.chars().take(100).collect(),
        place: Place::Member,
        fault: fault.to_owned(),
    }
}

pub(super) fn write(event: &Event) -> HttpMessage {
    let mut body = String::from("{");
    for (name, value) in &event.attributes {
        let json = match value {
            Attribute::String(text) => string(text),
            other => other.to_string(),
        };
        member(&mut body, name, &json);
    }
    if let Some(data) = &event.data {
        match told(data, event.content_type()) {
            Some(json) => member(&mut body, "data", &json),
            None => member(&mut body, "data_base64", &string(&STANDARD.encode(data))),
        }
    }
    body.push('}');
    HttpMessage {
        headers: vec![(
            "content-type".to_owned(),
            "application/cloudevents+json; charset=utf-8".to_owned(),
        )],
        body: body.into_bytes(),
    }
}

/// The data as JSON, if reading that gives the same bytes (JSON 3.1.1).
fn told(data: &[u8], media_type: Option<&str>) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    match is_json(media_type?) {
        // White space around a value is lost on the way.
        true => (text.trim_ascii() == text && serde_json::from_str::<&RawValue>(text).is_ok())
            .then(|| text.to_owned()),
        false => Some(string(text)),
    }
}

fn member(body: &mut String, name: &str, json: &str) {
    if body.len() > 1 {
        body.push(',');
    }
    // The names are letters and digits, but for data_base64.
    body.push('"');
    body.push_str(name);
    body.push_str("\":");
    body.push_str(json);
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// JSON 3.1.1: `*/json` and `*/*+json`, whatever the parameters.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let subtype = subtype.to_ascii_lowercase();
    subtype == "json" || subtype.ends_with("+json")
}

/// The members of an object, each once.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!(
                            "the member {name:?} is there twice"
                        )));
                    }
                    // The data, and as many that say null, are not counted among the attributes.
                    if members.len() > 2 * ATTRIBUTES_MAX {
                        return Err(A::Error::custom("it has too many members"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reads)
    }
}

//! What `/tx/v1` is sent, and what it answers.

use crate::answer::Answer;
use crate::error::ApiError;
use crate::object::{self, Object};
use crate::params::malformed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::error::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Headers that are the whole request's.
const WHOLE: [&str; 3] = ["idempotency-key", "pando-stamp", "pando-consistency"];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request for several operations.
pub(super) struct Request {
    pub(super) ops: Vec<Op>,
    pub(super) within: Option<Within>,
}

/// One of them.
pub(super) struct Op {
    method: Method,
    /// Path and query.
    pub(super) path: String,
    headers: HeaderMap,
    /// Its body, as it would be sent by itself.
    pub(super) body: Bytes,
}

/// `"within": "slot"`: it has to stay in one slot.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Within {
    Slot,
}

/// `"isolation"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Isolation {
    /// Every engine of one process is that anyway.
    #[serde(rename = "serializable")]
    Serializable,
    #[serde(rename = "read committed")]
    ReadCommitted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow)]
    ops: Vec<Object<SentOp<'a>>>,
    within: Option<Within>,
    #[serde(rename = "isolation")]
    _isolation: Option<Isolation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentOp<'a> {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// A body that is neither JSON nor text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Octets {
    base64: String,
}

impl Request {
    /// Reads a request's body, of `max` operations at most.
    pub(super) fn read(body: &[u8], max: usize) -> Result<Request, ApiError> {
        let sent: Sent<'_> = object::read(body)
            .map_err(|error| malformed(format!("the body is not {{\"ops\": […]}}: {error}")))?;
        if sent.ops.is_empty() || sent.ops.len() > max {
            return Err(malformed(format!(
                "ops are 1 to {max} operations, not {}",
                sent.ops.len()
            )));
        }
        let ops = sent.ops.into_iter().enumerate();
        Ok(Request {
            ops: ops
                .map(|(place, Object(op))| Op::read(op).map_err(|error| error.at_op(place)))
                .collect::<Result<_, _>>()?,
            within: sent.within,
        })
    }
}

impl Op {
    fn read(sent: SentOp<'_>) -> Result<Op, ApiError> {
        let method = Method::from_bytes(sent.method.as_bytes())
            .map_err(|_| malformed(format!("{:?} is no method", sent.method)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in sent.headers {
            let wrong = || malformed(format!("{name:?}: {value:?} is no header"));
            let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            if WHOLE.contains(&known.as_str()) {
                return Err(malformed(format!("{known} is the whole request's"))
                    .hint("Send it as a header of POST /tx/v1."));
            }
            headers.insert(known, HeaderValue::from_str(&value).map_err(|_| wrong())?);
        }
        let body = match sent.body {
            Some(raw) if raw.get() != "null" || is_json(&headers) == Some(true) => {
                let body = body_of(raw.get(), &headers)?;
                headers.entry(CONTENT_TYPE).or_insert(JSON);
                body
            }
            _ => Bytes::new(),
        };
        Ok(Op {
            method,
            path: sent.path,
            headers,
            body,
        })
    }

    /// Its request's head.
    pub(super) fn asked(&self) -> Result<Parts, ApiError> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        let uri = self.path.parse().ok();
        *request.uri_mut() = uri
            .filter(|_| self.path.starts_with('/'))
            .ok_or_else(|| malformed(format!("{:?} is no path", self.path)))?;
        Ok(request.into_parts().0)
    }
}

/// Whether a body is JSON by its type; `None` where it has none.
fn is_json(headers: &HeaderMap) -> Option<bool> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(is_json_type(kind))
}

fn is_json_type(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

/// The bytes of a body: JSON as it stands; for another type the text of a string, or base64.
fn body_of(raw: &str, headers: &HeaderMap) -> Result<Bytes, ApiError> {
    if is_json(headers).unwrap_or(true) {
        return Ok(Bytes::copy_from_slice(raw.as_bytes()));
    }
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return Ok(text.into());
    }
    let octets: Octets = object::read(raw.as_bytes()).map_err(|_| {
        malformed("a body that is not JSON by its Content-Type is a string, or {\"base64\": …}")
    })?;
    let bytes = STANDARD
        .decode(octets.base64)
        .map_err(|error| malformed(format!("the body is not base64: {error}")))?;
    Ok(bytes.into())
}

/// An operation's answer, as it is sent.
#[derive(Serialize)]
struct Answered<'a> {
    status: u16,
    headers: BTreeMap<&'a str, &'a str>,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Nothing,
    Json(&'a RawValue),
    Text(&'a str),
    Octets(Octets),
}

/// The answer to all of them.
pub(super) fn write(answers: &[Answer]) -> Answer {
    let all: Vec<Answered<'_>> = answers
        .iter()
        .map(|answer| Answered {
            status: answer.status.as_u16(),
            headers: answer
                .headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
                .collect(),
            body: body_to(answer),
        })
        .collect();
    Answer::json(StatusCode::OK, &all)
}

fn body_to(answer: &Answer) -> Body<'_> {
    if answer.body.is_empty() {
        return Body::Nothing;
    }
    let kind = answer.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = std::str::from_utf8(&answer.body).ok();
    if is_json_type(kind)
        && let Some(json) = text.and_then(|text| serde_json::from_str(text).ok())
    {
        return Body::Json(json);
    }
    match text {
        Some(text) if !kind.starts_with("application/octet-stream") => Body::Text(text),
        _ => Body::Octets(Octets {
            base64: STANDARD.encode(&answer.body),
        }),
    }
}

/// The refusal that an answer tells.
pub(super) fn refusal_of(answer: &Answer) -> Refusal {
    #[derive(Deserialize)]
    struct Told {
        code: String,
        message: String,
        details: Option<String>,
        hint: Option<String>,
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Told {
            code,
            message,
            details,
            hint,
        }) => Refusal {
            code: code.into(),
            message,
            details,
            hint,
        },
        Err(_) => Refusal::new("conflict", format!("it was answered {}", answer.status)),
    }
}

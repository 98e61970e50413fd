//! Several keys of a space at once.

use super::{Counted, Entry, Kv, Stored};
use crate::address;
use crate::answer::Etag;
use crate::call::{Call, Request};
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One operation of a batch.
#[derive(Clone, Debug, Serialize)]
pub struct KvOp {
    op: &'static str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<i64>,
}

/// What an operation of a batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvDone {
    /// A get, and what it found.
    Got(Option<Entry>),
    /// A put.
    Put(Stored),
    /// A delete: whether there was something.
    Deleted(bool),
    /// A counter that was raised.
    Counted(Counted),
}

impl Kv {
    /// Several operations at once: all or none. What each did, in their order.
    pub fn batch(&self, ops: impl IntoIterator<Item = KvOp>) -> Call<Vec<KvDone>> {
        let ops: Vec<KvOp> = ops.into_iter().collect();
        let path = address::path("kv", &[&self.space, "batch"]);
        let request = Request::new(Method::POST, path);
        let kinds: Vec<&str> = ops.iter().map(|op| op.op).collect();
        let call = self.call(request, move |answer| {
            let told: Vec<Told> = answer.success()?.json()?;
            if told.len() != kinds.len() {
                return Err(Error::undecodable("not every operation is answered"));
            }
            let each = kinds.into_iter().zip(told);
            each.map(|(kind, told)| told.done(kind)).collect()
        });
        call.json(&ops)
    }
}

impl KvOp {
    /// Reads a key.
    pub fn get(key: impl Into<String>) -> KvOp {
        KvOp::new("get", key)
    }

    /// Puts bytes under a key.
    pub fn put(key: impl Into<String>, value: impl AsRef<[u8]>) -> KvOp {
        KvOp {
            value: Some(STANDARD.encode(value)),
            ..KvOp::new("put", key)
        }
    }

    /// Deletes a key.
    pub fn delete(key: impl Into<String>) -> KvOp {
        KvOp::new("delete", key)
    }

    /// Adds to a counter.
    pub fn incr(key: impl Into<String>, by: i64) -> KvOp {
        KvOp {
            by: Some(by),
            ..KvOp::new("incr", key)
        }
    }

    /// A put or a counter: it runs out after this time.
    #[must_use]
    pub fn ttl(mut self, time: Duration) -> KvOp {
        self.ttl = Some(address::span(time));
        self
    }

    /// A put: what the bytes are.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<String>) -> KvOp {
        self.content_type = Some(media_type.into());
        self
    }

    fn new(op: &'static str, key: impl Into<String>) -> KvOp {
        KvOp {
            op,
            key: key.into(),
            value: None,
            content_type: None,
            ttl: None,
            by: None,
        }
    }
}

/// What a batch tells of an operation: which members there are says what it was.
#[derive(Deserialize)]
struct Told {
    found: Option<bool>,
    created: Option<bool>,
    deleted: Option<bool>,
    version: Option<i64>,
    #[serde(default)]
    value: serde_json::Value,
    text: Option<String>,
    content_type: Option<String>,
    expires_at: Option<String>,
}

impl Told {
    fn done(self, kind: &str) -> Result<KvDone> {
        let wrong = || Error::undecodable(format!("this is no answer to a {kind}"));
        let etag = self.version.map(Etag::of_version);
        match kind {
            "get" if self.found == Some(false) => Ok(KvDone::Got(None)),
            "get" => {
                let value = match (self.text, self.value.as_str()) {
                    (Some(text), _) => Bytes::from(text),
                    (None, Some(value)) => STANDARD
                        .decode(value)
                        .map_err(|error| wrong().because(error))?
                        .into(),
                    (None, None) => return Err(wrong()),
                };
                Ok(KvDone::Got(Some(Entry {
                    value,
                    content_type: self.content_type.unwrap_or_default(),
                    etag: etag.ok_or_else(wrong)?,
                    expires_at: self.expires_at,
                })))
            }
            "put" => Ok(KvDone::Put(Stored {
                created: self.created.ok_or_else(wrong)?,
                etag: etag.ok_or_else(wrong)?,
            })),
            "delete" => Ok(KvDone::Deleted(self.deleted.ok_or_else(wrong)?)),
            _ => Ok(KvDone::Counted(Counted {
                value: self.value.as_i64().ok_or_else(wrong)?,
                etag: etag.ok_or_else(wrong)?,
            })),
        }
    }
}

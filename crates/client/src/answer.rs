//! A whole answer, as it came.

use crate::error::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_RANGE, ETAG, HeaderMap};
use serde::de::DeserializeOwned;
use std::fmt;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A version of something, as `ETag` gave it: opaque, sent back in preconditions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Etag(String);

impl Etag {
    /// The tag of a version number, as batches and lists give it.
    pub fn of_version(version: i64) -> Etag {
        Etag(format!("\"{version}\""))
    }

    /// The header's text, with its quotation marks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::undecodable(format!("the answer is not what was asked for: {error}"))
        })
    }

    /// The version that `ETag` names.
    pub fn etag(&self) -> Option<Etag> {
        let text = self.headers.get(ETAG)?.to_str().ok()?;
        Some(Etag(text.to_owned()))
    }

    /// Whether the caller required something that the history has lost, in a failover or by
    /// a backup that was restored: what it wrote or saw before may be gone.
    pub fn is_stamp_lost(&self) -> bool {
        self.headers.contains_key("pando-stamp-lost")
    }

    /// Whether it is the stored answer of an earlier request with the same key.
    pub fn is_replayed(&self) -> bool {
        self.headers.contains_key("idempotency-replayed")
    }

    /// This answer if it is a success; else its error.
    pub fn success(self) -> Result<Answer> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(Error::answered(&self))
        }
    }

    /// This answer if it is a success, nothing if it is 404.
    pub(crate) fn found(self) -> Result<Option<Answer>> {
        if self.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.success().map(Some)
    }

    /// The version that `ETag` must name here.
    pub(crate) fn required_etag(&self) -> Result<Etag> {
        self.etag()
            .ok_or_else(|| Error::undecodable("the answer has no ETag"))
    }

    /// The total in `Content-Range`: `0-9/120`.
    pub(crate) fn total(&self) -> Result<u64> {
        let range = self.headers.get(CONTENT_RANGE);
        let text = range.and_then(|range| range.to_str().ok());
        text.and_then(|text| text.rsplit_once('/')?.1.parse().ok())
            .ok_or_else(|| Error::undecodable("the answer does not tell how many there are"))
    }
}

//! The answer to a request on data: a status, a few headers and a body; and its stored form,
//! which an idempotency key's receipt keeps for a day.
//!
//! Stored: a version byte (1), the status (2 bytes), the number of headers
//! (1 byte), for each its place in [`NAMES`] (1), length (4) and bytes, then the
//! body. Numbers are little-endian. Places are only ever added.

use crate::conditional;
use crate::error::ApiError;
use crate::payload::Payload;
use crate::reply::{self, Reply};
use crate::rest::grammar::prefer::Prefer;
use bytes::Bytes;
pub(crate) use http::header::VARY;
use http::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use pando_store::request::Returning;

/// The headers that an answer can have.
static NAMES: [HeaderName; 11] = [
    CONTENT_TYPE,
    CONTENT_RANGE,
    LOCATION,
    HeaderName::from_static("preference-applied"),
    HeaderName::from_static("pando-truncated"),
    HeaderName::from_static("pando-cursor"),
    LINK,
    ETAG,
    HeaderName::from_static("pando-expires-at"),
    VARY,
    X_CONTENT_TYPE_OPTIONS,
];

const VERSION: u8 = 1;

/// `Preference-Applied`.
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// `Pando-Truncated`.
pub(crate) const TRUNCATED: HeaderName = HeaderName::from_static("pando-truncated");
/// `Pando-Expires-At`: when a value runs out, RFC 3339.
pub(crate) const EXPIRES_AT: HeaderName = HeaderName::from_static("pando-expires-at");
/// `Pando-Cursor`.
pub(crate) const CURSOR: HeaderName = HeaderName::from_static("pando-cursor");

/// Whether a request wants no more than to know that it was done (`Prefer: return=minimal`):
/// what thousands of operations answered need not be sent, nor kept in a receipt.
pub(crate) fn prefers_minimal(headers: &HeaderMap) -> Result<bool, ApiError> {
    let prefer = Prefer::read(headers)?;
    Ok(prefer.returning == Some(Returning::Minimal))
}

/// An answer to a request on data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, all of them in [`NAMES`].
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// An answer with a status only.
    pub(crate) fn new(status: StatusCode) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// An answer with a body of some type.
    pub(crate) fn with_body(
        status: StatusCode,
        kind: HeaderValue,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut answer = Answer::new(status);
        answer.put(CONTENT_TYPE, kind);
        answer.body = body.into();
        answer
    }

    /// An answer in JSON.
    pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Answer {
        match serde_json::to_vec(value) {
            Ok(text) => Answer::with_body(status, reply::JSON, text),
            // Only maps with keys that are no strings cannot be written; there are none here.
            Err(_) => Answer::new(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// 404: what was asked for is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Answer {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message).into_answer()
    }

    /// The answer to a PUT: 201 where what it put is new, else 204.
    pub(crate) fn of_put(is_new: bool) -> Answer {
        Answer::new(if is_new {
            StatusCode::CREATED
        } else {
            StatusCode::NO_CONTENT
        })
    }

    /// The answer to a DELETE: 204 where there was something, else `absent`.
    pub(crate) fn of_delete(was_there: bool, absent: &Answer) -> Answer {
        if was_there {
            Answer::new(StatusCode::NO_CONTENT)
        } else {
            absent.clone()
        }
    }

    /// The same, with the entity tag of a version.
    pub(crate) fn tagged(mut self, version: i64) -> Answer {
        self.put(ETAG, conditional::etag(version));
        self
    }

    /// An answer to a write that says no more than that it was done, as
    /// `Prefer: return=minimal` asks for.
    pub(crate) fn minimal() -> Answer {
        let mut answer = Answer::new(StatusCode::NO_CONTENT);
        answer.put(PREFERENCE_APPLIED, "return=minimal");
        answer
    }

    /// Adds a header; a text that cannot be one is left out.
    pub(crate) fn put(&mut self, name: HeaderName, value: impl TryInto<HeaderValue>) {
        debug_assert!(NAMES.contains(&name), "{name} is not stored");
        if let Ok(value) = value.try_into() {
            self.headers.insert(name, value);
        }
    }

    /// Its stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 160);
        out.push(VERSION);
        out.extend_from_slice(&self.status.as_u16().to_le_bytes());
        let places = NAMES.iter().enumerate();
        let present: Vec<(usize, &HeaderValue)> = places
            .filter_map(|(place, name)| Some((place, self.headers.get(name)?)))
            .collect();
        out.push(present.len() as u8);
        for (place, value) in present {
            out.push(place as u8);
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// Reads what [`Answer::encode`] wrote; `None` for other bytes.
    pub(crate) fn decode(stored: Vec<u8>) -> Option<Answer> {
        let mut rest = Bytes::from(stored);
        let head = take(&mut rest, 4)?;
        let [VERSION, low, high, count] = *head.as_ref() else {
            return None;
        };
        let status = StatusCode::from_u16(u16::from_le_bytes([low, high])).ok()?;
        let mut answer = Answer::new(status);
        for _ in 0..count {
            let place = take(&mut rest, 1)?;
            let length = take(&mut rest, 4)?;
            let length = u32::from_le_bytes(length.as_ref().try_into().ok()?);
            let name = NAMES.get(usize::from(*place.first()?))?.clone();
            let value = take(&mut rest, length as usize)?;
            answer
                .headers
                .insert(name, HeaderValue::from_maybe_shared(value).ok()?);
        }
        answer.body = rest;
        Some(answer)
    }

    /// The answer that a receipt has kept.
    pub(crate) fn stored(stored: Vec<u8>) -> Result<Answer, ApiError> {
        Answer::decode(stored).ok_or_else(|| {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "receipt_unreadable",
                "the write was done before, and its stored answer cannot be read",
            )
        })
    }

    /// The answer as it is sent.
    pub(crate) fn into_reply(self) -> Reply {
        let mut reply = Response::new(Payload::from(self.body));
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        reply
    }
}

fn take(bytes: &mut Bytes, count: usize) -> Option<Bytes> {
    (bytes.len() >= count).then(|| bytes.split_to(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_survives_being_stored() {
        let mut answer = Answer::new(StatusCode::CREATED);
        answer.put(CONTENT_TYPE, "application/json");
        answer.put(LOCATION, "/rest/v1/t?id=eq.1");
        answer.put(CURSOR, "abc");
        answer.body = Bytes::from_static(b"[{\"id\":1}]");
        assert_eq!(Answer::decode(answer.encode()), Some(answer));
        let empty = Answer::new(StatusCode::NO_CONTENT);
        assert_eq!(Answer::decode(empty.encode()), Some(empty));
    }

    proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Answer::decode(bytes);
        }

        #[test]
        fn no_damage_to_a_stored_answer_makes_decoding_panic(at in 0..40usize, byte in any::<u8>()) {
            let mut answer = Answer::new(StatusCode::OK);
            answer.put(CONTENT_RANGE, "0-1/2");
            let mut stored = answer.encode();
            let at = at % stored.len();
            stored[at] = byte;
            let _ = Answer::decode(stored);
        }
    }
}

//! `Idempotency-Key`: what a retry is recognised by.
//!
//! The engine keeps the receipt with the answer; here requests are given their
//! identity, and one that is still under way is not started twice.

use crate::error::ApiError;
use http::header::HeaderMap;
use http::{Method, StatusCode, Uri};
use pando_store::request::Idempotency;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

/// A key is a UUID as a rule; this is room for several.
const KEY_BYTES_MAX: usize = 255;

/// Scope and key.
type Entry = ([u8; 16], String);

/// Keyed requests that this process is carrying out.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<Entry>>>);

/// One of them; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    under_way: UnderWay,
    entry: Entry,
}

/// The identity of a request that brings a key: its scope is caller, method and path; its
/// digest covers the query and the body as well.
pub(crate) fn identify(
    caller: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Idempotency>, ApiError> {
    let Some(header) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = header.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_malformed",
            format!("an Idempotency-Key has 1 to {KEY_BYTES_MAX} visible ASCII characters"),
        ));
    }
    let mut scope = [0; 16];
    let whole = digest(&[
        caller.as_bytes(),
        method.as_str().as_bytes(),
        uri.path().as_bytes(),
    ]);
    scope.copy_from_slice(&whole[..16]);
    let query = uri.query().unwrap_or_default();
    Ok(Some(Idempotency {
        scope,
        key: key.to_owned(),
        request: digest(&[query.as_bytes(), body]),
    }))
}

/// What the beginning of a request is recognised by, where that is a write of its own.
pub(crate) fn beginning(of: &Idempotency) -> Idempotency {
    let mut scope = [0; 16];
    scope.copy_from_slice(&digest(&[&of.scope, b"its beginning"])[..16]);
    Idempotency {
        scope,
        ..of.clone()
    }
}

impl UnderWay {
    /// Claims a keyed request; 409 while the same key is under way.
    pub(crate) fn claim(&self, idempotency: &Idempotency) -> Result<Claim, ApiError> {
        let entry = (idempotency.scope, idempotency.key.clone());
        if !self.0.lock().insert(entry.clone()) {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "idempotency_key_in_use",
                "a request with this Idempotency-Key is under way",
            )
            .hint("Wait for its answer, or send the request again later.")
            .retry_after(std::time::Duration::from_secs(1)));
        }
        Ok(Claim {
            under_way: self.clone(),
            entry,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.under_way.0.lock().remove(&self.entry);
    }
}

/// A hash of several parts; their lengths keep them apart.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn identity(
        caller: &str,
        method: Method,
        uri: &str,
        key: &str,
        body: &str,
    ) -> Option<Idempotency> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "idempotency-key",
            HeaderValue::from_str(key).expect("a header"),
        );
        let uri: Uri = uri.parse().expect("a URI");
        identify(caller, &method, &uri, &headers, body.as_bytes())
            .ok()
            .flatten()
    }

    #[test]
    fn scope_is_caller_method_and_path_and_the_digest_is_query_and_body() {
        let base = identity("c", Method::POST, "/a?x=1", "k", "body").expect("it has a key");
        for (caller, method, uri, body, same_scope, same_request) in [
            ("c", Method::POST, "/a?x=1", "body", true, true),
            ("d", Method::POST, "/a?x=1", "body", false, true),
            ("c", Method::PUT, "/a?x=1", "body", false, true),
            ("c", Method::POST, "/b?x=1", "body", false, true),
            ("c", Method::POST, "/a?x=2", "body", true, false),
            ("c", Method::POST, "/a?x=1", "bodY", true, false),
            ("c", Method::POST, "/a?x=1b", "ody", true, false),
        ] {
            let other = identity(caller, method, uri, "k", body).expect("it has a key");
            assert_eq!(
                other.scope == base.scope,
                same_scope,
                "scope of {uri} {body}"
            );
            assert_eq!(
                other.request == base.request,
                same_request,
                "digest of {uri} {body}"
            );
        }
    }

    #[test]
    fn keys_have_a_length() {
        assert!(identity("", Method::POST, "/", " ", "").is_none());
        assert!(identity("", Method::POST, "/", &"k".repeat(255), "").is_some());
        assert!(identity("", Method::POST, "/", &"k".repeat(256), "").is_none());
    }

    #[test]
    fn a_key_under_way_is_not_claimed_twice() {
        let under_way = UnderWay::default();
        let request = identity("", Method::POST, "/", "k", "").expect("it has a key");
        let claim = under_way.claim(&request).expect("it is free");
        assert_eq!(
            under_way
                .claim(&request)
                .expect_err("it is taken")
                .status_code(),
            409
        );
        drop(claim);
        assert!(under_way.claim(&request).is_ok());
    }
}

//! Which web pages may ask, and what their browsers are told.

use crate::config::Cors;
use crate::reply::{self, Reply};
use http::header::{self, HeaderMap, HeaderValue, ORIGIN};
use http::{Method, StatusCode};

const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS");
/// What a page may read of an answer besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Range, ETag, Location, Preference-Applied, Pando-Stamp, Pando-Stamp-Lost, Pando-Cursor, \
     Pando-Truncated, Link, Retry-After, Idempotency-Replayed",
);

/// The origins that are named.
#[derive(Debug)]
pub(crate) struct Origins {
    any: bool,
    named: Vec<HeaderValue>,
    max_age: HeaderValue,
}

impl Origins {
    pub(crate) fn new(cors: &Cors) -> Origins {
        Origins {
            any: cors.origins.iter().any(|origin| origin == "*"),
            named: cors
                .origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin.trim_end_matches('/')).ok())
                .collect(),
            max_age: HeaderValue::from(cors.max_age.as_secs()),
        }
    }

    /// Whether this origin is named.
    pub(crate) fn name(&self, origin: &HeaderValue) -> bool {
        self.any || self.named.contains(origin)
    }

    /// Whether this origin is named by itself, not by `*`.
    pub(crate) fn name_one(&self, origin: &HeaderValue) -> bool {
        self.named.contains(origin) && origin != "*"
    }

    /// The answer to a preflight request of a named origin; `None` for any other request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Reply> {
        if method != Method::OPTIONS
            || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            || !self.name(headers.get(ORIGIN)?)
        {
            return None;
        }
        let mut reply = reply::empty(StatusCode::NO_CONTENT);
        let answer = reply.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        self.allow(headers, answer);
        Some(reply)
    }

    /// Tells a named origin's browser that its page may see the answer.
    pub(crate) fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        let Some(origin) = request.get(ORIGIN) else {
            return;
        };
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if self.name(origin) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            if !self.any {
                // Cookies carry stamps; with `*` any page could send them.
                let yes = HeaderValue::from_static("true");
                answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            }
        }
    }
}

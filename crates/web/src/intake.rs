//! Taking in what is sent: the body within its limit, and not too many at once.

use crate::error::{ApiError, unavailable};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// How much of a body is made room for on the caller's word alone.
const TRUSTED_LENGTH_MAX: u64 = 1 << 20;

/// What is cheaper to read than a new connection is to make.
const DISCARD_BYTES_MAX: u64 = 64 << 10;
/// Callers send head and body together as a rule, or one right after the other.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(1);

/// Reads a body. One that says that it is too long is refused without being
/// read; one that does not say is cut at the limit.
pub(crate) async fn body<B>(body: B, max: u64) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes>,
{
    let told = body.size_hint();
    if told.lower() > max {
        return Err(too_large(max));
    }
    let mut body = pin!(body);
    let mut first: Option<Bytes> = None;
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| broken())?;
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        let length = first.as_ref().map_or(whole.len(), Bytes::len) + data.len();
        if length as u64 > max {
            return Err(too_large(max));
        }
        if let Some(before) = first.take() {
            whole.reserve(told.lower().min(TRUSTED_LENGTH_MAX) as usize);
            whole.extend_from_slice(&before);
            whole.extend_from_slice(&data);
        } else if whole.is_empty() {
            first = Some(data);
        } else {
            whole.extend_from_slice(&data);
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Refuses (415) a body that is compressed: it would be taken for what it is not.
pub(crate) fn refuse_encoded(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_plain = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or("?");
        let mut codings = text.split(',').map(str::trim);
        codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
    };
    match headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .find(|v| !is_plain(v))
    {
        None => Ok(()),
        Some(coding) => Err(ApiError::unsupported_media_type(format!(
            "a body with Content-Encoding {coding:?} cannot be read"
        ))
        .hint("Send it as it is, without Content-Encoding (identity).")
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
    }
}

/// Reads a body out of its place; what is left there after an answer was not needed for it.
pub(crate) async fn taken<B>(place: &mut Option<B>, max: u64) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes>,
{
    match place.take() {
        Some(whole) => body(whole, max).await,
        None => Ok(Bytes::new()),
    }
}

/// Reads on what an answer did not need, so that the connection can carry the next
/// request; `false` if there is too much of it, or it does not come.
pub(crate) async fn discard<B>(body: B) -> bool
where
    B: Body<Data = Bytes>,
{
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > DISCARD_BYTES_MAX {
        return false;
    }
    let discarded = self::body(body, DISCARD_BYTES_MAX);
    matches!(timeout(DISCARD_TIME_MAX, discarded).await, Ok(Ok(_)))
}

/// Counts requests under way, up to a limit.
#[derive(Debug)]
pub(crate) struct Turnstile {
    inside: AtomicUsize,
    max: usize,
}

/// A request under way; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Pass<'a>(&'a Turnstile);

impl Turnstile {
    pub(crate) fn new(max: usize) -> Turnstile {
        Turnstile {
            inside: AtomicUsize::new(0),
            max,
        }
    }

    /// Lets one more in; `always` beyond the limit too.
    pub(crate) fn enter(&self, always: bool) -> Result<Pass<'_>, ApiError> {
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let pass = Pass(self);
        if before >= self.max && !always {
            return Err(unavailable("busy", "too many requests are under way")
                .retry_after(Duration::from_secs(1)));
        }
        Ok(pass)
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

fn too_large(max: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is larger than {max} bytes"),
    )
    .hint("Send it in parts, or raise [limits] max_body.")
    .close()
}

fn broken() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "body_broken",
        "the body ended before its time",
    )
    .close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use std::convert::Infallible;

    async fn read(parts: &[&'static str], max: u64) -> Result<Bytes, ApiError> {
        let frames: Vec<Result<Frame<Bytes>, Infallible>> = parts
            .iter()
            .map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes()))))
            .collect();
        body(StreamBody::new(futures_util::stream::iter(frames)), max).await
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_the_limit_and_cut_beyond_it() {
        for (parts, max, whole) in [
            (&[][..], 0, Some("")),
            (&["abc"], 3, Some("abc")),
            (&["a", "b", "c"], 3, Some("abc")),
            (&["", "b", "", "c"], 3, Some("bc")),
            (&["abcd"], 3, None),
            (&["ab", "cd"], 3, None),
        ] {
            let read = read(parts, max).await;
            match whole {
                Some(whole) => assert_eq!(read.expect("it fits"), whole),
                None => assert_eq!(read.expect_err("it is too long").status_code(), 413),
            }
        }
    }

    #[test]
    fn a_turnstile_counts_those_inside() {
        let turnstile = Turnstile::new(1);
        let first = turnstile.enter(false).expect("there is room");
        assert_eq!(
            turnstile
                .enter(false)
                .expect_err("it is full")
                .status_code(),
            503
        );
        let probe = turnstile.enter(true).expect("probes always enter");
        assert_eq!(turnstile.inside(), 2);
        drop((first, probe));
        assert!(turnstile.enter(false).is_ok());
        assert_eq!(turnstile.inside(), 0);
    }
}

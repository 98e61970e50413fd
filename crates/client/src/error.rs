//! What went wrong: one type for everything that a call can end with but its answer.

use crate::answer::Answer;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Characters of a body that is no error of Pando's, as they are told.
const EXCERPT_CHARS: usize = 200;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call did not succeed.
///
/// An error of the server's has its `code`, which is stable, its words, and its status. Whether
/// it is safe to send the request again, and whether a write may have been done all the
/// same, is data: [`Error::is_retry_safe`], [`Error::is_outcome_unknown`].
#[derive(thiserror::Error)]
#[error("{}", .0.told())]
pub struct Error(Box<Parts>);

/// What sort of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call could not be built: nothing was sent.
    Usage,
    /// The server could not be reached: nothing was sent.
    Unreachable,
    /// The connection broke after the request, or a part of it, was sent.
    Broken,
    /// No answer came in time.
    TimedOut,
    /// The answer is not what this call is answered with, or is longer than allowed.
    Undecodable,
    /// 400, 413, 415, 422 and other refusals of what was sent.
    Refused,
    /// 401, 403: no key, or one that may not do this.
    Forbidden,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 412: what `If-Match` or `If-None-Match` asked for does not hold.
    PreconditionFailed,
    /// 429.
    TooManyRequests,
    /// 503: the server cannot do it now.
    Unavailable,
    /// 500, 504 and what else is the server's fault.
    Server,
}

struct Parts {
    kind: ErrorKind,
    code: String,
    message: String,
    details: Value,
    hint: Option<String>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    retry_safe: bool,
    outcome_unknown: bool,
    idempotency_key: Option<String>,
    source: Option<Source>,
}

/// The form of every error's body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: String,
    message: String,
    details: Value,
    hint: Option<String>,
}

impl Error {
    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Its stable code, such as `23505` or `precondition_failed`. Errors that are not the
    /// server's have one that begins with `client_`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, in a sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What exactly is wrong: text, an object, or null.
    pub fn details(&self) -> &Value {
        &self.0.details
    }

    /// How to mend it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The status that the server answered with, if it answered.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request can be sent again without being done twice. A write whose
    /// outcome is unknown can, under its key: [`Error::idempotency_key`].
    pub fn is_retry_safe(&self) -> bool {
        self.0.retry_safe
    }

    /// Whether the write may have been done all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// The key that the write was sent with: under it the same call can be sent again, and is
    /// done once.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// Which operation of a transaction or batch it is about, from 0.
    pub fn op(&self) -> Option<usize> {
        let op = self.0.details.get("op")?.as_u64()?;
        usize::try_from(op).ok()
    }

    fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Error {
        Error(Box::new(Parts {
            kind,
            code: code.to_owned(),
            message: message.into(),
            details: Value::Null,
            hint: None,
            status: None,
            retry_after: None,
            retry_safe: false,
            outcome_unknown: false,
            idempotency_key: None,
            source: None,
        }))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Usage, "client_usage", message)
    }

    pub(crate) fn unreachable(message: impl Into<String>, source: impl Into<Source>) -> Error {
        let mut error = Error::new(ErrorKind::Unreachable, "client_unreachable", message);
        error.0.retry_safe = true;
        error.because(source)
    }

    pub(crate) fn broken(message: impl Into<String>, source: impl Into<Source>) -> Error {
        Error::new(ErrorKind::Broken, "client_broken", message).because(source)
    }

    pub(crate) fn timed_out(after: Duration) -> Error {
        let message = format!("no answer came within {after:?}");
        Error::new(ErrorKind::TimedOut, "client_timed_out", message)
    }

    pub(crate) fn undecodable(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Undecodable, "client_undecodable", message)
    }

    /// What an answer that is no success says.
    pub(crate) fn answered(answer: &Answer) -> Error {
        let status = answer.status;
        let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut error = Error::new(kind_of(status), &body.code, body.message);
        let parts = &mut error.0;
        if parts.message.is_empty() {
            parts.message = format!("the server answered {status}");
            // Somebody between here and the server, perhaps.
            if let Ok(text) = std::str::from_utf8(&answer.body)
                && parts.code.is_empty()
                && !text.is_empty()
            {
                parts.details = text.chars().take(EXCERPT_CHARS).collect::<String>().into();
            }
        }
        if parts.details.is_null() {
            parts.details = body.details;
        }
        parts.hint = body.hint;
        parts.status = Some(status);
        parts.retry_after = retry_after(&answer.headers);
        parts.outcome_unknown = parts.code == OUTCOME_UNKNOWN;
        // With `Retry-After` the server says that nothing was done, or that a key tells.
        parts.retry_safe = parts.retry_after.is_some() && !parts.outcome_unknown;
        error
    }

    pub(crate) fn because(mut self, source: impl Into<Source>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn hinted(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Seen as the end of a read: it can always be sent again.
    pub(crate) fn of_read(mut self) -> Error {
        self.0.outcome_unknown = false;
        let lasting = matches!(self.kind(), ErrorKind::Usage | ErrorKind::Undecodable);
        self.0.retry_safe = !lasting;
        self
    }

    /// Seen as the end of a write without a key.
    pub(crate) fn of_write_once(mut self) -> Error {
        let parts = &mut self.0;
        parts.outcome_unknown |= matches!(parts.kind, ErrorKind::Broken | ErrorKind::TimedOut);
        self
    }

    /// Seen as the end of a write under a key; `maybe_done` if an earlier attempt may have
    /// done it.
    pub(crate) fn of_write(mut self, key: &str, maybe_done: bool) -> Error {
        let parts = &mut self.0;
        parts.outcome_unknown |=
            maybe_done || matches!(parts.kind, ErrorKind::Broken | ErrorKind::TimedOut);
        parts.retry_safe |= parts.outcome_unknown;
        parts.idempotency_key = Some(key.to_owned());
        self
    }
}

/// The code of an answer that does not know whether a write was done.
pub(crate) const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// `Retry-After` in seconds. Dates are not read: Pando sends none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::PreconditionFailed,
        429 => ErrorKind::TooManyRequests,
        503 => ErrorKind::Unavailable,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Refused,
    }
}

impl Parts {
    fn told(&self) -> String {
        let mut text = self.message.clone();
        if !self.code.is_empty() && self.status.is_some() {
            text.push_str(&format!(" ({})", self.code));
        }
        if let Value::String(details) = &self.details {
            text.push_str(": ");
            text.push_str(details);
        }
        // Its causes are in the connection's library, and say what no code does.
        let mut cause = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(error) = cause {
            let told = error.to_string();
            // The pool's own words name its step only.
            if !text.ends_with(&told) && !told.starts_with("client error (") {
                text.push_str(": ");
                text.push_str(&told);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("status", &self.0.status.map(|status| status.as_u16()))
            .field("message", &self.0.told())
            .field("details", &self.0.details)
            .field("hint", &self.0.hint)
            .field("retry_safe", &self.0.retry_safe)
            .field("outcome_unknown", &self.0.outcome_unknown)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, retry_after: Option<&'static str>, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(seconds));
        }
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn an_answer_s_words_are_the_error_s() {
        let body = r#"{"code":"23505","message":"twice","details":{"op":3},"hint":"once"}"#;
        let error = Error::answered(&answer(409, None, body));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!((error.code(), error.message()), ("23505", "twice"));
        assert_eq!((error.hint(), error.op()), (Some("once"), Some(3)));
        assert_eq!(error.to_string(), "twice (23505)");
        assert!(!error.is_retry_safe() && !error.is_outcome_unknown());
    }

    #[test]
    fn what_is_no_error_of_pando_s_is_told_in_short() {
        let error = Error::answered(&answer(502, None, &"<html>".repeat(1_000)));
        assert_eq!(error.kind(), ErrorKind::Server);
        assert!(
            error
                .to_string()
                .starts_with("the server answered 502 Bad Gateway: <html>")
        );
        assert!(error.to_string().len() < 300);
    }

    #[test]
    fn whether_a_retry_is_safe_and_the_outcome_known_is_data() {
        let unknown = r#"{"code":"outcome_unknown","message":"?"}"#;
        for (case, safe, is_unknown) in [
            (
                answer(503, Some("1"), r#"{"code":"busy","message":"?"}"#),
                true,
                false,
            ),
            (
                answer(503, None, r#"{"code":"busy","message":"?"}"#),
                false,
                false,
            ),
            (answer(503, None, unknown), false, true),
            (answer(503, Some("1"), unknown), false, true),
            (answer(400, None, "{}"), false, false),
        ] {
            let error = Error::answered(&case);
            assert_eq!(error.is_retry_safe(), safe, "{error:?}");
            assert_eq!(error.is_outcome_unknown(), is_unknown, "{error:?}");
            let error = error.of_write("k", false);
            assert_eq!(
                error.is_retry_safe(),
                safe || is_unknown,
                "under a key: {error:?}"
            );
        }
        let broken = Error::broken("cut", "eof").of_write("k", false);
        assert!(broken.is_outcome_unknown() && broken.is_retry_safe());
        let later = Error::unreachable("down", "refused").of_write("k", true);
        assert!(
            later.is_outcome_unknown(),
            "an earlier attempt may have done it"
        );
        assert!(!Error::broken("cut", "eof").of_read().is_outcome_unknown());
    }
}

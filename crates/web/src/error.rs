//! Errors as callers see them: a status, and `{"code", "message", "details", "hint"}`.

use crate::answer::Answer;
use crate::reply::{self, Reply};
use crate::status;
use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use pando_model::error::{DISK_FULL, EngineError, Refusal};
use pando_store::error::StoreError;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Duration;

/// The code of a write whose listener did not answer: nothing was done.
const LISTENER_FAILED: &str = "listener_failed";

/// An error on its way to the caller.
#[derive(Debug, thiserror::Error)]
#[error("{} {}: {}", .0.status.as_u16(), .0.code, .0.message)]
pub struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    details: Option<String>,
    /// Which operation of several it is about, from 0.
    op: Option<usize>,
    hint: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The form of every error's body.
#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    details: Details<'a>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Json(&'a RawValue),
    Text(Option<&'a str>),
    Op { op: usize, details: Option<&'a str> },
}

impl ApiError {
    /// An error by its status, its stable code and its sentence.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError(Box::new(Parts {
            status,
            code: code.into(),
            message: message.into(),
            details: None,
            op: None,
            hint: None,
            headers: Vec::new(),
        }))
    }

    /// The same, with what exactly is wrong.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> ApiError {
        self.0.details = Some(details.into());
        self
    }

    /// The same, without what exactly is wrong: it is not for this caller.
    #[must_use]
    pub(crate) fn without_details(mut self) -> ApiError {
        self.0.details = None;
        self
    }

    /// The same, with how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same, with another status than its code's own.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> ApiError {
        self.0.status = status;
        self
    }

    /// The same, with a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.0.headers.push((name, value));
        self
    }

    /// The same, with a time to try again after: nothing was done.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> ApiError {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The same, ending the connection: the rest of the request will not be read.
    #[must_use]
    pub fn close(self) -> ApiError {
        self.header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// 415: a body in a form that is not read here.
    pub fn unsupported_media_type(message: impl Into<String>) -> ApiError {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        ApiError::new(status, "unsupported_media_type", message)
    }

    /// 404 for a path that leads nowhere.
    pub fn no_such_path() -> ApiError {
        let error = Refusal::new("PGRST125", "Invalid path specified in request URL");
        ApiError::from(error.hint("/openapi.json lists every path."))
    }

    /// 405, with the methods that there are.
    pub fn method(method: &Method, allow: &'static str) -> ApiError {
        let message = format!("Unsupported HTTP method: {method}");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST117", message)
            .hint(format!("Allowed are {allow}."))
            .header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 401: no key, or none that is known.
    pub fn unauthorized(code: &'static str, message: &'static str) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, code, message)
            .hint("Send a key: `Authorization: Bearer KEY` or `apikey: KEY`.")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// A question of a model's that cannot be asked. Its conditions are those of tables, where
    /// PostgREST answers 404 for an operator that a type does not have; here it is a 400.
    pub(crate) fn of_question(refusal: Refusal) -> ApiError {
        let has_no_operator = refusal.code == "42883";
        let error = ApiError::from(refusal);
        if has_no_operator {
            error.status(StatusCode::BAD_REQUEST)
        } else {
            error
        }
    }

    /// Its status.
    pub fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// All that it says: the sentence, what exactly, and how to mend it.
    pub fn told(&self) -> String {
        let more = [&self.0.details, &self.0.hint].into_iter().flatten();
        more.fold(self.0.message.clone(), |told, more| {
            format!("{}: {more}", told.trim_end_matches('.'))
        })
    }

    /// Whether it stays so as long as the same is asked of the same schema.
    pub fn is_callers(&self) -> bool {
        self.0.status.is_client_error() && self.0.status != StatusCode::TOO_MANY_REQUESTS
    }

    /// Its sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same, about one operation of several: `details.op` tells which, from 0.
    #[must_use]
    pub fn at_op(mut self, op: usize) -> ApiError {
        self.0.op = Some(op);
        self
    }

    /// The same as the answer of an operation, among whose headers are none of its own.
    pub(crate) fn into_answer(self) -> Answer {
        let mut reply = self.into_reply();
        let kind = reply.headers_mut().remove(CONTENT_TYPE);
        let mut answer = Answer::new(reply.status());
        if let Some(kind) = kind {
            answer.put(CONTENT_TYPE, kind);
        }
        answer.body = reply::into_bytes(reply);
        answer
    }

    /// The answer that tells it.
    pub(crate) fn into_reply(self) -> Reply {
        let parts = *self.0;
        let details = parts.details.as_deref();
        let body = Body {
            code: &parts.code,
            message: &parts.message,
            details: match parts.op {
                Some(op) => Details::Op { op, details },
                None => details_of(&parts.code, details),
            },
            hint: parts.hint.as_deref(),
        };
        let mut reply = reply::json(parts.status, &body);
        for (name, value) in parts.headers {
            reply.headers_mut().insert(name, value);
        }
        reply
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let status = status::of_code(&refusal.code);
        let mut error = ApiError::new(status, refusal.code, refusal.message);
        error.0.details = refusal.details;
        error.0.hint = refusal.hint;
        match status {
            StatusCode::TOO_MANY_REQUESTS => error.retry_after(Duration::from_secs(1)),
            _ if error.0.code == LISTENER_FAILED => error.retry_after(Duration::from_secs(1)),
            _ => error,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Engine(error) => ApiError::from(error),
            StoreError::Catalog(reason) => {
                tracing::error!(%reason, "the catalog is not usable");
                ApiError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "catalog",
                    "the catalog is not usable",
                )
                .details(reason)
            }
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        let text = error.to_string();
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::SchemaChanged { .. } | EngineError::Moved { .. } => {
                unavailable("retry", text).retry_after(Duration::from_secs(1))
            }
            EngineError::Behind => unavailable(
                "behind",
                "the store has not got as far as the stamp that was sent",
            )
            .retry_after(Duration::from_secs(1)),
            EngineError::KeyReused => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request",
            )
            .hint("Use a new key for a new request."),
            EngineError::Unavailable {
                reason,
                retry_after,
            } => {
                let is_full = reason == DISK_FULL;
                let error = unavailable("unavailable", reason).retry_after(retry_after);
                match is_full {
                    true => error.hint(
                        "Free some room on the disk that holds the data, or move it to a larger one; reads are answered meanwhile.",
                    ),
                    false => error,
                }
            }
            EngineError::OutcomeUnknown { reason } => ApiError::outcome_unknown(reason),
            EngineError::Corrupt(reason) => {
                tracing::error!(%reason, "the data is damaged");
                ApiError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "corrupt",
                    "the data is damaged",
                )
                .hint("See the server's log; `pando restore` brings back a backup.")
            }
            EngineError::Unsupported { .. } => {
                ApiError::new(StatusCode::NOT_IMPLEMENTED, "unsupported", text)
            }
            EngineError::Internal { context, source } => {
                tracing::error!(%context, error = %source, "the engine failed");
                ApiError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "XX000",
                    "the engine failed",
                )
                .hint("See the server's log.")
            }
        }
    }
}

impl ApiError {
    /// 503 without an invitation to retry: it may have been done.
    pub(crate) fn outcome_unknown(reason: impl Into<String>) -> ApiError {
        unavailable(
            "outcome_unknown",
            "the write may have been carried out or not",
        )
        .details(reason)
        .hint("Look before sending it again; with an Idempotency-Key it can be sent again safely.")
    }
}

/// 503: not now.
pub(crate) fn unavailable(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

/// PGRST201's details are a JSON array of the relationships to choose from.
fn details_of<'a>(code: &str, details: Option<&'a str>) -> Details<'a> {
    if code == "PGRST201"
        && let Some(text) = details
        && text.starts_with('[')
        && let Ok(json) = serde_json::from_str(text)
    {
        return Details::Json(json);
    }
    Details::Text(details)
}

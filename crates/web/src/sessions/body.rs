//! Sessions as JSON: what is sent, and what is answered.

use crate::answer::Answer;
use crate::error::ApiError;
use crate::object;
use crate::params::{self, malformed};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use pando_model::datetime;
use pando_store::sessions::{Begin, Record, Rotate, Token};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::time::Duration;

const MERGE_PATCH: &str = "application/merge-patch+json";

/// What `POST /sessions/v1` and `POST /current/rotate` take.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionBody<'a> {
    user: Option<String>,
    #[serde(default, borrow, deserialize_with = "params::given")]
    data: Option<&'a RawValue>,
    idle: Option<Span>,
    absolute: Option<Span>,
}

/// What `PATCH /current` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchBody<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A time, as a span (`30m`) or in seconds.
#[derive(Clone, Copy)]
struct Span(Duration);

impl<'a> SessionBody<'a> {
    /// Reads one; nothing sent is one that says nothing.
    pub(super) fn read(sent: &'a [u8]) -> Result<SessionBody<'a>, ApiError> {
        if sent.is_empty() {
            return Ok(SessionBody::default());
        }
        object::read(sent).map_err(|error| {
            malformed(format!(
                "the body is not {{user, data, idle, absolute}}: {error}"
            ))
        })
    }

    /// As the beginning of a session.
    pub(super) fn begin(self, instead_of: Option<Token>) -> Begin {
        Begin {
            data: self.data(),
            user: self.user,
            idle: self.idle.map(|span| span.0),
            absolute: self.absolute.map(|span| span.0),
            instead_of,
        }
    }

    /// As a rotation.
    pub(super) fn rotate(self) -> Result<Rotate, ApiError> {
        if self.absolute.is_some() && self.user.is_none() {
            let message = "absolute begins anew only when somebody shows who they are";
            return Err(malformed(message).hint("Say who: {\"user\": …}."));
        }
        Ok(Rotate {
            data: self.data(),
            user: self.user,
            idle: self.idle.map(|span| span.0),
            absolute: self.absolute.map(|span| span.0),
        })
    }

    /// Whether it changes what only the application may.
    pub(super) fn is_of_application(&self) -> bool {
        self.user.is_some() || self.idle.is_some() || self.absolute.is_some()
    }

    /// Whether it changes data.
    pub(super) fn has_data(&self) -> bool {
        self.data.is_some()
    }

    fn data(&self) -> Option<String> {
        self.data.map(|data| data.get().to_owned())
    }
}

/// The merge patch of the data that a body holds.
pub(super) fn patch_of(sent: &[u8]) -> Result<String, ApiError> {
    let body: PatchBody<'_> = object::read(sent).map_err(|error| {
        malformed(format!("the patch is not {{data}}: {error}"))
            .hint("What is to change lies under \"data\"; null takes a member away.")
    })?;
    Ok(body.data.get().to_owned())
}

/// Refuses a body that says that it is no JSON.
pub(super) fn check_json(parts: &Parts) -> Result<(), ApiError> {
    let Some(kind) = parts.headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    // The last is what curl says of a body unless it is told otherwise.
    let known = [
        "application/json",
        MERGE_PATCH,
        "application/x-www-form-urlencoded",
    ];
    if known
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
    {
        return Ok(());
    }
    let message = format!("sessions take JSON, not {kind:?}");
    Err(ApiError::unsupported_media_type(message))
}

/// A session as it is answered.
#[derive(Serialize)]
pub(super) struct SessionJson<'a> {
    id: i64,
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    created_at: String,
    authenticated_at: Option<String>,
    last_seen_at: String,
    expires_at: String,
    absolute_expires_at: String,
}

impl SessionJson<'_> {
    /// With its data, where that is shown.
    pub(super) fn of(record: &Record, shows_data: bool) -> SessionJson<'_> {
        let data = || RawValue::from_string(record.data.clone()).ok();
        SessionJson {
            id: record.id,
            user: record.user.as_deref(),
            data: shows_data.then(data).flatten(),
            created_at: instant(record.created_at_us),
            authenticated_at: record.authenticated_at_us.map(instant),
            last_seen_at: instant(record.seen_at_us),
            expires_at: instant(record.expires_at_us()),
            absolute_expires_at: instant(record.absolute_at_us),
        }
    }
}

/// The answer that shows a session.
pub(super) fn answer(status: StatusCode, record: &Record, shows_data: bool) -> Answer {
    Answer::json(status, &SessionJson::of(record, shows_data)).tagged(record.version)
}

/// The same with its token, which the answer that a receipt keeps does not have.
pub(super) fn with_token(mut answer: Answer, token: &Token) -> Answer {
    if let [b'{', rest @ ..] = answer.body.as_ref() {
        // A token needs no escapes.
        let lead = format!("{{\"token\":\"{}\",", token.text());
        answer.body = [lead.as_bytes(), rest].concat().into();
    }
    answer
}

/// Which session an answer shows, and when that ends.
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) user: Option<String>,
    pub(super) absolute_at_us: i64,
}

/// What an answer of [`answer`] shows.
pub(super) fn shown(answer: &Answer) -> Result<Shown, ApiError> {
    #[derive(Deserialize)]
    struct Answered {
        id: i64,
        user: Option<String>,
        absolute_expires_at: String,
    }
    let read = || -> Option<Shown> {
        let answered: Answered = serde_json::from_slice(&answer.body).ok()?;
        Some(Shown {
            id: answered.id,
            user: answered.user,
            absolute_at_us: datetime::parse_timestamptz(&answered.absolute_expires_at).ok()?,
        })
    };
    read().ok_or_else(|| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "receipt_unreadable",
            "the session was begun before, and its stored answer cannot be read",
        )
    })
}

fn instant(us: i64) -> String {
    let mut out = Vec::with_capacity(32);
    datetime::write_timestamp(us, b'T', &mut out);
    out.push(b'Z');
    // Digits and punctuation only.
    String::from_utf8(out).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time, such as \"30m\", \"12h\" or \"7d\", or seconds")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
                match seconds {
                    0 => Err(E::invalid_value(Unexpected::Unsigned(0), &self)),
                    seconds => Ok(Span(Duration::from_secs(seconds))),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                let wrong = || E::invalid_value(Unexpected::Str(text), &self);
                params::span(text).map(Span).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

//! What leases, and what is done with them, are sent as.

use super::refuse_query;
use crate::error::ApiError;
use crate::object;
use crate::operate::Asked;
use crate::params::{self, malformed};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use pando_store::queue::{Lease, LeaseToken};
use serde::de::{DeserializeOwned, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::time::Duration;

/// Proxies cut off what is silent for longer, as a rule.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A span of time as it is sent: a text such as `30s`, or seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// What `POST …/lease` is sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentLease {
    #[serde(default, deserialize_with = "params::given")]
    max: Option<u64>,
    #[serde(default, deserialize_with = "params::given")]
    wait: Option<Span>,
    #[serde(default, deserialize_with = "params::given")]
    visibility: Option<Span>,
    #[serde(default, deserialize_with = "params::given")]
    group: Option<String>,
}

/// A lease that is asked for, and how long it may wait for a message.
pub(super) struct LeaseBody {
    pub(super) lease: Lease,
    pub(super) wait: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentLeases {
    leases: Vec<String>,
    #[serde(default, deserialize_with = "params::given")]
    delay: Option<Span>,
    #[serde(default, deserialize_with = "params::given")]
    error: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    visibility: Option<Span>,
}

/// Leases, and what is said about them.
pub(super) struct LeasesBody {
    pub(super) leases: Vec<LeaseToken>,
    pub(super) delay: Option<Duration>,
    pub(super) error: Option<String>,
    pub(super) visibility: Option<Duration>,
}

impl LeaseBody {
    /// Reads it; nothing at all is a lease of one message.
    pub(super) fn read(asked: &Asked<'_>) -> Result<LeaseBody, ApiError> {
        refuse_query(asked)?;
        let sent: SentLease = match asked.body.is_empty() {
            true => SentLease::default(),
            false => read(asked, "{\"max\", \"wait\", \"visibility\", \"group\"}")?,
        };
        if sent.max == Some(0) {
            return Err(malformed("max is a number of messages, from 1"));
        }
        let wait = sent.wait.map_or(Duration::ZERO, |span| span.0);
        if wait > WAIT_MAX {
            let message = format!("wait is {WAIT_MAX:?} at most");
            let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message);
            return Err(error.hint("Ask again after an empty answer."));
        }
        Ok(LeaseBody {
            lease: Lease {
                max: sent.max,
                visibility: sent.visibility.map(|span| span.0),
                group: sent.group,
            },
            wait,
        })
    }
}

impl LeasesBody {
    /// Reads leases, and those of the other fields that are `taken` here.
    pub(super) fn read(asked: &Asked<'_>, taken: &[&str]) -> Result<LeasesBody, ApiError> {
        refuse_query(asked)?;
        let sent: SentLeases = read(asked, "{\"leases\": [\"…\"]}")?;
        let fields = [
            (sent.delay.is_some(), "delay"),
            (sent.error.is_some(), "error"),
            (sent.visibility.is_some(), "visibility"),
        ];
        let stray = |(given, name): &&(bool, &str)| *given && !taken.contains(name);
        if let Some((_, name)) = fields.iter().find(stray) {
            return Err(malformed(format!("{name} does not go with this")));
        }
        let each = sent.leases.iter().enumerate().map(|(place, text)| {
            let read = LeaseToken::read(text);
            read.map_err(|refusal| ApiError::from(refusal.details(format!("lease {place}"))))
        });
        Ok(LeasesBody {
            leases: each.collect::<Result<_, _>>()?,
            delay: sent.delay.map(|span| span.0),
            error: sent.error,
            visibility: sent.visibility.map(|span| span.0),
        })
    }
}

/// What `POST …/redrive` is sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentRedrive {
    #[serde(default, deserialize_with = "params::given")]
    group: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    ids: Option<Vec<String>>,
}

/// Which dead letters are given another chance.
pub(super) struct RedriveBody {
    pub(super) group: Option<String>,
    pub(super) ids: Option<Vec<i64>>,
}

impl RedriveBody {
    /// Reads it; nothing at all is the default group's dead letters.
    pub(super) fn read(asked: &Asked<'_>) -> Result<RedriveBody, ApiError> {
        refuse_query(asked)?;
        let sent: SentRedrive = match asked.body.is_empty() {
            true => SentRedrive::default(),
            false => read(asked, "{\"group\", \"ids\"}")?,
        };
        let id = |text: String| {
            let read = text.parse();
            read.map_err(|_| malformed(format!("{text:?} is no id of a message")))
        };
        let ids = sent.ids.map(|ids| ids.into_iter().map(id).collect());
        Ok(RedriveBody {
            group: sent.group,
            ids: ids.transpose()?,
        })
    }
}

fn read<T: DeserializeOwned>(asked: &Asked<'_>, form: &str) -> Result<T, ApiError> {
    check_json(asked.parts)?;
    object::read(&asked.body).map_err(|error| malformed(format!("the body is not {form}: {error}")))
}

/// Refuses (415) a body that is said to be something else than JSON.
fn check_json(parts: &Parts) -> Result<(), ApiError> {
    let Some(kind) = parts.headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = kind.to_str().unwrap_or_default();
    match is_plain_json(text) {
        true => Ok(()),
        false => Err(ApiError::unsupported_media_type(format!(
            "a body of Content-Type {kind:?} cannot be read here"
        ))
        .hint("Send application/json.")),
    }
}

/// Whether a content type is JSON itself, whatever its parameters.
pub(super) fn is_plain_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Whether a content type is a kind of JSON.
pub(super) fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    is_plain_json(kind) || essence.to_ascii_lowercase().ends_with("+json")
}

impl Span {
    /// Reads a text such as `30s`; `0s` is one too.
    pub(super) fn read(text: &str) -> Option<Span> {
        params::duration(text).map(Span)
    }
}

/// What a span has to be.
pub(super) const SPAN: &str = "a span of time, such as 500ms, 30s, 5m, 2h or 30d, or seconds";

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SPAN)
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Duration::from_secs(seconds)))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
                let wrong = |_| E::invalid_value(Unexpected::Float(seconds), &self);
                Duration::try_from_secs_f64(seconds)
                    .map(Span)
                    .map_err(wrong)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                let wrong = || E::invalid_value(Unexpected::Str(text), &self);
                Span::read(text).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_text_with_a_unit_or_seconds() {
        for (json, millis) in [
            ("\"30s\"", Some(30_000)),
            ("\"0s\"", Some(0)),
            ("\"500ms\"", Some(500)),
            ("30", Some(30_000)),
            ("0.25", Some(250)),
            ("0", Some(0)),
            ("\"30\"", None),
            ("-1", None),
            ("-0.5", None),
            ("1e300", None),
            ("true", None),
            ("[1]", None),
        ] {
            let read = serde_json::from_str::<Span>(json).ok();
            let expected = millis.map(|millis| Span(Duration::from_millis(millis)));
            assert_eq!(read, expected, "{json}");
        }
    }
}

//! Bodies, as documents and patches; and the format that an answer is written in.

use super::media;
use super::refusal_of;
use crate::answer::{Answer, VARY};
use crate::error::ApiError;
use crate::operate::Asked;
use crate::params::malformed;
use crate::web::Web;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use pando_model::error::Refusal;
use pando_store::docs::{Body, Patch, check_values};

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// What a caller wants its answer to be.
#[derive(Clone, Debug)]
pub(super) struct Accept(Option<String>);

impl Accept {
    /// Refuses (415) what no answer could be.
    pub(super) fn of(parts: &Parts) -> Result<Accept, ApiError> {
        let accept = Accept(joined(&parts.headers, &ACCEPT)?);
        media::write(accept.0.as_deref(), "{}")?;
        Ok(accept)
    }

    /// An answer that holds a JSON text in the format that is wanted.
    pub(super) fn answer(&self, status: StatusCode, json: &str) -> Result<Answer, Refusal> {
        let written = media::write(self.0.as_deref(), json);
        let (kind, body) = written.map_err(|error| refusal_of(&error))?;
        let mut answer = Answer::with_body(status, HeaderValue::from_static(kind), body);
        answer.put(VARY, HeaderValue::from_static("accept"));
        Ok(answer)
    }
}

/// The document that a request sends.
pub(super) fn body(web: &Web, asked: &Asked<'_>, id: Option<&str>) -> Result<Body, ApiError> {
    let content_type = joined(&asked.parts.headers, &CONTENT_TYPE)?;
    if content_type
        .as_deref()
        .is_none_or(|name| name.contains("json"))
    {
        check_values(&asked.body)?;
    }
    let json = media::read(content_type.as_deref(), &asked.body)?;
    let bytes_max = web.store().config().document_bytes_max;
    Ok(Body::read(&json, id, bytes_max)?)
}

/// The patch that a request sends.
pub(super) fn patch(asked: &Asked<'_>) -> Result<Patch, ApiError> {
    let content_type = joined(&asked.parts.headers, &CONTENT_TYPE)?;
    let text = content_type.as_deref().unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim();
    let read = || -> Result<String, ApiError> {
        check_values(&asked.body)?;
        let text = std::str::from_utf8(&asked.body);
        let text = text.map_err(|_| malformed("the patch is not UTF-8"))?;
        Ok(text.to_owned())
    };
    if name.eq_ignore_ascii_case(MERGE_PATCH) {
        return Ok(Patch::Merge(read()?));
    }
    if name.eq_ignore_ascii_case(JSON_PATCH) {
        return Ok(Patch::Json(read()?));
    }
    let error = ApiError::unsupported_media_type(format!(
        "a patch of Content-Type {name:?} cannot be read"
    ));
    let known =
        HeaderValue::from_static("application/merge-patch+json, application/json-patch+json");
    Err(error
        .header(ACCEPT_PATCH, known)
        .hint("There are application/merge-patch+json (RFC 7396) and application/json-patch+json (RFC 6902)."))
}

/// All values of a header, as one.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, ApiError> {
    let mut whole: Option<String> = None;
    for value in headers.get_all(name) {
        let text = value
            .to_str()
            .map_err(|_| malformed(format!("{name} is not ASCII")))?;
        match &mut whole {
            Some(whole) => {
                whole.push_str(", ");
                whole.push_str(text);
            }
            None => whole = Some(text.to_owned()),
        }
    }
    Ok(whole)
}

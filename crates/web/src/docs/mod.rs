//! Documents over HTTP: `/docs/v1/{collection}`.

pub(crate) mod list;
mod media;
mod reader;

use crate::answer::{Answer, VARY};
use crate::conditional;
use crate::error::ApiError;
use crate::gate;
use crate::operate::Asked;
use crate::params::Params;
use crate::route::Place;
use crate::web::Web;
use http::header::{HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::error::Refusal;
use pando_store::docs::{DocumentKey, Stored};
use pando_store::keys::{Surface, Verb};
use pando_store::operation::Operation;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reader::Accept;
use std::time::Duration;

/// What stands for itself in a path (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.rest.as_slice() {
        [] => "OPTIONS,GET,HEAD,POST",
        _ => "OPTIONS,GET,HEAD,PUT,PATCH,DELETE",
    }
}

/// Plans what a request asks for.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let collection = &*place.name;
    let rest = place.segments();
    let key = |id| DocumentKey::new(collection, id);
    match (&asked.parts.method, rest.as_slice()) {
        (&Method::GET | &Method::HEAD, []) => {
            list::plan(web, collection, asked.parts).map_err(with_retry)
        }
        (&Method::POST, []) => post(web, collection, &asked).await,
        (&Method::GET | &Method::HEAD, [id]) => get(web, &key(id)?, asked.parts),
        (&Method::PUT, [id]) => put(web, &key(id)?, &asked).await,
        (&Method::PATCH, [id]) => patch(web, &key(id)?, &asked).await,
        (&Method::DELETE, [id]) => delete(web, &key(id)?, asked.parts),
        (method, [] | [_]) => Err(ApiError::method(method, allowed(place))),
        _ => Err(ApiError::no_such_path()),
    }
}

fn get(web: &Web, key: &DocumentKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let accept = Accept::of(parts)?;
    let own = key.clone();
    Ok(web.store().docs_get(key).map(move |document| {
        let Some(document) = document else {
            return Ok(absent(&own));
        };
        if let Some(mut instead) = conditional::instead(&precondition, document.version) {
            instead.put(VARY, HeaderValue::from_static("accept"));
            return Ok(instead);
        }
        let answer = accept.answer(StatusCode::OK, &document.to_json())?;
        Ok(answer.tagged(document.version))
    }))
}

async fn post(
    web: &Web,
    collection: &str,
    asked: &Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let accept = Accept::of(asked.parts)?;
    let body = reader::body(web, asked, None)?;
    let stored = web.store().docs_post(collection, body).await?;
    Ok(stored.map(move |(key, version)| {
        let named = serde_json::json!({ "_id": key.id() }).to_string();
        let mut answer = accept.answer(StatusCode::CREATED, &named)?;
        answer.put(LOCATION, location(&key));
        Ok(answer.tagged(version))
    }))
}

async fn put(
    web: &Web,
    key: &DocumentKey,
    asked: &Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let body = reader::body(web, asked, Some(key.id()))?;
    let stored = web.store().docs_put(key, body, precondition).await?;
    let location = location(key);
    Ok(stored.map(move |stored| Ok(put_answer(stored, &location))))
}

async fn patch(
    web: &Web,
    key: &DocumentKey,
    asked: &Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let accept = Accept::of(asked.parts)?;
    let patch = reader::patch(asked)?;
    let may_read = gate::may_read(asked.caller, Surface::Docs, key.collection());
    if let Some(caller) = asked.caller
        && !may_read
        && patch.reads()?
    {
        let name = key.collection();
        gate::require(caller, Surface::Docs, Verb::Read, Some(name)).map_err(|error| {
            error.hint(format!(
                "The operation test reads the document: the key needs the scope docs:read:{name}."
            ))
        })?;
    }
    let patched = web.store().docs_patch(key, patch, precondition).await?;
    Ok(patched.map(move |document| {
        if !may_read {
            return Ok(Answer::new(StatusCode::NO_CONTENT).tagged(document.version));
        }
        let answer = accept.answer(StatusCode::OK, &document.to_json())?;
        Ok(answer.tagged(document.version))
    }))
}

fn delete(web: &Web, key: &DocumentKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let absent = absent(key);
    let deleted = web.store().docs_delete(key, precondition);
    Ok(deleted.map(move |was_there| Ok(Answer::of_delete(was_there, &absent))))
}

fn put_answer(stored: Stored, location: &str) -> Answer {
    let mut answer = Answer::of_put(stored.created).tagged(stored.version);
    if stored.created {
        answer.put(LOCATION, location);
    }
    answer
}

fn absent(key: &DocumentKey) -> Answer {
    let message = format!(
        "there is no document {:?} in {:?}",
        key.id(),
        key.collection()
    );
    Answer::not_found(message)
}

fn location(key: &DocumentKey) -> String {
    let segment = |text| utf8_percent_encode(text, SEGMENT);
    format!(
        "/docs/v1/{}/{}",
        segment(key.collection()),
        segment(key.id())
    )
}

/// An index that is being built is there soon.
fn with_retry(error: ApiError) -> ApiError {
    match error.code() {
        "search_building" => error.retry_after(Duration::from_secs(5)),
        _ => error,
    }
}

/// A fault of an answer's format, inside a transaction: nothing is written.
fn refusal_of(error: &media::MediaError) -> Refusal {
    Refusal::new("not_representable", error.to_string())
        .hint("Accept: application/json holds every document.")
}

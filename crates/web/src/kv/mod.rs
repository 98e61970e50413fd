//! Key-value over HTTP: `/kv/v1/{space}`.

mod batch;

use crate::answer::{Answer, EXPIRES_AT};
use crate::conditional;
use crate::error::ApiError;
use crate::operate::{Asked, NextLink};
use crate::params::{Params, malformed};
use crate::route::Place;
use crate::web::Web;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, StatusCode, Uri};
use pando_model::datetime;
use pando_store::kv::{Counted, Entry, Key, KeyInfo, KeyRange, Stored};
use pando_store::operation::Operation;
use serde::Serialize;
use serde_json::{Value, json};

/// What a value was sent as, where nothing was said.
const OCTETS: &str = "application/octet-stream";
/// Bytes of a `Content-Type` at most.
const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.rest.as_slice() {
        [] => "OPTIONS,GET,HEAD",
        [word] if word == "batch" => "OPTIONS,POST",
        [_] => "OPTIONS,GET,HEAD,PUT,DELETE",
        _ => "OPTIONS,POST",
    }
}

/// Plans what a request asks for.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let space = &*place.name;
    let rest = place.segments();
    match (&asked.parts.method, rest.as_slice()) {
        (&Method::GET | &Method::HEAD, []) => list(web, space, asked.parts),
        (&Method::POST, ["batch"]) => Box::pin(batch::plan(web, space, asked)).await,
        (&Method::GET | &Method::HEAD, [key]) => get(web, &Key::new(space, key)?, asked.parts),
        (&Method::PUT, [key]) => put(web, &Key::new(space, key)?, asked).await,
        (&Method::DELETE, [key]) => delete(web, &Key::new(space, key)?, &asked).await,
        (&Method::POST, [key, "incr"]) => incr(web, &Key::new(space, key)?, asked.parts).await,
        (method, [] | [_] | [_, "incr"]) => Err(ApiError::method(method, allowed(place))),
        _ => Err(ApiError::no_such_path()),
    }
}

fn get(web: &Web, key: &Key, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let own = key.clone();
    Ok(web.store().kv_get(key).map(move |entry| {
        let Some(entry) = entry else {
            return Ok(absent(&own));
        };
        Ok(conditional::instead(&precondition, entry.version).unwrap_or_else(|| value(entry)))
    }))
}

async fn put(web: &Web, key: &Key, asked: Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&asked.parts.uri, &["ttl"])?;
    let content_type = content_type(asked.parts)?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let ttl = params.span("ttl")?;
    let (store, body) = (web.store(), asked.body);
    let operation = match asked.is_part {
        true => {
            store
                .kv_put_told(key, body, content_type, ttl, precondition)
                .await?
        }
        false => {
            store
                .kv_put(key, body, content_type, ttl, precondition)
                .await?
        }
    };
    Ok(operation.map(|stored| Ok(Answer::of_put(stored.created).tagged(stored.version))))
}

async fn delete(web: &Web, key: &Key, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let absent = absent(key);
    let deleted = match asked.is_part {
        true => web.store().kv_delete_told(key, precondition),
        false => web.store().kv_delete(key, precondition).await?,
    };
    Ok(deleted.map(move |was_there| Ok(Answer::of_delete(was_there, &absent))))
}

async fn incr(web: &Web, key: &Key, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["by", "ttl"])?;
    let by = params.number("by")?.unwrap_or(1);
    let precondition = conditional::precondition(&parts.headers)?;
    let ttl = params.span("ttl")?;
    let operation = web.store().kv_incr(key, by, ttl, precondition).await?;
    Ok(operation.map(|counted| Ok(incr_answer(counted))))
}

fn list(web: &Web, space: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let range = range_of(&parts.uri)?;
    #[derive(Serialize)]
    struct List<'a> {
        keys: Vec<Listed<'a>>,
    }
    let next = NextLink::of(parts);
    Ok(web.store().kv_list(space, &range)?.map(move |list| {
        let keys = list.keys.iter().map(Listed::of).collect();
        let answer = Answer::json(StatusCode::OK, &List { keys });
        Ok(next.on_list(answer, list.keys.len(), list.truncated, list.cursor))
    }))
}

/// Which keys a list is of.
pub(crate) fn range_of(uri: &Uri) -> Result<KeyRange, ApiError> {
    let params = Params::read(uri, &["prefix", "limit", "cursor"])?;
    Ok(KeyRange {
        prefix: params.text("prefix").unwrap_or_default().to_owned(),
        limit: params.number("limit")?,
        cursor: params.text("cursor").map(str::to_owned),
    })
}

/// A key in a list.
#[derive(Serialize)]
struct Listed<'a> {
    key: &'a str,
    size: u64,
    content_type: &'a str,
    version: i64,
    expires_at: Option<String>,
}

impl Listed<'_> {
    fn of(info: &KeyInfo) -> Listed<'_> {
        Listed {
            key: &info.key,
            size: info.size,
            content_type: &info.content_type,
            version: info.version,
            expires_at: info.expires_at_us.map(instant),
        }
    }
}

fn value(entry: Entry) -> Answer {
    let mut answer = Answer::new(StatusCode::OK);
    let kind = HeaderValue::from_str(&entry.content_type);
    answer.put(
        CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static(OCTETS)),
    );
    answer.put(ETAG, conditional::etag(entry.version));
    // A browser is not to take what somebody stored for something else than they said.
    answer.put(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(at) = entry.expires_at_us {
        answer.put(EXPIRES_AT, instant(at));
    }
    answer.body = entry.value;
    answer
}

fn incr_answer(counted: Counted) -> Answer {
    #[derive(Serialize)]
    struct Body {
        value: i64,
    }
    let body = Body {
        value: counted.value,
    };
    Answer::json(StatusCode::OK, &body).tagged(counted.stored.version)
}

fn absent(key: &Key) -> Answer {
    let message = format!("there is no key {:?} in {:?}", key.key(), key.space());
    Answer::not_found(message)
}

fn content_type(parts: &Parts) -> Result<String, ApiError> {
    let Some(value) = parts.headers.get(CONTENT_TYPE) else {
        return Ok(OCTETS.to_owned());
    };
    let text = value.to_str().unwrap_or_default();
    check_content_type(text)?;
    Ok(text.to_owned())
}

/// What is stored has to go into a header again, and be a media type there (RFC 9110, section
/// 8.3.1).
pub(crate) fn check_content_type(text: &str) -> Result<(), ApiError> {
    let visible = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.is_empty() || text.len() > CONTENT_TYPE_BYTES_MAX || !visible {
        return Err(malformed(format!(
            "a Content-Type has 1 to {CONTENT_TYPE_BYTES_MAX} visible ASCII characters"
        )));
    }
    let essence = text.split(';').next().unwrap_or_default().trim();
    let names = essence.split_once('/');
    if names.is_none_or(|(kind, part)| !is_token(kind) || !is_token(part)) {
        return Err(malformed(format!("{text:?} is no media type"))
            .hint("A Content-Type is type/subtype, such as text/plain; charset=utf-8."));
    }
    Ok(())
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(in_token)
}

/// A value in a batch's answer: as text where it is text, else in base64.
fn get_item(key: &Key, entry: Option<Entry>) -> Value {
    let Some(entry) = entry else {
        return json!({ "key": key.key(), "found": false });
    };
    let mut item = json!({
        "key": key.key(), "found": true, "content_type": entry.content_type,
        "version": entry.version, "expires_at": entry.expires_at_us.map(instant),
    });
    let (name, text) = match std::str::from_utf8(&entry.value) {
        Ok(text) if entry.content_type.starts_with("text/") => ("text", text.to_owned()),
        _ => ("value", STANDARD.encode(&entry.value)),
    };
    item[name] = Value::String(text);
    item
}

fn put_item(key: &Key, stored: Stored) -> Value {
    json!({ "key": key.key(), "created": stored.created, "version": stored.version })
}

fn incr_item(key: &Key, counted: Counted) -> Value {
    json!({ "key": key.key(), "value": counted.value, "version": counted.stored.version })
}

/// RFC 3339, in UTC.
pub(crate) fn instant(us: i64) -> String {
    let mut out = Vec::with_capacity(32);
    datetime::write_timestamp(us, b'T', &mut out);
    out.push(b'Z');
    // Digits and punctuation only.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_a_media_type() {
        for (text, is_one) in [
            ("text/plain", true),
            ("image/svg+xml;charset=utf-8", true),
            ("text/html ; x=y", true),
            ("text", false),
            ("text/", false),
            ("/plain", false),
            ("te xt/plain", false),
            ("text/plain/x", false),
            ("<script>", false),
            ("", false),
            ("text/é", false),
        ] {
            assert_eq!(check_content_type(text).is_ok(), is_one, "{text:?}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_500_000), "1970-01-01T00:00:01.5Z");
    }
}

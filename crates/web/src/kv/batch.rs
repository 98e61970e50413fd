//! Several keys of a space at once: all or none.

use super::{get_item, incr_item, put_item};
use crate::answer::Answer;
use crate::error::ApiError;
use crate::gate;
use crate::operate::Asked;
use crate::params::{self, Params, malformed};
use crate::web::Web;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use pando_store::keys::{Surface, Verb};
use pando_store::kv::Key;
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use serde::Deserialize;
use serde_json::Value;

/// Operations of one batch at most.
const OPS_MAX: usize = 10_000;
/// What text is stored as.
const TEXT: &str = "text/plain; charset=utf-8";

/// One operation, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    op: Op,
    key: String,
    value: Option<String>,
    text: Option<String>,
    content_type: Option<String>,
    ttl: Option<String>,
    by: Option<i64>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Op {
    Get,
    Put,
    Delete,
    Incr,
}

/// Plans a batch: an array of operations, answered by an array of what each did.
pub(super) async fn plan(
    web: &Web,
    space: &str,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let items: Vec<Item> = serde_json::from_slice(&asked.body)
        .map_err(|error| malformed(format!("the body is no list of operations: {error}")))?;
    if items.len() > OPS_MAX {
        return Err(malformed(format!(
            "a batch has {OPS_MAX} operations at most, not {}",
            items.len()
        )));
    }
    if let Some(key) = asked.caller
        && items.iter().any(|item| item.op == Op::Get)
    {
        gate::require(key, Surface::Kv, Verb::Read, Some(space))?;
    }
    let mut operations = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let planned = plan_item(web, space, item).await;
        operations.push(planned.map_err(|error| error.at_op(place))?);
    }
    let whole = Operation::all(operations, |_| {});
    Ok(whole.map(|results: Vec<Value>| Ok(Answer::json(StatusCode::OK, &results))))
}

async fn plan_item(web: &Web, space: &str, item: Item) -> Result<Operation<Value>, ApiError> {
    let key = Key::new(space, &item.key)?;
    refuse_stray(&item)?;
    let ttl = match &item.ttl {
        Some(text) => Some(params::span(text).ok_or_else(|| {
            malformed(format!("ttl {text:?} is not a span of time, such as 60s"))
        })?),
        None => None,
    };
    let none = Precondition::default();
    let store = web.store();
    Ok(match item.op {
        Op::Get => store
            .kv_get(&key)
            .map(move |entry| Ok(get_item(&key, entry))),
        Op::Put => {
            let (value, kind) = value_of(&item)?;
            let kind = item.content_type.unwrap_or_else(|| kind.to_owned());
            super::check_content_type(&kind)?;
            let stored = store.kv_put(&key, value, kind, ttl, none).await?;
            stored.map(move |stored| Ok(put_item(&key, stored)))
        }
        Op::Delete => store
            .kv_delete(&key, none)
            .map(move |there| Ok(serde_json::json!({ "key": key.key(), "deleted": there }))),
        Op::Incr => {
            let counted = store.kv_incr(&key, item.by.unwrap_or(1), ttl, none).await?;
            counted.map(move |counted| Ok(incr_item(&key, counted)))
        }
    })
}

/// Refuses a field that the operation does not look at.
fn refuse_stray(item: &Item) -> Result<(), ApiError> {
    let is_put = item.op == Op::Put;
    let takes_ttl = is_put || item.op == Op::Incr;
    for (given, fits, name) in [
        (item.value.is_some(), is_put, "value"),
        (item.text.is_some(), is_put, "text"),
        (item.content_type.is_some(), is_put, "content_type"),
        (item.ttl.is_some(), takes_ttl, "ttl"),
        (item.by.is_some(), item.op == Op::Incr, "by"),
    ] {
        if given && !fits {
            return Err(malformed(format!("{name} does not go with this op")));
        }
    }
    Ok(())
}

/// The bytes of a put, and what they are if nothing is said.
fn value_of(item: &Item) -> Result<(Bytes, &'static str), ApiError> {
    match (&item.value, &item.text) {
        (Some(value), None) => {
            let bytes = STANDARD
                .decode(value)
                .map_err(|error| malformed(format!("value is not base64: {error}")))?;
            Ok((bytes.into(), super::OCTETS))
        }
        (None, Some(text)) => Ok((Bytes::from(text.clone()), TEXT)),
        _ => Err(malformed(
            "a put has either value, in base64, or text, and not both",
        )),
    }
}

//! Several keys of a space at once: all or none.

use super::{get_item, incr_item, put_item};
use crate::answer::{self, Answer};
use crate::batch;
use crate::error::ApiError;
use crate::operate::Asked;
use crate::params::{self, malformed};
use crate::web::Web;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use pando_model::datetime;
use pando_store::keys::Surface;
use pando_store::kv::{Key, NewEntry, check_name};
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// What text is stored as.
const TEXT: &str = "text/plain; charset=utf-8";

/// One operation, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    op: Op,
    key: String,
    #[serde(default, deserialize_with = "params::given")]
    value: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    text: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    ttl: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    expires_at: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
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

impl Op {
    fn name(self) -> &'static str {
        match self {
            Op::Get => "get",
            Op::Put => "put",
            Op::Delete => "delete",
            Op::Incr => "incr",
        }
    }
}

/// Plans a batch: an array of operations, answered by an array of what each did.
pub(super) async fn plan(
    web: &Web,
    space: &str,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    check_name("space", space)?;
    let reads = |item: &Item| item.op == Op::Get;
    let items = batch::operations(web, &asked, Surface::Kv, space, reads)?;
    let minimal = answer::prefers_minimal(&asked.parts.headers)?;
    let whole = match is_bulk(&items) {
        true => plan_bulk(web, space, items, minimal).await?,
        false => plan_each(web, space, items).await?,
    };
    Ok(whole.map(move |results: Vec<Value>| {
        Ok(match minimal {
            true => Answer::minimal(),
            false => Answer::json(StatusCode::OK, &results),
        })
    }))
}

/// Whether all of it can be one change: values under distinct keys, whatever is there.
fn is_bulk(items: &[Item]) -> bool {
    let mut keys = HashSet::with_capacity(items.len());
    let mut distinct = |item: &Item| item.op == Op::Put && keys.insert(item.key.clone());
    items.len() > 1 && items.iter().all(&mut distinct)
}

async fn plan_bulk(
    web: &Web,
    space: &str,
    items: Vec<Item>,
    minimal: bool,
) -> Result<Operation<Vec<Value>>, ApiError> {
    let mut entries = Vec::with_capacity(items.len());
    let mut keys = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let read = |item: Item| {
            let key = Key::new(space, &item.key)?;
            refuse_stray(&item)?;
            new_entry(web, key, item)
        };
        let entry = read(item).map_err(|error: ApiError| error.at_op(place))?;
        if !minimal {
            keys.push(entry.key.clone());
        }
        entries.push(entry);
    }
    let stored = web.store().kv_put_all(space, entries).await?;
    Ok(stored.map(move |stored| {
        let each = keys.iter().zip(stored);
        Ok(each.map(|(key, stored)| put_item(key, stored)).collect())
    }))
}

async fn plan_each(
    web: &Web,
    space: &str,
    items: Vec<Item>,
) -> Result<Operation<Vec<Value>>, ApiError> {
    let mut operations = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        // Which one does not fit what is there is seen when it is carried out.
        let about = format!("op {place} ({}), key {:?}", item.op.name(), item.key);
        let planned = plan_item(web, space, item).await;
        let planned = planned.map_err(|error| error.at_op(place))?;
        operations.push(planned.on_refusal(move |refusal| refusal.details(about.clone())));
    }
    Ok(Operation::all(operations, |_| {}))
}

async fn plan_item(web: &Web, space: &str, item: Item) -> Result<Operation<Value>, ApiError> {
    let key = Key::new(space, &item.key)?;
    refuse_stray(&item)?;
    let none = Precondition::default();
    let store = web.store();
    Ok(match item.op {
        Op::Get => store
            .kv_get(&key)
            .map(move |entry| Ok(get_item(&key, entry))),
        Op::Put => {
            let entry = new_entry(web, key.clone(), item)?;
            let stored = store.kv_put_all(space, vec![entry]).await?;
            stored.map(move |stored| {
                let first = stored.first();
                Ok(first.map_or(Value::Null, |stored| put_item(&key, *stored)))
            })
        }
        Op::Delete => {
            let deleted = store.kv_delete_told(&key, none);
            deleted.map(move |there| Ok(serde_json::json!({ "key": key.key(), "deleted": there })))
        }
        Op::Incr => {
            let ttl = batch::ttl(item.ttl.as_deref())?;
            let counted = store.kv_incr(&key, item.by.unwrap_or(1), ttl, none).await?;
            counted.map(move |counted| Ok(incr_item(&key, counted)))
        }
    })
}

/// What a put stores.
fn new_entry(web: &Web, key: Key, item: Item) -> Result<NewEntry, ApiError> {
    let expires_at_us = match (&item.expires_at, batch::ttl(item.ttl.as_deref())?) {
        (Some(_), Some(_)) => {
            return Err(malformed("a put has ttl or expires_at, and not both"));
        }
        (Some(text), None) => Some(instant_of(text)?),
        (None, ttl) => web.store().expires_at(ttl)?,
    };
    let (value, kind) = value_of(item.value, item.text)?;
    let content_type = item.content_type.unwrap_or_else(|| kind.to_owned());
    super::check_content_type(&content_type)?;
    Ok(NewEntry {
        key,
        value,
        content_type,
        expires_at_us,
    })
}

fn instant_of(text: &str) -> Result<i64, ApiError> {
    datetime::parse_timestamptz(text).map_err(|_| {
        malformed(format!(
            "expires_at {text:?} is not a time as RFC 3339 has it"
        ))
    })
}

/// Refuses a field that the operation does not look at.
fn refuse_stray(item: &Item) -> Result<(), ApiError> {
    let is_put = item.op == Op::Put;
    let takes_ttl = is_put || item.op == Op::Incr;
    batch::refuse_stray(&[
        (item.value.is_some(), is_put, "value"),
        (item.text.is_some(), is_put, "text"),
        (item.content_type.is_some(), is_put, "content_type"),
        (item.ttl.is_some(), takes_ttl, "ttl"),
        (item.expires_at.is_some(), is_put, "expires_at"),
        (item.by.is_some(), item.op == Op::Incr, "by"),
    ])
}

/// The bytes of a put, and what they are if nothing is said.
fn value_of(
    value: Option<String>,
    text: Option<String>,
) -> Result<(Bytes, &'static str), ApiError> {
    match (value, text) {
        (Some(value), None) => {
            let bytes = STANDARD
                .decode(value)
                .map_err(|error| malformed(format!("value is not base64: {error}")))?;
            Ok((bytes.into(), super::OCTETS))
        }
        (None, Some(text)) => Ok((text.into(), TEXT)),
        _ => Err(malformed(
            "a put has either value, in base64, or text, and not both",
        )),
    }
}

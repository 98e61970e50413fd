//! Rows of several partitions at once: all or none.

use super::body;
use crate::answer::Answer;
use crate::batch;
use crate::error::ApiError;
use crate::object::Instant;
use crate::operate::Asked;
use crate::params::{self, malformed};
use crate::reply;
use crate::web::Web;
use http::StatusCode;
use pando_model::json;
use pando_store::keys::Surface;
use pando_store::kv::check_name;
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::wide::{Put, RowKey, Selector, Wanted, WideRow};
use serde::Deserialize;

/// One operation, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    op: Op,
    partition: String,
    row: String,
    #[serde(default, deserialize_with = "params::given")]
    cells: Option<body::Cells>,
    #[serde(default, deserialize_with = "params::given")]
    at: Option<Instant>,
    #[serde(default, deserialize_with = "params::given")]
    ttl: Option<String>,
    #[serde(default, deserialize_with = "params::given")]
    columns: Option<Vec<String>>,
    #[serde(default, deserialize_with = "params::given")]
    versions: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Op {
    Get,
    Put,
    Delete,
}

/// Plans a batch: an array of operations, answered by an array of what each did.
pub(super) fn plan(
    web: &Web,
    table: &str,
    asked: &Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    check_name("table", table)?;
    let reads = |item: &Item| item.op == Op::Get;
    let items = batch::operations(web, asked, Surface::Wide, table, reads)?;
    let mut operations = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let planned = plan_item(web, table, item);
        operations.push(planned.map_err(|error| error.at_op(place))?);
    }
    let whole = Operation::all(operations, |_| {});
    Ok(whole.map(|results: Vec<Vec<u8>>| {
        let body = [b"[", results.join(&b',').as_slice(), b"]"].concat();
        Ok(Answer::with_body(StatusCode::OK, reply::JSON, body))
    }))
}

fn plan_item(web: &Web, table: &str, item: Item) -> Result<Operation<Vec<u8>>, ApiError> {
    let row = RowKey::new(table, &item.partition, &item.row)?;
    refuse_stray(&item)?;
    let mut columns = Vec::new();
    for name in item.columns.iter().flatten() {
        columns.push(Selector::parse(name)?);
    }
    let none = Precondition::default();
    let store = web.store();
    Ok(match item.op {
        Op::Get => {
            let wanted = Wanted {
                columns,
                versions: item.versions,
            };
            let many = item.versions.is_some_and(|versions| versions > 1);
            let found = store.wide_get(&row, &wanted)?;
            found.map(move |found| Ok(got(&row, found.as_ref(), many)))
        }
        Op::Put => {
            let put = put_of(item)?;
            let is_new = store.wide_put(&row, put, none)?;
            is_new.map(move |is_new| Ok(told(&row, "created", is_new)))
        }
        Op::Delete => {
            let was_there = store.wide_delete(&row, &columns, none);
            was_there.map(move |was_there| Ok(told(&row, "deleted", was_there)))
        }
    })
}

fn put_of(item: Item) -> Result<Put, ApiError> {
    let at_us = match item.at {
        None => None,
        Some(Instant::Us(us)) => Some(us),
        Some(Instant::Text(text)) => Some(
            body::instant(&text)
                .ok_or_else(|| malformed(format!("at {text:?} is not {}", body::INSTANT)))?,
        ),
    };
    Ok(Put {
        cells: item.cells.unwrap_or_default().0,
        at_us,
        ttl: batch::ttl(item.ttl.as_deref())?,
    })
}

/// Refuses a field that the operation does not look at.
fn refuse_stray(item: &Item) -> Result<(), ApiError> {
    let is_put = item.op == Op::Put;
    batch::refuse_stray(&[
        (item.cells.is_some(), is_put, "cells"),
        (item.at.is_some(), is_put, "at"),
        (item.ttl.is_some(), is_put, "ttl"),
        (item.columns.is_some(), !is_put, "columns"),
        (item.versions.is_some(), item.op == Op::Get, "versions"),
    ])
}

fn lead(row: &RowKey) -> Vec<u8> {
    let mut out = b"{\"partition\":".to_vec();
    json::write_string(row.partition().key(), &mut out);
    out.extend_from_slice(b",\"row\":");
    json::write_string(row.key(), &mut out);
    out
}

fn told(row: &RowKey, name: &str, value: bool) -> Vec<u8> {
    let mut out = lead(row);
    out.extend_from_slice(format!(",\"{name}\":{value}}}").as_bytes());
    out
}

fn got(row: &RowKey, found: Option<&WideRow>, many: bool) -> Vec<u8> {
    let Some(found) = found else {
        return told(row, "found", false);
    };
    let mut out = lead(row);
    out.extend_from_slice(b",\"found\":true,\"cells\":");
    body::write_cells(&found.columns, many, &mut out);
    out.push(b'}');
    out
}

//! Wide-column over HTTP: `/wide/v1/{table}/{partition}`.

mod batch;
mod body;

use crate::answer::Answer;
use crate::conditional;
use crate::error::ApiError;
use crate::operate::{Asked, NextLink};
use crate::params::{Params, malformed};
use crate::reply;
use crate::route::Place;
use crate::web::Web;
use http::request::Parts;
use http::{Method, StatusCode};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::wide::{Partition, Put, RowKey, RowRange, Selector, Wanted};
use serde_json::json;

/// What is said of a slice.
pub(crate) const SLICE: [&str; 7] = [
    "from", "to", "reverse", "limit", "columns", "versions", "cursor",
];

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.rest.as_slice() {
        [] => "OPTIONS,GET,HEAD",
        // As documented; the partition of this name is read all the same.
        [word] if word == "batch" => "OPTIONS,POST",
        [_] => "OPTIONS,GET,HEAD",
        [_, _] => "OPTIONS,GET,HEAD,PUT,DELETE",
        _ => "OPTIONS",
    }
}

/// Plans what a request asks for.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let table = &*place.name;
    let rest = place.segments();
    match (&asked.parts.method, rest.as_slice()) {
        (&Method::GET | &Method::HEAD, []) => partitions(web, table, asked.parts),
        (&Method::POST, ["batch"]) => batch::plan(web, table, &asked),
        (&Method::GET | &Method::HEAD, [partition]) => {
            slice(web, &Partition::new(table, partition)?, asked.parts)
        }
        (&Method::GET | &Method::HEAD, [partition, row]) => {
            get(web, &RowKey::new(table, partition, row)?, asked.parts)
        }
        (&Method::PUT, [partition, row]) => put(web, &RowKey::new(table, partition, row)?, &asked),
        (&Method::DELETE, [partition, row]) => {
            delete(web, &RowKey::new(table, partition, row)?, asked.parts)
        }
        (method, [] | [_] | [_, _]) => Err(ApiError::method(method, allowed(place))),
        _ => Err(ApiError::no_such_path()),
    }
}

fn partitions(web: &Web, table: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["limit", "cursor"])?;
    let next = NextLink::of(parts);
    let (limit, cursor) = (params.number("limit")?, params.text("cursor"));
    let list = web.store().wide_partitions(table, limit, cursor)?;
    Ok(list.map(move |list| {
        let body = json!({ "partitions": list.partitions });
        let answer = Answer::json(StatusCode::OK, &body);
        let entries = list.partitions.len();
        Ok(next.on_list(answer, entries, list.truncated, list.cursor))
    }))
}

fn slice(web: &Web, partition: &Partition, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &SLICE)?;
    let (range, wanted) = slice_of(&params)?;
    let next = NextLink::of(parts);
    let own = partition.clone();
    let list = web.store().wide_slice(partition, &range, &wanted)?;
    Ok(list.map(move |list| {
        let body = body::slice(own.key(), &list.rows, many(&wanted));
        let answer = Answer::with_body(StatusCode::OK, reply::JSON, body);
        Ok(next.on_list(answer, list.rows.len(), list.truncated, list.cursor))
    }))
}

/// What a slice is of.
pub(crate) fn slice_of(params: &Params) -> Result<(RowRange, Wanted), ApiError> {
    let text = |name| params.text(name).map(str::to_owned);
    let range = RowRange {
        from: text("from"),
        to: text("to"),
        reverse: params.flag("reverse")?.unwrap_or(false),
        limit: params.number("limit")?,
        cursor: text("cursor"),
    };
    Ok((range, wanted(params)?))
}

fn get(web: &Web, row: &RowKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["columns", "versions"])?;
    let wanted = wanted(&params)?;
    let own = row.clone();
    let found = web.store().wide_get(row, &wanted)?;
    Ok(found.map(move |found| {
        let Some(found) = found else {
            return Ok(absent(&own));
        };
        let body = body::row(&found, many(&wanted));
        Ok(Answer::with_body(StatusCode::OK, reply::JSON, body))
    }))
}

fn put(web: &Web, row: &RowKey, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&asked.parts.uri, &["at", "ttl"])?;
    let put = Put {
        cells: body::cells(&asked.body)?,
        at_us: params.parsed("at", body::INSTANT, body::instant)?,
        ttl: params.span("ttl")?,
    };
    let precondition = presence(asked.parts)?;
    let operation = web.store().wide_put(row, put, precondition)?;
    Ok(operation.map(|is_new| Ok(Answer::of_put(is_new))))
}

fn delete(web: &Web, row: &RowKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["columns"])?;
    let columns = wanted(&params)?.columns;
    let precondition = presence(parts)?;
    let absent = absent(row);
    let operation = web.store().wide_delete(row, &columns, precondition);
    Ok(operation.map(move |was_there| Ok(Answer::of_delete(was_there, &absent))))
}

/// What is asked of each row.
fn wanted(params: &Params) -> Result<Wanted, ApiError> {
    let mut columns = Vec::new();
    if let Some(text) = params.text("columns") {
        for name in body::names(text)? {
            columns.push(Selector::parse(&name)?);
        }
    }
    Ok(Wanted {
        columns,
        versions: params.number("versions")?,
    })
}

/// Whether cells are written as lists of versions.
fn many(wanted: &Wanted) -> bool {
    wanted.versions.is_some_and(|versions| versions > 1)
}

/// A row has no entity tag; whether it is there can be asked.
fn presence(parts: &Parts) -> Result<Precondition, ApiError> {
    let precondition = conditional::precondition(&parts.headers)?;
    let listed = |versions: &Option<Versions>| matches!(versions, Some(Versions::Listed(_)));
    if listed(&precondition.if_match) || listed(&precondition.if_none_match) {
        let message = "a row has no ETag: each of its cells has a time of its own";
        return Err(malformed(message).hint("If-Match and If-None-Match take * here."));
    }
    Ok(precondition)
}

fn absent(row: &RowKey) -> Answer {
    let partition = row.partition();
    let message = format!(
        "there is no row {:?}, or no such column of it, in {:?} of {:?}",
        row.key(),
        partition.key(),
        partition.table()
    );
    Answer::not_found(message)
}

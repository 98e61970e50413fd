//! The handlers by hand for what the models besides tables answer: the statement, and the JSON
//! that a person would send for it.

use super::with_connection;
use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<str>> {
    Router::new()
        .route("/kv/{key}", get(value))
        .route("/docs/{id}", get(document))
        .route("/wide/{partition}/{row}", get(wide_row))
        .route("/nodes/{id}/edges/{kind}", get(edges))
}

async fn value(
    State(path): State<Arc<str>>,
    Path(key): Path<String>,
) -> Result<Response, StatusCode> {
    let found = with_connection(&path, |connection| {
        connection
            .prepare_cached("SELECT value, content_type FROM kv WHERE key = ?1")?
            .query_row([key], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
    })?;
    let (value, content_type) = found.ok_or(StatusCode::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, content_type)], value).into_response())
}

async fn document(
    State(path): State<Arc<str>>,
    Path(id): Path<String>,
) -> Result<Response, StatusCode> {
    let found = with_connection(&path, |connection| {
        connection
            .prepare_cached("SELECT body FROM docs WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))
            .optional()
    })?;
    let body = found.ok_or(StatusCode::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

#[derive(Serialize)]
struct WideRow {
    row: String,
    cells: BTreeMap<String, Box<RawValue>>,
}

async fn wide_row(
    State(path): State<Arc<str>>,
    Path((partition, row)): Path<(String, String)>,
) -> Result<Json<WideRow>, StatusCode> {
    let cells = with_connection(&path, |connection| {
        connection
            .prepare_cached(
                "SELECT family, qualifier, value FROM cells WHERE partition = ?1 AND row = ?2",
            )?
            .query_map([&partition, &row], cell)?
            .collect::<rusqlite::Result<BTreeMap<_, _>>>()
    })?;
    Ok(Json(WideRow { row, cells }))
}

fn cell(row: &Row<'_>) -> rusqlite::Result<(String, Box<RawValue>)> {
    let name = format!("{}:{}", text(row, 0)?, text(row, 1)?);
    Ok((name, raw(text(row, 2)?)?))
}

#[derive(Deserialize)]
struct Range {
    limit: i64,
}

#[derive(Serialize)]
struct Edges {
    edges: Vec<Edge>,
}

#[derive(Serialize)]
struct Edge {
    from: String,
    kind: String,
    to: String,
    at: String,
    body: Box<RawValue>,
}

async fn edges(
    State(path): State<Arc<str>>,
    Path((id, kind)): Path<(String, String)>,
    Query(range): Query<Range>,
) -> Result<Json<Edges>, StatusCode> {
    let edges = with_connection(&path, |connection| {
        connection
            .prepare_cached(
                "SELECT dst, at, body FROM edges WHERE src = ?1 AND kind = ?2
                 ORDER BY at DESC LIMIT ?3",
            )?
            .query_map((&id, &kind, range.limit), |row| {
                Ok(Edge {
                    from: id.clone(),
                    kind: kind.clone(),
                    to: row.get(0)?,
                    at: row.get(1)?,
                    body: raw(text(row, 2)?)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<Edge>>>()
    })?;
    Ok(Json(Edges { edges }))
}

fn text<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row str> {
    match row.get_ref(column)? {
        ValueRef::Text(text) => Ok(std::str::from_utf8(text)?),
        other => Err(rusqlite::Error::InvalidColumnType(
            column,
            "text".to_owned(),
            other.data_type(),
        )),
    }
}

fn raw(json: &str) -> rusqlite::Result<Box<RawValue>> {
    RawValue::from_string(json.to_owned())
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

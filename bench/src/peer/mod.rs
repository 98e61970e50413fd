//! The peers: what one would write by hand with axum and rusqlite, or over PostgreSQL, nothing
//! more.

mod models;
mod postgres;

use anyhow::{Context, Result, bail};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rusqlite::{Connection, OpenFlags, Row};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// `peer ADDRESS read DB`, `peer ADDRESS post`, `peer ADDRESS postgres URL CONNECTIONS`,
/// `peer raw-group N MILLISECONDS`.
pub fn serve(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["raw-group", group, span] = words.as_slice() {
        let span = Duration::from_millis(span.parse()?);
        println!("{}", crate::raw::run_group_commit(group.parse()?, span)?);
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let (address, router) = match words.as_slice() {
                [address, "read", database] => (address, reads((*database).into())),
                [address, "post"] => (address, posts()),
                [address, "postgres", url, connections] => {
                    (address, postgres::routes(url, connections.parse()?).await?)
                }
                other => bail!("no such peer: {other:?}"),
            };
            let router = router.route("/readyz", get(|| async { "ready" }));
            let listener = tokio::net::TcpListener::bind(address).await?;
            axum::serve(listener, router).await.context("serve")
        })
}

#[derive(Serialize)]
struct Item {
    id: i64,
    name: String,
    price: f64,
    stock: i64,
    category: String,
}

impl Item {
    fn of(row: &Row<'_>) -> rusqlite::Result<Item> {
        Ok(Item {
            id: row.get(0)?,
            name: row.get(1)?,
            price: row.get(2)?,
            stock: row.get(3)?,
            category: row.get(4)?,
        })
    }
}

thread_local! {
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Runs `work` on this thread's own connection: no hop to another thread.
fn with_connection<T>(
    path: &str,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StatusCode> {
    CONNECTION.with_borrow_mut(|slot| {
        let connection = match slot {
            Some(connection) => connection,
            None => slot.insert(
                Connection::open_with_flags(
                    path,
                    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                )
                .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?,
            ),
        };
        work(connection).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    })
}

fn reads(database: Arc<str>) -> Router {
    Router::new()
        .route(
            "/items/{id}",
            get(
                |State(path): State<Arc<str>>, Path(id): Path<i64>| async move {
                    with_connection(&path, |connection| {
                        let mut select = connection.prepare_cached(
                            "SELECT id, name, price, stock, category FROM items WHERE id = ?1",
                        )?;
                        select
                            .query_map([id], Item::of)?
                            .collect::<rusqlite::Result<Vec<Item>>>()
                    })
                    .map(Json)
                },
            ),
        )
        .route(
            "/page/{category}",
            get(
                |State(path): State<Arc<str>>, Path(category): Path<String>| async move {
                    with_connection(&path, |connection| {
                        let mut select = connection.prepare_cached(
                            "SELECT id, name, price, stock, category FROM items
                         WHERE category = ?1 ORDER BY price, id LIMIT 20",
                        )?;
                        select
                            .query_map([category], Item::of)?
                            .collect::<rusqlite::Result<Vec<Item>>>()
                    })
                    .map(Json)
                },
            ),
        )
        .merge(models::routes())
        .with_state(database)
}

#[derive(Deserialize)]
struct Note {
    id: uuid::Uuid,
    author: i64,
    body: String,
    created_at: String,
}

fn posts() -> Router {
    Router::new().route(
        "/notes",
        post(|Json(note): Json<Note>| async move {
            let sound = !note.id.is_nil()
                && note.author >= 0
                && !note.body.is_empty()
                && !note.created_at.is_empty();
            if sound {
                StatusCode::CREATED
            } else {
                StatusCode::BAD_REQUEST
            }
        }),
    )
}

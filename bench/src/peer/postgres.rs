//! The handlers by hand over PostgreSQL through PgBouncer. Which connection of PostgreSQL's a
//! transaction gets is PgBouncer's choice, so no statement is prepared: each goes with its types
//! in one round trip.

use super::{Item, Note};
use crate::postgres::direct::Id;
use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, Row};

const READ: &str = "SELECT id, name, price, stock, category FROM items WHERE id = $1";
/// PostgreSQL reads the time, so that nothing is needed here for it.
const INSERT: &str = "INSERT INTO notes (id, author, body, created_at) \
                      VALUES ($1, $2, $3, $4::timestamptz)";

/// Connections to PgBouncer that no request has.
type Idle = Arc<Mutex<Vec<Client>>>;

/// Opens so many connections.
pub(super) async fn routes(url: &str, connections: usize) -> Result<Router> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        idle.push(client);
    }
    Ok(Router::new()
        .route("/items/{id}", get(item))
        .route("/notes", post(note))
        .with_state(Arc::new(Mutex::new(idle))))
}

async fn item(
    State(idle): State<Idle>,
    Path(id): Path<i64>,
) -> Result<Json<Vec<Item>>, StatusCode> {
    let rows = with(&idle, async |client| {
        client.query_typed(READ, &[(&id, Type::INT8)]).await
    });
    let items: Result<Vec<Item>, Error> = rows.await?.iter().map(item_of).collect();
    items
        .map(Json)
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn item_of(row: &Row) -> Result<Item, Error> {
    Ok(Item {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        price: row.try_get(2)?,
        stock: row.try_get(3)?,
        category: row.try_get(4)?,
    })
}

async fn note(State(idle): State<Idle>, Json(note): Json<Note>) -> Result<StatusCode, StatusCode> {
    let inserted = with(&idle, async |client| {
        let id = Id(note.id);
        let row: [(&(dyn ToSql + Sync), Type); 4] = [
            (&id, Type::UUID),
            (&note.author, Type::INT8),
            (&note.body, Type::TEXT),
            (&note.created_at, Type::TEXT),
        ];
        client.execute_typed(INSERT, &row).await
    });
    inserted.await.map(|_| StatusCode::CREATED)
}

async fn with<T>(
    idle: &Idle,
    work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
) -> Result<T, StatusCode> {
    let client = idle.lock().pop();
    let client = client.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let done = work(&client).await;
    idle.lock().push(client);
    done.map_err(|error| {
        eprintln!("   the peer's statement failed: {error:?}");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

//! tokio-postgres by itself: prepared statements, a pool, each statement a transaction.

use super::{CONNECTIONS, rows};
use crate::raw::BODY;
use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use std::error::Error;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Statement};

const AUTHOR: i64 = 17;

pub struct Direct {
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
}

struct Connection {
    client: Client,
    read: Statement,
    insert: Statement,
}

/// A UUID's bytes; the crate of such types is not needed for one.
#[derive(Debug)]
pub struct Id(pub uuid::Uuid);

impl ToSql for Id {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl Direct {
    pub async fn open(url: &str) -> Result<Direct> {
        let mut idle = Vec::new();
        for n in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            if n == 0 {
                client.batch_execute(rows::TABLES).await?;
            }
            let read = "SELECT id, name, price, stock, category FROM items WHERE id = $1";
            let insert = "INSERT INTO notes (id, author, body, created_at) VALUES ($1, $2, $3, $4)";
            idle.push(Connection {
                read: client.prepare(read).await?,
                insert: client.prepare(insert).await?,
                client,
            });
        }
        Ok(Direct {
            idle: Mutex::new(idle),
            free: Semaphore::new(CONNECTIONS),
        })
    }

    pub async fn read(&self, id: i64) -> Result<()> {
        self.with(async |connection| {
            let client = &connection.client;
            let row = client.query_one(&connection.read, &[&id]).await?;
            let (found, name): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
            let (price, stock): (f64, i64) = (row.try_get(2)?, row.try_get(3)?);
            let category: &str = row.try_get(4)?;
            std::hint::black_box((name, price, stock, category));
            ensure!(found == id, "another row");
            Ok(())
        })
        .await
    }

    pub async fn insert(&self) -> Result<()> {
        let at = UNIX_EPOCH + Duration::from_secs(1_714_564_800);
        self.with(async |connection| {
            let id = Id(uuid::Uuid::now_v7());
            let row: [&(dyn ToSql + Sync); 4] = [&id, &AUTHOR, &BODY, &at];
            let inserted = connection.client.execute(&connection.insert, &row).await?;
            ensure!(inserted == 1, "no row");
            Ok(())
        })
        .await
    }

    pub async fn copy_items(&self, count: u64) -> Result<()> {
        let items = Arc::new(rows::items_csv(count));
        self.copy("items", items).await
    }

    pub async fn copy_notes(&self, chunks: Arc<Vec<Bytes>>) -> Result<()> {
        self.copy("notes", chunks).await
    }

    async fn copy(&self, table: &str, chunks: Arc<Vec<Bytes>>) -> Result<()> {
        self.with(async |connection| {
            let sql = format!("COPY {table} FROM STDIN (FORMAT csv)");
            let sink = connection.client.copy_in::<_, Bytes>(&sql).await?;
            let mut sink = pin!(sink);
            for chunk in chunks.iter() {
                let header = memchr::memchr(b'\n', chunk).context("a header")?;
                sink.send(chunk.slice(header + 1..)).await?;
            }
            sink.finish().await?;
            Ok(())
        })
        .await
    }

    async fn with<T>(&self, work: impl AsyncFnOnce(&Connection) -> Result<T>) -> Result<T> {
        let _permit = self.free.acquire().await?;
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = idle().pop().context("a connection")?;
        let done = work(&connection).await;
        idle().push(connection);
        done
    }
}

//! Pando's store over PostgreSQL.

use super::{CONNECTIONS, rows};
use crate::raw::BODY;
use anyhow::{Result, ensure};
use bytes::Bytes;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::clock::SystemClock;
use pando_model::plan::Comparison;
use pando_model::stamp::Position;
use pando_store::migrate::MigrationFile;
use pando_store::request::{
    Condition, Field, Operand, PayloadFormat, Query, Returning, Shape, TableRead, TableWrite, Test,
    Verb,
};
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Requests of an import that are under way: one is read while the other is stored.
const IN_FLIGHT: usize = 2;

pub struct Subject {
    store: Arc<Store>,
}

impl Subject {
    pub async fn open(url: &str) -> Result<Subject> {
        Subject::open_over(PostgresConfig::new(url)).await
    }

    /// Opens a store on a primary and its replicas.
    pub async fn open_over(mut config: PostgresConfig) -> Result<Subject> {
        config.readers = CONNECTIONS;
        let engine = PostgresEngine::open(config).await?;
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default()).await?;
        let tables = MigrationFile {
            name: "0001_tables.sql".to_owned(),
            sql: rows::TABLES.to_owned(),
        };
        store.migrate(&[tables]).await?;
        Ok(Subject { store })
    }

    pub async fn close(&self) -> Result<()> {
        Ok(self.store.close().await?)
    }

    pub async fn read(&self, id: i64) -> Result<()> {
        self.read_in(id, &Session::default()).await.map(drop)
    }

    /// Reads as a session that has seen something; gives what it has seen then.
    pub async fn read_in(&self, id: i64, session: &Session) -> Result<Position> {
        let by_id = Condition::Test {
            field: Field {
                name: "id".to_owned(),
                path: Vec::new(),
                as_text: false,
            },
            negated: false,
            test: Test::Compare(Comparison::Eq, Operand::One(id.to_string())),
        };
        let request = TableRead {
            table: "items".to_owned(),
            query: Query {
                filters: vec![(Vec::new(), by_id)],
                ..Query::default()
            },
            count: None,
            shape: Shape::Array,
        };
        let (answer, stamped) = self.store.read_table(&request, session).await?;
        ensure!(answer.rows == 1, "no row {id}");
        Ok(stamped.high)
    }

    pub async fn insert(&self) -> Result<()> {
        let body = format!(
            "{{\"id\":\"{}\",\"author\":17,\"body\":\"{BODY}\",\"created_at\":\"2024-05-01T12:00:00Z\"}}",
            uuid::Uuid::now_v7(),
        );
        self.write("notes", PayloadFormat::Json, body.into()).await
    }

    pub async fn import_items(&self, count: u64) -> Result<()> {
        for chunk in rows::items_csv(count) {
            self.write("items", PayloadFormat::Csv, chunk).await?;
        }
        Ok(())
    }

    pub async fn import_notes(self: &Arc<Self>, chunks: Arc<Vec<Bytes>>) -> Result<()> {
        let mut under_way = tokio::task::JoinSet::new();
        for chunk in chunks.iter().cloned() {
            if under_way.len() == IN_FLIGHT
                && let Some(done) = under_way.join_next().await
            {
                done??;
            }
            let subject = self.clone();
            let runtime = Handle::current();
            // A large body is read for a long time: not where connections are served.
            under_way.spawn_blocking(move || {
                runtime.block_on(subject.write("notes", PayloadFormat::Csv, chunk))
            });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn write(&self, table: &str, format: PayloadFormat, body: Bytes) -> Result<()> {
        let request = TableWrite {
            verb: Verb::Insert,
            table: table.to_owned(),
            query: Query::default(),
            body,
            format,
            columns: None,
            on_conflict: None,
            resolution: None,
            missing_default: false,
            returning: Returning::Minimal,
            max_affected: None,
            count: None,
            shape: Shape::Array,
            idempotency: None,
        };
        let encode = Box::new(|_: &_| Vec::new());
        self.store
            .write_table(request, &Session::default(), encode)
            .await?;
        Ok(())
    }
}

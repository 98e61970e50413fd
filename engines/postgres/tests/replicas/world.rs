//! A primary, its replicas, and an engine over them.

use pando_cluster::{Network, Postgres, Replication, Standby};
use pando_conformance::fixture::query::{col, compare, select};
use pando_conformance::fixture::schema::table;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::column::ColumnType::Bigint;
use pando_model::engine::{
    Copies, Engine, Freshness, Read, ReadAnswer, Result, SchemaChange, Write, WriteAnswer,
};
use pando_model::plan::{Change, Comparison, Insert};
use pando_model::schema::{SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::sync::Arc;
use std::time::Duration;

/// Servers, an engine over all of them, and one over the primary alone.
pub struct World {
    pub servers: Replication,
    pub engine: Arc<PostgresEngine>,
    pub table: Arc<Table>,
}

pub async fn world(replicas: usize, standby: Standby) -> World {
    let builder = Postgres::builder().network(Network::Lan);
    let servers = builder.start_replicated(replicas, standby);
    let servers = servers.await.expect("start PostgreSQL");
    let engine = open(&servers.primary, &servers.replicas).await;
    let table = table("note")
        .column("id", Bigint)
        .column("n", Bigint)
        .key(&["id"])
        .build();
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(table.clone())],
        record: Vec::new(),
    };
    engine.apply(change).await.expect("a table");
    World {
        servers,
        engine,
        table,
    }
}

pub async fn open(primary: &Postgres, replicas: &[Postgres]) -> Arc<PostgresEngine> {
    let mut config = PostgresConfig::new(url(primary));
    config.replicas = replicas.iter().map(url).collect();
    config.readers = 4;
    config.write_buffer = Duration::from_secs(20);
    config.max_lag = Duration::from_secs(120);
    PostgresEngine::open(config).await.expect("open")
}

pub fn url(server: &Postgres) -> String {
    format!("postgres://postgres@{}/postgres", server.address())
}

impl World {
    pub async fn insert(&self, id: i64) -> Result<Position> {
        insert(&self.engine, &self.table, id).await
    }

    pub async fn read(&self, copies: Copies, seen: Option<Position>) -> Result<ReadAnswer> {
        read(&self.engine, &self.table, copies, seen).await
    }
}

pub async fn insert(engine: &PostgresEngine, table: &Arc<Table>, id: i64) -> Result<Position> {
    let insert = Change::Insert(Insert {
        table: table.clone(),
        rows: vec![vec![Value::Int(id), Value::Int(id)]],
        conflict: None,
        returning: None,
    });
    let write = Write {
        schema_version: 1,
        steps: vec![insert.into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    match engine.write(write).await? {
        WriteAnswer::Done { at, .. } | WriteAnswer::Replayed { at, .. } => Ok(at),
    }
}

pub async fn read(
    engine: &PostgresEngine,
    table: &Arc<Table>,
    copies: Copies,
    seen: Option<Position>,
) -> Result<ReadAnswer> {
    let mut select = select(table, &["id"]);
    select.filter = compare(col(table, "id"), Comparison::Gt, 0);
    let read = Read {
        schema_version: 1,
        tree: Arc::new(pando_model::plan::Tree {
            select,
            children: Vec::new(),
        }),
        count: false,
        freshness: Freshness { seen, copies },
    };
    engine.read(read).await
}

//! One PostgreSQL for all claims, and a database of its own for each.

use pando_cluster::Postgres;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::sync::OnceCell;

/// A database with Pando's own tables and nothing else, to be copied.
const TEMPLATE: &str = "pando_template";

/// It ends with the tests' process.
static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();
static MADE: AtomicU32 = AtomicU32::new(0);

/// An engine on a new database.
pub async fn open_new() -> Arc<PostgresEngine> {
    let postgres = POSTGRES.get_or_init(start).await;
    let name = format!("claim_{}", MADE.fetch_add(1, Relaxed));
    create(postgres, &format!("{name} TEMPLATE {TEMPLATE}")).await;
    open(postgres, &name).await
}

async fn start() -> Postgres {
    // What a power cut leaves is asked elsewhere.
    let builder = Postgres::builder().without_fsync();
    let postgres = builder.start().await.expect("start PostgreSQL");
    create(&postgres, TEMPLATE).await;
    let engine = open(&postgres, TEMPLATE).await;
    engine.close().await.expect("close");
    postgres
}

async fn create(postgres: &Postgres, what: &str) {
    let made = postgres.sql(&format!("CREATE DATABASE {what}")).await;
    made.expect("a database");
}

async fn open(postgres: &Postgres, name: &str) -> Arc<PostgresEngine> {
    let address = postgres.address();
    let mut config = PostgresConfig::new(format!("postgres://postgres@{address}/{name}"));
    config.readers = 1;
    PostgresEngine::open(config).await.expect("open")
}

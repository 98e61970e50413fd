//! One PostgreSQL for all claims, and a database of its own for each.

use pando_cluster::Postgres;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
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
    let builder = Postgres::builder()
        .without_fsync()
        .setting("max_prepared_transactions", "16");
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

/// A database of its own, whose index entries are counted.
pub struct Counted {
    name: String,
}

impl Counted {
    /// A new one, in which a transaction stays open, so that nothing is taken away that dies.
    pub async fn begin() -> Counted {
        let postgres = POSTGRES.get_or_init(start).await;
        let name = format!("counted_{}", MADE.fetch_add(1, Relaxed));
        create(postgres, &format!("{name} TEMPLATE {TEMPLATE}")).await;
        let counted = Counted { name };
        let name = &counted.name;
        let held = format!("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION '{name}'");
        counted.sql(&held).await;
        counted
    }

    pub async fn open(&self) -> Arc<PostgresEngine> {
        open(POSTGRES.get_or_init(start).await, &self.name).await
    }

    /// How many entries of the relation's indexes were read by engines that are closed.
    pub async fn entries(&self, relation: &str) -> u64 {
        let connections = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND backend_type = \
             'client backend' AND pid <> pg_backend_pid()",
            self.name
        );
        let ended = pando_cluster::until("closed", Duration::from_secs(30), || async {
            match self.sql(&connections).await.trim() {
                "0" => Ok(()),
                count => Err(format!("{count} connections")),
            }
        });
        ended.await.expect("they end");
        let each = format!(
            "SELECT indexrelname, idx_scan, idx_tup_read, idx_tup_fetch FROM pg_stat_user_indexes WHERE relname = '{relation}'"
        );
        println!("{}", self.sql(&each).await);
        let entries =
            "SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname";
        let told = self.sql(&format!("{entries} = '{relation}'")).await;
        told.trim().parse().expect("a number")
    }

    pub async fn sql(&self, statements: &str) -> String {
        let postgres = POSTGRES.get_or_init(start).await;
        let told = postgres.sql_in(&self.name, statements).await;
        told.expect("SQL")
    }
}

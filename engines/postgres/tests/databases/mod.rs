//! One PostgreSQL, and a database of its own for each engine.

use async_trait::async_trait;
use pando_cluster::Postgres;
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A database with Pando's own tables and nothing else, to be copied.
const TEMPLATE: &str = "pando_template";

/// Makes engines, each on a copy of the template.
pub struct Databases {
    postgres: Arc<Postgres>,
    made: AtomicU32,
}

/// An engine and its database.
struct Fresh {
    engine: Arc<PostgresEngine>,
    url: String,
    _postgres: Arc<Postgres>,
}

impl Databases {
    /// Starts PostgreSQL.
    pub async fn start() -> Databases {
        let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
        let databases = Databases {
            postgres: Arc::new(postgres),
            made: AtomicU32::new(0),
        };
        databases.sql(&format!("CREATE DATABASE {TEMPLATE}")).await;
        let engine = open(&databases.url(TEMPLATE)).await;
        engine.close().await.expect("close");
        databases
    }

    /// The server.
    #[allow(dead_code, reason = "not every test looks below the engine")]
    pub fn postgres(&self) -> Arc<Postgres> {
        self.postgres.clone()
    }

    /// An engine, and the name of its database.
    pub async fn make_one(&self) -> (Box<dyn Instance>, String) {
        let name = self.create().await;
        let url = self.url(&name);
        let fresh = Fresh {
            engine: open(&url).await,
            url,
            _postgres: self.postgres.clone(),
        };
        (Box::new(fresh), name)
    }

    /// An engine on a new database, and where that is.
    #[allow(dead_code, reason = "not every test needs it")]
    pub async fn open_new(&self) -> (Arc<PostgresEngine>, String) {
        let url = self.url(&self.create().await);
        (open(&url).await, url)
    }

    /// The name of a new copy of the template.
    async fn create(&self) -> String {
        let name = format!("case_{}", self.made.fetch_add(1, Relaxed));
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
            .await;
        name
    }

    async fn sql(&self, text: &str) {
        self.postgres.sql(text).await.expect("SQL");
    }

    fn url(&self, database: &str) -> String {
        let address = self.postgres.address();
        format!("postgres://postgres@{address}/{database}")
    }
}

/// Runs statements in a database, past the engine.
#[allow(dead_code, reason = "not every test needs it")]
pub async fn run(url: &str, statements: &str) {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("connect");
    let carrier = tokio::spawn(connection);
    client.batch_execute(statements).await.expect("SQL");
    drop(client);
    carrier.await.expect("carry").expect("end");
}

async fn open(url: &str) -> Arc<PostgresEngine> {
    let mut config = PostgresConfig::new(url);
    config.readers = 4;
    PostgresEngine::open(config).await.expect("open")
}

#[async_trait]
impl Factory for Databases {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: true,
            backup: false,
        }
    }

    async fn make(&self) -> Box<dyn Instance> {
        self.make_one().await.0
    }
}

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    async fn reopen(&mut self) {
        self.engine.close().await.expect("close");
        self.engine = open(&self.url).await;
    }
}

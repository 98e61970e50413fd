//! A PostgreSQL with somebody's database, and a store over it.

use crate::ask::Ask;
use pando_cluster::Postgres;
use pando_engine_postgres::{PostgresConfig, PostgresEngine, adopt};
use pando_model::clock::{Clock, SystemClock};
use pando_model::error::Refusal;
use pando_model::found::FoundDatabase;
use pando_store::adopt::{Judged, Wanted, judge};
use pando_store::error::StoreError;
use pando_store::migrate::MigrationFile;
use pando_store::request::TableWrite;
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

pub const SHOP: &str = include_str!("shop.sql");
pub const ODD: &str = include_str!("odd.sql");

/// A database of somebody's.
pub struct House {
    pub postgres: Postgres,
    pub schema: &'static str,
    pub role: &'static str,
}

impl House {
    pub async fn with(sql: &str) -> House {
        let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
        let house = House {
            postgres,
            schema: "public",
            role: "postgres",
        };
        house.psql("CREATE DATABASE shop").await;
        house.sql(sql).await;
        house
    }

    /// Runs statements as somebody else would.
    pub async fn sql(&self, sql: &str) -> String {
        self.postgres.sql_in("shop", sql).await.expect("SQL")
    }

    async fn psql(&self, sql: &str) {
        self.postgres.sql(sql).await.expect("SQL");
    }

    pub fn config(&self) -> PostgresConfig {
        let address = self.postgres.address();
        let path = match self.schema {
            "public" => String::new(),
            schema => format!("?options=-csearch_path%3D{schema}"),
        };
        PostgresConfig::new(format!("postgres://{}@{address}/shop{path}", self.role))
    }

    pub async fn inspect(&self) -> FoundDatabase {
        adopt::inspect(&self.config(), self.schema)
            .await
            .expect("look at it")
    }

    pub async fn judge(&self, wanted: &Wanted) -> Judged {
        judge(&self.inspect().await, wanted, SystemClock.now_us()).expect("judge it")
    }

    pub async fn open(&self) -> Arc<Store> {
        let engine = PostgresEngine::open(self.config()).await.expect("open");
        let clock = Arc::new(SystemClock);
        Store::open(engine, clock, StoreConfig::default())
            .await
            .expect("open the store")
    }

    /// The store that serves what fits.
    pub async fn adopt(&self, wanted: &Wanted) -> Shop<'_> {
        let judged = self.judge(wanted).await;
        let store = self.open().await;
        store.adopt(&judged).await.expect("adopt it");
        Shop { store, house: self }
    }
}

/// A store, and the database below it.
pub struct Shop<'h> {
    pub store: Arc<Store>,
    pub house: &'h House,
}

impl Shop<'_> {
    pub async fn try_read(&self, ask: &Ask) -> Result<String, StoreError> {
        let answer = self.store.read_table(&ask.0, &Session::default()).await;
        answer.map(|(answer, _)| String::from_utf8(answer.body.to_vec()).unwrap())
    }

    pub async fn check(&self, ask: Ask, expected: &str) {
        assert_eq!(self.try_read(&ask).await.unwrap(), flat(expected));
    }

    pub async fn try_write(&self, request: TableWrite) -> Result<String, StoreError> {
        let encode = |answer: &pando_store::session::TableAnswer| answer.body.to_vec();
        let session = Session::default();
        let written = self
            .store
            .write_table(request, &session, Box::new(encode))
            .await?;
        Ok(String::from_utf8(written.answer).unwrap())
    }

    pub async fn write(&self, request: TableWrite) -> String {
        self.try_write(request).await.unwrap()
    }

    /// The write is refused, and the next one is not.
    pub async fn refused(&self, request: TableWrite, code: &str) -> Refusal {
        match self.try_write(request).await {
            Err(StoreError::Refused(refusal)) => {
                assert_eq!(refusal.code, code, "{refusal:?}");
                refusal
            }
            other => panic!("it was not refused: {other:?}"),
        }
    }

    pub async fn migrate(&self, files: &[&str]) -> Result<(), String> {
        let files: Vec<MigrationFile> = files
            .iter()
            .enumerate()
            .map(|(place, sql)| MigrationFile {
                name: format!("{:04}_change.sql", place + 1),
                sql: (*sql).to_owned(),
            })
            .collect();
        let done = self.store.migrate(&files).await;
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Nothing is wrong with the data.
    pub async fn is_sound(&self) {
        let wrong = self.store.engine().verify().await.expect("verify");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

pub fn flat(text: &str) -> String {
    text.lines().map(str::trim).collect()
}

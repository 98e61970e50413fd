//! An engine whose tables are made by psql, as somebody else would, and then adopted.

use async_trait::async_trait;
use pando_cluster::Postgres;
use pando_model::column::ColumnType;
use pando_model::engine::{
    Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps, Result,
    SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::schema::{SchemaStep, Table};
use pando_model::stamp::Position;
use std::path::Path;
use std::sync::Arc;

/// Hands everything on, and makes the tables that are to be created.
pub struct Adopter {
    pub engine: Arc<dyn Engine>,
    pub postgres: Arc<Postgres>,
    pub database: String,
}

#[async_trait]
impl Engine for Adopter {
    fn info(&self) -> EngineInfo {
        self.engine.info()
    }

    fn progress(&self) -> Progress {
        self.engine.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.engine.fetch_schema_version().await
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        self.engine.read(read).await
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.engine.read_steps(read).await
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        self.engine.write(write).await
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        self.engine.sweep_receipts(now_us, max).await
    }

    async fn apply(&self, mut change: SchemaChange) -> Result<Position> {
        for step in &mut change.steps {
            if let SchemaStep::CreateTable(table) = step {
                let sql = created(table);
                let made = self.postgres.sql_in(&self.database, &sql).await;
                made.expect("make a table");
                *step = SchemaStep::AdoptTable(table.clone());
            }
        }
        self.engine.apply(change).await
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        self.engine.follow(follower).await
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        self.engine.fetch_feed(after, max).await
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        self.engine.acknowledge_feed(follower, cursor).await
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        self.engine.unfollow(follower).await
    }

    async fn backup(&self, path: &Path, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        self.engine.backup(path, progress).await
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.engine.verify().await
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        self.engine.fetch_statistics().await
    }

    async fn close(&self) -> Result<()> {
        self.engine.close().await
    }
}

/// The table as somebody would have written it, its indexes with it.
fn created(table: &Table) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (ix, column) in table.columns.iter().enumerate() {
        let computed = match &column.generated {
            // The one that the world of random operations has.
            Some(_) => " GENERATED ALWAYS AS (code || name) STORED",
            None => "",
        };
        let null = if column.nullable && !table.is_key(ix) {
            ""
        } else {
            " NOT NULL"
        };
        // What varchar holds is text, and smaller.
        let ty = match &column.ty {
            ColumnType::Text if ix % 2 == 1 => "varchar".to_owned(),
            ty => ty.to_string(),
        };
        parts.push(format!("\"{}\" {ty}{computed}{null}", column.name));
    }
    let names = |columns: &[usize]| {
        let names = columns
            .iter()
            .map(|ix| format!("\"{}\"", table.columns[*ix].name));
        names.collect::<Vec<_>>().join(", ")
    };
    let key = &table.primary_key;
    parts.push(format!(
        "CONSTRAINT \"{}\" PRIMARY KEY ({})",
        key.name,
        names(&key.columns)
    ));
    for unique in &table.uniques {
        let columns = names(&unique.columns);
        parts.push(format!("CONSTRAINT \"{}\" UNIQUE ({columns})", unique.name));
    }
    format!("CREATE TABLE \"{}\" ({});", table.name, parts.join(", "))
}

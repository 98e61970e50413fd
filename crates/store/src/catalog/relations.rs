//! Relations of the models that a newer Pando brings: made in a store that an older one has laid
//! out.

use super::{Catalog, TRIES_MAX, equals, put, schema_record, tables, text};
use crate::session::Result;
use pando_model::engine::SchemaChange;
use pando_model::error::EngineError;
use pando_model::plan::Change;
use pando_model::schema::{SchemaStep, Table};
use pando_model::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The setting that names them, with commas between.
const RELATIONS_SETTING: &str = "relations";
/// Those of stores that name none.
const FIRST: [&str; 8] = [
    "_pando_cell",
    "_pando_doc",
    "_pando_doc_stats",
    "_pando_doc_term",
    "_pando_graph_degree",
    "_pando_graph_edge",
    "_pando_graph_node",
    "_pando_kv",
];

impl Catalog {
    /// Makes the relations that are missing.
    pub(super) async fn complete(&self) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let wanted = equals(tables::setting::NAME, text(RELATIONS_SETTING));
            let rows = self.fetch(&tables::SETTING, wanted).await?;
            let known: BTreeSet<&str> = match rows.first().map(Vec::as_slice) {
                Some([_, Value::Text(names)]) => names.split(',').collect(),
                _ => FIRST.into(),
            };
            let missing: Vec<&Arc<Table>> = crate::models::relations()
                .into_iter()
                .filter(|table| !known.contains(table.name.as_str()))
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            let mut schema = self.fetch_schema().await?;
            let from_version = schema.version;
            schema.version += 1;
            let change = SchemaChange {
                from_version,
                to_version: schema.version,
                steps: missing
                    .into_iter()
                    .map(|table| SchemaStep::CreateTable(Arc::clone(table)))
                    .collect(),
                record: vec![
                    schema_record(&schema, Value::Timestamp(self.now_us()))?,
                    record(),
                ],
            };
            match self.engine.apply(change).await {
                Ok(_) => {
                    self.version.store(schema.version, Ordering::Relaxed);
                    return Ok(());
                }
                // Another process was quicker, with this or with a migration.
                Err(EngineError::SchemaChanged { current }) => {
                    self.learn(current);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let current = self.version();
        Err(EngineError::SchemaChanged { current }.into())
    }
}

/// What says which relations there are.
pub(super) fn record() -> Change {
    let names = crate::models::relations().map(|table| table.name.as_str());
    put(
        &tables::SETTING,
        vec![text(RELATIONS_SETTING), text(names.join(","))],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::Begin;
    use crate::{Store, StoreConfig};
    use pando_engine_memory::MemoryEngine;
    use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
    use pando_model::clock::SystemClock;
    use pando_model::engine::Engine;
    use pando_model::plan::Delete;

    async fn open(engine: &Arc<dyn Engine>) -> Arc<Store> {
        let config = StoreConfig::default();
        let store = Store::open(Arc::clone(engine), Arc::new(SystemClock), config).await;
        store.unwrap()
    }

    /// Leaves it as the Pando lays a store out that knows only the first relations.
    async fn make_old(store: &Store) {
        let mut schema = (*store.schema()).clone();
        let from_version = schema.version;
        schema.version += 1;
        let change = SchemaChange {
            from_version,
            to_version: schema.version,
            steps: crate::models::relations()
                .into_iter()
                .filter(|table| !FIRST.contains(&table.name.as_str()))
                .map(|table| SchemaStep::DropTable(Arc::clone(table)))
                .collect(),
            record: vec![
                schema_record(&schema, Value::Timestamp(0)).unwrap(),
                Change::Delete(Delete {
                    table: Arc::clone(&tables::SETTING),
                    filter: equals(tables::setting::NAME, text(RELATIONS_SETTING)),
                    max_affected: None,
                    returning: None,
                }),
            ],
        };
        store.engine().apply(change).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_of_an_older_pando_gets_what_it_lacks_once() {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig::new(folder.path().join("pando.db"));
        let engines: [Arc<dyn Engine>; 2] = [
            Arc::new(MemoryEngine::new()),
            SqliteEngine::open(config).unwrap(),
        ];
        for engine in engines {
            let new = open(&engine).await;
            assert_eq!(new.schema().version, 1, "nothing is missing in a new store");
            make_old(&new).await;
            let opened = tokio::join!(open(&engine), open(&engine));
            for store in [opened.0, opened.1] {
                assert_eq!(store.schema().version, 3);
                let (begin, _) = store.session_begin(Begin::default()).await.unwrap();
                let write = begin.map(|_| Ok(Vec::new()));
                let session = crate::session::Session::default();
                store.carry_out(&write, None, &session).await.unwrap();
            }
        }
    }
}

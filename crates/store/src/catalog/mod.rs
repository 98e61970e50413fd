//! The catalog: what the store itself must remember, kept in tables of its own
//! (`tables.rs`) in the catalog's slot of the home shard.
//!
//! They are ordinary tables to an engine and take part in its transactions, but
//! they are in no [`Schema`]: no request can name them.

mod caching;
pub mod imports;
mod recorded;
mod relations;
mod secrets;
pub(crate) mod tables;
mod told;

pub use caching::{CacheMark, CacheSettings};
pub(crate) use caching::{
    KnownSettings, delete_settings, forget_cache_rule, settings_beginning_with,
};
use recorded::read_schema;
pub(crate) use recorded::schema_record;
pub(crate) use secrets::Secret;
pub(crate) use told::{news, random_name};

use crate::error::StoreError;
use crate::session::Result;
use pando_model::clock::Clock;
use pando_model::engine::{
    Copies, Engine, Freshness, Outcome, Read, SchemaChange, Step, Write, WriteAnswer,
};
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::{
    Change, Comparison, Conflict, Filter, Insert, Order, OrderBy, Output, Row, Scalar, Select,
    Tree, Update,
};
use pando_model::schema::{ColumnIx, Schema, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The version of the catalog's own tables. A catalog of another version is refused.
const CATALOG_VERSION: &str = "2";
/// The same of a store in which spaces are written behind: a Pando that knows nothing of a journal
/// would look past what waits there, and refuses this version.
const WRITTEN_BEHIND: &str = "3";
const VERSION_SETTING: &str = "catalog_version";
/// What a decision refuses with that finds nothing to do.
const NOTHING_TO_DO: &str = "PDNOP";
/// How often something is tried again because the schema changed meanwhile. Each time
/// somebody else's change has succeeded, so that this many in a row do not happen; if they did,
/// the caller would be told to come again.
const TRIES_MAX: usize = 16;

/// Reads and writes the catalog's tables, whatever the schema's version is.
pub struct Catalog {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    /// The schema version that was in force last time.
    version: AtomicU64,
    /// How far what was read had got.
    seen: Mutex<Option<Position>>,
}

impl Catalog {
    /// Opens the catalog, or makes it in an empty store.
    pub(crate) async fn open(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>) -> Result<Catalog> {
        let version = engine.fetch_schema_version().await?;
        let catalog = Catalog {
            engine,
            clock,
            version: AtomicU64::new(version),
            seen: Mutex::default(),
        };
        if version == 0 {
            catalog.bootstrap().await?;
        }
        catalog.check_version().await?;
        catalog.complete().await?;
        Ok(catalog)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whether other processes may stand over the same catalog.
    pub(crate) fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// The schema in force: the newest that is recorded, as it is recorded by the change itself.
    pub(crate) async fn fetch_schema(&self) -> Result<Schema> {
        let mut newest = all_columns(&tables::SCHEMA, Filter::Const(true));
        newest.select.order = vec![Order {
            by: OrderBy::Scalar(Scalar::Column(tables::schema::VERSION)),
            descending: true,
            nulls_first: true,
        }];
        newest.select.limit = Some(1);
        let (rows, _) = self.fetch_tree(newest).await?;
        let Some([Value::Int(version), Value::Json(body), ..]) = rows.first().map(Vec::as_slice)
        else {
            return Err(StoreError::Catalog(
                "no schema is recorded in _pando_schema".into(),
            ));
        };
        read_schema(body).map_err(|error| {
            StoreError::Catalog(format!("schema version {version} is not readable: {error}"))
        })
    }

    /// The schema version that was in force last time.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// All columns of the rows that pass a filter, by primary key.
    pub(crate) async fn fetch(&self, table: &Arc<Table>, filter: Filter) -> Result<Vec<Row>> {
        Ok(self.fetch_at(table, filter).await?.0)
    }

    /// The same, and a position that is covered by what was found.
    pub(crate) async fn fetch_at(
        &self,
        table: &Arc<Table>,
        filter: Filter,
    ) -> Result<(Vec<Row>, Position)> {
        self.fetch_tree(all_columns(table, filter)).await
    }

    async fn fetch_tree(&self, tree: Tree) -> Result<(Vec<Row>, Position)> {
        let tree = Arc::new(tree);
        let mut version = self.version();
        for _ in 0..TRIES_MAX {
            let read = Read {
                schema_version: version,
                tree: Arc::clone(&tree),
                count: false,
                // What was known once is not gone back from, whoever answers.
                freshness: Freshness {
                    seen: *self.seen.lock(),
                    copies: Copies::Latest,
                },
            };
            match self.engine.read(read).await {
                Ok(answer) => {
                    let mut seen = self.seen.lock();
                    *seen = (*seen).max(Some(answer.low));
                    return Ok((answer.rows.rows, answer.low));
                }
                Err(EngineError::SchemaChanged { current }) => version = self.learn(current),
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::SchemaChanged { current: version }.into())
    }

    /// The version that is in force, as the engine has told.
    fn learn(&self, current: u64) -> u64 {
        self.version.store(current, Ordering::Relaxed);
        current
    }

    /// Carries out changes of the catalog's tables, all or none.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<Position> {
        self.carry_out(changes.into_iter().map(Step::from).collect())
            .await
    }

    /// Reads rows and makes the changes that follow from them, with nobody in between; `false`
    /// if none do.
    pub(crate) async fn decide(
        &self,
        table: &Arc<Table>,
        filter: Filter,
        decide: impl Fn(&[Row]) -> Option<Vec<Change>> + Send + Sync + 'static,
    ) -> Result<bool> {
        let steps = vec![
            Step::read(all_columns(table, filter)),
            Step::decide(move |outcomes| {
                let found = outcomes.first().and_then(|read| read.rows.as_ref());
                let changes = decide(found.map_or(&[], |found| &found.rows));
                let changes =
                    changes.ok_or_else(|| Refusal::new(NOTHING_TO_DO, "nothing to do"))?;
                Ok(changes.into_iter().map(Step::from).collect())
            }),
        ];
        match self.carry_out(steps).await {
            Err(StoreError::Refused(refusal)) if refusal.code == NOTHING_TO_DO => Ok(false),
            done => done.map(|_| true),
        }
    }

    async fn carry_out(&self, steps: Vec<Step>) -> Result<Position> {
        let mut version = self.version();
        for _ in 0..TRIES_MAX {
            let write = Write {
                schema_version: version,
                steps: steps.clone(),
                receipt: None,
                finish: Box::new(|_: Vec<Outcome>| Ok(Vec::new())),
            };
            match self.engine.write(write).await {
                Ok(WriteAnswer::Done { at, .. } | WriteAnswer::Replayed { at, .. }) => {
                    return Ok(at);
                }
                Err(EngineError::SchemaChanged { current }) => version = self.learn(current),
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::SchemaChanged { current: version }.into())
    }

    async fn bootstrap(&self) -> Result<()> {
        let now = Value::Timestamp(self.now_us());
        let schema = Schema {
            version: 1,
            ..Schema::default()
        };
        let change = SchemaChange {
            from_version: 0,
            to_version: 1,
            steps: tables::ALL
                .iter()
                .chain(crate::models::relations())
                .map(|table| SchemaStep::CreateTable(Arc::clone(table)))
                .collect(),
            record: vec![
                schema_record(&schema, now)?,
                insert(
                    &tables::SETTING,
                    vec![text(VERSION_SETTING), text(CATALOG_VERSION)],
                ),
                relations::record(),
            ],
        };
        match self.engine.apply(change).await {
            Ok(_) => self.version.store(1, Ordering::Relaxed),
            // Another process was quicker.
            Err(EngineError::SchemaChanged { current }) => {
                self.version.store(current, Ordering::Relaxed);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn fetch_version(&self) -> Result<Option<String>> {
        let wanted = equals(tables::setting::NAME, text(VERSION_SETTING));
        let rows = self.fetch(&tables::SETTING, wanted).await?;
        Ok(match rows.first().map(Vec::as_slice) {
            Some([_, Value::Text(found)]) => Some(found.clone()),
            _ => None,
        })
    }

    /// Reads the catalog's version; refuses one that is not known here.
    pub(crate) async fn check_version(&self) -> Result<()> {
        match self.fetch_version().await? {
            Some(found) if found == CATALOG_VERSION || found == WRITTEN_BEHIND => Ok(()),
            Some(found) => Err(StoreError::Catalog(format!(
                "it has version {found}, and this Pando knows version {CATALOG_VERSION}: \
                 use the version of Pando that wrote it, or a newer one"
            ))),
            _ => Err(StoreError::Catalog(
                "its version is not recorded: this is not a store of Pando's".into(),
            )),
        }
    }
}

/// All columns of the rows that pass a filter, by primary key.
fn all_columns(table: &Arc<Table>, filter: Filter) -> Tree {
    Tree {
        select: Select {
            table: Arc::clone(table),
            output: (0..table.columns.len())
                .map(|ix| Output::Scalar(Scalar::Column(ix)))
                .collect(),
            filter,
            order: Vec::new(),
            limit: None,
            offset: 0,
        },
        children: Vec::new(),
    }
}

/// The change that says who may serve a store with this schema.
pub(crate) fn version_record(schema: &Schema) -> Change {
    let version = match schema.behind.is_empty() {
        true => CATALOG_VERSION,
        false => WRITTEN_BEHIND,
    };
    put(&tables::SETTING, vec![text(VERSION_SETTING), text(version)])
}

/// One new row.
pub(crate) fn insert(table: &Arc<Table>, row: Row) -> Change {
    Change::Insert(Insert {
        table: Arc::clone(table),
        rows: vec![row],
        conflict: None,
        returning: None,
    })
}

/// One row, new or in the place of the one with its key.
pub(crate) fn put(table: &Arc<Table>, row: Row) -> Change {
    let merged = (0..table.columns.len())
        .filter(|ix| !table.is_key(*ix))
        .collect();
    Change::Insert(Insert {
        table: Arc::clone(table),
        rows: vec![row],
        conflict: Some(Conflict {
            target: table.primary_key.columns.clone(),
            merge: Some(merged),
        }),
        returning: None,
    })
}

/// New values for the rows that pass a filter.
pub(crate) fn update(table: &Arc<Table>, filter: Filter, set: Vec<(ColumnIx, Value)>) -> Change {
    Change::Update(Update {
        table: Arc::clone(table),
        filter,
        set,
        max_affected: None,
        returning: None,
    })
}

/// `column = value`.
pub(crate) fn equals(column: ColumnIx, value: Value) -> Filter {
    Filter::Compare {
        left: Scalar::Column(column),
        op: Comparison::Eq,
        right: value,
    }
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A bigint; the catalog's counters stay far below 2⁶³.
pub(crate) fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

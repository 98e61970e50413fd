//! An engine with one table, and short words for what is done to it.

use pando_conformance::fixture::schema::table;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::canonical::slot_of_row;
use pando_model::column::ColumnType;
use pando_model::engine::{
    Engine, Freshness, Read, Receipt, Result, SchemaChange, Step, Write, WriteAnswer,
};
use pando_model::plan::{
    Change, Comparison, Conflict, Delete, Filter, Insert, Output, Row, Scalar, Select, Tree, Update,
};
use pando_model::schema::{SchemaStep, Table};
use pando_model::slot::Slot;
use pando_model::value::Value;
use pando_powercut::Disk;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Numbers by id; each id has a slot of its own.
pub struct World {
    folder: tempfile::TempDir,
    pub engine: Arc<SqliteEngine>,
    pub table: Arc<Table>,
}

impl World {
    pub async fn new(synchronous: Synchronous) -> World {
        World::on(None, synchronous).await
    }

    pub async fn on(disk: Option<&Disk>, synchronous: Synchronous) -> World {
        World::with(|config| {
            config.synchronous = synchronous;
            config.vfs = disk.map(|disk| disk.name().to_owned());
        })
        .await
    }

    pub async fn with(configure: impl FnOnce(&mut SqliteConfig)) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SqliteConfig::new(folder.path().join("pando.db"));
        configure(&mut config);
        let engine = SqliteEngine::open(config).unwrap();
        let table = table("t")
            .column("id", ColumnType::Bigint)
            .required("number", ColumnType::Bigint)
            .key(&["id"])
            .build();
        let change = SchemaChange {
            from_version: 0,
            to_version: 1,
            steps: vec![SchemaStep::CreateTable(table.clone())],
            record: vec![],
        };
        engine.apply(change).await.unwrap();
        World {
            folder,
            engine,
            table,
        }
    }

    pub async fn take(&self, steps: Vec<Step>) -> Result<WriteAnswer> {
        let write = Write {
            schema_version: 1,
            steps,
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        };
        self.engine.write(write).await
    }

    pub async fn write(&self, changes: Vec<Change>) -> Result<WriteAnswer> {
        self.write_under(None, changes).await
    }

    /// Writes under an idempotency key that never runs out.
    pub async fn write_under(
        &self,
        key: Option<&str>,
        changes: Vec<Change>,
    ) -> Result<WriteAnswer> {
        let write = Write {
            schema_version: 1,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: key.map(|key| Receipt {
                slot: Slot::of_key(key.as_bytes()),
                scope: [1; 16],
                key: key.to_owned(),
                request: [2; 32],
                now_us: 0,
                expires_at_us: i64::MAX,
            }),
            finish: Box::new(|_| Ok(b"done".to_vec())),
        };
        self.engine.write(write).await
    }

    /// Inserts a row, and does something before its answer is made.
    pub fn spawn(
        self: &Arc<Self>,
        id: i64,
        meanwhile: impl Fn() + Send + 'static,
    ) -> JoinHandle<Result<WriteAnswer>> {
        let world = self.clone();
        let write = Write {
            schema_version: 1,
            steps: vec![world.insert(&[id], false).into()],
            receipt: None,
            finish: Box::new(move |_| {
                meanwhile();
                Ok(Vec::new())
            }),
        };
        tokio::spawn(async move { world.engine.write(write).await })
    }

    pub fn insert(&self, ids: &[i64], merge: bool) -> Change {
        Change::Insert(Insert {
            table: self.table.clone(),
            rows: ids.iter().map(|id| row(*id, 0)).collect(),
            conflict: merge.then(|| Conflict {
                target: vec![0],
                merge: Some(vec![1]),
            }),
            returning: None,
        })
    }

    pub fn update(&self, id: i64, column: usize, value: i64) -> Change {
        Change::Update(Update {
            table: self.table.clone(),
            filter: is(id),
            set: vec![(column, Value::Int(value))],
            max_affected: None,
            returning: None,
        })
    }

    pub fn update_all(&self, filter: Filter, value: i64) -> Change {
        Change::Update(Update {
            table: self.table.clone(),
            filter,
            set: vec![(1, Value::Int(value))],
            max_affected: None,
            returning: None,
        })
    }

    pub fn delete(&self, id: i64) -> Change {
        Change::Delete(Delete {
            table: self.table.clone(),
            filter: is(id),
            max_affected: None,
            returning: None,
        })
    }

    pub fn read(&self, filter: Filter, count: bool) -> Read {
        let outputs = [0, 1].map(|ix| Output::Scalar(Scalar::Column(ix)));
        Read {
            schema_version: 1,
            tree: Tree {
                select: Select {
                    table: self.table.clone(),
                    output: outputs.to_vec(),
                    filter,
                    order: vec![],
                    limit: None,
                    offset: 0,
                },
                children: vec![],
            }
            .into(),
            count,
            freshness: Freshness::default(),
        }
    }

    /// The same file, opened anew.
    pub async fn reopened(self) -> World {
        self.engine.close().await.unwrap();
        let config = SqliteConfig::new(self.folder.path().join("pando.db"));
        World {
            engine: SqliteEngine::open(config).unwrap(),
            ..self
        }
    }

    /// So many events lie in the feed, and as many are told of.
    pub async fn check_depth(&self, expected: u64) {
        let db = rusqlite::Connection::open(self.folder.path().join("pando.db")).unwrap();
        let count = "SELECT count(*) FROM _pando_feed";
        let lies: i64 = db.query_row(count, [], |row| row.get(0)).unwrap();
        let told = self.engine.fetch_statistics().await.unwrap().feed_depth;
        assert_eq!((told, lies.unsigned_abs()), (expected, expected));
    }

    pub async fn rows(&self) -> Vec<Row> {
        let read = self.read(Filter::Const(true), false);
        self.engine.read(read).await.unwrap().rows.rows
    }

    /// Changes the fence of a row's slot behind the engine's back, as a mover would.
    pub fn set_fence(&self, id: i64, set: &str) -> u32 {
        let slot = slot_of_row(&self.table, &row(id, 0)).number();
        let db = rusqlite::Connection::open(self.folder.path().join("pando.db")).unwrap();
        let sql = format!("UPDATE _pando_fence SET {set} WHERE slot = ?");
        assert_eq!(db.execute(&sql, [slot]).unwrap(), 1);
        slot
    }
}

pub fn row(id: i64, number: i64) -> Row {
    vec![Value::Int(id), Value::Int(number)]
}

pub fn is(id: i64) -> Filter {
    Filter::Compare {
        left: Scalar::Column(0),
        op: Comparison::Eq,
        right: Value::Int(id),
    }
}

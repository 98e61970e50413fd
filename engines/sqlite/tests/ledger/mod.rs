//! A book of writes: what was tried, what was answered, and whether that is true.
//!
//! Each write stores three rows under one number, in different slots. Done ones must be
//! there whole, refused ones not at all, unknown ones whole or not at all.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::column::ColumnType;
use pando_model::engine::{Engine, Read, Result, SchemaChange, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{Change, Filter, Insert, Output, Scalar, Select, Tree};
use pando_model::schema::{Column, Index, PrimaryKey, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use pando_powercut::Disk;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const ROWS: i64 = 3;

/// How a write was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Done,
    Refused,
    Unknown,
}

#[derive(Default)]
pub struct Ledger {
    next: AtomicI64,
    verdicts: Mutex<HashMap<i64, Verdict>>,
    positions: Mutex<BTreeMap<Position, i64>>,
}

/// The engine on a test's disk.
#[allow(dead_code)] // not every test has a disk of its own
pub fn open_on(
    disk: &Disk,
    folder: &tempfile::TempDir,
    synchronous: Synchronous,
) -> Result<Arc<SqliteEngine>> {
    let mut config = SqliteConfig::new(folder.path().join("pando.db"));
    config.vfs = Some(disk.name().to_owned());
    config.synchronous = synchronous;
    // The log is folded in often, so that power cuts hit that too.
    config.checkpoint_pages = 100;
    SqliteEngine::open(config)
}

fn table() -> Arc<Table> {
    let column = |name: &str| Column {
        name: name.to_owned(),
        ty: ColumnType::Bigint,
        nullable: false,
        default: None,
        identity: None,
        generated: None,
    };
    Arc::new(Table {
        name: "entry".into(),
        columns: vec![column("id"), column("number")],
        primary_key: PrimaryKey {
            name: "entry_pkey".into(),
            columns: vec![0],
        },
        shard_key: vec![0],
        uniques: vec![],
        indexes: vec![Index {
            name: "entry_number_idx".into(),
            columns: vec![(1, false)],
            ..Index::default()
        }],
        checks: vec![],
        foreign_keys: vec![],
        reference: false,
        options: BTreeMap::new(),
    })
}

impl Ledger {
    /// Makes the table, unless it is there.
    pub async fn prepare(&self, engine: &SqliteEngine) {
        if engine.fetch_schema_version().await.unwrap() == 0 {
            let change = SchemaChange {
                from_version: 0,
                to_version: 1,
                steps: vec![SchemaStep::CreateTable(table())],
                record: vec![],
            };
            engine.apply(change).await.unwrap();
        }
    }

    /// Tries a write and notes its answer.
    pub async fn write(&self, engine: &SqliteEngine) -> Verdict {
        let number = self.next.fetch_add(1, Relaxed);
        let rows = (0..ROWS)
            .map(|place| vec![Value::Int(number * ROWS + place), Value::Int(number)])
            .collect();
        let insert = Insert {
            table: table(),
            rows,
            conflict: None,
            returning: None,
        };
        let write = Write {
            schema_version: 1,
            steps: vec![Change::Insert(insert).into()],
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        };
        let verdict = match engine.write(write).await {
            Ok(WriteAnswer::Done { at, .. }) => {
                let taken = self.positions.lock().unwrap().insert(at, number);
                assert_eq!(taken, None, "{at:?} was given twice");
                Verdict::Done
            }
            Err(EngineError::Unavailable { .. }) => Verdict::Refused,
            Err(EngineError::OutcomeUnknown { .. }) => Verdict::Unknown,
            other => panic!("{other:?}"),
        };
        self.verdicts.lock().unwrap().insert(number, verdict);
        verdict
    }

    /// What contradicts the answers, one line each.
    pub async fn check(&self, engine: &SqliteEngine) -> Vec<String> {
        let mut wrong = engine.verify().await.unwrap();
        let read = Read {
            schema_version: 1,
            tree: Tree {
                select: Select {
                    table: table(),
                    output: vec![Output::Scalar(Scalar::Column(1))],
                    filter: Filter::Const(true),
                    order: vec![],
                    limit: None,
                    offset: 0,
                },
                children: vec![],
            },
            count: false,
        };
        let mut found: HashMap<i64, i64> = HashMap::new();
        match engine.read(read).await {
            Ok(answer) => {
                for row in answer.rows.rows {
                    if let Value::Int(number) = row[0] {
                        *found.entry(number).or_default() += 1;
                    }
                }
            }
            // A file that lost its table has lost everything.
            Err(error) => wrong.push(format!("lost: {error}")),
        }
        for (number, verdict) in self.verdicts.lock().unwrap().iter() {
            let rows = found.get(number).copied().unwrap_or(0);
            match (verdict, rows) {
                (Verdict::Done, ROWS) | (Verdict::Refused, 0) | (Verdict::Unknown, 0 | ROWS) => {}
                (Verdict::Done, 0) => wrong.push(format!("write {number} was lost")),
                (verdict, rows) => wrong.push(format!("{verdict:?} {number} has {rows} rows")),
            }
        }
        let reached = engine.progress().low;
        if let Some((last, _)) = self.positions.lock().unwrap().last_key_value()
            && *last > reached
        {
            wrong.push(format!(
                "position {last:?} was lost, {reached:?} is reached"
            ));
        }
        wrong
    }

    /// Writes done, refused, unknown.
    #[allow(dead_code)] // not every test counts
    pub fn counts(&self) -> (u64, u64, u64) {
        let verdicts = self.verdicts.lock().unwrap();
        let count = |wanted| {
            verdicts
                .values()
                .filter(|verdict| **verdict == wanted)
                .count() as u64
        };
        (
            count(Verdict::Done),
            count(Verdict::Refused),
            count(Verdict::Unknown),
        )
    }
}

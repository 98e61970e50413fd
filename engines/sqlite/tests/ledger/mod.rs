//! A book of writes: what was tried, what was answered, and whether that is true.
//!
//! Each write stores three rows under one number, in different slots, with an idempotency key.
//! Done ones must be there whole, refused ones not at all, unknown ones whole or not at
//! all ([`check`]).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod check;

use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::column::ColumnType;
use pando_model::engine::{
    Engine, Freshness, Read, Receipt, Result, SchemaChange, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::plan::{Change, Comparison, Filter, Insert, Output, Scalar, Select, Tree};
use pando_model::schema::{Column, Index, PrimaryKey, SchemaStep, Table};
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::value::Value;
use pando_powercut::Disk;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const ROWS: i64 = 3;
const FOLLOWER: &str = "ledger";

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
    /// Writes below this were sent again after a restart.
    repeated: AtomicI64,
    verdicts: Mutex<HashMap<i64, Verdict>>,
    positions: Mutex<BTreeMap<Position, i64>>,
    follower: Mutex<Follower>,
    /// First answers: done, refused, unknown.
    answers: [AtomicU64; 3],
}

/// How far the follower of the feed has got.
#[derive(Clone, Debug, Default)]
struct Follower {
    consumed: u64,
    /// The last event of each slot.
    seqs: HashMap<Slot, u64>,
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
        key_indexed: true,
        adopted: false,
        options: BTreeMap::new(),
    })
}

/// The write of a number: the same each time, under the same key.
async fn attempt(engine: &SqliteEngine, number: i64) -> Result<WriteAnswer> {
    let rows = (0..ROWS)
        .map(|place| vec![Value::Int(number * ROWS + place), Value::Int(number)])
        .collect();
    let insert = Insert {
        table: table(),
        rows,
        conflict: None,
        returning: None,
    };
    let key = number.to_string();
    let mut request = [0; 32];
    request[..8].copy_from_slice(&number.to_le_bytes());
    let receipt = Receipt {
        slot: Slot::of_key(key.as_bytes()),
        scope: [1; 16],
        key,
        request,
        now_us: 0,
        expires_at_us: i64::MAX,
    };
    let write = Write {
        schema_version: 1,
        steps: vec![Change::Insert(insert).into()],
        receipt: Some(receipt),
        finish: Box::new(move |_| Ok(number.to_le_bytes().to_vec())),
    };
    engine.write(write).await
}

fn numbered(number: i64) -> Filter {
    Filter::Compare {
        left: Scalar::Column(1),
        op: Comparison::Eq,
        right: Value::Int(number),
    }
}

/// The numbers of the rows that pass.
fn reading(filter: Filter) -> Read {
    Read {
        schema_version: 1,
        tree: Tree {
            select: Select {
                table: table(),
                output: vec![Output::Scalar(Scalar::Column(1))],
                filter,
                order: vec![],
                limit: None,
                offset: 0,
            },
            children: vec![],
        }
        .into(),
        count: false,
        freshness: Freshness::default(),
    }
}

impl Ledger {
    /// Makes the table and follows the feed, unless that was done.
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
        engine.follow(FOLLOWER).await.unwrap();
    }

    /// Tries a write and notes its answer; who was told that it is done reads it.
    pub async fn write(&self, engine: &SqliteEngine) -> Verdict {
        let number = self.next.fetch_add(1, Relaxed);
        let verdict = match attempt(engine, number).await {
            Ok(WriteAnswer::Done { at, .. }) => {
                let taken = self.positions.lock().unwrap().insert(at, number);
                assert_eq!(taken, None, "{at:?} was given twice");
                self.read_own(engine, number, at).await;
                Verdict::Done
            }
            Err(EngineError::Unavailable { .. }) => Verdict::Refused,
            Err(EngineError::OutcomeUnknown { .. }) => Verdict::Unknown,
            other => panic!("{other:?}"),
        };
        self.answers[verdict as usize].fetch_add(1, Relaxed);
        self.verdicts.lock().unwrap().insert(number, verdict);
        verdict
    }

    /// Coverage: an answer's `low` covers what its caller has written, and its rows are in it.
    async fn read_own(&self, engine: &SqliteEngine, number: i64, at: Position) {
        // Without power there is no answer.
        let Ok(answer) = engine.read(reading(numbered(number))).await else {
            return;
        };
        assert!(at <= answer.low, "{at:?} is not in {:?}", answer.low);
        assert!(answer.low <= answer.high);
        let rows = answer.rows.rows.len() as i64;
        assert_eq!(rows, ROWS, "write {number} is not read by its own writer");
    }

    /// Writes done, refused, unknown, as they were answered first.
    #[allow(dead_code)] // not every test counts
    pub fn counts(&self) -> (u64, u64, u64) {
        let [done, refused, unknown] = &self.answers;
        (
            done.load(Relaxed),
            refused.load(Relaxed),
            unknown.load(Relaxed),
        )
    }
}

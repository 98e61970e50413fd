//! What a transaction looks at and leaves: the fences of the slots it writes, the marks of
//! what it reads, the events of what it changed.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::canonical::slot_of_row;
use pando_model::column::ColumnType;
use pando_model::engine::{Engine, Read, Result, SchemaChange, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{
    Change, Comparison, Conflict, Delete, Filter, Insert, Output, Row, Scalar, Select, Tree, Update,
};
use pando_model::schema::{Column, PrimaryKey, SchemaStep, Table};
use pando_model::value::Value;
use pando_powercut::Disk;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Numbers by id; each id has a slot of its own.
struct World {
    folder: tempfile::TempDir,
    engine: Arc<SqliteEngine>,
    table: Arc<Table>,
}

impl World {
    async fn new(synchronous: Synchronous) -> World {
        World::on(None, synchronous).await
    }

    async fn on(disk: Option<&Disk>, synchronous: Synchronous) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SqliteConfig::new(folder.path().join("pando.db"));
        config.synchronous = synchronous;
        config.vfs = disk.map(|disk| disk.name().to_owned());
        let engine = SqliteEngine::open(config).unwrap();
        let column = |name: &str| Column {
            name: name.to_owned(),
            ty: ColumnType::Bigint,
            nullable: false,
            default: None,
            identity: None,
            generated: None,
        };
        let table = Arc::new(Table {
            name: "t".into(),
            columns: vec![column("id"), column("number")],
            primary_key: PrimaryKey {
                name: "t_pkey".into(),
                columns: vec![0],
            },
            shard_key: vec![0],
            uniques: vec![],
            indexes: vec![],
            checks: vec![],
            foreign_keys: vec![],
            reference: false,
            key_indexed: true,
            options: BTreeMap::new(),
        });
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

    async fn write(&self, changes: Vec<Change>) -> Result<WriteAnswer> {
        let write = Write {
            schema_version: 1,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        };
        self.engine.write(write).await
    }

    fn insert(&self, ids: &[i64], merge: bool) -> Change {
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

    fn update(&self, id: i64, column: usize, value: i64) -> Change {
        Change::Update(Update {
            table: self.table.clone(),
            filter: is(id),
            set: vec![(column, Value::Int(value))],
            max_affected: None,
            returning: None,
        })
    }

    fn delete(&self, id: i64) -> Change {
        Change::Delete(Delete {
            table: self.table.clone(),
            filter: is(id),
            max_affected: None,
            returning: None,
        })
    }

    fn read(&self, filter: Filter, count: bool) -> Read {
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
            },
            count,
        }
    }

    async fn rows(&self) -> Vec<Row> {
        let read = self.read(Filter::Const(true), false);
        self.engine.read(read).await.unwrap().rows.rows
    }

    /// Changes the fence of a row's slot behind the engine's back, as a mover would.
    fn set_fence(&self, id: i64, set: &str) -> u32 {
        let slot = slot_of_row(&self.table, &row(id, 0)).number();
        let db = rusqlite::Connection::open(self.folder.path().join("pando.db")).unwrap();
        let sql = format!("UPDATE _pando_fence SET {set} WHERE slot = ?");
        assert_eq!(db.execute(&sql, [slot]).unwrap(), 1);
        slot
    }
}

fn row(id: i64, number: i64) -> Row {
    vec![Value::Int(id), Value::Int(number)]
}

fn is(id: i64) -> Filter {
    Filter::Compare {
        left: Scalar::Column(0),
        op: Comparison::Eq,
        right: Value::Int(id),
    }
}

/// Every way in which a write can touch the row 2, or make one in its slot.
fn touching(world: &World) -> Vec<(&'static str, Change)> {
    vec![
        ("insert", world.insert(&[3, 2], false)),
        ("merge", world.insert(&[3, 2], true)),
        ("update", world.update(2, 1, 9)),
        ("move away", world.update(2, 0, 4)),
        ("delete", world.delete(2)),
    ]
}

#[tokio::test]
async fn a_write_into_a_slot_that_has_moved_is_refused_as_a_whole() {
    let world = World::new(Synchronous::Full).await;
    world
        .write(vec![world.insert(&[1, 2], false)])
        .await
        .unwrap();
    let before = world.rows().await;
    let moved = world.set_fence(2, "state = 1");
    for (what, change) in touching(&world) {
        let beside = world.update(1, 1, 5);
        let answer = world.write(vec![beside, change]).await;
        assert!(
            matches!(answer, Err(EngineError::Moved { slot }) if slot == moved),
            "{what}: {answer:?}"
        );
        assert_eq!(world.rows().await, before, "{what}");
    }
    let into = world.write(vec![world.update(1, 0, 2)]).await;
    assert!(matches!(into, Err(EngineError::Moved { .. })), "{into:?}");
    world.write(vec![world.update(1, 1, 5)]).await.unwrap();
    world.set_fence(2, "state = 0");
    world.write(vec![world.update(2, 1, 6)]).await.unwrap();
    assert_eq!(world.rows().await, [row(1, 5), row(2, 6)]);
}

#[tokio::test]
async fn a_write_under_a_fence_of_another_schema_is_refused() {
    let world = World::new(Synchronous::Full).await;
    world
        .write(vec![world.insert(&[1, 2], false)])
        .await
        .unwrap();
    let before = world.rows().await;
    world.set_fence(2, "schema_version = 2");
    for (what, change) in touching(&world) {
        let answer = world.write(vec![change]).await;
        assert!(
            matches!(answer, Err(EngineError::SchemaChanged { .. })),
            "{what}: {answer:?}"
        );
        assert_eq!(world.rows().await, before, "{what}");
    }
}

/// Members of one group share a transaction; what the refused ones did is rolled back, and
/// must not come out as events of those behind them.
#[tokio::test]
async fn a_refused_member_of_a_group_leaves_no_events() {
    let world = Arc::new(World::new(Synchronous::Full).await);
    world.write(vec![world.insert(&[0], false)]).await.unwrap();
    let cursor = world.engine.follow("test").await.unwrap();
    let before = world.engine.fetch_statistics().await.unwrap();
    let members: Vec<_> = (1..=60)
        .map(|id| {
            let world = world.clone();
            // One breaks on its second row, when its first is stored already; one on its only row.
            let ids = match id % 3 {
                0 => vec![id],
                1 => vec![id, 0],
                _ => vec![0],
            };
            tokio::spawn(async move { world.write(vec![world.insert(&ids, false)]).await.is_ok() })
        })
        .collect();
    let mut done = Vec::new();
    for (member, id) in members.into_iter().zip(1..) {
        if member.await.unwrap() {
            done.push(slot_of_row(&world.table, &row(id, 0)));
        }
    }
    let after = world.engine.fetch_statistics().await.unwrap();
    assert_eq!(done.len(), 20);
    assert!(
        after.commits - before.commits < 20,
        "no group came together"
    );
    let page = world.engine.fetch_feed(cursor, 1_000).await.unwrap();
    let mut told: Vec<_> = page.events.iter().map(|event| event.slot).collect();
    told.sort_unstable();
    done.sort_unstable();
    assert_eq!(told, done);
}

/// A full disk takes a transaction down as a whole; its members are carried out again one by
/// one, so that one that does not fit refuses only itself.
#[tokio::test]
async fn a_member_that_does_not_fit_on_the_disk_leaves_the_others_alone() {
    let disk = Disk::install("one-too-large");
    let world = Arc::new(World::on(Some(&disk), Synchronous::Full).await);
    disk.limit_bytes(Some(disk.used_bytes() + (400 << 10)));
    let members: Vec<_> = (1..=16)
        .map(|number| {
            let world = world.clone();
            let ids: Vec<i64> = match number {
                8 => (1_000..40_000).collect(),
                id => vec![id],
            };
            tokio::spawn(async move { world.write(vec![world.insert(&ids, false)]).await })
        })
        .collect();
    for (member, number) in members.into_iter().zip(1..) {
        let answer = member.await.unwrap();
        match number {
            8 => assert!(
                matches!(answer, Err(EngineError::Unavailable { .. })),
                "{answer:?}"
            ),
            _ => assert!(answer.is_ok(), "{number}: {answer:?}"),
        }
    }
    let stored: Vec<Row> = (1..=16)
        .filter(|id| *id != 8)
        .map(|id| row(id, 0))
        .collect();
    assert_eq!(world.rows().await, stored);
}

/// Each write raises the number by one and takes one position, so the number tells which
/// position a snapshot shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_read_shows_lies_between_its_marks_while_writes_go_on() {
    let world = Arc::new(World::new(Synchronous::Normal).await);
    let WriteAnswer::Done { at: first, .. } =
        world.write(vec![world.insert(&[1], false)]).await.unwrap()
    else {
        panic!("replayed");
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (world, stop) = (world.clone(), stop.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Relaxed) {
                number += 1;
                world.write(vec![world.update(1, 1, number)]).await.unwrap();
            }
            number
        })
    };
    let readers: Vec<_> = [false, true]
        .into_iter()
        .map(|count| {
            let world = world.clone();
            tokio::spawn(async move {
                for _ in 0..4_000 {
                    let answer = world.engine.read(world.read(is(1), count)).await.unwrap();
                    let Value::Int(number) = answer.rows.rows[0][1] else {
                        panic!("no number");
                    };
                    let shown = first.p + number.unsigned_abs();
                    let (low, high) = (answer.low.p, answer.high.p);
                    assert!(low <= shown && shown <= high, "{low} {shown} {high}");
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    stop.store(true, Relaxed);
    let written = writing.await.unwrap();
    assert!(written > 20, "only {written} writes: nothing was raced");
}

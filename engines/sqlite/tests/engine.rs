//! The engine as a whole: what is written is read, refused where it must be, and there
//! again after it was closed.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::column::ColumnType;
use pando_model::engine::{Engine, Read, SchemaChange, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{
    Change, Comparison, Delete, Filter, Insert, Join, KeySource, Order, OrderBy, Output, Row,
    Scalar, Select, Tree, Update,
};
use pando_model::schema::{
    Column, ForeignKey, Index, PrimaryKey, ReferentialAction, SchemaStep, Table, Unique,
};
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

fn column(name: &str, ty: ColumnType, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        nullable,
        default: None,
        identity: None,
        generated: None,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: name.to_owned(),
        columns,
        primary_key: PrimaryKey {
            name: format!("{name}_pkey"),
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
    }
}

/// Cities, and houses that refer to them.
fn tables() -> (Arc<Table>, Arc<Table>) {
    let mut city = table(
        "city",
        vec![
            column("code", ColumnType::Text, false),
            column("name", ColumnType::Text, true),
        ],
    );
    city.reference = true;
    city.shard_key = vec![];
    city.uniques = vec![Unique {
        name: "city_name_key".into(),
        columns: vec![1],
        global: true,
    }];
    let mut house = table(
        "house",
        vec![
            column("id", ColumnType::Bigint, false),
            column("city", ColumnType::Text, true),
            column("floors", ColumnType::Integer, true),
        ],
    );
    house.indexes = vec![Index {
        name: "house_floors_idx".into(),
        columns: vec![(2, false)],
        ..Index::default()
    }];
    house.foreign_keys = vec![ForeignKey {
        name: "house_city_fkey".into(),
        columns: vec![1],
        target: "city".into(),
        target_columns: vec!["code".into()],
        enforced: true,
        on_delete: ReferentialAction::Cascade,
        on_update: ReferentialAction::NoAction,
    }];
    (Arc::new(city), Arc::new(house))
}

async fn open(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
    SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db"))).unwrap()
}

async fn prepared(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
    let engine = open(folder).await;
    let (city, house) = tables();
    engine
        .apply(SchemaChange {
            from_version: 0,
            to_version: 1,
            steps: vec![
                SchemaStep::CreateTable(city.clone()),
                SchemaStep::CreateTable(house),
            ],
            record: vec![insert(&city, vec![city_row("BER", "Berlin")])],
        })
        .await
        .unwrap();
    engine
}

fn city_row(code: &str, name: &str) -> Row {
    vec![Value::Text(code.into()), Value::Text(name.into())]
}

fn house_row(id: i64, city: Option<&str>, floors: Option<i64>) -> Row {
    vec![
        Value::Int(id),
        city.map_or(Value::Null, |city| Value::Text(city.into())),
        floors.map_or(Value::Null, Value::Int),
    ]
}

fn insert(table: &Arc<Table>, rows: Vec<Row>) -> Change {
    Change::Insert(Insert {
        table: table.clone(),
        rows,
        conflict: None,
        returning: None,
    })
}

fn eq(column: usize, value: Value) -> Filter {
    Filter::Compare {
        left: Scalar::Column(column),
        op: Comparison::Eq,
        right: value,
    }
}

async fn write(engine: &SqliteEngine, changes: Vec<Change>) -> Result<WriteAnswer, EngineError> {
    engine
        .write(Write {
            schema_version: 1,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        })
        .await
}

async fn read(
    engine: &SqliteEngine,
    table: &Arc<Table>,
    filter: Filter,
    order: Vec<Order>,
) -> Vec<Row> {
    let read = Read {
        schema_version: 1,
        tree: Tree {
            select: Select {
                table: table.clone(),
                output: (0..table.columns.len())
                    .map(|ix| Output::Scalar(Scalar::Column(ix)))
                    .collect(),
                filter,
                order,
                limit: None,
                offset: 0,
            },
            children: vec![],
        },
        count: false,
    };
    engine.read(read).await.unwrap().rows.rows
}

fn refusal_code(result: Result<WriteAnswer, EngineError>) -> String {
    match result {
        Err(EngineError::Refused(refusal)) => refusal.code.into_owned(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_written_is_read_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let rows = vec![
        house_row(1, Some("BER"), Some(3)),
        house_row(2, None, None),
        house_row(3, Some("BER"), Some(1)),
    ];
    write(&engine, vec![insert(&house, rows.clone())])
        .await
        .unwrap();
    assert_eq!(
        read(&engine, &house, Filter::Const(true), vec![]).await,
        rows
    );
    let by_floors = vec![Order {
        by: OrderBy::Scalar(Scalar::Column(2)),
        descending: false,
        nulls_first: false,
    }];
    let sorted = [2, 0, 1].map(|place: usize| rows[place].clone());
    assert_eq!(
        read(&engine, &house, Filter::Const(true), by_floors.clone()).await,
        sorted
    );
    let at = engine.progress().low;
    engine.close().await.unwrap();
    drop(engine);

    let engine = open(&folder).await;
    assert_eq!(engine.progress().low, at);
    assert_eq!(engine.fetch_schema_version().await.unwrap(), 1);
    assert_eq!(
        read(&engine, &house, eq(0, Value::Int(3)), vec![]).await,
        [rows[2].clone()]
    );
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn breaches_of_keys_are_refused_in_order_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (city, house) = tables();
    let code = |rows| {
        let (engine, city) = (engine.clone(), city.clone());
        async move { refusal_code(write(&engine, vec![insert(&city, rows)]).await) }
    };
    assert_eq!(
        code(vec![city_row("HAM", "Hamburg"), city_row("BER", "x")]).await,
        "23505"
    );
    assert_eq!(code(vec![city_row("HAM", "Berlin")]).await, "23505");
    let houses = vec![
        house_row(1, Some("BER"), None),
        house_row(2, Some("XXX"), None),
    ];
    let refused = write(&engine, vec![insert(&house, houses)]).await;
    assert_eq!(refusal_code(refused), "23503");
    assert_eq!(
        read(&engine, &city, Filter::Const(true), vec![])
            .await
            .len(),
        1
    );
    assert!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn updates_move_rows_and_deletes_cascade() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (city, house) = tables();
    write(
        &engine,
        vec![insert(&house, vec![house_row(1, Some("BER"), None)])],
    )
    .await
    .unwrap();
    let update = Change::Update(Update {
        table: house.clone(),
        filter: eq(0, Value::Int(1)),
        set: vec![(0, Value::Int(77)), (2, Value::Int(9))],
        max_affected: None,
        returning: None,
    });
    write(&engine, vec![update]).await.unwrap();
    let found = read(&engine, &house, eq(0, Value::Int(77)), vec![]).await;
    assert_eq!(found, [house_row(77, Some("BER"), Some(9))]);
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
    let delete = Change::Delete(Delete {
        table: city.clone(),
        filter: eq(0, Value::Text("BER".into())),
        max_affected: Some(1),
        returning: None,
    });
    write(&engine, vec![delete]).await.unwrap();
    assert!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_plan_for_another_schema_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let write = Write {
        schema_version: 7,
        steps: vec![insert(&house, vec![house_row(1, None, None)]).into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    match engine.write(write).await {
        Err(EngineError::SchemaChanged { current: 1 }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_writers_share_commits_and_each_has_a_position_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let tasks: Vec<_> = (0..200)
        .map(|id| {
            let (engine, house) = (engine.clone(), house.clone());
            tokio::spawn(async move {
                // Every tenth breaks a rule, and takes nobody down with it.
                let city = if id % 10 == 0 { "XXX" } else { "BER" };
                write(
                    &engine,
                    vec![insert(&house, vec![house_row(id, Some(city), None)])],
                )
                .await
            })
        })
        .collect();
    let mut positions = std::collections::BTreeSet::new();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(WriteAnswer::Done { at, .. }) => assert!(positions.insert(at)),
            Err(EngineError::Refused(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((positions.len(), refused), (180, 20));
    assert_eq!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .len(),
        180
    );
    let statistics = engine.fetch_statistics().await.unwrap();
    assert!(statistics.commits < statistics.writes, "{statistics:?}");
    assert_eq!(engine.progress().low, *positions.last().unwrap());
}

#[test]
fn a_read_whose_caller_has_gone_away_ends() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let started = std::time::Instant::now();
    runtime.block_on(async {
        let engine = prepared(&folder).await;
        let (_, house) = tables();
        let rows = (0..30_000).map(|id| house_row(id, None, Some(1))).collect();
        write(&engine, vec![insert(&house, rows)]).await.unwrap();
        // Each row against all others on its floor: for minutes, if nobody ends it.
        let filter = Filter::Exists {
            join: Join {
                table: house.clone(),
                via: None,
                on: vec![(2, KeySource::Table(2))],
            },
            filter: Box::new(Filter::Compare {
                left: Scalar::Cast(Box::new(Scalar::Column(0)), ColumnType::Text),
                op: Comparison::Eq,
                right: Value::Text("nowhere".into()),
            }),
        };
        let endless = read(&engine, &house, filter, vec![]);
        let moment = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(moment, endless).await.is_err());
    });
    // Waits for every thread that still works for somebody.
    drop(runtime);
    assert!(started.elapsed() < std::time::Duration::from_secs(30));
}

#[tokio::test]
async fn rows_in_bulk_are_refused_for_the_first_fault_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let mut rows: Vec<_> = (0..500)
        .map(|id| house_row(id, Some("BER"), None))
        .collect();
    write(&engine, vec![insert(&house, rows.clone())])
        .await
        .unwrap();
    for (place, row) in rows.iter_mut().enumerate() {
        row[0] = Value::Int(1_000 + place as i64);
    }
    rows[300][0] = Value::Int(7);
    rows[400][0] = Value::Int(8);
    match write(&engine, vec![insert(&house, rows)]).await {
        Err(EngineError::Refused(refusal)) => {
            assert_eq!(
                refusal.details.as_deref(),
                Some("Key (id)=(7) already exists.")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .len(),
        500
    );
}

/// Names of a file's indexes that are not unique, as SQLite knows them.
fn plain_indexes(folder: &tempfile::TempDir) -> Vec<String> {
    let db = rusqlite::Connection::open(folder.path().join("pando.db")).unwrap();
    let sql = "SELECT name FROM sqlite_schema \
               WHERE type = 'index' AND sql LIKE 'CREATE INDEX%' AND tbl_name = 'house' \
               ORDER BY name";
    let mut select = db.prepare(sql).unwrap();
    let names = select.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

fn loading(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
    let mut config = SqliteConfig::new(folder.path().join("pando.db"));
    config.bulk_load = true;
    SqliteEngine::open(config).unwrap()
}

/// The file as a crash would leave it, in a folder of its own.
fn crashed(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for name in ["pando.db", "pando.db-wal"] {
        std::fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    left
}

#[tokio::test]
async fn indexes_that_a_load_puts_off_are_built_when_it_ends_or_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (_, house) = tables();
    prepared(&folder).await.close().await.unwrap();
    let all = plain_indexes(&folder);
    assert!(!all.is_empty());

    let engine = loading(&folder);
    let rows = |from: i64, city| {
        let ids = from..from + 2_000;
        ids.map(|id| house_row(id, Some(city), Some(id % 7)))
            .collect::<Vec<_>>()
    };
    let refused = write(&engine, vec![insert(&house, rows(0, "nowhere"))]).await;
    assert_eq!(refusal_code(refused), "23503");
    assert_eq!(plain_indexes(&folder), all, "what was refused left nothing");

    write(&engine, vec![insert(&house, rows(0, "BER"))])
        .await
        .unwrap();
    assert_eq!(plain_indexes(&folder), Vec::<String>::new());
    let left = crashed(&folder);
    write(&engine, vec![insert(&house, rows(2_000, "BER"))])
        .await
        .unwrap();
    engine.close().await.unwrap();
    assert_eq!(plain_indexes(&folder), all);

    let engine = open(&left).await;
    assert_eq!(plain_indexes(&left), all);
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
    engine.close().await.unwrap();

    // Into a table that has rows they go as ever.
    let engine = loading(&left);
    write(&engine, vec![insert(&house, rows(2_000, "BER"))])
        .await
        .unwrap();
    assert_eq!(plain_indexes(&left), all);
}

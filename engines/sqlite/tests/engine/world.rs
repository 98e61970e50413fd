//! An engine with cities, and houses that refer to them.

use pando_conformance::fixture::schema::table;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::column::ColumnType::{Bigint, Integer, Text};
use pando_model::engine::{Engine, Freshness, Read, SchemaChange, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{
    Change, Comparison, Filter, Insert, Order, Output, Row, Scalar, Select, Tree,
};
use pando_model::schema::ReferentialAction::Cascade;
use pando_model::schema::{SchemaStep, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Cities, and houses that refer to them.
pub fn tables() -> (Arc<Table>, Arc<Table>) {
    let city = table("city")
        .column("code", Text)
        .column("name", Text)
        .reference()
        .key(&["code"])
        .unique(&["name"])
        .build();
    let house = table("house")
        .column("id", Bigint)
        .column("city", Text)
        .column("floors", Integer)
        .key(&["id"])
        .index("house_floors_idx", &["floors"])
        .references(&["city"], "city", &["code"])
        .on_delete(Cascade)
        .build();
    (city, house)
}

pub async fn open(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
    SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db"))).unwrap()
}

pub async fn prepared(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
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

pub fn city_row(code: &str, name: &str) -> Row {
    vec![Value::Text(code.into()), Value::Text(name.into())]
}

pub fn house_row(id: i64, city: Option<&str>, floors: Option<i64>) -> Row {
    vec![
        Value::Int(id),
        city.map_or(Value::Null, |city| Value::Text(city.into())),
        floors.map_or(Value::Null, Value::Int),
    ]
}

pub fn insert(table: &Arc<Table>, rows: Vec<Row>) -> Change {
    Change::Insert(Insert {
        table: table.clone(),
        rows,
        conflict: None,
        returning: None,
    })
}

pub fn eq(column: usize, value: Value) -> Filter {
    Filter::Compare {
        left: Scalar::Column(column),
        op: Comparison::Eq,
        right: value,
    }
}

pub async fn write(
    engine: &SqliteEngine,
    changes: Vec<Change>,
) -> Result<WriteAnswer, EngineError> {
    engine
        .write(Write {
            schema_version: 1,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        })
        .await
}

pub async fn read(
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
        }
        .into(),
        count: false,
        freshness: Freshness::default(),
    };
    engine.read(read).await.unwrap().rows.rows
}

pub fn refusal_code(result: Result<WriteAnswer, EngineError>) -> String {
    match result {
        Err(EngineError::Refused(refusal)) => refusal.code.into_owned(),
        other => panic!("not refused: {other:?}"),
    }
}

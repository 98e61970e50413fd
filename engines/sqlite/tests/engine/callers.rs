//! Callers: many at once, one that has gone away, one whose plan is of another day.

use super::world::{house_row, insert, prepared, read, tables, write};
use pando_model::column::ColumnType;
use pando_model::engine::{Engine, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{Comparison, Filter, Join, KeySource, Scalar};
use pando_model::value::Value;

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

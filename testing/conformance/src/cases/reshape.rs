//! Changes of the schema: tables and their columns.

use crate::fixture::bench::{Bench, delete, insert, refused};
use crate::fixture::query::{SelectExt, eq, select};
use crate::fixture::schema::{TableBuilder, table};
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::engine::{Engine, Freshness, Read, ReadSteps, Result, SchemaChange, Step, Write};
use pando_model::error::EngineError;
use pando_model::expr::{BinaryOp, Expr};
use pando_model::plan::{Filter, Tree};
use pando_model::schema::{ColumnSource, SchemaStep, Table};
use pando_model::value::Value;
use std::sync::Arc;

pub(super) fn plain() -> TableBuilder {
    table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
}

pub(super) async fn filled(bench: &mut Bench) -> Arc<Table> {
    let t = plain().build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "a"], [2, "b"], [3, ()]]).await;
    t
}

pub(super) fn alter(from: &Arc<Table>, to: &Arc<Table>, columns: Vec<ColumnSource>) -> SchemaStep {
    SchemaStep::AlterTable {
        from: from.clone(),
        to: to.clone(),
        columns,
    }
}

pub(super) fn kept(count: usize) -> Vec<ColumnSource> {
    (0..count).map(ColumnSource::Column).collect()
}

pub(crate) async fn tables_come_and_go(mut bench: Bench) {
    let t = filled(&mut bench).await;
    bench
        .apply(vec![SchemaStep::DropTable(t.clone())])
        .await
        .expect("drop");
    let wider = plain().column("w", Integer).build();
    bench.create(&[&wider]).await;
    assert_eq!(
        bench.rows(select(&wider, &["id"])).await,
        rows![],
        "no row came back"
    );
    bench.insert(&wider, rows![[1, "a", 7]]).await;
}

pub(crate) async fn plans_for_another_schema_are_turned_away(mut bench: Bench) {
    let t = filled(&mut bench).await;
    let current = bench.version;
    assert_eq!(
        bench
            .engine()
            .fetch_schema_version()
            .await
            .expect("version"),
        current
    );
    for version in [current - 1, current + 1] {
        let read = Read {
            schema_version: version,
            tree: select(&t, &["id"]).tree().into(),
            count: false,
            freshness: Freshness::default(),
        };
        let write = Write {
            schema_version: version,
            steps: vec![insert(&t, rows![[9, "z"]]).into()],
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        };
        let change = SchemaChange {
            from_version: version,
            to_version: version + 1,
            steps: vec![SchemaStep::DropTable(t.clone())],
            record: Vec::new(),
        };
        let engine = bench.engine();
        for error in [
            engine.read(read).await.map(drop).expect_err("read"),
            engine.write(write).await.map(drop).expect_err("write"),
            engine.apply(change).await.map(drop).expect_err("apply"),
        ] {
            assert!(
                matches!(error, EngineError::SchemaChanged { current: told } if told == current),
                "{error:?}"
            );
        }
    }
    assert_eq!(bench.rows(select(&t, &["id"])).await.len(), 3);
}

/// Whoever is told which schema is in force can plan for it: it is not taken back while the change
/// is being committed, and reads for it or the one before are answered.
pub(crate) async fn who_reads_while_the_schema_changes_is_told_only_of_newer_ones(
    mut bench: Bench,
) {
    const CHANGES: u64 = 20;
    let t = filled(&mut bench).await;
    let last = bench.version + CHANGES;
    let readers: Vec<_> = [false, true, false, true]
        .map(|several| {
            let (engine, tree) = (bench.engine(), select(&t, &["v"]).tree());
            let mut planned_for = bench.version;
            tokio::spawn(async move {
                let mut told = Vec::new();
                while planned_for < last {
                    match read_for(&*engine, planned_for, &tree, several).await {
                        Ok(rows) => assert_eq!(rows, 3),
                        Err(EngineError::SchemaChanged { current }) => {
                            told.push((planned_for, current));
                            planned_for = current;
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                    tokio::task::yield_now().await;
                }
                told
            })
        })
        .into();
    for _ in 0..CHANGES {
        bench.apply(Vec::new()).await.expect("apply");
    }
    for reader in readers {
        let told = reader.await.expect("a reader");
        let is_newer = |(planned_for, current): &(u64, u64)| planned_for < current;
        assert!(told.iter().all(is_newer), "{told:?}");
    }
}

/// How many rows a read finds, by itself or as a step.
async fn read_for(
    engine: &dyn Engine,
    schema_version: u64,
    tree: &Tree,
    several: bool,
) -> Result<usize> {
    let freshness = Freshness::default();
    if several {
        let steps = vec![Step::read(tree.clone()); 2];
        let read = ReadSteps {
            schema_version,
            steps,
            freshness,
        };
        let outcomes = engine.read_steps(read).await?.outcomes;
        let rows = outcomes.last().and_then(|read| read.rows.as_ref());
        return Ok(rows.map_or(0, |found| found.rows.len()));
    }
    let read = Read {
        schema_version,
        tree: tree.clone().into(),
        count: false,
        freshness,
    };
    Ok(engine.read(read).await?.rows.rows.len())
}

pub(crate) async fn a_column_is_added_with_its_default(mut bench: Bench) {
    let t = filled(&mut bench).await;
    let wider = table("t")
        .column("id", Integer)
        .column("v", Text)
        .required("n", Integer)
        .column("o", Text)
        .key(&["id"])
        .index("t_n", &["n"])
        .build();
    let mut columns = kept(2);
    columns.push(ColumnSource::Value(Value::Int(7)));
    columns.push(ColumnSource::Value(Value::Null));
    bench
        .apply(vec![alter(&t, &wider, columns)])
        .await
        .expect("alter");
    assert_eq!(
        bench.rows(select(&wider, &["id", "v", "n", "o"])).await,
        rows![[1, "a", 7, ()], [2, "b", 7, ()], [3, (), 7, ()]]
    );
    bench.insert(&wider, rows![[4, "d", 8, "x"]]).await;
    let found = select(&wider, &["id"]).filter(eq(&wider, "n", 8));
    assert_eq!(bench.rows(found).await, rows![[4]]);
    assert_eq!(
        bench
            .refusal(insert(&wider, rows![[5, "e", (), ()]]))
            .await
            .code,
        "23502"
    );
}

pub(crate) async fn columns_are_dropped_and_renamed(mut bench: Bench) {
    let wide = table("t")
        .column("a", Text)
        .column("id", Integer)
        .column("b", Integer)
        .key(&["id"])
        .build();
    bench.create(&[&wide]).await;
    bench.insert(&wide, rows![["x", 1, 10], ["y", 2, 20]]).await;
    let narrow = table("t")
        .column("key", Integer)
        .column("b", Integer)
        .key(&["key"])
        .build();
    let columns = vec![ColumnSource::Column(1), ColumnSource::Column(2)];
    bench
        .apply(vec![alter(&wide, &narrow, columns)])
        .await
        .expect("alter");
    assert_eq!(
        bench.rows(select(&narrow, &["key", "b"])).await,
        rows![[1, 10], [2, 20]]
    );
    let found = select(&narrow, &["b"]).filter(eq(&narrow, "key", 2));
    assert_eq!(bench.rows(found).await, rows![[20]]);
}

pub(crate) async fn a_table_is_renamed_with_its_rows(mut bench: Bench) {
    let t = filled(&mut bench).await;
    let renamed = table("renamed")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .build();
    bench
        .apply(vec![alter(&t, &renamed, kept(2))])
        .await
        .expect("alter");
    assert_eq!(
        bench.rows(select(&renamed, &["v"])).await,
        rows![["a"], ["b"], [()]]
    );
    bench.create(&[&t]).await;
    assert_eq!(
        bench.rows(select(&t, &["v"])).await,
        rows![],
        "the name is free"
    );
}

pub(crate) async fn a_new_constraint_is_refused_while_rows_break_it(mut bench: Bench) {
    let t = filled(&mut bench).await;
    let not_b = Expr::Binary(
        BinaryOp::Ne,
        Box::new(Expr::Column(1)),
        Box::new(Expr::Literal(Text, Some("b".into()))),
    );
    let required = table("t")
        .column("id", Integer)
        .required("v", Text)
        .key(&["id"])
        .build();
    let checked = plain().check("t_v_check", not_b).build();
    let dangling = plain()
        .column("r", Integer)
        .references(&["r"], "place", &["id"])
        .build();
    let place = table("place")
        .column("id", Integer)
        .reference()
        .key(&["id"])
        .build();
    bench.create(&[&place]).await;
    let mut with_place = kept(2);
    with_place.push(ColumnSource::Value(Value::Int(1)));
    for (to, columns, code) in [
        (&required, kept(2), "23502"),
        (&checked, kept(2), "23514"),
        (&dangling, with_place.clone(), "23503"),
    ] {
        let refusal = refused(bench.apply(vec![alter(&t, to, columns)]).await);
        assert_eq!(refusal.code, code, "{refusal}");
        assert_eq!(
            bench.rows(select(&t, &["v"])).await,
            rows![["a"], ["b"], [()]]
        );
    }
    bench.insert(&place, rows![[1]]).await;
    bench
        .apply(vec![alter(&t, &dangling, with_place)])
        .await
        .expect("alter");
    assert_eq!(
        bench
            .refusal(insert(&dangling, rows![[9, "z", 2]]))
            .await
            .code,
        "23503"
    );
    let gone = delete(&place, Filter::Const(true));
    assert_eq!(bench.refusal(gone).await.code, "23503");
}

pub(crate) async fn the_record_is_written_in_the_same_transaction(mut bench: Bench) {
    let record = table("_pando_record")
        .column("version", Bigint)
        .column("what", Text)
        .key(&["version"])
        .build();
    let change = |from, steps, row| SchemaChange {
        from_version: from,
        to_version: from + 1,
        steps,
        record: vec![insert(&record, vec![row])],
    };
    let engine = bench.engine();
    let first = change(
        0,
        vec![SchemaStep::CreateTable(record.clone())],
        row![1, "record"],
    );
    let at = engine.apply(first).await.expect("first");
    assert_eq!(engine.progress().low, at);
    let t = plain().build();
    let doubled = change(
        1,
        vec![SchemaStep::CreateTable(t.clone())],
        row![1, "again"],
    );
    assert_eq!(refused(engine.apply(doubled).await).code, "23505");
    assert_eq!(engine.fetch_schema_version().await.expect("version"), 1);
    let second = change(1, vec![SchemaStep::CreateTable(t.clone())], row![2, "t"]);
    engine.apply(second).await.expect("second");
    bench.version = 2;
    bench.insert(&t, rows![[1, "a"]]).await;
    assert_eq!(
        bench.rows(select(&record, &["version", "what"])).await,
        rows![[1, "record"], [2, "t"]]
    );
}

pub(crate) async fn a_failing_step_undoes_all_steps(mut bench: Bench) {
    let t = filled(&mut bench).await;
    bench.insert(&t, rows![[4, "b"]]).await;
    let other = table("other").column("id", Integer).key(&["id"]).build();
    let unique = plain().unique(&["v"]).build();
    let steps = vec![
        SchemaStep::CreateTable(other.clone()),
        SchemaStep::CreateIndex {
            table: unique,
            name: "t_v_key".into(),
        },
    ];
    let before = bench.engine().progress().low;
    assert_eq!(refused(bench.apply(steps).await).code, "23505");
    assert_eq!(bench.engine().progress().low, before);
    bench.create(&[&other]).await;
    assert_eq!(bench.rows(select(&t, &["id"])).await.len(), 4);
}

pub(crate) async fn the_schema_outlives_the_engine(mut bench: Bench) {
    if !bench.capabilities.persistent {
        return;
    }
    let t = filled(&mut bench).await;
    bench.reopen().await;
    assert_eq!(
        bench
            .engine()
            .fetch_schema_version()
            .await
            .expect("version"),
        bench.version
    );
    assert_eq!(
        bench.rows(select(&t, &["id", "v"])).await,
        rows![[1, "a"], [2, "b"], [3, ()]]
    );
    bench.insert(&t, rows![[4, "d"]]).await;
}

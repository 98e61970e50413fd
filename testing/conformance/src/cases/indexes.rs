//! Indexes: what they refuse, and that they change no answer.

use super::reshape::{alter, filled, kept, plain};
use crate::fixture::bench::{Bench, delete, insert, refused};
use crate::fixture::query::{SelectExt, eq, select};
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::plan::{Comparison, Filter, JsonStep, Scalar};
use pando_model::schema::{Index, SchemaStep, Table};
use pando_model::value::Value;
use std::sync::Arc;

pub(crate) async fn a_unique_index_is_refused_while_rows_break_it(mut bench: Bench) {
    let t = filled(&mut bench).await;
    bench.insert(&t, rows![[4, "b"], [5, ()]]).await;
    let unique = plain().unique(&["v"]).build();
    let create = || SchemaStep::CreateIndex {
        table: unique.clone(),
        name: "t_v_key".into(),
    };
    let refusal = refused(bench.apply(vec![create()]).await);
    assert_eq!(refusal.code, "23505");
    let whole = refused(bench.apply(vec![alter(&t, &unique, kept(2))]).await);
    assert_eq!(whole.code, "23505");
    bench.insert(&t, rows![[6, "b"]]).await;
    bench.change(delete(&t, eq(&t, "v", "b"))).await;
    bench.insert(&t, rows![[2, "b"]]).await;
    bench.apply(vec![create()]).await.expect("create the index");
    let refusal = bench.refusal(insert(&unique, rows![[7, "b"]])).await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (v)=(b) already exists.")
    );
    bench.insert(&unique, rows![[7, ()]]).await;
    let drop = SchemaStep::DropIndex {
        table: unique,
        name: "t_v_key".into(),
    };
    bench.apply(vec![drop]).await.expect("drop the index");
    bench.insert(&t, rows![[8, "b"]]).await;
}

/// Documents of two kinds, with a path into some of them.
async fn documents(bench: &mut Bench) -> Arc<Table> {
    let t = table("doc")
        .column("kind", Text)
        .column("id", Text)
        .column("body", Jsonb)
        .key(&["kind", "id"])
        .build();
    bench.create(&[&t]).await;
    let rows = rows![
        ["a", "1", jsonb(r#"{"n": {"it's": "x"}}"#)],
        ["a", "2", jsonb(r#"{"n": {"it's": 7}}"#)],
        ["a", "3", jsonb(r#"{"n": {}}"#)],
        ["b", "1", jsonb(r#"{"n": {"it's": "x"}}"#)]
    ];
    bench.insert(&t, rows).await;
    t
}

fn jsonb(text: &str) -> Value {
    Value::Jsonb(text.to_owned())
}

fn path(as_text: bool) -> Scalar {
    Scalar::Json {
        column: 2,
        path: vec![JsonStep::Key("n".into()), JsonStep::Key("it's".into())],
        as_text,
    }
}

/// The documents, with an index on the path in those of kind `a`.
fn indexed(documents: &Table, as_text: bool) -> Arc<Table> {
    let mut indexed = documents.clone();
    indexed.indexes.push(Index {
        name: "doc's paths".into(),
        columns: vec![(0, false)],
        paths: vec![path(as_text)],
        only: Some((0, "a".into())),
        ..Index::default()
    });
    Arc::new(indexed)
}

pub(crate) async fn an_index_on_paths_of_some_rows_changes_no_answer(mut bench: Bench) {
    let t = documents(&mut bench).await;
    for (as_text, right, expected) in [
        (false, jsonb("\"x\""), rows![["1"]]),
        (false, jsonb("7"), rows![["2"]]),
        (true, Value::Text("7".into()), rows![["2"]]),
        (true, Value::Text("x".into()), rows![["1"]]),
    ] {
        let filter = Filter::Compare {
            left: path(as_text),
            op: Comparison::Eq,
            right,
        };
        let read = |t: &Arc<Table>, kind| {
            select(t, &["id"]).filter(Filter::And(vec![eq(t, "kind", kind), filter.clone()]))
        };
        let with_index = indexed(&t, as_text);
        let create = SchemaStep::CreateIndex {
            table: with_index.clone(),
            name: "doc's paths".into(),
        };
        let other = bench.rows(read(&t, "b")).await;
        assert_eq!(bench.rows(read(&t, "a")).await, expected);
        bench.apply(vec![create]).await.expect("create");
        assert_eq!(bench.rows(read(&with_index, "a")).await, expected);
        assert_eq!(bench.rows(read(&with_index, "b")).await, other);
        // Rows that come and go under the index are found and not found.
        bench
            .insert(
                &with_index,
                rows![["a", "9", jsonb(r#"{"n": {"it's": "x"}}"#)]],
            )
            .await;
        bench.change(delete(&t, eq(&t, "id", "9"))).await;
        assert_eq!(bench.rows(read(&with_index, "a")).await, expected);
        let drop = SchemaStep::DropIndex {
            table: with_index,
            name: "doc's paths".into(),
        };
        bench.apply(vec![drop]).await.expect("drop");
        assert_eq!(bench.rows(read(&t, "a")).await, expected);
    }
}

pub(crate) async fn an_index_changes_no_answer(mut bench: Bench) {
    let t = filled(&mut bench).await;
    let read = |t: &Arc<Table>| {
        let by_value = select(t, &["id"]).desc("v");
        let found = select(t, &["id"]).filter(eq(t, "v", "b"));
        (by_value, found)
    };
    let (by_value, found) = read(&t);
    let before = (bench.rows(by_value).await, bench.rows(found).await);
    let indexed = plain().index("t_v", &["v"]).build();
    let create = SchemaStep::CreateIndex {
        table: indexed.clone(),
        name: "t_v".into(),
    };
    bench.apply(vec![create]).await.expect("create");
    let (by_value, found) = read(&indexed);
    assert_eq!(
        (bench.rows(by_value).await, bench.rows(found).await),
        before
    );
    let drop = SchemaStep::DropIndex {
        table: indexed,
        name: "t_v".into(),
    };
    bench.apply(vec![drop]).await.expect("drop");
    let (by_value, found) = read(&t);
    assert_eq!(
        (bench.rows(by_value).await, bench.rows(found).await),
        before
    );
}

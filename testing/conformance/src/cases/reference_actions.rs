//! Foreign keys: what they do to referring rows.

use crate::fixture::bench::{Bench, delete, returning, update};
use crate::fixture::query::{SelectExt, eq, is_in, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::plan::Filter;
use pando_model::schema::ReferentialAction::{Cascade, NoAction, Restrict, SetNull};
use pando_model::schema::{ReferentialAction, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Three levels, placed by the first: `a (id)`, `b (a, n)`, `c (a, n, m)`.
async fn levels(
    bench: &mut Bench,
    delete: ReferentialAction,
    update: ReferentialAction,
) -> [Arc<Table>; 3] {
    let a = table("a").column("id", Integer).key(&["id"]).build();
    let b = table("b")
        .column("a", Integer)
        .column("n", Integer)
        .key(&["a", "n"])
        .shard_by(&["a"])
        .references(&["a"], "a", &["id"])
        .on_delete(Cascade)
        .on_update(Cascade)
        .build();
    let c = table("c")
        .column("a", Integer)
        .column("n", Integer)
        .column("m", Integer)
        .key(&["a", "n", "m"])
        .shard_by(&["a"])
        .references(&["a", "n"], "b", &["a", "n"])
        .on_delete(delete)
        .on_update(update)
        .build();
    bench.create(&[&a, &b, &c]).await;
    bench.insert(&a, rows![[1], [2]]).await;
    bench.insert(&b, rows![[1, 1], [1, 2], [2, 1]]).await;
    bench
        .insert(&c, rows![[1, 1, 1], [1, 1, 2], [1, 2, 1], [2, 1, 1]])
        .await;
    [a, b, c]
}

pub(crate) async fn cascade_deletes_referring_rows_all_the_way_down(mut bench: Bench) {
    let [a, b, c] = levels(&mut bench, Cascade, Cascade).await;
    let outcome = bench.change(delete(&a, eq(&a, "id", 1))).await;
    assert_eq!(outcome.affected, 1, "only the rows named are counted");
    assert_eq!(bench.rows(select(&b, &["a", "n"])).await, rows![[2, 1]]);
    assert_eq!(
        bench.rows(select(&c, &["a", "n", "m"])).await,
        rows![[2, 1, 1]]
    );
}

fn boss() -> Arc<Table> {
    table("boss")
        .column("id", Integer)
        .reference()
        .key(&["id"])
        .build()
}

pub(crate) async fn set_null_clears_the_reference(mut bench: Bench) {
    let boss = boss();
    let staff = table("staff")
        .column("id", Integer)
        .column("boss", Integer)
        .key(&["id"])
        .references(&["boss"], "boss", &["id"])
        .on_delete(SetNull)
        .on_update(SetNull)
        .build();
    bench.create(&[&boss, &staff]).await;
    bench.insert(&boss, rows![[1], [2], [3]]).await;
    bench
        .insert(&staff, rows![[1, 1], [2, 2], [3, 1], [4, 3]])
        .await;
    bench.change(delete(&boss, eq(&boss, "id", 1))).await;
    let all = || select(&staff, &["id", "boss"]);
    assert_eq!(
        bench.rows(all()).await,
        rows![[1, ()], [2, 2], [3, ()], [4, 3]]
    );
    bench
        .change(update(&boss, eq(&boss, "id", 3), vec![(0, Value::Int(7))]))
        .await;
    assert_eq!(
        bench.rows(all()).await,
        rows![[1, ()], [2, 2], [3, ()], [4, ()]]
    );
}

pub(crate) async fn set_null_is_refused_where_null_is_not_allowed(mut bench: Bench) {
    let boss = boss();
    let staff = table("staff")
        .column("id", Integer)
        .required("boss", Integer)
        .key(&["id"])
        .references(&["boss"], "boss", &["id"])
        .on_delete(SetNull)
        .build();
    bench.create(&[&boss, &staff]).await;
    bench.insert(&boss, rows![[1]]).await;
    bench.insert(&staff, rows![[5, 1]]).await;
    crate::fixture::bench::assert_refusal(
        &bench.refusal(delete(&boss, Filter::Const(true))).await,
        "23502",
        "null value in column \"boss\" of relation \"staff\" violates not-null constraint",
        Some("Failing row contains (5, null)."),
    );
    assert_eq!(bench.rows(select(&staff, &["boss"])).await, rows![[1]]);
}

pub(crate) async fn an_updated_key_cascades_into_references(mut bench: Bench) {
    let [a, b, c] = levels(&mut bench, Cascade, Cascade).await;
    bench
        .change(update(&b, eq(&b, "n", 2), vec![(1, Value::Int(9))]))
        .await;
    assert_eq!(
        bench.rows(select(&c, &["a", "n", "m"])).await,
        rows![[1, 1, 1], [1, 1, 2], [1, 9, 1], [2, 1, 1]]
    );
    assert_eq!(bench.rows(select(&a, &["id"])).await, rows![[1], [2]]);
}

pub(crate) async fn a_cascaded_key_moves_rows_to_another_slot(mut bench: Bench) {
    let [a, b, c] = levels(&mut bench, Cascade, Cascade).await;
    bench
        .change(update(&a, eq(&a, "id", 1), vec![(0, Value::Int(5))]))
        .await;
    assert_eq!(
        bench.rows(select(&b, &["a", "n"])).await,
        rows![[2, 1], [5, 1], [5, 2]]
    );
    assert_eq!(
        bench.rows(select(&c, &["a", "n", "m"])).await,
        rows![[2, 1, 1], [5, 1, 1], [5, 1, 2], [5, 2, 1]]
    );
    // Found where their new key leads, and nowhere else.
    let found = |key: Vec<Value>| {
        let keys = vec![key];
        let filter = Filter::Keys {
            columns: vec![0, 1, 2],
            keys,
        };
        let mut by_key = select(&c, &["m"]);
        by_key.filter = filter;
        bench.rows(by_key)
    };
    assert_eq!(found(row![5, 1, 2]).await, rows![[2]]);
    assert_eq!(found(row![1, 1, 2]).await, rows![]);
    bench.insert(&a, rows![[1]]).await;
    bench.insert(&b, rows![[1, 1]]).await;
    bench.insert(&c, rows![[1, 1, 2]]).await;
    assert_eq!(
        bench.engine().verify().await.expect("verify"),
        Vec::<String>::new()
    );
}

pub(crate) async fn no_action_looks_when_the_statement_ends(mut bench: Bench) {
    let category = table("category")
        .column("id", Integer)
        .column("parent", Integer)
        .reference()
        .key(&["id"])
        .references(&["parent"], "category", &["id"])
        .build();
    bench.create(&[&category]).await;
    bench
        .insert(&category, rows![[1, ()], [2, 1], [3, 2], [4, 1]])
        .await;
    let refusal = bench
        .refusal(delete(&category, is_in(&category, "id", row![1, 2])))
        .await;
    assert_eq!(refusal.code, "23503");
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (id)=(1) is still referenced from table \"category\".")
    );
    let tree = delete(&category, is_in(&category, "id", row![2, 3]));
    assert_eq!(bench.change(tree).await.affected, 2);
    let rest = delete(&category, Filter::Const(true));
    assert_eq!(bench.change(rest).await.affected, 2);
}

pub(crate) async fn a_cascade_that_meets_a_refusal_undoes_everything(mut bench: Bench) {
    for action in [NoAction, Restrict] {
        let [a, b, c] = levels(&mut bench, action, action).await;
        let refusal = bench.refusal(delete(&a, eq(&a, "id", 2))).await;
        crate::fixture::bench::assert_refusal(
            &refusal,
            "23503",
            "update or delete on table \"b\" violates foreign key constraint \"c_a_n_fkey\" on table \"c\"",
            Some("Key (a, n)=(2, 1) is still referenced from table \"c\"."),
        );
        let change = update(&a, eq(&a, "id", 2), vec![(0, Value::Int(3))]);
        assert_eq!(bench.refusal(change).await.code, "23503");
        assert_eq!(bench.rows(select(&a, &["id"])).await, rows![[1], [2]]);
        assert_eq!(
            bench.rows(select(&b, &["a", "n"])).await,
            rows![[1, 1], [1, 2], [2, 1]]
        );
        let drop = [c, b, a].map(pando_model::schema::SchemaStep::DropTable);
        bench.apply(drop.into()).await.expect("drop");
    }
}

pub(crate) async fn a_returned_row_shows_what_cascaded_into_it(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("parent", Integer)
        .reference()
        .key(&["id"])
        .references(&["parent"], "t", &["id"])
        .on_update(Cascade)
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, 1], [2, 1]]).await;
    let change = update(&t, eq(&t, "id", 1), vec![(0, Value::Int(9))]);
    let tree = select(&t, &["id", "parent"]).tree();
    let outcome = bench.change(returning(change, tree)).await;
    assert_eq!(outcome.affected, 1);
    assert_eq!(outcome.rows.expect("rows").rows, rows![[9, 9]]);
    assert_eq!(
        bench.rows(select(&t, &["id", "parent"])).await,
        rows![[2, 9], [9, 9]]
    );
}

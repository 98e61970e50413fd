//! `ON CONFLICT (target) DO UPDATE` and `DO NOTHING`.

use crate::fixture::bench::{Bench, assert_refusal, returning, upsert};
use crate::fixture::query::SelectExt;
use crate::fixture::query::select;
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::expr::{BinaryOp, Expr};
use pando_model::schema::Table;
use std::sync::Arc;

const ID: usize = 0;
const CODE: usize = 1;
const V: usize = 2;

async fn two(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("code", Text)
        .required("v", Integer)
        .key(&["id"])
        .unique(&["code"])
        .check(
            "t_v_check",
            Expr::Binary(
                BinaryOp::Gt,
                Box::new(Expr::Column(V)),
                Box::new(Expr::Literal(Integer, Some("0".into()))),
            ),
        )
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "a", 1], [2, "b", 2]]).await;
    t
}

async fn all(bench: &Bench, t: &Arc<Table>) -> Vec<Vec<pando_model::value::Value>> {
    bench.rows(select(t, &["id", "code", "v"])).await
}

pub(crate) async fn merge_overwrites_the_named_columns(mut bench: Bench) {
    let t = two(&mut bench).await;
    let tree = select(&t, &["id", "code", "v"]).tree();
    let change = upsert(&t, rows![[3, "c", 30], [1, "z", 10]], &[ID], Some(&[V]));
    let outcome = bench.change(returning(change, tree)).await;
    assert_eq!((outcome.affected, outcome.inserted), (2, 1));
    assert_eq!(
        outcome.rows.expect("rows").rows,
        rows![[3, "c", 30], [1, "a", 10]]
    );
    assert_eq!(
        all(&bench, &t).await,
        rows![[1, "a", 10], [2, "b", 2], [3, "c", 30]]
    );
    let by_code = upsert(&t, rows![[9, "b", 20]], &[CODE], Some(&[V]));
    assert_eq!(bench.change(by_code).await.inserted, 0);
    assert_eq!(
        all(&bench, &t).await,
        rows![[1, "a", 10], [2, "b", 20], [3, "c", 30]]
    );
    let key_too = upsert(&t, rows![[9, "b", 21]], &[CODE], Some(&[ID, V]));
    bench.change(key_too).await;
    assert_eq!(
        all(&bench, &t).await,
        rows![[1, "a", 10], [3, "c", 30], [9, "b", 21]]
    );
}

pub(crate) async fn ignore_keeps_the_old_row_and_does_not_return_it(mut bench: Bench) {
    let t = two(&mut bench).await;
    let tree = select(&t, &["id"]).tree();
    let change = upsert(
        &t,
        rows![[1, "z", 9], [3, "c", 3], [2, "y", 9]],
        &[ID],
        None,
    );
    let outcome = bench.change(returning(change, tree)).await;
    assert_eq!((outcome.affected, outcome.inserted), (1, 1));
    assert_eq!(outcome.rows.expect("rows").rows, rows![[3]]);
    assert_eq!(
        all(&bench, &t).await,
        rows![[1, "a", 1], [2, "b", 2], [3, "c", 3]]
    );
}

pub(crate) async fn a_conflict_elsewhere_than_the_target_is_refused(mut bench: Bench) {
    let t = two(&mut bench).await;
    for merge in [None, Some(&[V][..])] {
        let refusal = bench
            .refusal(upsert(&t, rows![[3, "a", 3]], &[ID], merge))
            .await;
        assert_refusal(
            &refusal,
            "23505",
            "duplicate key value violates unique constraint \"t_code_key\"",
            Some("Key (code)=(a) already exists."),
        );
    }
    let onto_another = upsert(&t, rows![[1, "b", 3]], &[ID], Some(&[CODE]));
    let refusal = bench.refusal(onto_another).await;
    assert_refusal(
        &refusal,
        "23505",
        "duplicate key value violates unique constraint \"t_code_key\"",
        Some("Key (code)=(b) already exists."),
    );
}

pub(crate) async fn a_row_merged_twice_is_refused_and_ignored_twice_is_not(mut bench: Bench) {
    let t = two(&mut bench).await;
    for rows in [
        rows![[1, "a", 5], [1, "a", 6]],
        rows![[7, "n", 5], [7, "n", 6]],
    ] {
        let refusal = bench.refusal(upsert(&t, rows, &[ID], Some(&[V]))).await;
        assert_refusal(
            &refusal,
            "21000",
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
            None,
        );
        let hint = "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.";
        assert_eq!(refusal.hint.as_deref(), Some(hint));
    }
    let twice = upsert(&t, rows![[7, "n", 5], [7, "m", 6]], &[ID], None);
    assert_eq!(bench.change(twice).await.affected, 1);
    assert_eq!(
        all(&bench, &t).await,
        rows![[1, "a", 1], [2, "b", 2], [7, "n", 5]]
    );
}

pub(crate) async fn a_proposed_row_has_to_be_sound_before_it_is_merged(mut bench: Bench) {
    let t = two(&mut bench).await;
    for merge in [None, Some(&[CODE][..])] {
        let refusal = bench
            .refusal(upsert(&t, rows![[1, "x", ()]], &[ID], merge))
            .await;
        assert_eq!(refusal.code, "23502", "{merge:?}");
        let refusal = bench
            .refusal(upsert(&t, rows![[1, "x", -1]], &[ID], merge))
            .await;
        assert_eq!(refusal.code, "23514", "{merge:?}");
    }
}

pub(crate) async fn nulls_in_a_unique_target_never_conflict(mut bench: Bench) {
    let t = two(&mut bench).await;
    let change = upsert(&t, rows![[3, (), 3], [4, (), 4]], &[CODE], Some(&[V]));
    assert_eq!(bench.change(change).await.inserted, 2);
}

pub(crate) async fn a_merge_computes_generated_columns_anew(mut bench: Bench) {
    let double = Expr::Binary(
        BinaryOp::Add,
        Box::new(Expr::Column(1)),
        Box::new(Expr::Column(1)),
    );
    let t = table("g")
        .column("id", Integer)
        .column("v", Integer)
        .generated("d", Integer, double)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, 1, ()]]).await;
    bench
        .change(upsert(&t, rows![[1, 4, ()]], &[0], Some(&[1])))
        .await;
    assert_eq!(
        bench.rows(select(&t, &["id", "v", "d"])).await,
        rows![[1, 4, 8]]
    );
}

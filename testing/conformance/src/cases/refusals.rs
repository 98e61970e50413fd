//! Rows that break a rule, refused in the same bytes everywhere.

use crate::fixture::bench::{Bench, assert_refusal, insert, refused, update};
use crate::fixture::query::{SelectExt, col, eq, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::expr::{BinaryOp, Expr};
use pando_model::plan::{Filter, Output, Scalar};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

fn positive(column: usize) -> Expr {
    Expr::Binary(
        BinaryOp::Gt,
        Box::new(Expr::Column(column)),
        Box::new(Expr::Literal(Integer, Some("0".into()))),
    )
}

/// `reviews (id, place, stars > 0, note unique)`, `place` in a reference table.
async fn reviews(bench: &mut Bench) -> Arc<Table> {
    let place = table("places")
        .column("id", Integer)
        .reference()
        .key(&["id"])
        .build();
    let t = table("reviews")
        .column("id", Integer)
        .required("place", Integer)
        .column("stars", Integer)
        .column("note", Text)
        .key(&["id"])
        .unique(&["note"])
        .unique(&["stars", "place"])
        .check("reviews_stars_check", positive(2))
        .references(&["place"], "places", &["id"])
        .build();
    bench.create(&[&place, &t]).await;
    bench.insert(&place, rows![[1], [2]]).await;
    bench
        .insert(&t, rows![[1, 1, 5, "fine"], [2, 1, (), ()]])
        .await;
    t
}

async fn check(
    bench: &Bench,
    t: &Arc<Table>,
    rows: Vec<Vec<Value>>,
    code: &str,
    words: (&str, &str),
) {
    let refusal = bench.refusal(insert(t, rows)).await;
    assert_refusal(&refusal, code, words.0, Some(words.1));
}

pub(crate) async fn not_null_is_refused_in_postgresql_s_words(mut bench: Bench) {
    let t = reviews(&mut bench).await;
    check(
        &bench,
        &t,
        rows![[3, (), 4, "x"]],
        "23502",
        (
            "null value in column \"place\" of relation \"reviews\" violates not-null constraint",
            "Failing row contains (3, null, 4, x).",
        ),
    )
    .await;
    let change = update(&t, eq(&t, "id", 2), vec![(1, Value::Null)]);
    assert_refusal(
        &bench.refusal(change).await,
        "23502",
        "null value in column \"place\" of relation \"reviews\" violates not-null constraint",
        Some("Failing row contains (2, null, null, null)."),
    );
}

pub(crate) async fn a_check_that_is_false_is_refused_and_unknown_passes(mut bench: Bench) {
    let t = reviews(&mut bench).await;
    check(
        &bench,
        &t,
        rows![[3, 1, 0, ()]],
        "23514",
        (
            "new row for relation \"reviews\" violates check constraint \"reviews_stars_check\"",
            "Failing row contains (3, 1, 0, null).",
        ),
    )
    .await;
    bench.insert(&t, rows![[3, 1, (), ()]]).await;
}

pub(crate) async fn a_duplicate_primary_key_is_refused_in_postgresql_s_words(mut bench: Bench) {
    let t = table("t")
        .column("b", Text)
        .column("a", Integer)
        .key(&["a", "b"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![["x", 1]]).await;
    check(
        &bench,
        &t,
        rows![["y", 1], ["x", 1]],
        "23505",
        (
            "duplicate key value violates unique constraint \"t_pkey\"",
            "Key (a, b)=(1, x) already exists.",
        ),
    )
    .await;
    check(
        &bench,
        &t,
        rows![["z", 1], ["z", 1]],
        "23505",
        (
            "duplicate key value violates unique constraint \"t_pkey\"",
            "Key (a, b)=(1, z) already exists.",
        ),
    )
    .await;
}

pub(crate) async fn a_duplicate_unique_key_is_refused_and_nulls_are_distinct(mut bench: Bench) {
    let t = reviews(&mut bench).await;
    check(
        &bench,
        &t,
        rows![[3, 2, 4, "fine"]],
        "23505",
        (
            "duplicate key value violates unique constraint \"reviews_note_key\"",
            "Key (note)=(fine) already exists.",
        ),
    )
    .await;
    check(
        &bench,
        &t,
        rows![[3, 1, 5, "good"]],
        "23505",
        (
            "duplicate key value violates unique constraint \"reviews_stars_place_key\"",
            "Key (stars, place)=(5, 1) already exists.",
        ),
    )
    .await;
    bench
        .insert(&t, rows![[3, 1, (), ()], [4, 1, (), ()]])
        .await;
}

pub(crate) async fn a_unique_key_holds_across_slots(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("mail", Text)
        .key(&["id"])
        .unique(&["mail"])
        .build();
    bench.create(&[&t]).await;
    let rows = (0..200)
        .map(|id| row![id, format!("{id}@x").as_str()])
        .collect();
    bench.insert(&t, rows).await;
    for id in (0..200).step_by(37) {
        let mail = format!("{id}@x");
        let details = format!("Key (mail)=({mail}) already exists.");
        let words = (
            "duplicate key value violates unique constraint \"t_mail_key\"",
            details.as_str(),
        );
        check(
            &bench,
            &t,
            rows![[1_000 + id, mail.as_str()]],
            "23505",
            words,
        )
        .await;
    }
}

pub(crate) async fn the_first_fault_of_a_row_decides(mut bench: Bench) {
    let t = reviews(&mut bench).await;
    let code = |rows| async { bench.refusal(insert(&t, rows)).await };
    // NOT NULL, CHECK, primary key, uniques in order, foreign keys.
    assert_eq!(code(rows![[1, (), 0, "fine"]]).await.code, "23502");
    assert_eq!(code(rows![[1, 99, 0, "fine"]]).await.code, "23514");
    let refusal = code(rows![[1, 99, 5, "fine"]]).await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (id)=(1) already exists.")
    );
    let refusal = code(rows![[3, 1, 5, "fine"]]).await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (note)=(fine) already exists.")
    );
    let refusal = code(rows![[3, 1, 5, "x"]]).await;
    assert_eq!(
        refusal.details.as_deref(),
        Some("Key (stars, place)=(5, 1) already exists.")
    );
    assert_eq!(code(rows![[3, 99, 5, "x"]]).await.code, "23503");
}

pub(crate) async fn the_first_row_with_a_fault_decides(mut bench: Bench) {
    let t = reviews(&mut bench).await;
    let code = |rows| async { bench.refusal(insert(&t, rows)).await.code };
    assert_eq!(
        code(rows![[3, 1, 1, "a"], [1, 1, 1, "b"], [4, (), 0, "c"]]).await,
        "23505"
    );
    assert_eq!(
        code(rows![[3, 1, 1, "a"], [4, (), 0, "c"], [1, 1, 1, "b"]]).await,
        "23502"
    );
    assert_eq!(code(rows![[3, 99, 1, "a"], [1, 1, 1, "b"]]).await, "23503");
    assert_eq!(code(rows![[3, 99, 1, "a"], [4, 1, 0, "b"]]).await, "23503");
}

pub(crate) async fn an_update_breaks_keys_row_by_row(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("u", Text)
        .key(&["id"])
        .unique(&["u"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "a"], [2, "b"], [3, ()]]).await;
    let set = |text: &str| vec![(1, Value::Text(text.to_owned()))];
    for (filter, text) in [
        (Filter::Const(true), "new"),
        (Filter::Const(true), "b"),
        (eq(&t, "id", 3), "a"),
    ] {
        let refusal = bench.refusal(update(&t, filter, set(text))).await;
        assert_refusal(
            &refusal,
            "23505",
            "duplicate key value violates unique constraint \"t_u_key\"",
            Some(&format!("Key (u)=({text}) already exists.")),
        );
    }
    let outcome = bench.change(update(&t, eq(&t, "id", 1), set("a"))).await;
    assert_eq!(outcome.affected, 1, "a row does not conflict with itself");
    let key = update(&t, eq(&t, "id", 1), vec![(0, Value::Int(2))]);
    assert_refusal(
        &bench.refusal(key).await,
        "23505",
        "duplicate key value violates unique constraint \"t_pkey\"",
        Some("Key (id)=(2) already exists."),
    );
    assert_eq!(
        bench.rows(select(&t, &["id", "u"])).await,
        rows![[1, "a"], [2, "b"], [3, ()]]
    );
}

pub(crate) async fn a_cast_that_cannot_be_is_refused(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "12"], [2, "twelve"]]).await;
    let cast = || Scalar::Cast(Box::new(col(&t, "v")), Integer);
    let read = |id: i32| {
        select(&t, &[])
            .output(Output::Scalar(cast()))
            .filter(eq(&t, "id", id))
    };
    assert_eq!(bench.rows(read(1)).await, rows![[12]]);
    let refusal = refused(bench.try_read(read(2).tree(), false).await);
    assert_refusal(
        &refusal,
        "22P02",
        "invalid input syntax for type integer: \"twelve\"",
        None,
    );
}

pub(crate) async fn a_generated_value_out_of_range_is_refused(mut bench: Bench) {
    let double = Expr::Binary(
        BinaryOp::Add,
        Box::new(Expr::Column(1)),
        Box::new(Expr::Column(1)),
    );
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .generated("d", Integer, double)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let words = ("22003", "integer out of range");
    let refusal = bench.refusal(insert(&t, rows![[1, i32::MAX, ()]])).await;
    assert_refusal(&refusal, words.0, words.1, None);
    bench.insert(&t, rows![[1, 1, ()]]).await;
    let set = vec![(1, Value::Int(i32::MAX.into()))];
    let refusal = bench.refusal(update(&t, Filter::Const(true), set)).await;
    assert_refusal(&refusal, words.0, words.1, None);
}

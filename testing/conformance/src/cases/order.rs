//! Order, limit, offset and totals.

use crate::fixture::bench::Bench;
use crate::fixture::literal::jsonb;
use crate::fixture::query::{SelectExt, col, eq, join, path, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::plan::{OrderBy, Select};
use pando_model::schema::Table;
use std::sync::Arc;

async fn numbers(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .column("w", Text)
        .key(&["id"])
        .index("t_v", &["v"])
        .build();
    bench.create(&[&t]).await;
    bench
        .insert(
            &t,
            rows![
                [5, 2, "a"],
                [3, (), "b"],
                [1, 1, "b"],
                [4, 2, ()],
                [2, (), "a"],
                [6, 1, "c"]
            ],
        )
        .await;
    t
}

async fn check(bench: &Bench, select: Select, expected: &[i64]) {
    let rows = bench.rows(select.clone()).await;
    let expected: Vec<_> = expected.iter().map(|id| row![*id]).collect();
    assert_eq!(rows, expected, "{:?}", select.order);
}

pub(crate) async fn nulls_are_put_where_they_were_asked_for(mut bench: Bench) {
    let t = numbers(&mut bench).await;
    let ids = || select(&t, &["id"]);
    let by = || OrderBy::Scalar(col(&t, "v"));
    check(&bench, ids().order(by(), false, false), &[1, 6, 4, 5, 2, 3]).await;
    check(&bench, ids().order(by(), false, true), &[2, 3, 1, 6, 4, 5]).await;
    check(&bench, ids().order(by(), true, false), &[4, 5, 1, 6, 2, 3]).await;
    check(&bench, ids().order(by(), true, true), &[2, 3, 4, 5, 1, 6]).await;
}

pub(crate) async fn ties_are_left_in_the_order_of_the_primary_key(mut bench: Bench) {
    let t = numbers(&mut bench).await;
    check(&bench, select(&t, &["id"]), &[1, 2, 3, 4, 5, 6]).await;
    check(&bench, select(&t, &["id"]).asc("w"), &[2, 5, 1, 3, 6, 4]).await;
    check(&bench, select(&t, &["id"]).desc("id"), &[6, 5, 4, 3, 2, 1]).await;
}

pub(crate) async fn several_terms_and_directions_nest(mut bench: Bench) {
    let t = numbers(&mut bench).await;
    check(
        &bench,
        select(&t, &["id"]).asc("w").desc("v"),
        &[2, 5, 3, 1, 6, 4],
    )
    .await;
    check(
        &bench,
        select(&t, &["id"]).desc("v").asc("w"),
        &[2, 3, 5, 4, 1, 6],
    )
    .await;
    check(
        &bench,
        select(&t, &["id"]).asc("v").desc("id"),
        &[6, 1, 5, 4, 3, 2],
    )
    .await;
}

pub(crate) async fn limit_and_offset_cut_and_the_total_does_not_notice(mut bench: Bench) {
    let t = numbers(&mut bench).await;
    for (limit, offset, expected) in [
        (Some(2), 0, vec![1, 2]),
        (Some(2), 3, vec![4, 5]),
        (Some(10), 4, vec![5, 6]),
        (Some(0), 0, vec![]),
        (None, 5, vec![6]),
        (Some(3), 100, vec![]),
    ] {
        for ordered in [false, true] {
            let mut page = select(&t, &["id"]).offset(offset);
            page.limit = limit;
            if ordered {
                page = page.asc("id");
            }
            let expected: Vec<_> = expected.iter().map(|id| row![*id]).collect();
            let answer = bench
                .try_read(page.clone().tree(), true)
                .await
                .expect("read");
            assert_eq!(answer.rows.rows, expected, "{limit:?} {offset}");
            assert_eq!(answer.rows.total, Some(6), "{limit:?} {offset}");
            let answer = bench.try_read(page.tree(), false).await.expect("read");
            assert_eq!(answer.rows.rows, expected, "{limit:?} {offset} uncounted");
            assert_eq!(answer.rows.total, None);
        }
    }
    let filtered = select(&t, &["id"]).filter(eq(&t, "v", 2)).limit(1);
    let answer = bench.try_read(filtered.tree(), true).await.expect("read");
    assert_eq!((answer.rows.rows, answer.rows.total), (rows![[4]], Some(2)));
}

pub(crate) async fn a_related_row_s_value_orders_and_is_null_where_there_is_none(mut bench: Bench) {
    let city = table("city")
        .column("id", Integer)
        .column("name", Text)
        .reference()
        .key(&["id"])
        .build();
    let cafe = table("cafe")
        .column("id", Integer)
        .column("city", Integer)
        .key(&["id"])
        .references(&["city"], "city", &["id"])
        .not_enforced()
        .build();
    bench.create(&[&city, &cafe]).await;
    bench
        .insert(&city, rows![[1, "Seoul"], [2, "Busan"], [3, ()]])
        .await;
    bench
        .insert(
            &cafe,
            rows![[10, 1], [11, 2], [12, ()], [13, 3], [14, 77], [15, 2]],
        )
        .await;
    let by = || OrderBy::Related(join(&cafe, &city, &[("city", "id")]), col(&city, "name"));
    let ids = || select(&cafe, &["id"]);
    check(
        &bench,
        ids().order(by(), false, false),
        &[11, 15, 10, 12, 13, 14],
    )
    .await;
    check(
        &bench,
        ids().order(by(), true, false),
        &[10, 11, 15, 12, 13, 14],
    )
    .await;
    check(
        &bench,
        ids().order(by(), false, true).limit(4),
        &[12, 13, 14, 11],
    )
    .await;
}

pub(crate) async fn a_composite_key_orders_by_its_columns_not_by_slots(mut bench: Bench) {
    let t = table("t")
        .column("b", Text)
        .column("a", Integer)
        .key(&["a", "b"])
        .shard_by(&["b"])
        .build();
    bench.create(&[&t]).await;
    let mut expected = Vec::new();
    for a in 0..20 {
        for b in ["x", "y", "z"] {
            expected.push(row![b, a]);
        }
    }
    let mut rows = expected.clone();
    rows.reverse();
    rows.rotate_left(17);
    bench.insert(&t, rows).await;
    assert_eq!(bench.rows(select(&t, &["b", "a"])).await, expected);
    let page = select(&t, &["b", "a"]).limit(7).offset(11);
    assert_eq!(bench.rows(page).await, expected[11..18]);
}

pub(crate) async fn a_json_path_orders(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("v", Jsonb)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let bodies = [r#"{"n": 10}"#, r#"{"n": 9}"#, "{}", r#"{"n": "9"}"#];
    let rows = (1..)
        .zip(bodies)
        .map(|(id, body)| row![id, jsonb(body)])
        .collect();
    bench.insert(&t, rows).await;
    let by = |as_text| OrderBy::Scalar(path(&t, "v", &["n"], as_text));
    check(
        &bench,
        select(&t, &["id"]).order(by(false), false, false),
        &[4, 2, 1, 3],
    )
    .await;
    check(
        &bench,
        select(&t, &["id"]).order(by(true), false, false),
        &[1, 2, 4, 3],
    )
    .await;
}

pub(crate) async fn a_related_jsonb_value_orders_by_meaning(mut bench: Bench) {
    let a = table("a")
        .column("id", Integer)
        .column("v", Jsonb)
        .reference()
        .key(&["id"])
        .build();
    let b = table("b")
        .column("id", Integer)
        .column("a", Integer)
        .key(&["id"])
        .references(&["a"], "a", &["id"])
        .build();
    bench.create(&[&a, &b]).await;
    let bodies = ["10", "9", r#"{"n": 1}"#, "[1, 2]", r#""9""#];
    let rows = (1..).zip(bodies).map(|(id, body)| row![id, jsonb(body)]);
    bench.insert(&a, rows.collect()).await;
    let rows = (1..=5).map(|id| row![id, id]);
    bench.insert(&b, rows.collect()).await;
    for (scalar, expected) in [
        (col(&a, "v"), [5, 2, 1, 4, 3]),
        (path(&a, "v", &["n"], false), [3, 1, 2, 4, 5]),
    ] {
        let by = OrderBy::Related(join(&b, &a, &[("a", "id")]), scalar);
        check(
            &bench,
            select(&b, &["id"]).order(by, false, false),
            &expected,
        )
        .await;
    }
}

//! Aggregates and groups.

use crate::fixture::bench::Bench;
use crate::fixture::literal::{numeric, val};
use crate::fixture::query::{SelectExt, aggregate, eq, select};
use crate::fixture::schema::table;
use crate::rows;
use pando_model::aggregate::AggregateFn::*;
use pando_model::column::ColumnType::*;
use pando_model::plan::OrderBy;
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

async fn sales(bench: &mut Bench) -> Arc<Table> {
    let t = table("sales")
        .column("id", Integer)
        .column("city", Text)
        .column("amount", Integer)
        .column(
            "price",
            Numeric {
                limit: Some((8, 2)),
            },
        )
        .column("weight", Double)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let price = |text| {
        val(
            &Numeric {
                limit: Some((8, 2)),
            },
            text,
        )
    };
    bench
        .insert(
            &t,
            rows![
                [1, "Seoul", 1, price("1.10"), 0.1],
                [2, "Busan", 2, price("2.20"), 0.2],
                [3, "Seoul", (), (), ()],
                [4, (), 4, price("0.05"), 1e300],
                [5, "Busan", 5, (), -1e300],
                [6, (), 4, price("9.99"), 0.3],
            ],
        )
        .await;
    t
}

pub(crate) async fn each_aggregate_passes_over_nulls(mut bench: Bench) {
    let t = sales(&mut bench).await;
    let read = |function, column: Option<&'static str>| {
        bench.rows(select(&t, &[]).output(aggregate(function, &t, column)))
    };
    assert_eq!(read(Count, None).await, rows![[6]]);
    assert_eq!(read(Count, Some("amount")).await, rows![[5]]);
    assert_eq!(read(Sum, Some("amount")).await, rows![[16]]);
    assert_eq!(read(Min, Some("amount")).await, rows![[1]]);
    assert_eq!(read(Max, Some("amount")).await, rows![[5]]);
    assert_eq!(read(Min, Some("city")).await, rows![["Busan"]]);
    assert_eq!(read(Max, Some("city")).await, rows![["Seoul"]]);
    assert_eq!(
        read(Sum, Some("weight")).await,
        rows![[0.6]],
        "summed exactly, rounded once"
    );
    let sum = read(Sum, Some("price")).await;
    assert_eq!(
        sum[0][0].compare(&numeric("13.34")),
        std::cmp::Ordering::Equal,
        "{sum:?}"
    );
}

pub(crate) async fn groups_are_formed_by_the_other_outputs_and_null_is_one(mut bench: Bench) {
    let t = sales(&mut bench).await;
    let by_city = select(&t, &["city"])
        .output(aggregate(Count, &t, None))
        .output(aggregate(Sum, &t, Some("amount")));
    assert_eq!(
        bench.rows(by_city).await,
        rows![["Busan", 2, 7], ["Seoul", 2, 1], [(), 2, 8]]
    );
    let by_two = select(&t, &["city", "amount"]).output(aggregate(Count, &t, None));
    assert_eq!(
        bench.rows(by_two).await,
        rows![
            ["Busan", 2, 1],
            ["Busan", 5, 1],
            ["Seoul", 1, 1],
            ["Seoul", (), 1],
            [(), 4, 2]
        ]
    );
    let filtered = select(&t, &["city"])
        .output(aggregate(Max, &t, Some("id")))
        .filter(eq(&t, "amount", 4));
    assert_eq!(bench.rows(filtered).await, rows![[(), 6]]);
}

pub(crate) async fn without_rows_there_is_one_total_and_no_group(mut bench: Bench) {
    let t = sales(&mut bench).await;
    let nobody = || eq(&t, "city", "Atlantis");
    let total = select(&t, &[])
        .output(aggregate(Count, &t, None))
        .output(aggregate(Sum, &t, Some("amount")))
        .output(aggregate(Avg, &t, Some("price")))
        .output(aggregate(Max, &t, Some("city")))
        .filter(nobody());
    assert_eq!(bench.rows(total).await, rows![[0, (), (), ()]]);
    let groups = select(&t, &["city"])
        .output(aggregate(Count, &t, None))
        .filter(nobody());
    assert_eq!(bench.rows(groups).await, rows![]);
}

pub(crate) async fn sums_widen_and_averages_are_exact(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("i", Integer)
        .column("b", Bigint)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    bench
        .insert(
            &t,
            rows![[1, i32::MAX, i64::MAX], [2, i32::MAX, i64::MAX], [3, 1, 1]],
        )
        .await;
    let totals = select(&t, &[])
        .output(aggregate(Sum, &t, Some("i")))
        .output(aggregate(Sum, &t, Some("b")))
        .output(aggregate(Avg, &t, Some("i")));
    let row = bench.rows(totals).await.remove(0);
    assert_eq!(row[0], Value::Int(4_294_967_295));
    let text = |value: &Value| value.to_text(&Numeric { limit: None });
    assert_eq!(text(&row[1]).as_deref(), Some("18446744073709551615"));
    assert_eq!(text(&row[2]).as_deref(), Some("1431655765.00000000"));
}

pub(crate) async fn groups_are_ordered_and_cut_by_their_outputs(mut bench: Bench) {
    let t = sales(&mut bench).await;
    let by_sum = |descending| {
        select(&t, &["city"])
            .output(aggregate(Sum, &t, Some("amount")))
            .order(OrderBy::Output(1), descending, descending)
    };
    assert_eq!(
        bench.rows(by_sum(true)).await,
        rows![[(), 8], ["Busan", 7], ["Seoul", 1]]
    );
    assert_eq!(
        bench.rows(by_sum(false).limit(1).offset(1)).await,
        rows![["Busan", 7]]
    );
    let tied = select(&t, &["city"])
        .output(aggregate(Count, &t, None))
        .order(OrderBy::Output(1), true, true);
    assert_eq!(
        bench.rows(tied).await,
        rows![["Busan", 2], ["Seoul", 2], [(), 2]]
    );
}

pub(crate) async fn groups_are_counted_past_their_limit(mut bench: Bench) {
    let t = sales(&mut bench).await;
    let groups = select(&t, &["city"])
        .output(aggregate(Count, &t, None))
        .limit(1);
    let answer = bench.try_read(groups.tree(), true).await.expect("read");
    assert_eq!((answer.rows.rows.len(), answer.rows.total), (1, Some(3)));
}

pub(crate) async fn equal_means_are_a_tie_however_they_are_written(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("city", Text)
        .column(
            "price",
            Numeric {
                limit: Some((8, 2)),
            },
        )
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let price = || {
        val(
            &Numeric {
                limit: Some((8, 2)),
            },
            "1.50",
        )
    };
    bench
        .insert(
            &t,
            rows![[1, "b", price()], [2, "a", price()], [3, "b", price()]],
        )
        .await;
    let means = |descending| {
        select(&t, &["city"])
            .output(aggregate(Avg, &t, Some("price")))
            .order(OrderBy::Output(1), descending, false)
    };
    for descending in [false, true] {
        let texts: Vec<_> = bench
            .rows(means(descending))
            .await
            .iter()
            .map(|row| (row[0].clone(), row[1].to_text(&Numeric { limit: None })))
            .collect();
        // PostgreSQL keeps at least sixteen significant digits of a quotient.
        let text = |city: &str, mean: &str| (Value::Text(city.into()), Some(mean.to_owned()));
        assert_eq!(
            texts,
            [
                text("a", "1.50000000000000000000"),
                text("b", "1.5000000000000000")
            ]
        );
    }
}

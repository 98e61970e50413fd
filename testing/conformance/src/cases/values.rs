//! Values: stored, returned and ordered alike.

use crate::fixture::bench::{Bench, assert_refusal, insert, upsert};
use crate::fixture::literal::{numeric, val};
use crate::fixture::query::{SelectExt, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::{self, *};
use pando_model::expr::{BinaryOp, Expr};
use pando_model::value::Value;

/// For each type, values in PostgreSQL's order, edges included.
pub(crate) fn ascending() -> Vec<(ColumnType, Vec<Value>)> {
    let of = |ty: ColumnType, texts: &[&str]| {
        let values = texts.iter().map(|text| val(&ty, text)).collect();
        (ty, values)
    };
    let any = || Numeric { limit: None };
    let array = |ty: ColumnType| Array(Box::new(ty));
    vec![
        of(Text, TEXTS),
        of(Integer, INTEGERS),
        of(Bigint, BIGINTS),
        of(Boolean, BOOLEANS),
        of(Real, REALS),
        of(Double, DOUBLES),
        of(any(), NUMERICS),
        of(
            Numeric {
                limit: Some((6, 2)),
            },
            NUMERICS_OF_6_2,
        ),
        of(Date, DATES),
        of(Timestamp, TIMESTAMPS),
        of(Timestamptz, TIMESTAMPTZS),
        of(Uuid, UUIDS),
        of(Jsonb, JSONBS),
        of(Bytea, BYTEAS),
        of(array(Integer), ARRAYS_OF_INTEGER),
        of(array(Text), ARRAYS_OF_TEXT),
        of(array(any()), ARRAYS_OF_NUMERIC),
    ]
}

const TEXTS: &[&str] = &[
    "", " ", "A", "B", "a", "a b", "ab", "b", "é", "가", "\u{ffff}", "😀",
];
const INTEGERS: &[&str] = &["-2147483648", "-1", "0", "1", "2147483647"];
const BIGINTS: &[&str] = &[
    "-9223372036854775808",
    "-1",
    "0",
    "9007199254740993",
    "9223372036854775807",
];
const BOOLEANS: &[&str] = &["false", "true"];
const REALS: &[&str] = &[
    "-3.4028235e38",
    "-1e-45",
    "0",
    "0.1",
    "1",
    "16777216",
    "3.4028235e38",
];
const DOUBLES: &[&str] = &[
    "-1.7976931348623157e308",
    "-5e-324",
    "0",
    "0.1",
    "1e15",
    "1.7976931348623157e308",
];
const NUMERICS: &[&str] = &[
    "-123456789012345678901234567890.5",
    "-10",
    "-9.99",
    "-0.0001",
    "0",
    "0.0001",
    "0.1",
    "0.11",
    "1",
    "9",
    "9.5",
    "10",
    "99",
    "100",
    "123456789012345678901234567890.123456789",
];
const NUMERICS_OF_6_2: &[&str] = &["-9999.99", "-0.01", "0.00", "1.50", "9999.99"];
const DATES: &[&str] = &[
    "0001-01-01",
    "1969-12-31",
    "1970-01-01",
    "2024-02-29",
    "9999-12-31",
];
const TIMESTAMPS: &[&str] = &[
    "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "1970-01-01 00:00:00",
    "2024-02-29 12:00:00.5",
    "9999-12-31 23:59:59.999999",
];
const TIMESTAMPTZS: &[&str] = &[
    "0001-01-01 00:00:00+00",
    "1970-01-01 00:00:00+00",
    "2024-01-01 00:00:00+09",
    "2024-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
];
const UUIDS: &[&str] = &[
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000001",
    "7fffffff-ffff-ffff-ffff-ffffffffffff",
    "80000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];
const JSONBS: &[&str] = &[
    "null",
    r#""a""#,
    r#""b""#,
    "-1",
    "1",
    "2",
    "10",
    "false",
    "true",
    "[1]",
    "[1, 2]",
    "{}",
    r#"{"a": 1}"#,
    r#"{"a": 2}"#,
    r#"{"b": 0}"#,
    r#"{"a": 1, "b": 0}"#,
];
const BYTEAS: &[&str] = &[
    "\\x", "\\x00", "\\x0000", "\\x01", "\\x7f", "\\x80", "\\xff", "\\xff00",
];
const ARRAYS_OF_INTEGER: &[&str] = &[
    "{}", "{-1}", "{1}", "{1,1}", "{1,2}", "{1,NULL}", "{2}", "{NULL}",
];
const ARRAYS_OF_TEXT: &[&str] = &[
    "{}",
    "{\"\"}",
    "{a}",
    "{a,b}",
    "{\"a,b\"}",
    "{ab}",
    "{b}",
    "{NULL}",
];
const ARRAYS_OF_NUMERIC: &[&str] = &["{-1.5}", "{0}", "{1.5}", "{1.5,0}", "{2}"];

pub(crate) async fn every_value_comes_back_as_it_was_stored(mut bench: Bench) {
    let mut types = ascending();
    types.push((
        Json,
        [
            r#"{"b":1, "a":  [1.0, null]}"#,
            r#""x""#,
            "null",
            r#"{"a":1,"a":2}"#,
        ]
        .iter()
        .map(|text| val(&Json, text))
        .collect(),
    ));
    for (place, (ty, values)) in types.into_iter().enumerate() {
        let table = table(&format!("t{place}"))
            .column("id", Integer)
            .column("v", ty.clone())
            .key(&["id"])
            .build();
        bench.create(&[&table]).await;
        let mut rows: Vec<_> = (0..)
            .zip(&values)
            .map(|(id, v)| row![id, v.clone()])
            .collect();
        rows.push(row![-1, ()]);
        bench.insert(&table, rows.clone()).await;
        rows.rotate_right(1);
        let read = bench.rows(select(&table, &["id", "v"])).await;
        assert_eq!(read, rows, "{ty}");
        for (read, stored) in read.iter().zip(&rows) {
            assert_eq!(read[1].to_text(&ty), stored[1].to_text(&ty), "{ty} as text");
        }
    }
}

pub(crate) async fn every_type_is_ordered_as_in_postgresql(mut bench: Bench) {
    for (place, (ty, values)) in ascending().into_iter().enumerate() {
        let plain = table(&format!("t{place}"))
            .column("id", Integer)
            .column("v", ty.clone())
            .key(&["id"]);
        let indexed = table(&format!("u{place}"))
            .column("id", Integer)
            .column("v", ty.clone())
            .key(&["id"])
            .index(&format!("u{place}_v"), &["v"]);
        for table in [plain.build(), indexed.build()] {
            bench.create(&[&table]).await;
            let mut rows: Vec<_> = (0..)
                .zip(&values)
                .map(|(id, v)| row![id, v.clone()])
                .collect();
            let expected: Vec<_> = (0..).zip(&values).map(|(id, _)| row![id]).collect();
            // Stored in another order than the one expected.
            rows.reverse();
            rows.rotate_left(values.len() / 2);
            bench.insert(&table, rows).await;
            let read = bench.rows(select(&table, &["id"]).asc("v")).await;
            assert_eq!(read, expected, "{ty} ascending");
            let reversed: Vec<_> = expected.into_iter().rev().collect();
            let read = bench.rows(select(&table, &["id"]).desc("v")).await;
            assert_eq!(read, reversed, "{ty} descending");
        }
    }
}

pub(crate) async fn every_type_that_has_an_order_can_be_a_primary_key(mut bench: Bench) {
    for (place, (ty, values)) in ascending().into_iter().enumerate() {
        let table = table(&format!("t{place}"))
            .column("k", ty.clone())
            .key(&["k"])
            .build();
        bench.create(&[&table]).await;
        let rows: Vec<_> = values.iter().map(|v| row![v.clone()]).collect();
        bench
            .insert(&table, rows.iter().rev().cloned().collect())
            .await;
        assert_eq!(
            bench.rows(select(&table, &["k"])).await,
            rows,
            "{ty} in order"
        );
        for row in &rows {
            let found = bench
                .rows(select(&table, &["k"]).filter(crate::fixture::query::eq(
                    &table,
                    "k",
                    row[0].clone(),
                )))
                .await;
            assert_eq!(found, vec![row.clone()], "{ty} by key");
            let outcome = bench
                .change(upsert(&table, vec![row.clone()], &[0], None))
                .await;
            assert_eq!(outcome.affected, 0, "{ty} is there");
        }
    }
}

pub(crate) async fn equal_values_of_different_writing_are_one_key(mut bench: Bench) {
    let table = table("t")
        .column(
            "k",
            Numeric {
                limit: Some((6, 2)),
            },
        )
        .key(&["k"])
        .build();
    bench.create(&[&table]).await;
    bench
        .insert(
            &table,
            rows![[val(
                &Numeric {
                    limit: Some((6, 2))
                },
                "1.50"
            )]],
        )
        .await;
    let again = val(
        &Numeric {
            limit: Some((6, 2)),
        },
        "1.5",
    );
    let refusal = bench.refusal(insert(&table, rows![[again]])).await;
    assert_refusal(
        &refusal,
        "23505",
        "duplicate key value violates unique constraint \"t_pkey\"",
        Some("Key (k)=(1.50) already exists."),
    );
    let found = bench
        .rows(select(&table, &["k"]).filter(crate::fixture::query::eq(&table, "k", numeric("1.5"))))
        .await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0][0]
            .to_text(&Numeric {
                limit: Some((6, 2))
            })
            .as_deref(),
        Some("1.50"),
        "a declared scale is kept"
    );
}

pub(crate) async fn generated_columns_are_computed_when_a_row_is_written(mut bench: Bench) {
    let sum = Expr::Binary(
        BinaryOp::Add,
        Box::new(Expr::Column(1)),
        Box::new(Expr::Column(2)),
    );
    let table = table("t")
        .column("id", Integer)
        .column("a", Integer)
        .column("b", Integer)
        .generated("s", Integer, sum)
        .key(&["id"])
        .build();
    bench.create(&[&table]).await;
    bench
        .insert(&table, rows![[1, 2, 3, ()], [2, (), 3, ()]])
        .await;
    let all = || select(&table, &["s"]);
    assert_eq!(bench.rows(all()).await, rows![[5], [()]]);
    let set = vec![(1, Value::Int(10))];
    let everywhere = pando_model::plan::Filter::Const(true);
    bench
        .change(crate::fixture::bench::update(&table, everywhere, set))
        .await;
    assert_eq!(bench.rows(all()).await, rows![[13], [13]]);
}

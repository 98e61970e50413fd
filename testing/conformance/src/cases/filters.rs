//! Filters, one by one, with NULL in every place.

use crate::cases::ascending;
use crate::fixture::bench::Bench;
use crate::fixture::query::{SelectExt, col, compare, eq, is, is_in, not, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::{self, *};
use pando_model::plan::Comparison::{self, *};
use pando_model::plan::{Filter, Is};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// A table of ids and values, `v` NULL in the last row.
pub(super) async fn with_values(
    bench: &mut Bench,
    name: &str,
    ty: ColumnType,
    values: Vec<Value>,
) -> Arc<Table> {
    let table = table(name)
        .column("id", Integer)
        .column("v", ty)
        .key(&["id"])
        .build();
    bench.create(&[&table]).await;
    let mut rows: Vec<_> = (1..).zip(values).map(|(id, v)| row![id, v]).collect();
    rows.push(row![99, ()]);
    bench.insert(&table, rows).await;
    table
}

/// The ids of the rows that pass, in order.
pub(super) async fn ids(bench: &Bench, table: &Arc<Table>, filter: Filter) -> Vec<i64> {
    let rows = bench.rows(select(table, &["id"]).filter(filter)).await;
    rows.into_iter()
        .map(|row| match row[0] {
            Value::Int(id) => id,
            ref other => panic!("{other:?} is no id"),
        })
        .collect()
}

pub(crate) async fn each_comparison_holds_for_its_rows_and_null_is_in_none(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Integer, row![10, 20, 30]).await;
    for (op, expected) in [
        (Eq, vec![2]),
        (Ne, vec![1, 3]),
        (Lt, vec![1]),
        (Le, vec![1, 2]),
        (Gt, vec![3]),
        (Ge, vec![2, 3]),
    ] {
        let filter = compare(col(&t, "v"), op, 20);
        assert_eq!(ids(&bench, &t, filter).await, expected, "{op:?}");
        let with_null = compare(col(&t, "v"), op, ());
        assert_eq!(ids(&bench, &t, with_null).await, [0; 0], "{op:?} NULL");
    }
}

pub(crate) async fn each_comparison_holds_for_the_edge_values_of_each_type(mut bench: Bench) {
    let holds = |op: Comparison, order: Ordering| match op {
        Eq => order.is_eq(),
        Ne => order.is_ne(),
        Lt => order.is_lt(),
        Le => order.is_le(),
        Gt => order.is_gt(),
        Ge => order.is_ge(),
    };
    for (place, (ty, values)) in ascending().into_iter().enumerate() {
        let t = with_values(&mut bench, &format!("t{place}"), ty.clone(), values.clone()).await;
        for (right, value) in values.iter().enumerate() {
            for op in [Eq, Ne, Lt, Le, Gt, Ge] {
                let expected: Vec<i64> = (0..values.len())
                    .filter(|left| holds(op, left.cmp(&right)))
                    .map(|left| left as i64 + 1)
                    .collect();
                let filter = compare(col(&t, "v"), op, value.clone());
                assert_eq!(
                    ids(&bench, &t, filter).await,
                    expected,
                    "{ty} {op:?} {value:?}"
                );
            }
        }
    }
}

pub(crate) async fn and_or_and_not_follow_three_valued_logic(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("a", Boolean)
        .column("b", Boolean)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let truths = [Some(true), Some(false), None];
    let mut rows = Vec::new();
    for a in truths {
        for b in truths {
            rows.push(row![rows.len() as i64, a, b]);
        }
    }
    bench.insert(&t, rows).await;
    let (a, b) = (|| eq(&t, "a", true), || eq(&t, "b", true));
    let and = |x, y| Filter::And(vec![x, y]);
    let or = |x, y| Filter::Or(vec![x, y]);
    for (filter, expected) in [
        (and(a(), b()), vec![0]),
        (or(a(), b()), vec![0, 1, 2, 3, 6]),
        (not(a()), vec![3, 4, 5]),
        (not(and(a(), b())), vec![1, 3, 4, 5, 7]),
        (not(or(a(), b())), vec![4]),
        (not(not(a())), vec![0, 1, 2]),
        (and(not(a()), not(b())), vec![4]),
        (Filter::And(vec![]), (0..9).collect()),
        (Filter::Or(vec![]), vec![]),
    ] {
        assert_eq!(
            ids(&bench, &t, filter.clone()).await,
            expected,
            "{filter:?}"
        );
    }
}

pub(crate) async fn is_distinct_takes_null_for_a_value(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Text, row!["a", "b"]).await;
    let distinct = |right: Value| Filter::IsDistinct {
        left: col(&t, "v"),
        right,
    };
    let a = || Value::Text("a".into());
    assert_eq!(ids(&bench, &t, distinct(a())).await, [2, 99]);
    assert_eq!(ids(&bench, &t, not(distinct(a()))).await, [1]);
    assert_eq!(ids(&bench, &t, distinct(Value::Null)).await, [1, 2]);
    assert_eq!(ids(&bench, &t, not(distinct(Value::Null))).await, [99]);
}

pub(crate) async fn in_follows_sql_with_nulls_and_without_values(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Integer, row![1, 2, 3]).await;
    for (values, holds, fails) in [
        (row![1, 3], vec![1, 3], vec![2]),
        (row![1, 1, 7], vec![1], vec![2, 3]),
        (row![1, ()], vec![1], vec![]),
        (row![()], vec![], vec![]),
        (row![], vec![], vec![1, 2, 3, 99]),
    ] {
        let filter = is_in(&t, "v", values.clone());
        assert_eq!(
            ids(&bench, &t, filter.clone()).await,
            holds,
            "in {values:?}"
        );
        assert_eq!(
            ids(&bench, &t, not(filter)).await,
            fails,
            "not in {values:?}"
        );
    }
    let many: Vec<Value> = (0..1_000).map(|i| Value::Int(i * 3)).collect();
    assert_eq!(
        ids(&bench, &t, is_in(&t, "id", many)).await,
        [3, 99],
        "a long list of keys"
    );
}

pub(crate) async fn is_asks_for_null_true_false_and_unknown(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Boolean, row![true, false]).await;
    for (what, expected) in [
        (Is::Null, vec![99]),
        (Is::True, vec![1]),
        (Is::False, vec![2]),
        (Is::Unknown, vec![99]),
    ] {
        assert_eq!(
            ids(&bench, &t, is(&t, "v", what)).await,
            expected,
            "{what:?}"
        );
        let rest: Vec<i64> = [1, 2, 99]
            .into_iter()
            .filter(|id| !expected.contains(id))
            .collect();
        assert_eq!(
            ids(&bench, &t, not(is(&t, "v", what))).await,
            rest,
            "not {what:?}"
        );
    }
}

pub(crate) async fn keys_find_tuples(mut bench: Bench) {
    let t = table("t")
        .column("a", Integer)
        .column("b", Text)
        .column("c", Integer)
        .key(&["a", "b"])
        .build();
    bench.create(&[&t]).await;
    bench
        .insert(
            &t,
            rows![[1, "x", 1], [1, "y", ()], [2, "x", 2], [2, "y", 1]],
        )
        .await;
    let keys = |columns: &[usize], keys: Vec<Vec<Value>>| Filter::Keys {
        columns: columns.to_vec(),
        keys,
    };
    let read = |filter| bench.rows(select(&t, &["a", "b"]).filter(filter));
    let found = read(keys(&[0, 1], rows![[2, "x"], [1, "y"], [3, "x"], [2, "x"]])).await;
    assert_eq!(found, rows![[1, "y"], [2, "x"]]);
    assert_eq!(
        read(keys(&[2], rows![[1]])).await,
        rows![[1, "x"], [2, "y"]]
    );
    assert_eq!(read(not(keys(&[2], rows![[1]]))).await, rows![[2, "x"]]);
    assert_eq!(read(keys(&[0, 2], rows![[1, 1]])).await, rows![[1, "x"]]);
    assert_eq!(
        read(not(keys(&[0, 2], rows![[2, 1]]))).await,
        rows![[1, "x"], [1, "y"], [2, "x"]],
        "a tuple is unequal as soon as one value is"
    );
    assert_eq!(read(keys(&[0, 1], vec![])).await, rows![]);
    let many = (0..2_000).map(|i| row![i, "x"]).collect();
    assert_eq!(read(keys(&[0, 1], many)).await, rows![[1, "x"], [2, "x"]]);
}

pub(crate) async fn after_goes_on_behind_a_tuple(mut bench: Bench) {
    let t = table("t")
        .column("a", Integer)
        .column("b", Text)
        .key(&["a", "b"])
        .build();
    bench.create(&[&t]).await;
    let all = rows![[1, "x"], [1, "y"], [2, "a"], [2, "z"], [3, ""]];
    bench.insert(&t, all.clone()).await;
    for place in 0..all.len() {
        let filter = Filter::After {
            columns: vec![0, 1],
            values: all[place].clone(),
        };
        let read = bench
            .rows(select(&t, &["a", "b"]).filter(filter).limit(2))
            .await;
        let expected: Vec<_> = all[place + 1..].iter().take(2).cloned().collect();
        assert_eq!(read, expected, "behind {:?}", all[place]);
    }
    let between = Filter::After {
        columns: vec![0, 1],
        values: row![1, "xx"],
    };
    assert_eq!(
        bench
            .rows(select(&t, &["b"]).filter(between).limit(1))
            .await,
        rows![["y"]]
    );
}

pub(crate) async fn constants_pass_all_rows_or_none(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Integer, row![1]).await;
    assert_eq!(ids(&bench, &t, Filter::Const(true)).await, [1, 99]);
    assert_eq!(ids(&bench, &t, Filter::Const(false)).await, [0; 0]);
    assert_eq!(ids(&bench, &t, not(Filter::Const(false))).await, [1, 99]);
}

//! Filters, one by one, with NULL in every place.

use crate::cases::ascending;
use crate::fixture::bench::Bench;
use crate::fixture::literal::{jsonb, texts, val};
use crate::fixture::query::{
    SelectExt, col, compare, eq, is, is_in, lies, matches, not, path, search, select,
};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::{self, *};
use pando_model::pattern::PatternKind;
use pando_model::plan::Comparison::{self, *};
use pando_model::plan::{Containment, Filter, Is, Scalar};
use pando_model::schema::Table;
use pando_model::text_search::QueryForm;
use pando_model::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// A table of ids and values, `v` NULL in the last row.
async fn with_values(
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

async fn ids(bench: &Bench, table: &Arc<Table>, filter: Filter) -> Vec<i64> {
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

pub(crate) async fn like_and_regular_expressions_match_text(mut bench: Bench) {
    use PatternKind::*;
    let t = with_values(
        &mut bench,
        "t",
        Text,
        row!["Seoul", "seoul", "100%", "a_b", "axb", "é", "É", ""],
    )
    .await;
    for (kind, source, expected) in [
        (Like, "Seo%", vec![1]),
        (Like, "%oul", vec![1, 2]),
        (Like, "%", vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (Like, "a_b", vec![4, 5]),
        (Like, r"a\_b", vec![4]),
        (Like, r"100\%", vec![3]),
        (Like, "_", vec![6, 7]),
        (Like, "", vec![8]),
        (ILike, "SEOUL", vec![1, 2]),
        (ILike, "é", vec![6]),
        (Regex, "^[sS]eou", vec![1, 2]),
        (Regex, "[0-9]+", vec![3]),
        (RegexInsensitive, "^SEOUL$", vec![1, 2]),
    ] {
        let filter = || matches(col(&t, "v"), kind, source);
        assert_eq!(
            ids(&bench, &t, filter()).await,
            expected,
            "{kind:?} {source:?}"
        );
        let rest: Vec<i64> = (1..=8).filter(|id| !expected.contains(id)).collect();
        assert_eq!(
            ids(&bench, &t, not(filter())).await,
            rest,
            "not {kind:?} {source:?}"
        );
    }
}

pub(crate) async fn full_text_search_matches_words(mut bench: Bench) {
    use QueryForm::*;
    let t = with_values(
        &mut bench,
        "t",
        Text,
        row![
            "The fat cat sat",
            "a fat rat",
            "cats and rats",
            "",
            "한옥 마을 산책"
        ],
    )
    .await;
    for (form, source, expected) in [
        (Fts, "fat & cat", vec![1]),
        (Fts, "cat | rat", vec![1, 2]),
        (Fts, "fat & !cat", vec![2]),
        (Fts, "cat:*", vec![1, 3]),
        (Fts, "fat <-> rat", vec![2]),
        (Plain, "FAT the", vec![1]),
        (Phrase, "fat cat", vec![1]),
        (Websearch, "fat -cat", vec![2]),
        (Websearch, "\"fat rat\" or 마을", vec![2, 5]),
    ] {
        let filter = search(col(&t, "v"), form, source);
        assert_eq!(
            ids(&bench, &t, filter).await,
            expected,
            "{form:?} {source:?}"
        );
    }
}

pub(crate) async fn arrays_contain_and_overlap(mut bench: Bench) {
    use Containment::*;
    let ty = || Array(Box::new(Text));
    let values = vec![
        texts(&["a", "b"]),
        texts(&["b", "c"]),
        texts(&[]),
        val(&ty(), "{a,NULL}"),
    ];
    let t = with_values(&mut bench, "t", ty(), values).await;
    for (op, right, expected) in [
        (Contains, texts(&["a"]), vec![1, 4]),
        (Contains, texts(&[]), vec![1, 2, 3, 4]),
        (Contains, val(&ty(), "{NULL}"), vec![]),
        (ContainedBy, texts(&["a", "b", "x"]), vec![1, 3]),
        (Overlaps, texts(&["c", "a"]), vec![1, 2, 4]),
        (Overlaps, texts(&[]), vec![]),
        (Contains, Value::Null, vec![]),
    ] {
        let filter = lies(col(&t, "v"), op, right.clone());
        assert_eq!(ids(&bench, &t, filter).await, expected, "{op:?} {right:?}");
    }
}

pub(crate) async fn jsonb_contains_by_meaning(mut bench: Bench) {
    use Containment::*;
    let values = [
        r#"{"a": 1, "b": [1, {"c": 2}]}"#,
        r#"[1, 2, 3]"#,
        r#""x""#,
        "{}",
        "null",
    ];
    let values = values.iter().map(|text| jsonb(text)).collect();
    let t = with_values(&mut bench, "t", Jsonb, values).await;
    for (op, right, expected) in [
        (Contains, r#"{"a": 1}"#, vec![1]),
        (Contains, r#"{"a": 1.0}"#, vec![1]),
        (Contains, r#"{"b": [{"c": 2}]}"#, vec![1]),
        (Contains, "{}", vec![1, 4]),
        (Contains, "[3, 1]", vec![2]),
        (Contains, "1", vec![2]),
        (Contains, "null", vec![5]),
        (ContainedBy, r#"{"z": 0}"#, vec![4]),
        (ContainedBy, "[3, 2, 1, 0]", vec![2]),
        (ContainedBy, r#"["x", 1]"#, vec![3]),
    ] {
        let filter = lies(col(&t, "v"), op, jsonb(right));
        assert_eq!(ids(&bench, &t, filter).await, expected, "{op:?} {right}");
    }
}

pub(crate) async fn json_paths_lead_to_values_and_text(mut bench: Bench) {
    let source = [
        r#"{"a": {"b": [10, "x", null]}, "n": 1.50}"#,
        r#"{"a": [1], "n": "1.50"}"#,
        r#"[{"a": true}]"#,
        "null",
    ];
    for (name, ty) in [("j", Json), ("b", Jsonb)] {
        let values = source.iter().map(|text| val(&ty, text)).collect();
        let t = with_values(&mut bench, name, ty.clone(), values).await;
        let read = |steps: &'static [&str], as_text| {
            let by = path(&t, "v", steps, as_text);
            bench.rows(select(&t, &[]).output(pando_model::plan::Output::Scalar(by)))
        };
        let json = |text: &str| val(&ty, text);
        let number = if ty == Json { "1.50" } else { "1.5" };
        assert_eq!(
            read(&["a", "b", "0"], false).await,
            rows![[json("10")], [()], [()], [()], [()]],
            "{ty} ->"
        );
        assert_eq!(
            read(&["a", "b", "-2"], true).await,
            rows![["x"], [()], [()], [()], [()]],
            "{ty} ->> from the end"
        );
        assert_eq!(
            read(&["a", "b", "2"], true).await,
            rows![[()], [()], [()], [()], [()]],
            "{ty} JSON's null as text is NULL"
        );
        assert_eq!(
            read(&["a", "b", "2"], false).await,
            rows![[json("null")], [()], [()], [()], [()]],
            "{ty} JSON's null is a value"
        );
        assert_eq!(
            read(&["n"], true).await,
            rows![[number], ["1.50"], [()], [()], [()]],
            "{ty} ->> of a number and a string"
        );
        assert_eq!(
            read(&["0", "a"], true).await,
            rows![[()], [()], ["true"], [()], [()]],
            "{ty} into an array"
        );
        let filter = compare(path(&t, "v", &["n"], true), Eq, number);
        let expected = if ty == Json { vec![1, 2] } else { vec![1] };
        assert_eq!(
            ids(&bench, &t, filter).await,
            expected,
            "{ty} compared as text"
        );
        if ty == Jsonb {
            let filter = compare(path(&t, "v", &["n"], false), Eq, jsonb("1.5"));
            assert_eq!(ids(&bench, &t, filter).await, [1], "compared as jsonb");
            let filter = compare(path(&t, "v", &["a"], false), Gt, jsonb("[0]"));
            assert_eq!(ids(&bench, &t, filter).await, [1, 2], "ordered as jsonb");
        }
    }
}

pub(crate) async fn casts_change_what_is_compared(mut bench: Bench) {
    let t = with_values(&mut bench, "t", Integer, row![9, 10, 100]).await;
    let text = || Scalar::Cast(Box::new(col(&t, "v")), Text);
    assert_eq!(ids(&bench, &t, compare(text(), Lt, "11")).await, [2, 3]);
    assert_eq!(
        ids(&bench, &t, matches(text(), PatternKind::Like, "10%")).await,
        [2, 3]
    );
    let read = select(&t, &[]).output(pando_model::plan::Output::Scalar(text()));
    assert_eq!(bench.rows(read).await, rows![["9"], ["10"], ["100"], [()]]);
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

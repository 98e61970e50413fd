//! Filters that look into a value: patterns, words, arrays, JSON, casts.

use super::filters::{ids, with_values};
use crate::fixture::bench::Bench;
use crate::fixture::literal::{jsonb, texts, val};
use crate::fixture::query::{SelectExt, col, compare, lies, matches, not, path, search, select};
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::pattern::PatternKind;
use pando_model::plan::Comparison::*;
use pando_model::plan::{Containment, Output, Scalar};
use pando_model::text_search::QueryForm;
use pando_model::value::Value;

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
            bench.rows(select(&t, &[]).output(Output::Scalar(by)))
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
    let read = select(&t, &[]).output(Output::Scalar(text()));
    assert_eq!(bench.rows(read).await, rows![["9"], ["10"], ["100"], [()]]);
}

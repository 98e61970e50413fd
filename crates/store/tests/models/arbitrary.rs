//! Whatever is asked is answered or refused; and wide rows are what a plain map makes of the
//! same writes.

use crate::bench::{Bench, NOW, key, partition, put};
use pando_store::error::StoreError;
use pando_store::kv::{Key, KeyRange};
use pando_store::precondition::Precondition;
use pando_store::wide::{RowKey, RowRange, Selector, Wanted};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

/// Runs a property, and prints the failing case with its seed.
fn check<S: Strategy>(cases: u32, strategy: S, property: impl Fn(&Runtime, &Bench, S::Value)) {
    let runtime = Runtime::new().unwrap();
    let bench = runtime.block_on(Bench::new());
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&strategy, |input| {
        property(&runtime, &bench, input);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "f:q", "f:*", "q", "가", "", "\0", "1", "null"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn is_sound<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Ok(_) | Err(StoreError::Refused(_)))
}

#[test]
fn any_operation_is_answered_or_refused() {
    let words = (word(), word(), word(), word());
    let rest = (
        any::<i64>(),
        any::<Option<u64>>(),
        any::<bool>(),
        any::<u32>(),
    );
    check(
        200,
        (words, rest),
        |runtime, bench, ((a, b, c, d), (at, number, reverse, versions))| {
            let store = &bench.store;
            runtime.block_on(async {
                if let Ok(row) = RowKey::new(&a, &b, &c) {
                    let write = store.wide_put(
                        &row,
                        put(&[(&d, &a)], Some(at), number),
                        Precondition::default(),
                    );
                    if let Ok(write) = write {
                        assert!(is_sound(bench.run(write).await));
                    }
                    let wanted = Wanted {
                        columns: Selector::parse(&d).into_iter().collect(),
                        versions: Some(versions),
                    };
                    if let Ok(get) = store.wide_get(&row, &wanted) {
                        assert!(is_sound(bench.run(get).await));
                    }
                    let range = RowRange {
                        from: Some(c.clone()),
                        to: Some(d.clone()),
                        reverse,
                        limit: number,
                        cursor: None,
                    };
                    if let Ok(slice) = store.wide_slice(row.partition(), &range, &wanted) {
                        assert!(is_sound(bench.run(slice).await));
                    }
                    let garbage = RowRange {
                        cursor: Some(a.clone()),
                        ..range
                    };
                    assert!(
                        store
                            .wide_slice(row.partition(), &garbage, &wanted)
                            .is_err()
                    );
                }
                if let Ok(key) = Key::new(&a, &b)
                    && let Ok(incr) = store.kv_incr(&key, at, None, Precondition::default()).await
                {
                    assert!(is_sound(bench.run(incr).await));
                }
                let range = KeyRange {
                    prefix: c,
                    limit: number,
                    cursor: None,
                };
                if let Ok(list) = store.kv_list(&a, &range) {
                    assert!(is_sound(bench.run(list).await));
                }
            });
        },
    );
}

#[test]
fn a_partition_is_what_a_map_makes_of_the_same_writes() {
    let row = prop::sample::select(vec!["1", "2", "3"]);
    let column = prop::sample::select(vec!["obs:a", "obs:b", "x:a"]);
    let write = (row, column, 0..6_i64, any::<bool>());
    check(
        40,
        prop::collection::vec(write, 1..25),
        |runtime, bench, writes| {
            runtime.block_on(async {
                let mut map: BTreeMap<(&str, &str), BTreeMap<i64, String>> = BTreeMap::new();
                for row in ["1", "2", "3"] {
                    let clean = bench
                        .store
                        .wide_delete(&key(row), &[], Precondition::default());
                    bench.run(clean).await.unwrap();
                }
                for (n, (row, column, at, deletes)) in writes.iter().enumerate() {
                    if *deletes && n % 3 == 0 {
                        let columns = [Selector::parse(column).unwrap()];
                        let delete =
                            bench
                                .store
                                .wide_delete(&key(row), &columns, Precondition::default());
                        bench.run(delete).await.unwrap();
                        map.remove(&(row, column));
                        continue;
                    }
                    bench
                        .put(row, &[(column, &n.to_string())], Some(NOW + at))
                        .await;
                    let versions = map.entry((row, column)).or_default();
                    versions.insert(*at, n.to_string());
                    let kept = if column.starts_with("obs") { 3 } else { 1 };
                    while versions.len() > kept {
                        versions.pop_first();
                    }
                }
                for row in ["1", "2", "3"] {
                    let mut expected = String::new();
                    for ((_, column), versions) in map.iter().filter(|((of, _), _)| *of == row) {
                        let versions: Vec<_> = versions
                            .iter()
                            .rev()
                            .map(|(at, value)| format!("{value}@{at}"))
                            .collect();
                        expected += &format!(" {column}={}", versions.join(","));
                    }
                    let expected = if expected.is_empty() {
                        "-".into()
                    } else {
                        format!("{row}{expected}")
                    };
                    assert_eq!(bench.get(row, &[], 9).await, expected, "{writes:?}");
                    assert_eq!(
                        bench.get(row, &["a", "obs:b"], 9).await,
                        expected,
                        "{writes:?}"
                    );
                }
                assert_eq!(partition().key(), "JFK");
            });
        },
    );
}

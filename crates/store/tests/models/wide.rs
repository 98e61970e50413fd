//! Wide-column: cells written and read, versions, columns, slices and their pages.

use crate::bench::{Bench, NOW, key, put, text, wanted};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::wide::{ColumnName, Partition, RowKey, RowList, RowRange, Selector};

fn range(from: &str, to: &str, reverse: bool) -> RowRange {
    RowRange {
        from: Some(from.into()),
        to: Some(to.into()),
        reverse,
        ..RowRange::default()
    }
}

fn rows(list: &RowList) -> Vec<&str> {
    list.rows.iter().map(|row| row.row.as_str()).collect()
}

/// Rows `1` to `6`: all have `obs:temp`, even ones `wind:dir` and `wind:speed`, the fourth a
/// `wind:temp`.
async fn filled() -> Bench {
    let bench = Bench::new().await;
    for row in 1..=6 {
        let temp = format!("{}", row * 10);
        let key = row.to_string();
        bench.put(&key, &[("obs:temp", &temp)], None).await;
        if row % 2 == 0 {
            let wind = [("wind:dir", "1"), ("wind:speed", "2")];
            bench.put(&key, &wind, None).await;
        }
    }
    bench.put("4", &[("wind:temp", "null")], None).await;
    bench
}

#[tokio::test]
async fn a_row_holds_the_cells_that_were_written_whatever_json_they_are() {
    let bench = Bench::new().await;
    let cells = [
        ("a:object", r#"{"b":1, "a":[true,null]}"#),
        ("a:exact", "0.10000000000000000001"),
        ("a:null", "null"),
        ("b:x:y", "\"z\""),
    ];
    assert!(bench.put("r", &cells, None).await, "it is new");
    assert!(!bench.put("r", &[("a:null", "1")], Some(NOW + 1)).await);
    let whole = r#"r a:exact=0.10000000000000000001@0 a:null=1@1 a:object={"a": [true, null], "b": 1}@0 b:x:y="z"@0"#;
    assert_eq!(bench.get("r", &[], 1).await, whole);
    assert_eq!(bench.get("s", &[], 1).await, "-");
}

#[tokio::test]
async fn columns_are_named_whole_by_family_or_by_qualifier() {
    let bench = filled().await;
    for (columns, expected) in [
        (&["obs:temp"][..], "4 obs:temp=40@0"),
        (
            &["wind:*"],
            "4 wind:dir=1@0 wind:speed=2@0 wind:temp=null@0",
        ),
        (&["temp"], "4 obs:temp=40@0 wind:temp=null@0"),
        (
            &["temp", "wind:dir"],
            "4 obs:temp=40@0 wind:dir=1@0 wind:temp=null@0",
        ),
        (
            &["obs:temp", "temp", "obs:*"],
            "4 obs:temp=40@0 wind:temp=null@0",
        ),
        (&["no"], "-"),
        (&["no", "obs:no", "no:*"], "-"),
    ] {
        assert_eq!(bench.get("4", columns, 1).await, expected, "{columns:?}");
    }
}

#[tokio::test]
async fn a_row_is_there_while_a_cell_of_it_is() {
    let bench = filled().await;
    let delete = |columns: &[&str]| {
        let columns = wanted(columns, 1).columns;
        bench
            .store
            .wide_delete(&key("4"), &columns, Precondition::default())
    };
    assert!(!bench.run(delete(&["no"])).await.unwrap());
    assert!(bench.run(delete(&["wind:dir", "temp"])).await.unwrap());
    assert_eq!(bench.get("4", &[], 1).await, "4 wind:speed=2@0");
    assert!(bench.run(delete(&[])).await.unwrap());
    assert_eq!(bench.get("4", &[], 1).await, "-");
    assert!(!bench.run(delete(&[])).await.unwrap());
    assert_eq!(bench.get("3", &[], 1).await, "3 obs:temp=30@0");
}

#[tokio::test]
async fn a_slice_goes_from_its_start_to_before_its_end_either_way() {
    let bench = filled().await;
    for (from, to, reverse, expected) in [
        ("2", "5", false, &["2", "3", "4"][..]),
        ("2", "5", true, &["4", "3", "2"]),
        ("", "3", false, &["1", "2"]),
        ("5", "", false, &["5", "6"]),
        ("5", "", true, &["6", "5"]),
        ("5", "5", false, &[]),
        ("6", "2", false, &[]),
        ("7", "", false, &[]),
    ] {
        let list = bench.slice(&range(from, to, reverse), &[], 1).await;
        assert_eq!(rows(&list), expected, "{from}..{to} {reverse}");
        assert_eq!((list.cursor, list.truncated), (None, false));
    }
    let nowhere = Partition::new("weather", "LGA").unwrap();
    let none = bench
        .store
        .wide_slice(&nowhere, &RowRange::default(), &wanted(&[], 1));
    assert_eq!(bench.run(none.unwrap()).await.unwrap().rows, []);
}

#[tokio::test]
async fn rows_sort_by_the_bytes_of_their_keys() {
    let bench = Bench::new().await;
    let keys = ["a", "B", "가", "é"];
    for key in keys {
        bench.put(key, &[("f:q", "1")], None).await;
    }
    let list = bench.slice(&RowRange::default(), &[], 1).await;
    assert_eq!(rows(&list), ["B", "a", "é", "가"]);
}

#[tokio::test]
async fn a_slice_of_columns_holds_the_rows_that_have_them() {
    let bench = filled().await;
    let texts = |list: RowList| list.rows.iter().map(text).collect::<Vec<_>>();
    for (columns, expected) in [
        (
            &["obs:temp"][..],
            &["2 obs:temp=20@0", "3 obs:temp=30@0", "4 obs:temp=40@0"][..],
        ),
        (&["wind:temp"], &["4 wind:temp=null@0"]),
        (&["dir"], &["2 wind:dir=1@0", "4 wind:dir=1@0"]),
        (
            &["wind:temp", "dir"],
            &["2 wind:dir=1@0", "4 wind:dir=1@0 wind:temp=null@0"],
        ),
        (
            &["wind:*", "obs:*"],
            &[
                "2 obs:temp=20@0 wind:dir=1@0 wind:speed=2@0",
                "3 obs:temp=30@0",
                "4 obs:temp=40@0 wind:dir=1@0 wind:speed=2@0 wind:temp=null@0",
            ],
        ),
        (&["no:*"], &[]),
    ] {
        let list = bench.slice(&range("2", "5", false), columns, 1).await;
        assert_eq!(texts(list), expected, "{columns:?}");
        let mut turned = texts(bench.slice(&range("2", "5", true), columns, 1).await);
        turned.reverse();
        assert_eq!(turned, expected, "{columns:?} from the end");
    }
}

/// All pages of a slice.
async fn pages(bench: &Bench, columns: &[&str], reverse: bool, limit: u64) -> Vec<Vec<String>> {
    let mut range = RowRange {
        reverse,
        limit: Some(limit),
        ..RowRange::default()
    };
    let mut pages = Vec::new();
    loop {
        let list = bench.slice(&range, columns, 1).await;
        pages.push(list.rows.iter().map(|row| row.row.clone()).collect());
        match list.cursor {
            Some(cursor) => range.cursor = Some(cursor),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let bench = filled().await;
    let check = |columns: &'static [&str], reverse, limit, expected: &'static [&str]| {
        let bench = &bench;
        async move {
            let pages = pages(bench, columns, reverse, limit).await;
            let joined: Vec<_> = pages.iter().map(|page| page.concat()).collect();
            assert_eq!(joined, expected, "{columns:?} {reverse} {limit}");
        }
    };
    check(&[], false, 4, &["1234", "56"]).await;
    check(&[], true, 4, &["6543", "21"]).await;
    check(&[], false, 3, &["123", "456"]).await;
    check(&["wind:*"], false, 2, &["24", "6"]).await;
    check(&["wind:*", "wind:temp"], true, 1, &["6", "4", "2"]).await;
    check(&["obs:temp", "dir"], false, 4, &["1234", "56"]).await;
}

#[tokio::test]
async fn only_a_list_that_max_rows_has_cut_says_so() {
    let bench = filled().await;
    for (limit, truncated) in [
        (None, true),
        (Some(9), true),
        (Some(4), false),
        (Some(0), false),
    ] {
        let range = RowRange {
            limit,
            ..RowRange::default()
        };
        let list = bench.slice(&range, &[], 1).await;
        assert_eq!(list.truncated, truncated, "{limit:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_partition_is_refused() {
    let bench = filled().await;
    let list = bench.slice(&RowRange::default(), &[], 1).await;
    let range = RowRange {
        cursor: list.cursor,
        ..RowRange::default()
    };
    let other = Partition::new("weather", "LGA").unwrap();
    let refused = bench
        .store
        .wide_slice(&other, &range, &wanted(&[], 1))
        .err();
    assert_eq!(refused.unwrap().code, "malformed");
}

#[tokio::test]
async fn a_write_can_be_bound_to_whether_the_row_is_there() {
    let bench = Bench::new().await;
    let only_new = || Precondition {
        if_none_match: Some(Versions::Any),
        ..Precondition::default()
    };
    let only_old = || Precondition {
        if_match: Some(Versions::Any),
        ..Precondition::default()
    };
    let write = |precondition| {
        let cells = put(&[("f:q", "1")], None, None);
        bench
            .store
            .wide_put(&key("r"), cells, precondition)
            .unwrap()
    };
    bench
        .refused(write(only_old()), "precondition_failed")
        .await;
    assert!(bench.run(write(only_new())).await.unwrap());
    bench
        .refused(write(only_new()), "precondition_failed")
        .await;
    assert!(!bench.run(write(only_old())).await.unwrap());
}

#[tokio::test]
async fn operations_together_see_each_other_and_are_all_or_none() {
    let bench = Bench::new().await;
    let write = |row: &str, precondition| {
        let cells = put(&[("f:q", "1")], None, None);
        let operation = bench.store.wide_put(&key(row), cells, precondition);
        operation.unwrap()
    };
    let only_old = Precondition {
        if_match: Some(Versions::Any),
        ..Precondition::default()
    };
    let free = Precondition::default;
    let both = Operation::all(
        vec![write("a", free()), write("a", only_old.clone())],
        |_| {},
    );
    assert_eq!(bench.run(both).await.unwrap(), [true, false]);
    let half = Operation::all(vec![write("b", free()), write("c", only_old)], |_| {});
    bench.refused(half, "precondition_failed").await;
    assert_eq!(bench.get("b", &[], 1).await, "-");
}

#[tokio::test]
async fn what_cannot_be_a_name_a_value_or_a_time_is_refused() {
    let long = "k".repeat(1025);
    for (table, partition, row) in [
        ("", "p", "r"),
        ("t", "", "r"),
        ("t", "p", ""),
        ("t\0", "p", "r"),
        ("t", "p\0", "r"),
        ("t", "p", "r\0"),
        ("t", "p", &long),
    ] {
        let refusal = RowKey::new(table, partition, row).unwrap_err();
        assert_eq!(refusal.code, "malformed", "{table:?} {partition:?} {row:?}");
    }
    for name in [
        "",
        "a",
        "a:",
        ":a",
        "a:*",
        "*:a",
        "a:\0",
        &format!("a:{long}"),
    ] {
        assert_eq!(
            ColumnName::parse(name).unwrap_err().code,
            "malformed",
            "{name}"
        );
    }
    for name in ["", "a:", ":a", ":*", "\0"] {
        assert_eq!(
            Selector::parse(name).unwrap_err().code,
            "malformed",
            "{name}"
        );
    }
    let bench = Bench::new().await;
    let far = pando_model::datetime::parse_timestamptz("9999-12-31T23:59:59Z").unwrap();
    for (cells, at, ttl, code) in [
        (&[][..], None, None, "malformed"),
        (&[("f:q", "1"), ("f:q", "2")], None, None, "malformed"),
        (&[("f:q", "{")], None, None, "22P02"),
        (&[("f:q", "\"\\u0000\"")], None, None, "22P05"),
        (&[("f:q", "1")], Some(far + 1_000_000), None, "malformed"),
        (&[("f:q", "1")], Some(i64::MIN), None, "malformed"),
        (&[("f:q", "1")], None, Some(u64::MAX), "malformed"),
    ] {
        let put = put(cells, at, ttl);
        let refused = bench
            .store
            .wide_put(&key("r"), put, Precondition::default());
        assert_eq!(
            refused.err().unwrap().code,
            code,
            "{cells:?} {at:?} {ttl:?}"
        );
    }
    let none = bench.store.wide_get(&key("r"), &wanted(&[], 0)).err();
    assert_eq!(none.unwrap().code, "malformed");
}

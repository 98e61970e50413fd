//! Versions of cells.

use crate::bench::{Bench, NOW, key, text, wanted};
use pando_store::config::Family;
use pando_store::session::Session;
use pando_store::wide::RowRange;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

#[tokio::test]
async fn the_newest_versions_are_kept_as_many_as_the_family_says() {
    let bench = Bench::new().await;
    for (at, value) in [(5, "5"), (3, "3"), (9, "9"), (4, "4"), (1, "1"), (9, "90")] {
        let cells = [("obs:a", value), ("other:a", value)];
        bench.put("r", &cells, Some(NOW + at)).await;
    }
    for (versions, expected) in [
        (1, "r obs:a=90@9 other:a=90@9"),
        (2, "r obs:a=90@9,5@5 other:a=90@9"),
        (9, "r obs:a=90@9,5@5,4@4 other:a=90@9"),
    ] {
        assert_eq!(bench.get("r", &[], versions).await, expected);
    }
}

/// However they are asked for: columns that overlap, in any order, of one row and of several.
#[tokio::test]
async fn several_columns_have_each_version_once_and_the_newest_first() {
    let bench = Bench::new().await;
    for (at, value) in [(2, "2"), (1, "1"), (3, "3")] {
        for row in ["q", "r"] {
            let cells = [("obs:b", value), ("other:a", value), ("obs:a", value)];
            bench.put(row, &cells, Some(NOW + at)).await;
        }
    }
    for (columns, versions, expected) in [
        (&["obs:b", "obs:a"][..], 1, "obs:a=3@3 obs:b=3@3"),
        (&["obs:b", "obs:a"], 2, "obs:a=3@3,2@2 obs:b=3@3,2@2"),
        (&["other:*", "obs:a"], 9, "obs:a=3@3,2@2,1@1 other:a=3@3"),
        (
            &["obs:*", "a", "obs:a"],
            2,
            "obs:a=3@3,2@2 obs:b=3@3,2@2 other:a=3@3",
        ),
    ] {
        let get = bench.get("r", columns, versions).await;
        assert_eq!(get, format!("r {expected}"), "{columns:?}");
        let list = bench.slice(&RowRange::default(), columns, versions).await;
        let rows: Vec<String> = list.rows.iter().map(text).collect();
        let each = ["q", "r"].map(|row| format!("{row} {expected}"));
        assert_eq!(rows, each, "{columns:?} of a slice");
    }
}

/// The bench's data under another declaration of `obs`.
async fn declared(bench: &Bench, versions: u32) -> String {
    let family = Family {
        versions,
        ..Family::default()
    };
    let config = StoreConfig {
        families: [(("weather".into(), "obs".into()), family)].into(),
        ..StoreConfig::default()
    };
    let engine = Arc::clone(bench.store.engine());
    let store = Store::open(engine, bench.clock.clone(), config).await;
    let store = store.unwrap();
    let get = store.wide_get(&key("r"), &wanted(&[], 9)).unwrap();
    let (found, _) = store.answer(&get, &Session::default()).await.unwrap();
    text(&found.unwrap())
}

#[tokio::test]
async fn what_is_superfluous_goes_with_the_write_and_a_lower_bound_holds_for_reads_at_once() {
    let bench = Bench::new().await;
    for at in [1, 2, 3, 4, 5, 0] {
        bench.put("r", &[("obs:a", "1")], Some(NOW + at)).await;
    }
    assert_eq!(declared(&bench, 9).await, "r obs:a=1@5,1@4,1@3");
    assert_eq!(declared(&bench, 2).await, "r obs:a=1@5,1@4");
}

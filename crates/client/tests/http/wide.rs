//! Wide rows through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use pando_client::{ErrorKind, Partition, WideRow};
use serde_json::{Value, json};
use std::time::Duration;

async fn filled(partition: &Partition) {
    for hour in 0..7 {
        let cells = json!({ "obs:temp": hour, "obs:wind,gust": "x", "raw:a:b": [hour] });
        partition
            .put(&format!("{hour:03}"), &cells)
            .await
            .expect("they are put");
    }
}

fn rows(rows: &[WideRow]) -> Vec<&str> {
    rows.iter().map(|row| row.row.as_str()).collect()
}

#[tokio::test]
async fn cells_come_back_under_any_name() {
    let world = World::new().await;
    for (table, partition, row) in [
        ("weather", "JFK", "010"),
        ("a/b", "..", "?c#d"),
        ("날씨", "서울/김포", "2026 %2F"),
    ] {
        let partition = world.client().wide(table).partition(partition);
        let cells = json!({ "obs:temp": 10.5, "메모:글": "맑음", "raw:a:b": null });
        partition.put(row, &cells).await.expect("they are put");
        let read = partition.get(row).await.expect("it is read");
        let read = read.expect("it is there");
        assert_eq!((&*read.row, json!(read.cells)), (row, cells));
        assert!(partition.delete(row).await.expect("it is deleted"));
        assert!(!partition.delete(row).await.expect("it is gone"));
        assert_eq!(partition.get(row).await.expect("it is read"), None);
    }
    let partition = world.client().wide("weather").partition("JFK");
    let wrong = partition.put("1", &json!({ "temp": 1 })).await;
    assert_eq!(wrong.expect_err("it has no family").code(), "malformed");
}

#[tokio::test]
async fn columns_and_versions_are_chosen() {
    let world = World::new().await;
    let partition = world.client().wide("weather").partition("JFK");
    for (value, at) in [(1, "1000000"), (2, "1970-01-01T00:00:02Z"), (3, "3000000")] {
        let cells = json!({ "obs:temp": value, "obs:wind,gust": value });
        partition
            .put("010", &cells)
            .at(at)
            .await
            .expect("they are put");
    }
    let hour = Duration::from_secs(3_600);
    let put = partition.put("010", &json!({ "live:temp": 9 })).ttl(hour);
    put.await.expect("they are put");
    let cells = |row: Option<WideRow>| json!(row.expect("it is there").cells);
    let read = partition.get("010").columns(&["temp"]).await;
    assert_eq!(
        cells(read.expect("it is read")),
        json!({ "live:temp": 9, "obs:temp": 3 })
    );
    let read = partition.get("010").columns(&["obs:wind,gust"]).versions(2);
    assert_eq!(
        cells(read.await.expect("it is read")),
        json!({ "obs:wind,gust": [
            { "at": "1970-01-01T00:00:03Z", "value": 3 },
            { "at": "1970-01-01T00:00:02Z", "value": 2 },
        ] })
    );
    let gone = partition.delete_columns("010", &["obs:*"]).await;
    assert!(gone.expect("they are deleted"));
    let gone = partition.delete_columns("010", &["obs:*"]).await;
    assert!(!gone.expect("they are gone"));
    let read = partition.get("010").await.expect("it is read");
    assert_eq!(cells(read), json!({ "live:temp": 9 }));
    let absent = partition.put("011", &json!({ "obs:temp": 1 })).if_present();
    assert_eq!(
        absent.await.expect_err("it is not there").kind(),
        ErrorKind::PreconditionFailed
    );
}

#[tokio::test]
async fn a_slice_is_read_either_way_page_by_page_to_its_end() {
    let world = World::new().await;
    let partition = world.client().wide("weather").partition("JFK");
    filled(&partition).await;
    let slice = partition.slice().from("001").to("005");
    let page = slice.clone().page().await.expect("a page");
    assert_eq!(rows(&page.items), ["001", "002", "003", "004"]);
    assert_eq!((page.cursor, page.truncated), (None, false));
    let page = slice
        .clone()
        .reverse()
        .limit(3)
        .page()
        .await
        .expect("a page");
    assert_eq!(rows(&page.items), ["004", "003", "002"]);
    let cursor = page.cursor.expect("there is more");
    let last = slice.reverse().limit(3).after(cursor).page().await;
    assert_eq!(rows(&last.expect("a page").items), ["001"]);
    let columns = partition.slice().columns(&["temp", "raw:*"]).limit(2);
    let all: Vec<WideRow> = columns.stream().try_collect().await.expect("all of them");
    assert_eq!(all.len(), 7);
    assert_eq!(
        json!(all[6].cells),
        json!({ "obs:temp": 6, "raw:a:b": [6] })
    );
    let versions = partition
        .slice()
        .to("001")
        .versions(2)
        .page()
        .await
        .expect("a page");
    assert_eq!(versions.items[0].cells["obs:temp"][0]["value"], 0);
}

#[tokio::test]
async fn partitions_are_listed_and_a_batch_is_done_whole() {
    let world = World::new().await;
    let weather = world.client().wide("weather");
    let ops = json!([
        { "op": "put", "partition": "JFK", "row": "1", "cells": { "obs:temp": 1 } },
        { "op": "put", "partition": "ICN", "row": "1", "cells": { "obs:temp": 2 }, "ttl": "1h" },
        { "op": "put", "partition": "HND", "row": "1", "cells": { "obs:temp": 3 }, "at": 5 },
        { "op": "get", "partition": "ICN", "row": "1" },
        { "op": "delete", "partition": "HND", "row": "2" },
    ]);
    let done = weather.batch(&ops).await.expect("it is done");
    assert_eq!(
        done[0],
        json!({ "partition": "JFK", "row": "1", "created": true })
    );
    assert_eq!(done[3]["cells"], json!({ "obs:temp": 2 }));
    assert_eq!(done[4]["deleted"], false);
    let page = weather.partitions().limit(2).page().await.expect("a page");
    assert_eq!(page.items, ["HND", "ICN"]);
    let rest = weather
        .partitions()
        .after(page.cursor.expect("there is more"));
    assert_eq!(rest.page().await.expect("a page").items, ["JFK"]);
    let all: Vec<String> = weather
        .partitions()
        .limit(1)
        .stream()
        .try_collect()
        .await
        .expect("all");
    assert_eq!(all, ["HND", "ICN", "JFK"]);
    let bad = json!([
        { "op": "put", "partition": "new", "row": "1", "cells": { "obs:temp": 1 } },
        { "op": "put", "partition": "new", "row": "1", "cells": { "temp": 1 } },
    ]);
    let error = weather.batch(&bad).await.expect_err("it is refused");
    assert_eq!(
        (error.code(), error.op()),
        ("malformed", Some(1)),
        "{error:?}"
    );
    let read = weather.partition("new").get("1").await.expect("it is read");
    assert_eq!(read, None);
    let _: &Vec<Value> = &done;
}

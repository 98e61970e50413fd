//! What an engine says of itself, and how it ends.

use crate::fixture::bench::{Bench, insert};
use crate::fixture::query::select;
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::error::EngineError;

pub(crate) async fn it_says_who_it_is(bench: Bench) {
    let info = bench.engine().info();
    assert!(!info.name.is_empty() && !info.version.is_empty());
    assert!(info.durability.copies >= 1);
    assert_eq!(
        info.durability.synced, bench.capabilities.persistent,
        "what outlives the process is synced before it is acknowledged"
    );
}

pub(crate) async fn a_new_engine_has_schema_version_zero(bench: Bench) {
    let engine = bench.engine();
    assert_eq!(engine.fetch_schema_version().await.expect("version"), 0);
    let progress = engine.progress();
    assert_eq!(progress.low, progress.high);
}

pub(crate) async fn a_sound_engine_verifies(mut bench: Bench) {
    let t = table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .unique(&["v"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, "a"], [2, ()], [3, ()]]).await;
    let faults = bench.engine().verify().await.expect("verify");
    assert_eq!(faults, Vec::<String>::new());
}

pub(crate) async fn statistics_count(mut bench: Bench) {
    let t = table("t").column("id", Integer).key(&["id"]).build();
    bench.create(&[&t]).await;
    let before = bench.engine().fetch_statistics().await.expect("statistics");
    for id in 0..10 {
        bench.insert(&t, rows![[id]]).await;
    }
    let after = bench.engine().fetch_statistics().await.expect("statistics");
    assert_eq!(after.writes - before.writes, 10);
    assert!(after.commits > before.commits);
    assert!(after.size_bytes > 0);
    assert_eq!((after.queued, after.feed_depth), (0, 0));
}

pub(crate) async fn a_closed_engine_turns_writes_away(mut bench: Bench) {
    let t = table("t").column("id", Integer).key(&["id"]).build();
    bench.create(&[&t]).await;
    bench.engine().close().await.expect("close");
    bench.engine().close().await.expect("close twice");
    let late = bench.write(vec![insert(&t, rows![[1]])]).await;
    assert!(
        matches!(late, Err(EngineError::Unavailable { .. })),
        "{late:?}"
    );
}

pub(crate) async fn a_backup_is_written_or_clearly_refused(mut bench: Bench) {
    let t = table("t").column("id", Integer).key(&["id"]).build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1], [2]]).await;
    let name = format!(
        "pando-conformance-{}-{:p}",
        std::process::id(),
        &raw const *t
    );
    let path = std::env::temp_dir().join(name);
    let result = bench.engine().backup(&path, &|_, _| {}).await;
    let is_written = path.exists();
    let again = bench.engine().backup(&path, &|_, _| {}).await;
    if is_written {
        std::fs::remove_file(&path).expect("remove the backup");
    }
    if bench.capabilities.backup {
        result.expect("backup");
        assert!(is_written);
        assert!(again.is_err(), "an existing file is never overwritten");
    } else {
        assert!(
            matches!(result, Err(EngineError::Unsupported { .. })),
            "{result:?}"
        );
        assert!(!is_written);
    }
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1], [2]]);
}

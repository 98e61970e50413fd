//! What is told of tasks that panic: the store's own task set, which `pando serve` runs its relays and
//! sweeps in. Nothing makes one panic in the real binary, so it is a task of the test's that does.

use crate::world::World;
use std::sync::atomic::{AtomicU32, Ordering};

/// What `/metrics` says of a task's restarts.
async fn restarts(world: &World, task: &str) -> Option<u64> {
    let metrics = world.get("/metrics").await.body;
    let lead = format!("pando_task_restarts_total{{task=\"{task}\"}} ");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&lead));
    found.map(|count| count.parse().expect("a number"))
}

#[tokio::test]
async fn a_task_that_panics_is_begun_anew_and_counted_and_one_that_keeps_failing_is_named() {
    let world = World::new().await;
    assert_eq!(restarts(&world, "relay").await, None);
    let begun = AtomicU32::new(0);
    let tasks = world.store.tasks();
    tasks
        .keep("relay", || async {
            let nth = begun.fetch_add(1, Ordering::Relaxed);
            assert!(nth >= 2, "no relay");
        })
        .await;
    assert_eq!(begun.load(Ordering::Relaxed), 3);
    assert_eq!(restarts(&world, "relay").await, Some(2));
    let ready = world.get("/readyz").await;
    assert!(!ready.body.contains("relay"), "{ready:?}");
    // The third time in a row it is told that it does.
    let fails = AtomicU32::new(1);
    let failing = tasks.keep("relay", || async {
        assert!(fails.swap(0, Ordering::Relaxed) == 0, "no relay");
        std::future::pending().await
    });
    let told = async {
        while restarts(&world, "relay").await < Some(3) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = failing => {}
        () = told => {}
    }
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    let relay = &ready.json()["checks"]["relay"];
    assert_eq!(relay["ok"], false, "{ready:?}");
    let reason = relay["reason"].as_str().expect("a reason");
    assert!(reason.contains("panicked 3 times"), "{reason}");
}

//! All of a write, or nothing.

use crate::fixture::bench::{Bench, delete, insert, receipt, refused, update};
use crate::fixture::query::{SelectExt, eq, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::column::ColumnType::*;
use pando_model::engine::{FeedCursor, Step, Write};
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::{Change, Filter};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

async fn two(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .key(&["id"])
        .unique(&["v"])
        .build();
    bench.create(&[&t]).await;
    bench.insert(&t, rows![[1, 10], [2, 20]]).await;
    t
}

async fn check_untouched(bench: &Bench, t: &Arc<Table>) {
    assert_eq!(
        bench.rows(select(t, &["id", "v"])).await,
        rows![[1, 10], [2, 20]]
    );
    for (v, found) in [
        (10, rows![[1]]),
        (20, rows![[2]]),
        (30, rows![]),
        (99, rows![]),
    ] {
        let by_index = select(t, &["id"]).filter(eq(t, "v", v));
        assert_eq!(bench.rows(by_index).await, found, "v = {v}");
    }
}

fn failing(t: &Arc<Table>) -> Vec<Change> {
    vec![
        insert(t, rows![[3, 30]]),
        update(t, eq(t, "id", 1), vec![(1, Value::Int(99))]),
        delete(t, eq(t, "id", 2)),
        insert(t, rows![[3, 40]]),
    ]
}

pub(crate) async fn a_second_change_that_fails_takes_the_first_back(mut bench: Bench) {
    let t = two(&mut bench).await;
    assert_eq!(refused(bench.write(failing(&t)).await).code, "23505");
    check_untouched(&bench, &t).await;
}

pub(crate) async fn a_refusal_of_finish_takes_everything_back(mut bench: Bench) {
    let t = two(&mut bench).await;
    let word = Refusal::new("PGRST116", "not this time").details("why");
    let given = word.clone();
    let mut changes = failing(&t);
    changes.pop();
    let write = Write {
        schema_version: bench.version,
        steps: changes.into_iter().map(Step::from).collect(),
        receipt: None,
        finish: Box::new(move |outcomes| {
            assert_eq!(outcomes.len(), 3);
            Err(given.clone())
        }),
    };
    assert_eq!(refused(bench.engine().write(write).await), word);
    check_untouched(&bench, &t).await;
}

/// A defect above the engine: where its caller is told at all, it is told of a fault, and not
/// that nobody knows; for nothing was done.
pub(crate) async fn a_finish_that_panics_takes_nobody_else_down(mut bench: Bench) {
    let t = two(&mut bench).await;
    for _ in 0..2 {
        let mut changes = failing(&t);
        changes.pop();
        let write = Write {
            schema_version: bench.version,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: None,
            finish: Box::new(|_| panic!("a defect, on purpose")),
        };
        let engine = bench.engine();
        match tokio::spawn(async move { engine.write(write).await }).await {
            Err(defect) => assert!(defect.is_panic()),
            Ok(answer) => assert!(
                matches!(answer, Err(EngineError::Internal { .. })),
                "{answer:?}"
            ),
        }
        check_untouched(&bench, &t).await;
    }
    bench.insert(&t, rows![[3, 30]]).await;
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1], [2], [3]]);
}

pub(crate) async fn a_failed_row_takes_its_statement_back(mut bench: Bench) {
    let t = two(&mut bench).await;
    for change in [
        insert(&t, rows![[3, 30], [4, 40], [5, 30]]),
        update(&t, Filter::Const(true), vec![(1, Value::Int(30))]),
    ] {
        assert_eq!(bench.refusal(change).await.code, "23505");
        check_untouched(&bench, &t).await;
    }
}

pub(crate) async fn failed_writes_leave_no_trace_in_feed_receipts_and_positions(mut bench: Bench) {
    let t = two(&mut bench).await;
    let cursor = bench.engine().follow("f").await.expect("follow");
    let before = bench.engine().progress().low;
    for _ in 0..3 {
        let failed = bench
            .write_with(failing(&t), Some((receipt("k", 1, 0), "never")))
            .await;
        assert_eq!(refused(failed).code, "23505");
    }
    assert_eq!(bench.feed(cursor).await, vec![]);
    assert_eq!(bench.engine().progress().low, before);
    assert_eq!(bench.engine().progress().high, before);
    let (answer, _) = bench
        .write_with(
            vec![insert(&t, rows![[3, 30]])],
            Some((receipt("k", 1, 0), "now")),
        )
        .await
        .expect("write");
    assert!(
        matches!(answer, pando_model::engine::WriteAnswer::Done { .. }),
        "{answer:?}"
    );
    let events = bench.feed(cursor).await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].cursor,
        FeedCursor {
            at: bench.engine().progress().low,
            ordinal: 1
        }
    );
}

pub(crate) async fn writers_at_the_same_time_lose_nothing(mut bench: Bench) {
    const WRITERS: i32 = 16;
    const EACH: i32 = 25;
    let t = table("t")
        .column("id", Integer)
        .column("writer", Integer)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    let bench = Arc::new(bench);
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (bench, t) = (bench.clone(), t.clone());
        tasks.push(tokio::spawn(async move {
            for n in 0..EACH {
                // Every fifth id is wanted by all writers: one gets it.
                let id = if n % 5 == 0 {
                    n
                } else {
                    1_000 * (writer + 1) + n
                };
                match bench.write(vec![insert(&t, rows![[id, writer]])]).await {
                    Ok(_) => {}
                    result => {
                        assert_eq!(refused(result).code, "23505");
                        assert_eq!(n % 5, 0);
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("writer");
    }
    let rows = bench.rows(select(&t, &["id"])).await;
    let contested = EACH / 5;
    assert_eq!(rows.len() as i32, contested + WRITERS * (EACH - contested));
    assert_eq!(rows[1], row![5]);
}

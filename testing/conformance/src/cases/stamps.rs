//! Positions: what a write is stamped with and what a read promises.

use crate::fixture::bench::{Bench, insert, update};
use crate::fixture::query::{SelectExt, TreeExt, select};
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::engine::WriteAnswer;
use pando_model::plan::Filter;
use pando_model::schema::Table;
use pando_model::stamp::{Position, Reach};
use pando_model::value::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn one(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    t
}

async fn write(bench: &Bench, t: &Arc<Table>, id: i32) -> Position {
    let done = bench
        .write_with(vec![insert(t, rows![[id, 0]])], None)
        .await;
    match done.expect("write").0 {
        WriteAnswer::Done { at, .. } => at,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn positions_rise_with_every_write(mut bench: Bench) {
    let t = one(&mut bench).await;
    let mut last = bench.engine().progress().low;
    for id in 0..50 {
        let at = write(&bench, &t, id).await;
        assert!(at > last, "{at:?} after {last:?}");
        last = at;
    }
    let at = bench.apply(vec![]).await.expect("apply");
    assert!(at > last, "a change of the schema has a position too");
}

pub(crate) async fn a_read_covers_the_write_before_it_and_promises_no_more_than_it_shows(
    mut bench: Bench,
) {
    let t = one(&mut bench).await;
    for id in 0..20 {
        let at = write(&bench, &t, id).await;
        let answer = bench
            .try_read(select(&t, &["id"]).tree(), false)
            .await
            .expect("read");
        let history = bench.engine().progress().history;
        assert_eq!(history.reach(at, answer.low), Reach::Contained);
        assert!(answer.high >= answer.low);
        assert_eq!(answer.high, at, "nobody else writes");
    }
}

pub(crate) async fn progress_follows_the_writes(mut bench: Bench) {
    let t = one(&mut bench).await;
    for id in 0..5 {
        let at = write(&bench, &t, id).await;
        let progress = bench.engine().progress();
        assert_eq!((progress.low, progress.high), (at, at));
    }
}

/// A writer keeps all rows equal; each read, of a row and its children, has to
/// see one state of them, and its stamps have to hold.
pub(crate) async fn a_read_sees_one_snapshot(mut bench: Bench) {
    let t = one(&mut bench).await;
    bench
        .insert(&t, (0..10).map(|id| crate::row![id, 0]).collect())
        .await;
    let bench = Arc::new(bench);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (bench, t, stop) = (bench.clone(), t.clone(), stop.clone());
        async move {
            for round in 1..=100 {
                let set = vec![(1, Value::Int(round))];
                bench.change(update(&t, Filter::Const(true), set)).await;
                tokio::task::yield_now().await;
            }
            stop.store(true, Ordering::SeqCst);
        }
    });
    while !stop.load(Ordering::SeqCst) {
        let twin = select(&t, &["v"]).tree();
        let tree = select(&t, &["id", "v"]).tree().child(&[0], &["id"], twin);
        let before = bench.engine().progress().low;
        let answer = bench.try_read(tree, true).await.expect("read");
        assert!(answer.low >= before && answer.high >= answer.low);
        assert_eq!((answer.rows.rows.len(), answer.rows.total), (10, Some(10)));
        let v = &answer.rows.rows[0][1];
        let all = answer.rows.rows.iter().map(|row| &row[1]);
        let twins = answer.rows.children[0].rows.iter().map(|row| &row[0]);
        assert!(all.chain(twins).all(|other| other == v), "{answer:?}");
        tokio::task::yield_now().await;
    }
    writer.await.expect("writer");
}

pub(crate) async fn positions_go_on_after_a_restart(mut bench: Bench) {
    if !bench.capabilities.persistent {
        let progress = bench.engine().progress();
        let older = Position {
            timeline: progress.low.timeline - 1,
            p: 1,
        };
        assert_eq!(
            progress.history.reach(older, progress.low),
            Reach::Lost,
            "what an earlier engine held is known to be lost"
        );
        return;
    }
    let t = one(&mut bench).await;
    let before = write(&bench, &t, 1).await;
    bench.reopen().await;
    let progress = bench.engine().progress();
    assert_eq!(
        progress.history.reach(before, progress.low),
        Reach::Contained
    );
    let after = write(&bench, &t, 2).await;
    assert!(after > before);
}

//! Receipts: what happens to a request that comes again.

use crate::fixture::bench::{Bench, insert, receipt, refused};
use crate::fixture::query::select;
use crate::fixture::schema::table;
use crate::rows;
use pando_model::column::ColumnType::*;
use pando_model::engine::{Receipt, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::schema::{SchemaStep, Table};
use pando_model::slot::Slot;
use std::sync::Arc;

async fn counter(bench: &mut Bench) -> Arc<Table> {
    let t = table("t").column("id", Integer).key(&["id"]).build();
    bench.create(&[&t]).await;
    t
}

async fn send(
    bench: &Bench,
    t: &Arc<Table>,
    id: i32,
    receipt: Receipt,
    answer: &str,
) -> WriteAnswer {
    bench
        .write_with(vec![insert(t, rows![[id]])], Some((receipt, answer)))
        .await
        .expect("write")
        .0
}

fn is_done(answer: &WriteAnswer, text: &str) -> bool {
    matches!(answer, WriteAnswer::Done { answer, .. } if answer == text.as_bytes())
}

fn is_replayed(answer: &WriteAnswer, text: &str) -> bool {
    matches!(answer, WriteAnswer::Replayed { answer, .. } if answer == text.as_bytes())
}

fn position(answer: &WriteAnswer) -> pando_model::stamp::Position {
    match answer {
        WriteAnswer::Done { at, .. } | WriteAnswer::Replayed { at, .. } => *at,
    }
}

pub(crate) async fn a_known_key_gives_the_first_answer_again(mut bench: Bench) {
    let t = counter(&mut bench).await;
    let first = send(&bench, &t, 1, receipt("k", 1, 0), "first").await;
    assert!(is_done(&first, "first"), "{first:?}");
    bench.insert(&t, rows![[2]]).await;
    for _ in 0..2 {
        let again = send(&bench, &t, 1, receipt("k", 1, 10), "second").await;
        assert!(is_replayed(&again, "first"), "{again:?}");
        assert!(position(&again) >= position(&first), "it covers the first");
    }
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1], [2]]);
}

pub(crate) async fn a_key_for_another_request_is_refused(mut bench: Bench) {
    let t = counter(&mut bench).await;
    send(&bench, &t, 1, receipt("k", 1, 0), "a").await;
    let other = bench
        .write_with(
            vec![insert(&t, rows![[2]])],
            Some((receipt("k", 2, 0), "b")),
        )
        .await;
    assert!(matches!(other, Err(EngineError::KeyReused)), "{other:?}");
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1]]);
}

pub(crate) async fn keys_differ_by_scope_and_are_found_in_any_slot(mut bench: Bench) {
    let t = counter(&mut bench).await;
    let base = receipt("k", 1, 0);
    let other_scope = Receipt {
        scope: [8; 16],
        request: [2; 32],
        ..base.clone()
    };
    for (id, receipt) in (1..).zip([base.clone(), other_scope, receipt("l", 4, 0)]) {
        let answer = send(&bench, &t, id, receipt, "x").await;
        assert!(is_done(&answer, "x"), "{id}: {answer:?}");
    }
    let other_body_elsewhere = Receipt {
        slot: Slot::CATALOG,
        request: [3; 32],
        ..base
    };
    let other = bench
        .write_with(
            vec![insert(&t, rows![[9]])],
            Some((other_body_elsewhere, "b")),
        )
        .await;
    assert!(matches!(other, Err(EngineError::KeyReused)), "{other:?}");
}

pub(crate) async fn a_key_that_has_run_out_is_forgotten(mut bench: Bench) {
    let t = counter(&mut bench).await;
    send(&bench, &t, 1, receipt("k", 1, 0), "first").await;
    let expiry = receipt("k", 1, 0).expires_at_us;
    let before = send(&bench, &t, 9, receipt("k", 1, expiry - 1), "no").await;
    assert!(is_replayed(&before, "first"), "{before:?}");
    let after = send(&bench, &t, 2, receipt("k", 2, expiry + 1), "second").await;
    assert!(is_done(&after, "second"), "{after:?}");
    let again = send(&bench, &t, 3, receipt("k", 2, expiry + 2), "third").await;
    assert!(is_replayed(&again, "second"), "{again:?}");
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1], [2]]);
}

pub(crate) async fn receipts_that_have_run_out_are_swept_in_batches(mut bench: Bench) {
    let t = counter(&mut bench).await;
    for id in 0..5 {
        send(&bench, &t, id, receipt(&format!("k{id}"), 1, 0), "first").await;
    }
    let engine = bench.engine();
    let expiry = receipt("k0", 1, 0).expires_at_us;
    send(&bench, &t, 9, receipt("late", 1, 1), "late").await;
    let before = engine.progress();
    let sweep = |now_us, max| {
        let engine = bench.engine();
        async move { engine.sweep_receipts(now_us, max).await.expect("sweep") }
    };
    assert_eq!(sweep(expiry - 1, 10).await, 0, "it is too early");
    let known = send(&bench, &t, 0, receipt("k0", 1, 0), "no").await;
    assert!(is_replayed(&known, "first"), "{known:?}");
    for removed in [2, 2, 1, 0] {
        assert_eq!(sweep(expiry, 2).await, removed);
    }
    assert_eq!(engine.progress(), before, "it takes no position");
    let late = send(&bench, &t, 9, receipt("late", 1, 1), "no").await;
    assert!(is_replayed(&late, "late"), "{late:?}");
    // A clock that went back would find the key unknown: it is gone.
    let again = send(&bench, &t, 10, receipt("k0", 1, 0), "second").await;
    assert!(is_done(&again, "second"), "{again:?}");
    assert_eq!(engine.verify().await.expect("verify"), Vec::<String>::new());
}

pub(crate) async fn a_refused_write_leaves_its_key_free(mut bench: Bench) {
    let t = counter(&mut bench).await;
    bench.insert(&t, rows![[1]]).await;
    let refused_ = bench
        .write_with(
            vec![insert(&t, rows![[1]])],
            Some((receipt("k", 1, 0), "a")),
        )
        .await;
    assert_eq!(refused(refused_).code, "23505");
    let answer = send(&bench, &t, 2, receipt("k", 2, 0), "b").await;
    assert!(is_done(&answer, "b"), "{answer:?}");
}

pub(crate) async fn a_replay_needs_no_current_schema(mut bench: Bench) {
    let t = counter(&mut bench).await;
    send(&bench, &t, 1, receipt("k", 1, 0), "first").await;
    let old = bench.version;
    let more = table("more").column("id", Integer).key(&["id"]).build();
    bench
        .apply(vec![SchemaStep::CreateTable(more)])
        .await
        .expect("apply");
    bench.version = old;
    let again = send(&bench, &t, 1, receipt("k", 1, 0), "no").await;
    assert!(is_replayed(&again, "first"), "{again:?}");
}

pub(crate) async fn the_same_key_at_the_same_time_is_done_once(mut bench: Bench) {
    let t = counter(&mut bench).await;
    let bench = Arc::new(bench);
    let tasks: Vec<_> = (0..16)
        .map(|id| {
            let (bench, t) = (bench.clone(), t.clone());
            tokio::spawn(
                async move { send(&bench, &t, id, receipt("k", 1, 0), &id.to_string()).await },
            )
        })
        .collect();
    let mut done = 0;
    let mut answers = std::collections::BTreeSet::new();
    for task in tasks {
        match task.await.expect("task") {
            WriteAnswer::Done { answer, .. } => {
                done += 1;
                answers.insert(answer);
            }
            WriteAnswer::Replayed { answer, .. } => {
                answers.insert(answer);
            }
        }
    }
    assert_eq!((done, answers.len()), (1, 1), "{answers:?}");
    assert_eq!(bench.rows(select(&t, &["id"])).await.len(), 1);
}

pub(crate) async fn receipts_outlive_the_engine(mut bench: Bench) {
    if !bench.capabilities.persistent {
        assert!(
            !bench.engine().info().durability.synced,
            "volatile, and says so"
        );
        return;
    }
    let t = counter(&mut bench).await;
    let first = send(&bench, &t, 1, receipt("k", 1, 0), "first").await;
    bench.reopen().await;
    let again = send(&bench, &t, 1, receipt("k", 1, 0), "no").await;
    assert!(is_replayed(&again, "first"), "{again:?}");
    assert!(position(&again) >= position(&first));
}

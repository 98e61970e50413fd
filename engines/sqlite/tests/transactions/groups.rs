//! Groups: what one member does not do to the others.

use crate::world::{World, is, row};
use pando_engine_sqlite::Synchronous;
use pando_model::canonical::slot_of_row;
use pando_model::engine::{Engine, Step, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{Comparison, Filter, Row, Scalar};
use pando_model::value::Value;
use pando_powercut::Disk;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Members of one group share a transaction; what the refused ones did is rolled back, and
/// must not come out as events of those behind them.
#[tokio::test]
async fn a_refused_member_of_a_group_leaves_no_events() {
    let world = Arc::new(World::new(Synchronous::Full).await);
    world.write(vec![world.insert(&[0], false)]).await.unwrap();
    let cursor = world.engine.follow("test").await.unwrap();
    let before = world.engine.fetch_statistics().await.unwrap();
    let members: Vec<_> = (1..=60)
        .map(|id| {
            let world = world.clone();
            // One breaks on its second row, when its first is stored already; one on its only row.
            let ids = match id % 3 {
                0 => vec![id],
                1 => vec![id, 0],
                _ => vec![0],
            };
            tokio::spawn(async move { world.write(vec![world.insert(&ids, false)]).await.is_ok() })
        })
        .collect();
    let mut done = Vec::new();
    for (member, id) in members.into_iter().zip(1..) {
        if member.await.unwrap() {
            done.push(slot_of_row(&world.table, &row(id, 0)));
        }
    }
    let after = world.engine.fetch_statistics().await.unwrap();
    assert_eq!(done.len(), 20);
    assert!(
        after.commits - before.commits < 20,
        "no group came together"
    );
    let page = world.engine.fetch_feed(cursor, 1_000).await.unwrap();
    let mut told: Vec<_> = page.events.iter().map(|event| event.slot).collect();
    told.sort_unstable();
    done.sort_unstable();
    assert_eq!(told, done);
}

/// A full disk takes a transaction down as a whole; its members are carried out again one by
/// one, so that one that does not fit refuses only itself.
#[tokio::test]
async fn a_member_that_does_not_fit_on_the_disk_leaves_the_others_alone() {
    let disk = Disk::install("one-too-large");
    let world = Arc::new(World::on(Some(&disk), Synchronous::Full).await);
    disk.limit_bytes(Some(disk.used_bytes() + (400 << 10)));
    let members: Vec<_> = (1..=16)
        .map(|number| {
            let world = world.clone();
            let ids: Vec<i64> = match number {
                8 => (1_000..40_000).collect(),
                id => vec![id],
            };
            tokio::spawn(async move { world.write(vec![world.insert(&ids, false)]).await })
        })
        .collect();
    for (member, number) in members.into_iter().zip(1..) {
        let answer = member.await.unwrap();
        match number {
            8 => assert!(
                matches!(answer, Err(EngineError::Unavailable { .. })),
                "{answer:?}"
            ),
            _ => assert!(answer.is_ok(), "{number}: {answer:?}"),
        }
    }
    let stored: Vec<Row> = (1..=16)
        .filter(|id| *id != 8)
        .map(|id| row(id, 0))
        .collect();
    assert_eq!(world.rows().await, stored);
}

/// A commit that failed leaves its position unused; what changes nothing need not write that
/// down, and is answered on a full disk.
#[tokio::test]
async fn a_full_disk_answers_what_changes_nothing() {
    let disk = Disk::install("full");
    let world = World::on(Some(&disk), Synchronous::Full).await;
    let first = world
        .write_under(Some("key"), vec![world.insert(&[0], false)])
        .await
        .unwrap();
    disk.limit_bytes(Some(disk.used_bytes()));
    // What room the log still has is filled first.
    let mut last = 0;
    let refused = loop {
        match world.write(vec![world.insert(&[last + 1], false)]).await {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(refused, EngineError::Unavailable { .. }),
        "{refused:?}"
    );
    let again = world
        .write_under(Some("key"), vec![world.insert(&[0], false)])
        .await;
    assert!(
        matches!(&again, Ok(WriteAnswer::Replayed { answer, .. }) if answer == b"done"),
        "{again:?}"
    );
    let nothing = world.write(vec![world.delete(-1)]).await;
    assert!(
        matches!(nothing, Ok(WriteAnswer::Done { .. })),
        "{nothing:?}"
    );
    disk.limit_bytes(None);
    let behind = world.engine.progress().high;
    let next = world
        .write(vec![world.insert(&[last + 1], false)])
        .await
        .unwrap();
    let at = |answer: &WriteAnswer| match answer {
        WriteAnswer::Done { at, .. } | WriteAnswer::Replayed { at, .. } => *at,
    };
    assert!(at(&next) > behind && behind > at(&first));
    assert_eq!(world.rows().await.len() as i64, last + 2);
}

/// Writes that come together are one transaction; one that panics takes it down, and no
/// other write with it.
#[tokio::test]
async fn a_member_that_panics_fails_alone_and_the_others_are_carried_out() {
    let world = Arc::new(World::new(Synchronous::Full).await);
    let cursor = world.engine.follow("test").await.unwrap();
    let before = world.engine.fetch_statistics().await.unwrap();
    // Holds the writer until all others wait, so that they come together.
    let (open, gate) = std::sync::mpsc::channel();
    let held = Arc::new(AtomicBool::new(false));
    let first = {
        let held = held.clone();
        world.spawn(0, move || {
            held.store(true, SeqCst);
            gate.recv().unwrap();
        })
    };
    while !held.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    let members: Vec<_> = (1..=9)
        .map(|id| {
            world.spawn(id, move || {
                assert_ne!(id, 5, "as the test wants it");
            })
        })
        .collect();
    while world.engine.fetch_statistics().await.unwrap().queued < 9 {
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    assert!(first.await.unwrap().is_ok());
    for (member, id) in members.into_iter().zip(1..) {
        let answer = member.await.unwrap();
        if id == 5 {
            assert!(
                matches!(answer, Err(EngineError::Internal { .. })),
                "{answer:?}"
            );
        } else {
            assert!(answer.is_ok(), "{id}: {answer:?}");
        }
    }
    let after = world.engine.fetch_statistics().await.unwrap();
    assert_eq!(after.writes - before.writes, 9);
    // The first; the four that shared the defect's transaction, by themselves; those behind.
    assert_eq!(after.commits - before.commits, 1 + 4 + 1);
    let stored: Vec<Row> = (0..=9).filter(|id| *id != 5).map(|id| row(id, 0)).collect();
    assert_eq!(world.rows().await, stored);
    let page = world.engine.fetch_feed(cursor, 100).await.unwrap();
    assert_eq!(page.events.len(), stored.len());
    // The writer goes on.
    world.write(vec![world.insert(&[5], false)]).await.unwrap();
}

/// While a write reads all others wait, so what it may read is bounded; refusing it leaves the
/// others of its group alone.
#[tokio::test]
async fn a_member_whose_reads_take_too_long_is_taken_back_alone() {
    let world = World::with(|config| config.write_read_steps = 20_000).await;
    let world = Arc::new(world);
    let ids: Vec<i64> = (1_000..6_000).collect();
    world.write(vec![world.insert(&ids, false)]).await.unwrap();
    let read = |filter| {
        let read = world.read(filter, true);
        let (tree, count) = (read.tree, read.count);
        Step::Read { tree, count }
    };
    let unfound = || Filter::Compare {
        left: Scalar::Column(1),
        op: Comparison::Eq,
        right: Value::Int(7),
    };
    let members: Vec<_> = (1..=60)
        .map(|id| {
            let mut steps = vec![Step::from(world.insert(&[id], false)), read(is(id))];
            if id % 3 == 0 {
                steps.push(read(unfound()));
            }
            let world = world.clone();
            tokio::spawn(async move { world.take(steps).await })
        })
        .collect();
    for (member, id) in members.into_iter().zip(1..) {
        match member.await.unwrap() {
            Ok(_) => assert_ne!(id % 3, 0, "{id}"),
            Err(EngineError::Refused(refusal)) => {
                assert_eq!((id % 3, refusal.code.as_ref()), (0, "54000"));
                assert!(refusal.hint.is_some());
            }
            Err(other) => panic!("{id}: {other:?}"),
        }
    }
    let small = world
        .rows()
        .await
        .into_iter()
        .filter(|row| row[0].compare(&Value::Int(100)).is_lt());
    let expected: Vec<Row> = (1..=60)
        .filter(|id| id % 3 != 0)
        .map(|id| row(id, 0))
        .collect();
    assert_eq!(small.collect::<Vec<_>>(), expected);
    // Many small reads are as bad as a large one.
    let many: Vec<Step> = (0..2_000).map(|_| read(is(1))).collect();
    assert!(matches!(
        world.take(many).await,
        Err(EngineError::Refused(_))
    ));
    // A change that looks at as much is not interrupted.
    let wide = world.update_all(unfound(), 9);
    world.write(vec![wide]).await.unwrap();
}

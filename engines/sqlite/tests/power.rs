//! Power cuts under load: every acknowledged write is there afterwards, none half, and no
//! position is given twice.
//!
//! 20 rounds in the ordinary run; `PANDO_POWER_ROUNDS=200` for the long one, and
//! `PANDO_POWER_SEED` to repeat one.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod ledger;

use ledger::{Ledger, Verdict, open_on};
use pando_engine_sqlite::Synchronous;
use pando_model::engine::Engine;
use pando_model::error::EngineError;
use pando_powercut::{Disk, Survival};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

const WRITERS: i64 = 64;

fn rounds() -> u64 {
    let rounds = std::env::var("PANDO_POWER_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(20)
}

fn seed() -> u64 {
    let seed = std::env::var("PANDO_POWER_SEED").ok();
    let seed = seed.and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("PANDO_POWER_SEED={seed}");
    seed
}

/// Lets 64 writers write until the power goes, brings it back and looks. Gives what was lost.
async fn round(
    disk: &Disk,
    folder: &tempfile::TempDir,
    ledger: &Arc<Ledger>,
    synchronous: Synchronous,
    chance: &mut StdRng,
) -> Vec<String> {
    let engine = open_on(disk, folder, synchronous).unwrap();
    let ledger_now = ledger.clone();
    ledger.prepare(&engine).await;
    // At any write, or when a commit is written and not answered.
    match chance.random_bool(0.7) {
        true => disk.cut_power_after(chance.random_range(1..1_500)),
        false => disk.cut_power_at_sync(chance.random_range(1..60)),
    }
    let closes = chance.random_bool(0.2);
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (engine, ledger, disk) = (engine.clone(), ledger_now.clone(), disk.clone());
            tokio::spawn(async move {
                let mut written = 0;
                // Some rounds end in an orderly way, so that the cut hits the closing.
                while !(disk.is_off() || closes && written == 5) {
                    ledger.write(&engine).await;
                    written += 1;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let _ = engine.close().await;
    drop(engine);
    disk.cut_power();
    let survival = match chance.random_range(0..5) {
        0 => Survival::Everything,
        1..3 => Survival::Nothing,
        _ => Survival::Sectors(chance.random()),
    };
    disk.restore_power(survival).unwrap();
    let engine = match open_on(disk, folder, synchronous) {
        Ok(engine) => engine,
        Err(error) => return vec![format!("all is lost: {error}")],
    };
    let wrong = ledger.check(&engine).await;
    engine.close().await.unwrap();
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut_whole() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let disk = Disk::install("power-full");
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    for number in 0..rounds() {
        let wrong = round(&disk, &folder, &ledger, Synchronous::Full, &mut chance).await;
        assert!(wrong.is_empty(), "seed {seed}, round {number}: {wrong:#?}");
    }
    let (done, refused, unknown) = ledger.counts();
    println!("{done} done, {refused} refused, {unknown} unknown");
    assert!(
        done > rounds() * 64,
        "the rounds did not write enough to mean anything: {done}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_test_finds_a_loss_where_commits_do_not_wait_for_the_disk() {
    let mut chance = StdRng::seed_from_u64(seed());
    for number in 0..20 {
        let disk = Disk::install(&format!("power-normal-{number}"));
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::default());
        let wrong = round(&disk, &folder, &ledger, Synchronous::Normal, &mut chance).await;
        if wrong.iter().any(|line| line.contains(" lost")) {
            return;
        }
    }
    panic!("nothing was lost, so the test would not notice a loss");
}

#[tokio::test]
async fn a_power_cut_while_a_file_is_made_leaves_one_that_can_be_made() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    for operations in 0..120 {
        let disk = Disk::install(&format!("power-making-{operations}"));
        let folder = tempfile::tempdir().unwrap();
        disk.cut_power_after(operations);
        if let Ok(engine) = open_on(&disk, &folder, Synchronous::Full) {
            let _ = engine.close().await;
        }
        disk.cut_power();
        disk.restore_power(Survival::Sectors(chance.random()))
            .unwrap();
        let engine = open_on(&disk, &folder, Synchronous::Full)
            .unwrap_or_else(|error| panic!("seed {seed}, {operations} operations: {error}"));
        assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
        engine.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_sync_loses_nothing_and_writes_go_on_after_it() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let disk = Disk::install("failing-sync");
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    for number in 0..rounds() {
        let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
        ledger.prepare(&engine).await;
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let (engine, ledger) = (engine.clone(), ledger.clone());
                tokio::spawn(async move {
                    for _ in 0..8 {
                        ledger.write(&engine).await;
                    }
                })
            })
            .collect();
        disk.fail_syncs(chance.random_range(1..6));
        for writer in writers {
            writer.await.unwrap();
        }
        disk.fail_syncs(0);
        // The file is tried again after a pause; until then writes are told to come back.
        while ledger.write(&engine).await != Verdict::Done {
            tokio::task::yield_now().await;
        }
        let wrong = ledger.check(&engine).await;
        assert!(wrong.is_empty(), "seed {seed}, round {number}: {wrong:#?}");
        // What the engine says after the failure must be on the disk, not only in memory.
        disk.cut_power();
        let _ = engine.close().await;
        drop(engine);
        disk.restore_power(Survival::Nothing).unwrap();
        let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
        let wrong = ledger.check(&engine).await;
        assert!(
            wrong.is_empty(),
            "seed {seed}, round {number}, restarted: {wrong:#?}"
        );
        engine.close().await.unwrap();
    }
    let (done, refused, _) = ledger.counts();
    assert!(
        done > 0 && refused > 0,
        "no sync has failed: {done} {refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_what_does_not_fit_and_loses_nothing() {
    let disk = Disk::install("full-disk");
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
    ledger.prepare(&engine).await;
    disk.limit_bytes(Some(disk.used_bytes() + (200 << 10)));
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let (engine, ledger) = (engine.clone(), ledger.clone());
            tokio::spawn(async move {
                let mut refused = 0;
                while refused < 3 {
                    refused += u32::from(ledger.write(&engine).await == Verdict::Refused);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let wrong = ledger.check(&engine).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    disk.limit_bytes(None);
    assert_eq!(ledger.write(&engine).await, Verdict::Done);
    engine.close().await.unwrap();
    drop(engine);
    let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
    let wrong = ledger.check(&engine).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (_, _, unknown) = ledger.counts();
    assert_eq!(unknown, 0, "a full disk leaves nothing in doubt");
}

/// Followers take no position of their own, so that after a commit in doubt the file does not
/// tell whether they are there.
#[tokio::test]
async fn a_follower_whose_commit_is_in_doubt_is_not_told_that_it_follows() {
    let disk = Disk::install("follow-in-doubt");
    let folder = tempfile::tempdir().unwrap();
    let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
    Ledger::default().prepare(&engine).await;
    disk.fail_syncs(1);
    let answer = engine.follow("test").await;
    assert!(
        matches!(answer, Err(EngineError::OutcomeUnknown { .. })),
        "{answer:?}"
    );
    engine.follow("test").await.unwrap();
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew_in_its_place() {
    let disk = Disk::install("file-gone");
    let folder = tempfile::tempdir().unwrap();
    let engine = open_on(&disk, &folder, Synchronous::Full).unwrap();
    let ledger = Ledger::default();
    ledger.prepare(&engine).await;
    let path = folder.path().join("pando.db");
    std::fs::remove_file(&path).unwrap();
    disk.fail_syncs(1);
    assert_eq!(ledger.write(&engine).await, Verdict::Unknown);
    assert_ne!(ledger.write(&engine).await, Verdict::Done);
    assert!(!path.exists());
    let _ = engine.close().await;
}

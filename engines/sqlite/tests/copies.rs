//! Backups and damage: a backup is a whole copy, a damaged one is not restored, and a
//! damaged data file is refused with the way out.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod ledger;

use ledger::{Ledger, Verdict};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, restore, verify_file};
use pando_model::engine::Engine;
use pando_model::error::EngineError;
use pando_model::stamp::{Position, Reach};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

struct Place {
    folder: tempfile::TempDir,
    ledger: Arc<Ledger>,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
            ledger: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An engine with 200 writes in it.
    async fn engine(&self) -> Arc<SqliteEngine> {
        let engine = SqliteEngine::open(SqliteConfig::new(self.path("pando.db"))).unwrap();
        self.ledger.prepare(&engine).await;
        for _ in 0..200 {
            assert_eq!(self.ledger.write(&engine).await, Verdict::Done);
        }
        engine
    }
}

fn no_progress(_: u64, _: u64) {}

/// Overwrites `length` bytes in the midst of a file.
fn damage(path: &Path, at: u64, length: usize) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&vec![0xA5; length]).unwrap();
}

fn is_corrupt_with_a_way_out<T: std::fmt::Debug>(result: Result<T, EngineError>) {
    match result {
        Err(EngineError::Corrupt(message)) => {
            assert!(message.contains("pando restore"), "{message}");
        }
        other => panic!("not refused as damaged: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_whole_and_its_restoration_begins_a_timeline() {
    let place = Place::new();
    let engine = place.engine().await;
    let before = engine.progress().low;
    let writing = {
        let (engine, ledger) = (engine.clone(), place.ledger.clone());
        tokio::spawn(async move {
            for _ in 0..300 {
                ledger.write(&engine).await;
            }
        })
    };
    let told = AtomicU64::new(0);
    let last = Mutex::new((0, 0));
    engine
        .backup(&place.path("backup"), &|done, all| {
            told.fetch_add(1, Relaxed);
            *last.lock().unwrap() = (done, all);
        })
        .await
        .unwrap();
    writing.await.unwrap();
    assert!(told.load(Relaxed) > 0);
    let (done, all) = *last.lock().unwrap();
    assert_eq!(done, all);
    assert_eq!(
        verify_file(&place.path("backup")).unwrap(),
        Vec::<String>::new()
    );

    let begun = restore(&place.path("backup"), &place.path("restored.db")).unwrap();
    assert_eq!(begun.timeline, before.timeline + 1);
    assert!(begun.p >= before.p);
    let restored = SqliteEngine::open(SqliteConfig::new(place.path("restored.db"))).unwrap();
    let progress = restored.progress();
    assert_eq!(progress.low, begun);
    let lost = Position {
        timeline: before.timeline,
        p: begun.p + 1,
    };
    assert_eq!(
        progress.history.reach(before, progress.low),
        Reach::Contained
    );
    assert_eq!(progress.history.reach(lost, progress.low), Reach::Lost);
    assert_eq!(restored.verify().await.unwrap(), Vec::<String>::new());
    assert_eq!(place.ledger.write(&restored).await, Verdict::Done);
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_or_cut_backup_is_not_restored() {
    let place = Place::new();
    let engine = place.engine().await;
    let target = place.path("restored.db");
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 5] = [
        ("a byte", |path| damage(path, 30_000, 1)),
        ("the header", |path| damage(path, 0, 64)),
        ("the trailer", |path| {
            let length = std::fs::metadata(path).unwrap().len();
            damage(path, length - 40, 4);
        }),
        ("the end", |path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(length / 2).unwrap();
        }),
        ("everything", |path| std::fs::write(path, b"").unwrap()),
    ];
    for (number, (what, spoil)) in spoils.into_iter().enumerate() {
        let backup = place.path(&format!("backup-{number}"));
        engine.backup(&backup, &no_progress).await.unwrap();
        spoil(&backup);
        println!("{what}");
        is_corrupt_with_a_way_out(restore(&backup, &target));
        assert!(!target.exists(), "{what}");
    }
}

#[tokio::test]
async fn neither_backup_nor_restore_replaces_a_file() {
    let place = Place::new();
    let engine = place.engine().await;
    let (backup, taken) = (place.path("backup"), place.path("taken"));
    engine.backup(&backup, &no_progress).await.unwrap();
    std::fs::write(&taken, b"mine").unwrap();
    assert!(engine.backup(&taken, &no_progress).await.is_err());
    assert!(restore(&backup, &taken).is_err());
    assert_eq!(std::fs::read(&taken).unwrap(), b"mine");
    // A log beside the place would be played into the restored file.
    std::fs::write(place.path("free.db-wal"), b"mine").unwrap();
    assert!(restore(&backup, &place.path("free.db")).is_err());
    assert!(!place.path("free.db").exists());
}

#[tokio::test]
async fn what_holds_data_is_for_its_owner_only() {
    let place = Place::new();
    let engine = place.engine().await;
    let (backup, restored) = (place.path("backup"), place.path("restored.db"));
    engine.backup(&backup, &no_progress).await.unwrap();
    restore(&backup, &restored).unwrap();
    let files = ["pando.db", "pando.db-wal", "backup", "restored.db"];
    for file in files {
        let rights = std::fs::metadata(place.path(file)).unwrap().permissions();
        assert_eq!(rights.mode() & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_damaged_or_foreign_data_file_is_refused_with_the_way_out() {
    let place = Place::new();
    let engine = place.engine().await;
    engine.close().await.unwrap();
    drop(engine);
    let sound = std::fs::read(place.path("pando.db")).unwrap();
    let length = sound.len() as u64;
    let path = place.path("damaged.db");
    for (at, bytes) in [(0, 100), (100, 300), (4_096, 4_096), (length / 2, 9_000)] {
        std::fs::write(&path, &sound).unwrap();
        damage(&path, at, bytes);
        println!("{bytes} bytes at {at}");
        let opened = SqliteEngine::open(SqliteConfig::new(&path));
        is_corrupt_with_a_way_out(opened.map(|_| ()));
    }
    std::fs::write(&path, b"id,name\n1,Berlin\n").unwrap();
    is_corrupt_with_a_way_out(SqliteEngine::open(SqliteConfig::new(&path)).map(|_| ()));
    std::fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(foreign);
    is_corrupt_with_a_way_out(SqliteEngine::open(SqliteConfig::new(&path)).map(|_| ()));
}

#[tokio::test]
async fn two_engines_on_one_file_take_turns() {
    let place = Place::new();
    let a = place.engine().await;
    let b = SqliteEngine::open(SqliteConfig::new(place.path("pando.db"))).unwrap();
    for _ in 0..50 {
        assert_eq!(place.ledger.write(&a).await, Verdict::Done);
        assert_eq!(place.ledger.write(&b).await, Verdict::Done);
    }
    assert_eq!(a.verify().await.unwrap(), Vec::<String>::new());
    assert_eq!(place.ledger.check(&b).await, Vec::<String>::new());
}

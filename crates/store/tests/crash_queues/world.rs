//! A store on a disk that can lose its power, with a queue, and what its users saw of it.

use crate::consume::InHand;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::clock::{Clock, ManualClock};
use pando_model::engine::Engine;
use pando_powercut::Disk;
use pando_queue::{Backoff, BackoffConfig};
use pando_store::error::StoreError;
use pando_store::migrate::MigrationFile;
use pando_store::operation::Operation;
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use pando_workload::{ORDER_DDL, PRIORITIES, Producer, QueueCounts, QueueHistory};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub const QUEUE: &str = "q";
/// Consumers of each group get every message.
pub const GROUPS: [&str; 2] = ["work", "audit"];
/// How long leases last.
pub const VISIBILITY_US: i64 = 30_000_000;
/// What is told to come later comes within that time.
pub const DELAY_MAX: Duration = Duration::from_secs(60);

const NOW: i64 = 1_800_000_000_000_000;
const PRODUCERS: u64 = 6;

/// See the module.
pub struct World {
    pub disk: Disk,
    folder: tempfile::TempDir,
    synchronous: Synchronous,
    pub seen: Seen,
    /// Whether there is another round.
    pub goes_on: bool,
    pub producers: Vec<Producer>,
    /// What consumers had when the power went.
    pub held: Vec<InHand>,
    pub counts: Counts,
}

/// What producers and consumers share.
#[derive(Clone)]
pub struct Seen {
    pub clock: Arc<ManualClock>,
    /// One for each of [`GROUPS`].
    histories: Arc<[Mutex<QueueHistory>; 2]>,
    /// The ids of rows that are there for sure.
    pub rows: Arc<Mutex<BTreeSet<u64>>>,
}

/// Publishes and what became of them, besides what histories count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Publishes that were not answered.
    pub unknown: u64,
    /// Of these, whose row is there, so that they are.
    pub with_row: u64,
    /// Of these, whose row is not there.
    pub without_row: u64,
    /// Of these, that were sent again.
    pub sent_again: u64,
    /// Of those, that had been published the first time.
    pub repeated: u64,
    /// Leases that were held over a power cut, and held still.
    pub held_over: u64,
}

impl World {
    pub fn new(name: &str, synchronous: Synchronous) -> World {
        World {
            disk: Disk::install(name),
            folder: tempfile::tempdir().unwrap(),
            synchronous,
            seen: Seen {
                clock: Arc::new(ManualClock::new(NOW)),
                histories: Arc::default(),
                rows: Arc::default(),
            },
            held: Vec::new(),
            goes_on: false,
            producers: (1..=PRODUCERS).map(Producer::new).collect(),
            counts: Counts::default(),
        }
    }

    /// Whether commits wait for the disk.
    pub fn waits_for_the_disk(&self) -> bool {
        self.synchronous == Synchronous::Full
    }

    /// Opens the store, with the table that messages are about.
    pub async fn open(&self) -> Result<Arc<Store>, StoreError> {
        let mut sqlite = SqliteConfig::new(self.folder.path().join("pando.db"));
        sqlite.vfs = Some(self.disk.name().to_owned());
        sqlite.synchronous = self.synchronous;
        // The log is folded in often, so that power cuts hit that too.
        sqlite.checkpoint_pages = 100;
        let engine: Arc<dyn Engine> = SqliteEngine::open(sqlite)?;
        let mut config = StoreConfig {
            max_rows: 1_000_000,
            ..StoreConfig::default()
        };
        let mut rules = config.queues.others.clone();
        rules.visibility = Duration::from_micros(VISIBILITY_US.unsigned_abs());
        rules.groups = GROUPS.map(str::to_owned).into();
        rules.priorities = PRIORITIES;
        // Of what dies nothing is asked here.
        rules.backoff = Backoff::new(BackoffConfig {
            attempts_max: 10_000,
            ..BackoffConfig::default()
        })
        .unwrap();
        config.queues.declared.insert(QUEUE.into(), rules);
        let clock: Arc<dyn Clock> = Arc::clone(&self.seen.clock) as _;
        let store = Store::open(engine, clock, config).await?;
        let table = MigrationFile {
            name: "0001_order_placed.sql".into(),
            sql: ORDER_DDL.into(),
        };
        store.migrate(&[table]).await.unwrap();
        Ok(store)
    }
}

impl Seen {
    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// Time goes on.
    pub fn clock_on(&self, us: i64) {
        self.clock.advance_us(us);
    }

    /// What a group saw.
    pub fn of(&self, group: usize) -> MutexGuard<'_, QueueHistory> {
        self.histories[group].lock().unwrap()
    }

    /// Tells the histories of all groups.
    pub fn tell(&self, mut what: impl FnMut(&mut QueueHistory)) {
        for history in self.histories.iter() {
            what(&mut history.lock().unwrap());
        }
    }

    pub fn wrong(&self, drained: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        self.tell(|history| match drained {
            true => wrong.extend(history.drained()),
            false => wrong.extend_from_slice(history.wrong()),
        });
        wrong
    }

    pub fn counts(&self) -> [QueueCounts; 2] {
        [0, 1].map(|group| self.of(group).counts())
    }
}

/// What an operation concludes.
pub async fn concluded<T: Send + 'static>(
    store: &Store,
    operation: Operation<T>,
) -> Result<T, StoreError> {
    let kept = Arc::new(Mutex::new(None));
    let place = Arc::clone(&kept);
    let operation = operation.map(move |concluded| {
        *place.lock().unwrap() = Some(concluded);
        Ok(Vec::new())
    });
    store
        .carry_out(&operation, None, &Session::default())
        .await?;
    let concluded = kept.lock().unwrap().take();
    Ok(concluded.unwrap())
}

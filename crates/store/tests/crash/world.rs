//! A store on a disk that can lose its power, and all that was answered by it.

use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::clock::SystemClock;
use pando_model::engine::Engine;
use pando_model::stamp::Position;
use pando_powercut::Disk;
use pando_store::docs::Declared;
use pando_store::error::StoreError;
use pando_store::migrate::MigrationFile;
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use pando_workload::{COLLECTION, GRAPH, HUBS, NODE_KIND, SEARCHED, SPACE, TABLE_DDL, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Bytes of a document at most.
pub const COLLECTION_BYTES_MAX: usize = 1 << 20;
/// Writers at the same time.
const WRITERS: u64 = 12;

/// An answer to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What its operations concluded, versions included.
    pub text: String,
    /// Its position.
    pub at: Position,
}

/// See the module.
pub struct World {
    pub disk: Disk,
    folder: tempfile::TempDir,
    synchronous: Synchronous,
    /// Whether the writers' key-values are written behind.
    pub is_behind: bool,
    pub writers: Vec<Writer<Told>>,
    pub given: Arc<Mutex<Given>>,
    pub counts: Counts,
}

/// What was given out, and must not be given out again.
#[derive(Debug, Default)]
pub struct Given {
    pub positions: BTreeMap<Position, String>,
    versions: BTreeSet<u64>,
}

/// How the first sending of transactions ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub acknowledged: u64,
    pub refused: u64,
    pub unknown: u64,
    /// Of these, what was there when the power came back.
    pub unknown_done: u64,
}

impl World {
    pub fn new(name: &str, synchronous: Synchronous) -> World {
        World {
            disk: Disk::install(name),
            folder: tempfile::tempdir().unwrap(),
            synchronous,
            is_behind: false,
            writers: (1..=WRITERS).map(Writer::new).collect(),
            given: Arc::default(),
            counts: Counts::default(),
        }
    }

    /// Whether commits wait for the disk.
    pub fn waits_for_the_disk(&self) -> bool {
        self.synchronous == Synchronous::Full
    }

    /// Opens the store, with all that the workload needs.
    pub async fn open(&self) -> Result<Arc<Store>, StoreError> {
        let mut config = SqliteConfig::new(self.folder.path().join("pando.db"));
        config.vfs = Some(self.disk.name().to_owned());
        config.synchronous = self.synchronous;
        // The log is folded in often, so that power cuts hit that too.
        config.checkpoint_pages = 100;
        let engine: Arc<dyn Engine> = SqliteEngine::open(config)?;
        let config = StoreConfig {
            document_bytes_max: COLLECTION_BYTES_MAX,
            ..StoreConfig::default()
        };
        let store = Store::open(engine, Arc::new(SystemClock), config).await?;
        prepare(&store).await?;
        if self.is_behind {
            store.write_behind(&[SPACE.to_owned()].into()).await?;
        }
        Ok(store)
    }
}

/// Makes the table, the search index and the hubs, unless they are there.
async fn prepare(store: &Store) -> Result<(), StoreError> {
    let table = MigrationFile {
        name: "0001_entry.sql".into(),
        sql: TABLE_DDL.into(),
    };
    store.migrate(&[table]).await.unwrap();
    let declared = Declared::read(&[], &[SEARCHED.to_owned()]).unwrap();
    let declared = [(COLLECTION.to_owned(), declared)].into();
    store.declare_search(&declared).await?;
    while store.tend_documents().await? {}
    let mut hubs: Vec<Operation<_>> = Vec::new();
    for hub in HUBS {
        let key = pando_store::graph::NodeKey::new(GRAPH, hub).unwrap();
        let put = store.graph_put_node(&key, NODE_KIND, None, Precondition::default());
        hubs.push(put.await?);
    }
    let hubs = Operation::all(hubs, |_| {}).map(|_| Ok(Vec::new()));
    store.carry_out(&hubs, None, &Session::default()).await?;
    Ok(())
}

impl Given {
    /// Notes what the first answer to a transaction gave out.
    pub fn note(&mut self, key: &str, told: &Told) {
        let taken = self.positions.insert(told.at, key.to_owned());
        assert_eq!(taken, None, "{:?} was given to {key} too", told.at);
        for rest in told.text.split("version: ").skip(1) {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            let version = digits.unwrap().parse().unwrap();
            let is_new = self.versions.insert(version);
            assert!(is_new, "the version {version} was given twice: {told:?}");
        }
    }
}

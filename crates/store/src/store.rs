//! The store: one engine, the schema in force, and what every request needs of
//! them from memory.

use crate::catalog::{Catalog, KnownSettings, random_name};
use crate::config::StoreConfig;
use crate::docs::Collections;
use crate::error::StoreError;
use crate::ids::Ids;
use crate::keys::Keyring;
use crate::kv::Journal;
use crate::queue::{Brokered, Floors, Gauges, KnownQueues, Ranks};
use crate::seal::Sealer;
use crate::session::Result;
use crate::tables::{DirectoryCache, ReadQuery};
use crate::tasks::Tasks;
use crate::token::Token;
use arc_swap::ArcSwap;
use pando_model::clock::Clock;
use pando_model::engine::Engine;
use pando_model::schema::Schema;
use pando_model::stamp::Position;
use pando_queue::listeners::Listeners;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The data tier of one deployment.
pub struct Store {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    config: StoreConfig,
    schema: ArcSwap<Schema>,
    directory: DirectoryCache,
    ids: Ids,
    sealer: Arc<Sealer>,
    keyring: Keyring,
    catalog: Arc<Catalog>,
    swept: AtomicU64,
    collections: Arc<Collections>,
    /// What the news of other processes were known by when they were taken over.
    news: ArcSwap<String>,
    /// What was said of caches while it runs.
    cache_settings: KnownSettings,
    query_reader: OnceLock<ReadQuery>,
    journal: Journal,
    gauges: Gauges,
    known_queues: KnownQueues,
    relayed: Floors,
    ranks: Ranks,
    brokered: OnceLock<Brokered>,
    /// Queues on a broker that this process was told nothing of.
    stranded: ArcSwap<BTreeSet<String>>,
    listeners: OnceLock<Arc<Listeners>>,
    /// What goes on beside requests in this process.
    tasks: Tasks,
    /// This process, among those over one catalog.
    name: String,
    /// Held while migrations are applied: one at a time.
    pub(crate) migrating: tokio::sync::Mutex<()>,
}

impl Store {
    /// Opens the store on an engine: makes the catalog if there is none, loads the schema, the
    /// signing secrets and the keys.
    pub async fn open(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        config: StoreConfig,
    ) -> Result<Arc<Store>> {
        let catalog = Arc::new(Catalog::open(Arc::clone(&engine), Arc::clone(&clock)).await?);
        // Before what it tells of: what changes meanwhile is then read again.
        let news = catalog.fetch_news().await?;
        let schema = catalog.fetch_schema().await?;
        let sealer = Arc::new(Sealer::load(&catalog).await?);
        let keyring = Keyring::load(&catalog).await?;
        let collections = Arc::new(Collections::load(&catalog).await?);
        let cache_settings = catalog.fetch_cache_settings().await?;
        let ids = Ids::new(Arc::clone(&catalog));
        Ok(Arc::new(Store {
            engine,
            clock,
            config,
            schema: ArcSwap::from_pointee(schema),
            directory: DirectoryCache::default(),
            ids,
            sealer,
            keyring,
            catalog,
            swept: AtomicU64::new(0),
            collections,
            news: ArcSwap::from_pointee(news),
            cache_settings: KnownSettings::new(cache_settings),
            query_reader: OnceLock::new(),
            journal: Journal::default(),
            gauges: Gauges::default(),
            known_queues: KnownQueues::default(),
            relayed: Floors::default(),
            ranks: Ranks::default(),
            brokered: OnceLock::new(),
            stranded: ArcSwap::default(),
            listeners: OnceLock::new(),
            tasks: Tasks::default(),
            name: random_name()?,
            migrating: tokio::sync::Mutex::new(()),
        }))
    }

    /// The engine that keeps the data.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The clock that the store goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What goes on beside requests in this process.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Limits and times.
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// The schema in force, as far as this process knows. An engine that knows better
    /// answers `SchemaChanged`: then [`Store::reload_schema`], plan again, and retry.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.load_full()
    }

    /// Loads the schema that is in force in the engine. Never goes back to an older one.
    pub async fn reload_schema(&self) -> Result<Arc<Schema>> {
        let fetched = self.catalog.fetch_schema().await;
        // Another process may be of a version that this one must not serve beside.
        let is_known = fetched
            .as_ref()
            .is_ok_and(|fetched| fetched.version <= self.schema().version);
        if !is_known {
            self.catalog.check_version().await?;
        }
        let fetched = fetched?;
        // Declarations of documents change with the schema. What is planned for its new version
        // has to go by the new ones.
        if fetched.version > self.schema().version {
            self.collections.reload(&self.catalog).await?;
        }
        self.adopt_schema(Arc::new(fetched));
        Ok(self.schema())
    }

    /// Where ids for identity columns come from.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The token for an answer that holds nothing beyond `high`: what `Pando-Stamp` says.
    /// The last one made is kept, so an idle history costs a comparison.
    pub fn seal(&self, high: Position) -> Arc<str> {
        self.sealer.seal_position(high)
    }

    /// A token's text, for tokens that hold more than one position.
    pub fn seal_token(&self, token: &Token) -> String {
        self.sealer.seal_token(token)
    }

    /// Reads a token. Garbage, a tampered and a foreign one count as absent.
    pub fn unseal(&self, text: &str) -> Option<Token> {
        self.sealer.unseal(text)
    }

    /// Makes an opaque, authenticated text of a cursor's bytes.
    pub fn seal_cursor(&self, cursor: &[u8]) -> String {
        self.sealer.seal_cursor(cursor)
    }

    /// The same, to take along into a transaction.
    pub(crate) fn cursor_sealer(&self) -> impl Fn(&[u8]) -> String + Send + Sync + use<> {
        let sealer = Arc::clone(&self.sealer);
        move |cursor| sealer.seal_cursor(cursor)
    }

    /// Reads what [`Store::seal_cursor`] made; `None` for anything else.
    pub fn open_cursor(&self, text: &str) -> Option<Vec<u8>> {
        self.sealer.open_cursor(text)
    }

    /// Whether reads can be answered: reads one row, by its key.
    pub async fn probe(&self) -> Result<()> {
        self.catalog.check_version().await
    }

    /// What is due from time to time: rotates old signing secrets and writes down when keys
    /// were last used. Call it about once a minute; a failure is harmless and tried again.
    pub async fn maintain(&self) -> Result<()> {
        self.sealer.rotate_if_due(&self.catalog).await?;
        self.keyring.record_use(&self.catalog).await
    }

    /// Finishes what was accepted and closes the engine. Idempotent.
    pub async fn close(&self) -> Result<()> {
        // What could not be written down now is only when keys were last used.
        if let Err(error) = self.keyring.record_use(&self.catalog).await {
            tracing::debug!(%error, "could not record when keys were last used");
        }
        self.engine.close().await.map_err(StoreError::from)
    }

    /// How many rows were swept away since it was opened, because they had run out.
    pub fn swept(&self) -> u64 {
        self.swept.load(Ordering::Relaxed)
    }

    pub(crate) fn count_swept(&self, rows: u64) {
        self.swept.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn directory(&self) -> &DirectoryCache {
        &self.directory
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(crate) fn collections(&self) -> &Arc<Collections> {
        &self.collections
    }

    pub(crate) fn news(&self) -> &ArcSwap<String> {
        &self.news
    }

    pub(crate) fn settings_of_caches(&self) -> &KnownSettings {
        &self.cache_settings
    }

    pub(crate) fn query_reader(&self) -> &OnceLock<ReadQuery> {
        &self.query_reader
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn known_queues(&self) -> &KnownQueues {
        &self.known_queues
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// What this process has handed over to a broker.
    pub(crate) fn relayed(&self) -> &Floors {
        &self.relayed
    }

    /// What was found above the priorities of queues.
    pub(crate) fn known_ranks(&self) -> &Ranks {
        &self.ranks
    }

    pub(crate) fn listeners_cell(&self) -> &OnceLock<Arc<Listeners>> {
        &self.listeners
    }

    pub(crate) fn brokered(&self) -> &OnceLock<Brokered> {
        &self.brokered
    }

    /// Queues on a broker, where this process has none.
    pub(crate) fn stranded(&self) -> &ArcSwap<BTreeSet<String>> {
        &self.stranded
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Goes by this schema from now on, unless a newer one is known.
    pub(crate) fn adopt_schema(&self, schema: Arc<Schema>) {
        self.schema.rcu(|known| {
            if known.version > schema.version {
                Arc::clone(known)
            } else {
                Arc::clone(&schema)
            }
        });
    }
}

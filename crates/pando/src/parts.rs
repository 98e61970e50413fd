//! Parts: the store on the engine that the configuration names. The one room that
//! knows engines.

pub mod adopt;
pub mod broker;
pub mod cache;
pub mod exchanges;
pub mod listeners;
mod postgres;
pub mod queues;
pub mod redis;
pub mod topics;
pub mod workers;

pub use postgres::{fault_of_url, inspect, is_empty};

use crate::config::{Config, EngineKind};
use crate::data_dir::DataDir;
use crate::failure::fail;
use anyhow::Context;
use cache::Caches;
use pando_cache::{Random, ThreadRandom, Tier};
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::SystemClock;
use pando_model::engine::Engine;
use pando_model::error::EngineError;
use pando_store::config::Family;
use pando_store::docs::{Declared, DocumentKey, INDEXES_MAX, SEARCH_PATHS_MAX};
use pando_store::keys::{ROOT_NAME, Scopes};
use pando_store::sessions::SessionsConfig;
use pando_store::{Store, StoreConfig};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use pando_engine_sqlite::verify_file;

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Whatever comes.
    General,
    /// One large write after the other.
    Import,
}

/// The writer's page cache while importing. A chunk touches pages all over the file; those
/// that do not fit are written and read again within it.
const IMPORT_CACHE_BYTES: u64 = 192 << 20;
/// How long what went wrong with an index is left alone: a full disk or a busy queue stay so
/// for a while.
const TEND_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Opens the store. The caller holds the data directory's lock.
pub async fn open_store(
    config: &Config,
    dir: &DataDir,
    purpose: Purpose,
) -> anyhow::Result<Arc<Store>> {
    if config.store.engine == EngineKind::Postgres {
        refuse_data_of_sqlite(dir)?;
    }
    let engine = open_engine(config, dir, purpose).await?;
    if purpose == Purpose::Import && !engine.is_shared() {
        // Caches of a process that was killed: nothing need be recorded for them.
        Tier::forget(&*engine).await?;
    }
    open_on(engine, config, dir).await
}

/// Opens the store to serve it, with caches in front of its engine.
pub async fn open_served(
    config: &Config,
    dir: &DataDir,
) -> anyhow::Result<(Arc<Store>, Arc<Caches>)> {
    if config.store.engine == EngineKind::Postgres {
        refuse_data_of_sqlite(dir)?;
    }
    let engine = open_engine(config, dir, Purpose::General).await?;
    queues::check_synced(config, engine.info().durability)?;
    let tier = Tier::new(engine, Arc::new(SystemClock), Arc::new(ThreadRandom))?;
    let store = open_on(Arc::clone(&tier) as Arc<dyn Engine>, config, dir).await?;
    if let Some(sharing) = redis::sharing(&config.cache)? {
        tier.share(sharing, shared_name(&store).await?);
    }
    store.use_listeners(Arc::new(listeners::called(config)?));
    let caches = Caches::new(Arc::clone(&store), tier, config.cache.clone());
    caches.look();
    use_broker(&store, config).await?;
    Ok((store, caches))
}

/// Connects to the broker for queues, if the configuration names one; else says which queues are on
/// one all the same.
pub async fn use_broker(store: &Store, config: &Config) -> anyhow::Result<()> {
    match broker::connect(&config.queue).await? {
        Some(broker) => store.queue_use_broker(broker).await?,
        None => broker::warn_of_stranded(&store.queue_look_for_stranded().await?),
    }
    Ok(())
}

/// What this store is known by where several share a cache. A file that is restored goes on under
/// the positions that another one had: a store of one process alone has a name of its own each time.
async fn shared_name(store: &Store) -> anyhow::Result<String> {
    let mut name = store.identity().await?;
    if !store.engine().is_shared() {
        name.push_str(&format!("/{:x}", ThreadRandom.unit().to_bits()));
    }
    Ok(name)
}

async fn open_on(
    engine: Arc<dyn Engine>,
    config: &Config,
    dir: &DataDir,
) -> anyhow::Result<Arc<Store>> {
    let store = Store::open(engine, Arc::new(SystemClock), store_config(config))
        .await
        .context("cannot open the store")?;
    dir.keep_root_key_aside(config.store.engine == EngineKind::Memory)?;
    store.read_queries_by(pando_web::table_read);
    leave_root_key(&store, dir).await?;
    Ok(store)
}

/// A folder with a store of SQLite's is not gone by for PostgreSQL: its data would seem to be
/// gone, and its root key would be written over.
fn refuse_data_of_sqlite(dir: &DataDir) -> anyhow::Result<()> {
    let file = dir.database();
    if !file.exists() {
        return Ok(());
    }
    fail(format!(
        "{} holds a store of SQLite's, which engine = \"postgres\" does not read",
        file.display()
    ))
    .hint(
        "name another folder with --data-dir; `pando export` and `pando import` take data over,\n\
         or say [store] engine = \"sqlite\" to serve what is there",
    )
    .err()
}

/// Makes a data file from a backup; nothing may be at `target`.
pub fn restore(backup: &Path, target: &Path) -> anyhow::Result<()> {
    pando_engine_sqlite::restore(backup, target)
        .map(|_| ())
        .map_err(|error| match error {
            EngineError::Corrupt(reason) => {
                fail(format!("{} cannot be restored: {reason}", backup.display()))
                    .hint("take an older backup; `pando backup` writes only verified ones")
                    .into()
            }
            other => anyhow::Error::from(other).context("cannot restore"),
        })
}

async fn open_engine(
    config: &Config,
    dir: &DataDir,
    purpose: Purpose,
) -> anyhow::Result<Arc<dyn Engine>> {
    match config.store.engine {
        EngineKind::Memory => Ok(Arc::new(MemoryEngine::new())),
        EngineKind::Postgres => postgres::open(config).await,
        EngineKind::Sqlite => {
            let mut sqlite = sqlite_config(config, dir);
            if purpose == Purpose::Import {
                sqlite.writer_cache_bytes = IMPORT_CACHE_BYTES;
                sqlite.bulk_load = true;
            }
            let opened = tokio::task::spawn_blocking(move || SqliteEngine::open(sqlite)).await?;
            match opened {
                Ok(engine) => Ok(engine),
                Err(EngineError::Corrupt(reason)) => fail(format!(
                    "the data in {} is damaged: {reason}",
                    dir.database().display()
                ))
                .hint(format!(
                    "restore the last backup: pando restore FILE --data-dir {} --yes\n\
                     (the damaged file is kept beside it)",
                    dir.path().display()
                ))
                .err(),
                Err(error) => Err(anyhow::Error::from(error))
                    .with_context(|| format!("cannot open {}", dir.database().display())),
            }
        }
    }
}

fn sqlite_config(config: &Config, dir: &DataDir) -> SqliteConfig {
    let mut sqlite = SqliteConfig::new(dir.database());
    let store = &config.store;
    if store.readers > 0 {
        sqlite.readers = store.readers as usize;
    }
    sqlite.max_group = store.max_group as usize;
    sqlite.queue_depth = store.write_queue as usize;
    sqlite.reader_cache_bytes = store.page_cache.bytes();
    sqlite
}

fn store_config(config: &Config) -> StoreConfig {
    let limits = &config.limits;
    StoreConfig {
        max_rows: limits.max_rows,
        max_filters: limits.max_filters as usize,
        max_embed_depth: limits.max_embed_depth as usize,
        max_columns: limits.max_columns as usize,
        graph_max_visited: limits.max_visited,
        receipt_ttl: config.store.receipt_ttl.get(),
        document_bytes_max: usize::try_from(limits.max_body.bytes()).unwrap_or(usize::MAX),
        journal_rows_max: config.cache.journal.max_rows,
        families: families(config),
        sessions: sessions(config),
        queues: queues::rules(config),
        ..StoreConfig::default()
    }
}

fn sessions(config: &Config) -> SessionsConfig {
    let sessions = &config.sessions;
    SessionsConfig {
        idle: sessions.idle.get(),
        absolute: sessions.absolute.get(),
        absolute_max: sessions.max_absolute.get(),
        per_user_max: sessions.max_per_user as usize,
        data_bytes_max: usize::try_from(sessions.max_data.bytes()).unwrap_or(usize::MAX),
        touch: sessions.touch.get(),
    }
}

/// What is declared of collections of documents; or what is wrong with it.
pub fn documents(config: &Config) -> Result<BTreeMap<String, Declared>, (String, String)> {
    let declared = config.docs.iter().map(|(name, collection)| {
        let at = |what: &str| format!("docs.{name}{what}");
        DocumentKey::new(name, "x").map_err(|refusal| (at(""), refusal.message))?;
        let lists: [(_, &[String], &[String], _); 2] = [
            (".indexes", &collection.indexes, &[], INDEXES_MAX),
            (".search", &[], &collection.search, SEARCH_PATHS_MAX),
        ];
        for (what, indexes, search, most) in lists {
            if indexes.len() + search.len() > most {
                return Err((at(what), format!("there are more than {most} paths")));
            }
            // Each list by itself tells which of them is at fault.
            Declared::read(indexes, search).map_err(|error| (at(what), error.to_string()))?;
        }
        let declared = Declared::read(&collection.indexes, &collection.search);
        Ok((
            name.clone(),
            declared.map_err(|error| (at(""), error.to_string()))?,
        ))
    });
    declared.collect()
}

/// Brings what is declared of documents into force, while requests are answered: indexes on
/// paths one by one, search indexes in small writes. What failed is tried again later.
pub async fn tend_documents(store: Arc<Store>, wanted: BTreeMap<String, Declared>) {
    while let Err(error) = tend_once(&store, &wanted).await {
        tracing::warn!(%error, "could not bring the indexes of documents up to date");
        tokio::time::sleep(TEND_AGAIN_AFTER).await;
    }
}

async fn tend_once(
    store: &Store,
    wanted: &BTreeMap<String, Declared>,
) -> pando_store::session::Result<()> {
    store.declare_search(wanted).await?;
    store.declare_indexes(wanted).await?;
    while store.tend_documents().await? {}
    Ok(())
}

fn families(config: &Config) -> BTreeMap<(String, String), Family> {
    let tables = config.wide.iter();
    let families = tables.flat_map(|(table, settings)| {
        settings.families.iter().map(move |(name, family)| {
            let kept = Family {
                ttl: family.ttl.map(crate::config::units::Duration::get),
                versions: family.versions,
            };
            ((table.clone(), name.clone()), kept)
        })
    });
    families.collect()
}

/// The first start leaves a key with all scopes in the data directory. Of several processes that
/// start at once over one database, one does.
async fn leave_root_key(store: &Store, dir: &DataDir) -> anyhow::Result<()> {
    let mut is_written = false;
    let made = store
        .create_root_key(|secret| {
            is_written = true;
            dir.write_root_key(secret)
        })
        .await
        .context("cannot make the root key")?;
    if is_written && made.is_none() {
        dir.remove_root_key()?;
    }
    Ok(())
}

/// Leaves a root key beside data that was restored, unless there is one that the data knows;
/// whether it made one. A backup holds the hashes of keys, not their secrets: without this,
/// nobody would have a key to data that was restored on another machine.
pub async fn leave_restored_key(config: &Config, dir: &DataDir) -> anyhow::Result<bool> {
    let mut config = config.clone();
    config.store.engine = EngineKind::Sqlite; // what backups are of
    let store = open_store(&config, dir, Purpose::General).await?;
    let known = match dir.read_root_key() {
        Some(secret) => store.knows_key(&secret).await?,
        None => false,
    };
    if !known {
        store
            .create_key_kept(ROOT_NAME, Scopes::all(), |secret| {
                dir.write_root_key(secret)
            })
            .await
            .context("cannot make a root key")?;
    }
    store.close().await?;
    Ok(!known)
}

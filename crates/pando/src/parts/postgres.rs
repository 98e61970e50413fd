//! The engine on PostgreSQL: its settings, and what is said when it does not open.

use crate::config::{Config, Postgres};
use crate::failure::fail;
use pando_engine_postgres::{PostgresConfig, PostgresEngine, Trouble};
use pando_model::engine::Engine;
use pando_model::inspection::Inspection;
use std::sync::Arc;

/// What is wrong with a url, if anything. It may hold a password, and is not repeated.
pub fn fault_of_url(url: &str, settings: &Postgres) -> Option<&'static str> {
    pando_engine_postgres::fault_of_url(url, settings.ca_file.is_some())
}

/// The servers, and what stands in the way of what is promised, in how they are set up. Nothing is
/// opened, and an empty database stays empty.
pub async fn inspect(config: &Config) -> anyhow::Result<Inspection> {
    Ok(pando_engine_postgres::inspect(&settings_of(config)?).await?)
}

/// Whether the database is there and holds no store. Nothing is made.
pub async fn is_empty(config: &Config) -> anyhow::Result<bool> {
    Ok(pando_engine_postgres::is_empty(&settings_of(config)?).await?)
}

/// Opens the database.
pub(super) async fn open(config: &Config) -> anyhow::Result<Arc<dyn Engine>> {
    match PostgresEngine::open(settings_of(config)?).await {
        Ok(engine) => Ok(engine),
        Err(trouble) => Err(not_opened(trouble)),
    }
}

/// Why a database could not be opened, with the way out where the cause is known.
pub(super) fn not_opened(Trouble { error, mend }: Trouble) -> anyhow::Error {
    match mend {
        Some(mend) => fail(format!("cannot open the database: {error}"))
            .hint(mend)
            .into(),
        None => anyhow::Error::from(error).context("cannot open the database"),
    }
}

fn settings_of(config: &Config) -> anyhow::Result<PostgresConfig> {
    let settings = &config.store.postgres;
    let Some(url) = &settings.url else {
        return fail("[store.postgres] has no url").usage().err();
    };
    let mut engine = PostgresConfig::new(url);
    engine.password_file.clone_from(&settings.password_file);
    engine.ca_file.clone_from(&settings.ca_file);
    engine.replicas.clone_from(&settings.replicas);
    engine.patroni.clone_from(&settings.patroni);
    engine.readers = settings.pool as usize;
    engine.queue_depth = config.store.write_queue as usize;
    engine.statement_timeout = settings.statement_timeout.get();
    engine.connect_timeout = settings.connect_timeout.get();
    engine.write_buffer = settings.write_buffer.get();
    engine.max_lag = settings.max_lag.get();
    Ok(engine)
}

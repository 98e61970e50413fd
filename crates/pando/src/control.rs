//! Control: what the admin API can have the process do. SIGHUP takes the same way.

use crate::commands::{backup, migrate};
use crate::config::{self, Config, Loaded, Sources, reload};
use crate::logging::LevelHandle;
use crate::parts;
use crate::parts::cache::{Caches, RuleError};
use crate::roles;
use crate::roles::worker::Crew;
use async_trait::async_trait;
use pando_model::working::WorkerReport;
use pando_queue::listeners::ListenerReport;
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::migrate::{MigrationError, MigrationFile, read_folder};
use pando_web::{Admin, AdminError, AdminErrorKind, TlsFiles, Web};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::watch;

/// The process as the admin API sees it.
pub struct Control {
    sources: Sources,
    loaded: Mutex<Loaded>,
    store: Arc<Store>,
    caches: Arc<Caches>,
    crew: Arc<Crew>,
    level: LevelHandle,
    tls: Option<Arc<TlsFiles>>,
    web: OnceLock<Arc<Web>>,
    stop: watch::Sender<bool>,
}

impl Control {
    /// Control over a process that is about to serve.
    pub fn new(
        sources: Sources,
        loaded: Loaded,
        store: Arc<Store>,
        caches: Arc<Caches>,
        crew: Arc<Crew>,
        level: LevelHandle,
        tls: Option<Arc<TlsFiles>>,
    ) -> Control {
        Control {
            sources,
            loaded: Mutex::new(loaded),
            store,
            caches,
            crew,
            level,
            tls,
            web: OnceLock::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// The web tier, once it serves.
    pub fn attach(&self, web: Arc<Web>) {
        // It is attached once, by the one who started it.
        let _ = self.web.set(web);
    }

    /// Tells when the process is to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    fn in_force(&self) -> Config {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.config.clone()
    }

    fn take_over(&self) -> anyhow::Result<reload::Difference> {
        let mut fresh = config::load(&self.sources)?;
        let old = self.in_force();
        let difference = reload::difference(&old, &fresh.config);
        let merged = reload::merged(&old, &fresh.config);
        if let Some(tls) = &self.tls {
            tls.reload()?;
        }
        self.level.set(&merged.log.level)?;
        self.caches.reload(merged.cache.clone());
        if let Some(web) = self.web.get() {
            web.reload(&roles::web::web_config(&merged));
        }
        fresh.config = merged;
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(difference)
    }
}

#[async_trait]
impl Admin for Control {
    fn config(&self) -> Value {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = loaded.settings().into_iter();
        settings
            .map(|(path, value, origin)| {
                json!({ "path": path, "value": value, "origin": origin.to_string() })
            })
            .collect()
    }

    async fn reload(&self) -> Result<Value, AdminError> {
        match self.take_over() {
            Ok(difference) => {
                tracing::info!(taken = ?difference.taken, waiting = ?difference.waiting,
                    "took over the configuration");
                Ok(json!({ "taken": difference.taken, "waiting": difference.waiting }))
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "kept the old configuration");
                Err(AdminError {
                    kind: AdminErrorKind::Conflict,
                    code: "configuration_refused",
                    message: "the configuration is refused; the old one stays in force".to_owned(),
                    details: Some(format!("{error:#}")),
                    hint: Some("`pando config check` says the same on the spot".to_owned()),
                })
            }
        }
    }

    async fn migrate(
        &self,
        check: bool,
        files: Option<Vec<MigrationFile>>,
    ) -> Result<Value, AdminError> {
        let files = match files {
            Some(files) => files,
            None => read_folder(&self.in_force().store.migrations)
                .map_err(|error| refused_migration(&error))?,
        };
        let report = migrate::apply(&self.store, &files, check)
            .await
            .map_err(|error| refused_migration(&error))?;
        Ok(json!(report))
    }

    async fn backup(&self, path: &Path) -> Result<Value, AdminError> {
        let done = backup::write(&self.store, path, false, &|_, _| {}).await;
        done.map(|written| json!(written))
            .map_err(|error| AdminError {
                kind: AdminErrorKind::Conflict,
                code: "backup_failed",
                message: format!("{error:#}"),
                details: None,
                hint: None,
            })
    }

    async fn change_cache(&self, collection: &str, change: Value) -> Result<(), AdminError> {
        let changed = self.caches.change(collection, change).await;
        changed.map_err(|error| refused_rule(&error))
    }

    async fn reset_cache(&self, collection: &str) -> Result<(), AdminError> {
        let reset = self.caches.reset(collection).await;
        reset.map_err(|error| refused_rule(&error))
    }

    async fn flush_caches(&self, collection: Option<&str>) -> Result<bool, AdminError> {
        let flushed = self.caches.flush(collection).await;
        flushed.map_err(|error| refused_rule(&error))
    }

    async fn warm_cache(&self, collection: &str) -> Result<bool, AdminError> {
        let warmed = self.caches.warm(collection).await;
        warmed.map_err(|error| refused_rule(&error))
    }

    fn cache_rule(&self, collection: &str) -> Option<Value> {
        self.caches.rule(collection)
    }

    fn listeners(&self) -> Vec<ListenerReport> {
        let called = self.store.listeners().map(|all| all.report());
        let mut reports = called.unwrap_or_default();
        let own = parts::listeners::told(&self.in_force(), &self.crew.report());
        reports.extend(own);
        reports.sort_by(|one, other| one.name.cmp(&other.name));
        reports
    }

    fn workers(&self) -> Vec<WorkerReport> {
        self.crew.report()
    }

    fn shutdown(&self) {
        self.stop.send_replace(true);
    }
}

fn refused_rule(error: &RuleError) -> AdminError {
    let (kind, code) = match error {
        RuleError::Refused(_)
        | RuleError::Unreadable(_)
        | RuleError::Store(StoreError::Refused(_)) => (AdminErrorKind::Malformed, "rule_refused"),
        RuleError::NoQuery(_) => (AdminErrorKind::Conflict, "no_warm_query"),
        RuleError::Store(_) => (AdminErrorKind::Unavailable, "unavailable"),
    };
    AdminError {
        kind,
        code,
        message: error.to_string(),
        details: None,
        hint: match code {
            "rule_refused" => Some(
                "`pando generate config` shows what can be set below [cache.collections]".into(),
            ),
            "no_warm_query" => Some(
                "PATCH it with {\"warm\": \"limit=1000\"}, or say warm below [cache.collections]"
                    .into(),
            ),
            _ => None,
        },
    }
}

fn refused_migration(error: &MigrationError) -> AdminError {
    let kind = match error {
        MigrationError::Refused(_) | MigrationError::Folder { .. } => AdminErrorKind::Conflict,
        MigrationError::Store(StoreError::Refused(_)) => AdminErrorKind::Conflict,
        MigrationError::Store(_) => AdminErrorKind::Unavailable,
    };
    AdminError {
        kind,
        code: "migration_refused",
        message: error.to_string(),
        details: None,
        hint: None,
    }
}

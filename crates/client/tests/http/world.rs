//! A server with a few tables, and clients of it.

use async_trait::async_trait;
use pando_client::{Client, ClientBuilder, Retry, Timer};
use pando_engine_memory::MemoryEngine;
use pando_model::clock::SystemClock;
use pando_store::config::Family;
use pando_store::docs::Declared;
use pando_store::migrate::MigrationFile;
use pando_store::{Store, StoreConfig};
use pando_web::{Admin, AdminError, AdminErrorKind, Running, TlsFiles, WebConfig, serve};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const SCHEMA: &str = "
CREATE TABLE films (
    id bigint PRIMARY KEY,
    title text NOT NULL,
    year integer,
    tags text[],
    doc jsonb
);
CREATE TABLE ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n integer NOT NULL);
CREATE TABLE odd (id bigint PRIMARY KEY, \"order\" text, \"a b.c,(d)\" text);
";

/// A server on a port of its own.
pub struct World {
    pub store: Arc<Store>,
    pub url: String,
    _running: Running,
}

/// A timer that only notes how long it should have waited.
#[derive(Debug, Default)]
pub struct NotingTimer {
    waits: Mutex<Vec<Duration>>,
}

impl World {
    pub async fn new() -> World {
        World::with(WebConfig::default(), None).await
    }

    pub async fn with(config: WebConfig, tls: Option<Arc<TlsFiles>>) -> World {
        let engine = Arc::new(MemoryEngine::new());
        let versions = Family {
            versions: 3,
            ..Family::default()
        };
        let settings = StoreConfig {
            families: [(("weather".to_owned(), "obs".to_owned()), versions)].into(),
            ..StoreConfig::default()
        };
        let store = Store::open(engine, Arc::new(SystemClock), settings).await;
        let store = store.expect("a store");
        let file = MigrationFile {
            name: "0001_world.sql".to_owned(),
            sql: SCHEMA.to_owned(),
        };
        store.migrate(&[file]).await.expect("a schema");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let never = std::future::pending();
        let admin = Arc::new(NoAdmin);
        let running = serve(
            vec![listener],
            tls,
            Arc::clone(&store),
            admin,
            config,
            never,
        );
        let running = running.expect("a server");
        World {
            store,
            url: format!("{scheme}://localhost:{}", running.addresses[0].port()),
            _running: running,
        }
    }

    /// Declares what is searched of a collection, and waits until it is.
    pub async fn declare_search(&self, collection: &str, paths: &[&str]) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let declared = Declared::read(&[], &paths).expect("paths");
        let wanted = [(collection.to_owned(), declared)].into();
        self.store.declare_search(&wanted).await.expect("declared");
        while self.store.tend_documents().await.expect("tended") {}
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url).expect("a client")
    }
}

/// A client that waits for nothing between attempts.
pub fn hasty(url: &str) -> (ClientBuilder, Arc<NotingTimer>) {
    let timer = Arc::new(NotingTimer::default());
    let builder = Client::builder(url).timer(timer.clone()).retry(Retry {
        attempts_max: 5,
        ..Retry::default()
    });
    (builder, timer)
}

impl NotingTimer {
    pub fn waits(&self) -> Vec<Duration> {
        self.waits.lock().clone()
    }
}

#[async_trait]
impl Timer for NotingTimer {
    fn elapsed(&self) -> Duration {
        self.waits.lock().iter().sum()
    }

    async fn sleep(&self, time: Duration) {
        self.waits.lock().push(time);
    }
}

#[derive(Debug)]
struct NoAdmin;

fn none() -> AdminError {
    AdminError {
        kind: AdminErrorKind::Conflict,
        code: "none",
        message: "nobody administers this".to_owned(),
        details: None,
        hint: None,
    }
}

#[async_trait]
impl Admin for NoAdmin {
    fn config(&self) -> Value {
        json!({})
    }

    async fn reload(&self) -> Result<Value, AdminError> {
        Err(none())
    }

    async fn migrate(&self, _: bool, _: Option<Vec<MigrationFile>>) -> Result<Value, AdminError> {
        Err(none())
    }

    async fn backup(&self, _: &Path) -> Result<Value, AdminError> {
        Err(none())
    }

    fn shutdown(&self) {}
}

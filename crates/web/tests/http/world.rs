//! A small world of tables behind a web tier, and a way to ask it.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use pando_engine_memory::MemoryEngine;
use pando_model::clock::SystemClock;
use pando_store::migrate::MigrationFile;
use pando_store::{Store, StoreConfig};
use pando_web::{Admin, AdminError, AdminErrorKind, Exposure, Reply, Web, WebConfig};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SCHEMA: &str = "
CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL) WITH (reference = true);
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    country text REFERENCES countries (code),
    doc jsonb
);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint REFERENCES customers (id) NOT ENFORCED,
    amount numeric(10,2) NOT NULL CHECK (amount >= 0)
);
CREATE TABLE tags (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE customers_tags (
    customer_id bigint REFERENCES customers (id) NOT ENFORCED,
    tag_id bigint REFERENCES tags (id) NOT ENFORCED,
    PRIMARY KEY (customer_id, tag_id)
);
";

const ROWS: [(&str, &str); 3] = [
    (
        "countries",
        r#"[{"code":"kr","name":"Korea"},{"code":"se","name":"Sweden"}]"#,
    ),
    (
        "customers",
        r#"[{"id":1,"name":"Ada","country":"se","doc":{"a":{"b":7},"n":null}},
            {"id":2,"name":"Bo","country":"kr","doc":null},
            {"id":3,"name":"Cy","country":null,"doc":null}]"#,
    ),
    (
        "orders",
        r#"[{"id":1,"customer_id":1,"amount":10.50},{"id":2,"customer_id":1,"amount":2},
            {"id":3,"customer_id":2,"amount":7}]"#,
    ),
];

/// A web tier with tables and rows.
pub struct World {
    pub web: Web,
    pub store: Arc<Store>,
    pub admin: Arc<TestAdmin>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// A process that only remembers what it was asked.
#[derive(Debug, Default)]
pub struct TestAdmin {
    pub stopping: AtomicBool,
}

impl World {
    pub async fn new() -> World {
        World::with(WebConfig::default()).await
    }

    pub async fn with(config: WebConfig) -> World {
        World::over(store().await, config).await
    }

    /// Whose lists hold so many entries.
    pub async fn capped(max_rows: u64) -> World {
        World::keeping(StoreConfig {
            max_rows,
            ..StoreConfig::default()
        })
        .await
    }

    /// Over a store of this configuration.
    pub async fn keeping(config: StoreConfig) -> World {
        World::over(store_with(config).await, WebConfig::default()).await
    }

    async fn over(store: Arc<Store>, config: WebConfig) -> World {
        let admin = Arc::new(TestAdmin::default());
        let world = World {
            web: Web::new(Arc::clone(&store), admin.clone(), config),
            store,
            admin,
        };
        for (table, rows) in ROWS {
            // Through a web tier of its own, so that no limit under test stands in the way.
            let web = Web::new(
                Arc::clone(&world.store),
                world.admin.clone(),
                WebConfig::default(),
            );
            let request = request("POST", &format!("/rest/v1/{table}"), &[], rows);
            let answer = Answer::of(web.handle(request, Exposure::Loopback).await).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        world
    }

    /// Asks through a listener on loopback.
    pub async fn ask(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = request(method, uri, headers, body);
        Answer::of(self.web.handle(request, Exposure::Loopback).await).await
    }

    /// Asks through a listener that others can reach.
    pub async fn ask_publicly(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_publicly_with(method, uri, headers, "").await
    }

    /// The same, with a body.
    pub async fn ask_publicly_with(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = request(method, uri, headers, body);
        Answer::of(self.web.handle(request, Exposure::Public).await).await
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &[], "").await
    }

    /// A key with these scopes.
    pub async fn key(&self, scopes: &str) -> String {
        let scopes = scopes.parse().expect("scopes");
        let made = self.store.create_key("test", scopes).await;
        made.expect("a key").secret
    }
}

impl Answer {
    pub async fn of(reply: Reply) -> Answer {
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).expect("UTF-8"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The code of an error, whose form is checked.
    pub fn code(&self) -> String {
        let body = self.json();
        let mut names: Vec<&String> = body.as_object().expect("an object").keys().collect();
        names.sort();
        assert_eq!(names, ["code", "details", "hint", "message"], "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        body["code"].as_str().expect("a code").to_owned()
    }
}

/// A store with the schema and no rows.
pub async fn store() -> Arc<Store> {
    store_with(StoreConfig::default()).await
}

async fn store_with(config: StoreConfig) -> Arc<Store> {
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::open(engine, Arc::new(SystemClock), config).await;
    let store = store.expect("a store");
    let file = MigrationFile {
        name: "0001_world.sql".to_owned(),
        sql: SCHEMA.to_owned(),
    };
    store.migrate(&[file]).await.expect("a schema");
    store
}

pub fn request(
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    // As a client library writes them; servers of hyper's refuse them raw.
    let uri = uri.replace('>', "%3E");
    let mut request = Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:8080");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    request.body(body).expect("a request")
}

#[async_trait]
impl Admin for TestAdmin {
    fn config(&self) -> Value {
        json!({ "listen": "127.0.0.1:8080" })
    }

    async fn reload(&self) -> Result<Value, AdminError> {
        Ok(json!({ "taken": [], "waiting": [] }))
    }

    async fn migrate(
        &self,
        check: bool,
        files: Option<Vec<MigrationFile>>,
    ) -> Result<Value, AdminError> {
        let mut report = json!({ "check": check });
        if let Some(files) = files {
            report["files"] = files.len().into();
        }
        Ok(report)
    }

    async fn backup(&self, path: &Path) -> Result<Value, AdminError> {
        Err(AdminError {
            kind: AdminErrorKind::Conflict,
            code: "file_exists",
            message: format!("{} exists", path.display()),
            details: None,
            hint: Some("Name a file that does not exist yet.".to_owned()),
        })
    }

    fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

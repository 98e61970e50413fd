//! A process with workers.

use crate::application::PATIENCE;
use crate::support::{Server, json};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::SystemClock;
use pando_store::queue::{DeadLetter, Depth, QueuePage};
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use serde_json::{Value, json as value};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// See the module.
pub struct Site {
    pub server: Option<Server>,
    pub folder: tempfile::TempDir,
}

impl Site {
    /// Over SQLite, with workers in its `pando.toml`.
    pub fn of(workers: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), workers).expect("a file");
        Site {
            server: Some(Server::start(folder.path())),
            folder,
        }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// Publishes bodies in one request; with an ordering key if one is given.
    pub fn publish(&self, queue: &str, bodies: &[String], key: Option<&str>) {
        let message = |body: &String| match key {
            Some(key) => value!({ "body": body, "ordering_key": key }),
            None => value!({ "body": body }),
        };
        let messages: Vec<Value> = bodies.iter().map(message).collect();
        let path = format!("/queue/v1/{queue}/messages");
        let body = value!(messages).to_string();
        let answer = self.server().connect().ask("POST", &path, "", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// What is seen of a worker.
    pub fn worker(&self, name: &str) -> Value {
        let answer = self
            .server()
            .connect()
            .ask("GET", "/admin/v1/workers", "", "");
        let workers = answer.json();
        let all = workers.as_array().expect("a list").iter();
        let mut own = all.filter(|worker| worker["name"] == name);
        own.next().expect("it is there").clone()
    }

    /// Looks until it is so.
    pub fn until(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let worker = self.worker(name);
            if is_so(&worker) {
                return worker;
            }
            assert!(Instant::now() < until, "{worker}");
            std::thread::yield_now();
        }
    }

    /// Waits until nothing of a queue is left, what a killed process had in hand among it.
    pub fn until_empty(&self, queue: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let path = format!("/queue/v1/{queue}");
            let depth = self.server().connect().ask("GET", &path, "", "").json();
            if depth["depth"] == 0 {
                return;
            }
            assert!(Instant::now() < until, "{depth}");
            std::thread::yield_now();
        }
    }

    pub fn metrics(&self) -> String {
        self.server().connect().ask("GET", "/metrics", "", "").body
    }

    pub fn status(&self) -> Value {
        json(self.folder.path(), &["status"])
    }

    /// Ends it by SIGTERM.
    pub fn stop(&mut self) {
        let server = self.server.take().expect("it runs");
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }

    pub fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
    }

    pub fn start_again(&mut self) {
        self.server = Some(Server::start(self.folder.path()));
    }

    /// What a queue holds, once nobody serves it.
    pub fn look(&self, queue: &str) -> (Depth, Vec<DeadLetter>) {
        assert!(self.server.is_none(), "the file has one process");
        look(self.folder.path(), queue)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn look(folder: &Path, queue: &str) -> (Depth, Vec<DeadLetter>) {
    let file = folder.join("data/pando.db");
    let engine = SqliteEngine::open(SqliteConfig::new(file)).expect("the file");
    let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
    let store = store.await.expect("a store");
    let session = Session::default();
    let depth = store.queue_depth(queue, None).expect("a queue");
    let depth = store.answer(&depth, &session).await.expect("a depth").0;
    let dead = store.queue_dead(queue, &QueuePage::default());
    let dead = dead.expect("a queue");
    let dead = store.answer(&dead, &session).await.expect("letters").0;
    store.close().await.expect("it closes");
    (depth, dead.messages)
}

/// Bodies that are told apart.
pub fn bodies(lead: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{lead}{n}")).collect()
}

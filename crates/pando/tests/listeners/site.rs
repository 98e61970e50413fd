//! A process with listeners, over SQLite or PostgreSQL.

use crate::application::PATIENCE;
use crate::database::{Database, root_key};
use crate::support::{Answer, Server, migrate};
use serde_json::Value;
use std::time::Instant;

/// What all of them have.
pub const TABLES: &str = "
create table orders (id bigint primary key, note text, total integer check (total >= 0));
create table notes (id bigint primary key);
create table lines (
    id bigint,
    order_id bigint references orders on delete cascade,
    primary key (order_id, id)
) partition by hash (order_id);";

/// See the module.
pub struct Site {
    pub server: Server,
    /// The header that says who asks.
    pub key: String,
    /// Removed when it is dropped.
    _kept: Kept,
}

enum Kept {
    Folder(#[allow(dead_code)] tempfile::TempDir),
    Database(#[allow(dead_code)] Box<Database>),
}

impl Site {
    /// Over SQLite, with listeners in its `pando.toml`.
    pub fn of(listeners: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), listeners).expect("a file");
        migrate(folder.path(), TABLES);
        Site {
            server: Server::start(folder.path()),
            key: String::new(),
            _kept: Kept::Folder(folder),
        }
    }

    /// The same over PostgreSQL.
    pub async fn over_postgresql(listeners: &str) -> Site {
        let database = Database::start().await;
        database.write_migration("0001_tables.sql", TABLES);
        let folder = database.folder(listeners);
        let server = Server::start(&folder);
        Site {
            key: root_key(&folder),
            server,
            _kept: Kept::Database(Box::new(database)),
        }
    }

    /// Asks on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.server.connect().ask(method, path, &self.key, body)
    }

    /// The same, of what has to be done.
    pub fn done(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.ask(method, path, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    pub fn get(&self, path: &str) -> Value {
        self.done("GET", path, "").json()
    }

    /// Looks until it is so.
    pub fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.get(path);
            if is_so(&found) {
                return found;
            }
            assert!(Instant::now() < until, "{path}: {found}");
            std::thread::yield_now();
        }
    }
}

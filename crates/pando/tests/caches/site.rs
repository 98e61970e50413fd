//! A server over SQLite with caches in front, and callers who bring their stamps along.

use crate::support::{Answer, Connection, Server, run};
use serde_json::Value;
use std::path::Path;

pub const TABLES: &str = "\
create table reviews (id bigint primary key, airline text, stars int);
create table notes (id bigint primary key, review bigint references reviews not enforced, note text)
  with (cache = 'read-through', ttl = '1h', eviction = 'lru');
create table plain (id bigint primary key, n bigint);
";

/// A server and its folder.
pub struct Site {
    pub server: Server,
    pub folder: tempfile::TempDir,
}

impl Site {
    /// Starts one, with these settings.
    pub fn start(settings: &str) -> Site {
        Site::start_with(TABLES, settings)
    }

    /// The same, with other tables.
    pub fn start_with(tables: &str, settings: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).expect("a folder");
        std::fs::write(migrations.join("0001_tables.sql"), tables).expect("a file");
        write_settings(folder.path(), settings);
        let migrated = run(folder.path(), &["migrate"]);
        assert!(migrated.status.success(), "{migrated:?}");
        let server = Server::start(folder.path());
        wait_until_following(&server);
        Site { server, folder }
    }

    /// Other settings, taken over at once.
    pub fn reload(&self, settings: &str) {
        write_settings(self.folder.path(), settings);
        let mut caller = Caller::new(&self.server);
        let answer = caller.ask("POST", "/admin/v1/reload", "");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What is said of a collection's cache; null where there is none.
    pub fn cache(&self, collection: &str) -> Value {
        cache_of(&self.server, collection)
    }

    /// How often a collection was answered from memory, and how often the store was asked.
    pub fn hits_and_loads(&self, collection: &str) -> (u64, u64) {
        let cache = self.cache(collection);
        let count = |name: &str| {
            let count = cache[name].as_u64();
            count.unwrap_or_else(|| panic!("{collection} has no {name}: {cache}"))
        };
        (count("hits"), count("loads"))
    }
}

fn write_settings(folder: &Path, settings: &str) {
    std::fs::write(folder.join("pando.toml"), settings).expect("a file");
}

/// What is said of a collection's cache in a process.
pub fn cache_of(server: &Server, collection: &str) -> Value {
    let path = format!("/admin/v1/caches/{collection}");
    let answer = server.connect().ask("GET", &path, "", "");
    match answer.status {
        200 => answer.json(),
        404 => Value::Null,
        _ => panic!("{answer:?}"),
    }
}

/// From then on what is there may be answered from memory.
pub fn wait_until_following(server: &Server) {
    let mut connection = server.connect();
    let mut follows =
        || connection.ask("GET", "/admin/v1/caches", "", "").json()["following"] == true;
    let began = std::time::Instant::now();
    while !follows() {
        assert!(began.elapsed().as_secs() < 20, "the caches do not follow");
    }
}

/// Somebody who keeps the stamp that he is handed.
pub struct Caller {
    connection: Connection,
    pub stamp: Option<String>,
    pub headers: String,
}

impl Caller {
    pub fn new(server: &Server) -> Caller {
        Caller {
            connection: server.connect(),
            stamp: None,
            headers: String::new(),
        }
    }

    /// The same, whose every request has these headers.
    pub fn with(server: &Server, headers: &str) -> Caller {
        Caller {
            headers: headers.to_owned(),
            ..Caller::new(server)
        }
    }

    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = self.headers.clone();
        if let Some(stamp) = &self.stamp {
            headers.push_str(&format!("Pando-Stamp: {stamp}\r\n"));
        }
        let answer = self.connection.ask(method, path, &headers, body);
        if let Some(stamp) = answer.header("pando-stamp") {
            self.stamp = Some(stamp.to_owned());
        }
        answer
    }

    /// A read that is answered; its body.
    pub fn read(&mut self, path: &str) -> String {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// A write that is done.
    pub fn write(&mut self, method: &str, path: &str, body: &str) {
        let answer = self.ask(method, path, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
    }
}

//! Three web processes over one PostgreSQL, each with caches.

use crate::site::{cache_of, wait_until_following};
use crate::support::Server;
use pando_cluster::Postgres;

pub const PROCESSES: usize = 3;

/// Processes, and what they stand over.
pub struct Several {
    pub processes: Vec<Server>,
    _postgres: Postgres,
    _folder: tempfile::TempDir,
}

impl Several {
    /// Starts them, with these tables and settings.
    pub async fn start(tables: &str, settings: &str) -> Several {
        let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("postgres://postgres@{}/postgres", postgres.address());
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).expect("a folder");
        std::fs::write(migrations.join("0001_tables.sql"), tables).expect("a file");
        let (root, settings) = (folder.path().to_owned(), settings.to_owned());
        let start = move |number: usize| {
            let folder = root.join(format!("node-{number}"));
            std::fs::create_dir(&folder).expect("a folder");
            let text = format!(
                "[store]\nengine = \"postgres\"\nmigrate = true\n\
                 migrations = \"../migrations\"\n\
                 [store.postgres]\nurl = \"{url}\"\npool = 4\n{settings}"
            );
            std::fs::write(folder.join("pando.toml"), text).expect("a file");
            let server = Server::start_with(&folder, &["--role", "web"], &[]);
            wait_until_following(&server);
            server
        };
        let started = tokio::task::spawn_blocking(move || (0..PROCESSES).map(start).collect());
        Several {
            processes: started.await.expect("processes start"),
            _postgres: postgres,
            _folder: folder,
        }
    }

    /// Of all processes together: a count of a collection's cache.
    pub fn count(&self, collection: &str, name: &str) -> u64 {
        let counts = self.processes.iter().map(|process| {
            let cache = cache_of(process, collection);
            cache[name].as_u64().unwrap_or(0)
        });
        counts.sum()
    }
}

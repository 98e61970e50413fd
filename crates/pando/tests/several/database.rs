//! One PostgreSQL, and the folders of processes that stand over a database of it.

use super::support::Server;
use pando_cluster::{Postgres, PostgresBuilder};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A PostgreSQL and a folder for each process.
pub struct Database {
    pub postgres: Postgres,
    folder: tempfile::TempDir,
    made: AtomicU32,
}

impl Database {
    /// Starts one with the harness's settings.
    pub async fn start() -> Database {
        Database::start_as(Postgres::builder()).await
    }

    /// Starts one.
    pub async fn start_as(builder: PostgresBuilder) -> Database {
        Database {
            postgres: builder.start().await.expect("start PostgreSQL"),
            folder: tempfile::tempdir().expect("a folder"),
            made: AtomicU32::new(0),
        }
    }

    /// The folder of one more process, with its `pando.toml`; `more` is put at its end.
    pub fn folder(&self, more: &str) -> PathBuf {
        let url = format!("postgres://postgres@{}/postgres", self.postgres.address());
        let name = format!("node-{}", self.made.fetch_add(1, Relaxed));
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let text = format!(
            "[auth]\nrequired = true\n[store]\nengine = \"postgres\"\nmigrate = true\n\
             migrations = \"../migrations\"\n[store.postgres]\nurl = \"{url}\"\npool = 2\n{more}"
        );
        std::fs::write(folder.join("pando.toml"), text).expect("a file");
        folder
    }

    /// Writes a migration, for all processes.
    pub fn write_migration(&self, name: &str, sql: &str) {
        let folder = self.migrations();
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), sql).expect("a file");
    }

    pub fn migrations(&self) -> PathBuf {
        self.folder.path().join("migrations")
    }

    /// What a statement gives, as psql writes it.
    pub async fn sql(&self, text: &str) -> String {
        let said = self.postgres.sql(text).await.expect("SQL");
        said.trim().to_owned()
    }
}

/// A web process.
pub fn serve(folder: &Path) -> Server {
    Server::start_with(folder, &["--role", "web"], &[])
}

/// The root key in the folder of the process that made the store.
pub fn root_key(folder: &Path) -> String {
    let key = std::fs::read_to_string(folder.join("data/root.key")).expect("the root key");
    format!("Authorization: Bearer {}\r\n", key.trim())
}

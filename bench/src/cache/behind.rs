//! `PUT` of key-values over HTTP: written behind, against the same server writing at once. Both sides
//! have a store of their own, and sync each write before it is answered.
//!
//! What is gained and what it costs depends on how often a key is written within `flush_interval`:
//! one key, written by all clients; a thousand; and keys of which each is written once in a turn.

use crate::benches::items::scatter;
use crate::benches::turns::{Side, compare};
use crate::load::{self, Script};
use crate::postgres;
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
/// What is stored: a small cart.
const VALUE: &[u8] =
    br#"{"items":[{"sku":"a-1","n":2},{"sku":"b-7","n":1}],"note":"leave it at the door"}"#;
const SETTINGS: &str = "[cache.collections.\"kv/hot\"]\nstrategy = \"write-behind\"\n";
/// Keys, and the rate that is wanted over that of writes at once.
const KEYS: [(&str, u64, f64); 3] = [
    ("one-key", 1, 1.2),
    ("thousand-keys", 1_000, 1.0),
    ("each-key-once", u64::MAX, 0.5),
];
/// How long a process may take to write behind.
const PATIENCE: Duration = Duration::from_secs(10);

/// Over SQLite.
pub async fn over_sqlite() -> Result<Vec<Report>> {
    let (behind, plain) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let settings = behind.path().join("pando.toml");
    std::fs::write(&settings, SETTINGS)?;
    let subject = Server::pando_with(behind.path(), &settings).await?;
    let limit = Server::pando(plain.path(), Disk::AsIs).await?;
    measure("write-behind", &subject, &limit).await
}

/// Over PostgreSQL: a server, with a database for each side.
pub async fn over_postgres() -> Result<Vec<Report>> {
    let server = postgres::start().await?;
    let url = |database: &str| format!("postgres://postgres@{}/{database}", server.address());
    let (behind, plain) = (tempfile::tempdir()?, tempfile::tempdir()?);
    std::fs::write(behind.path().join("pando.toml"), SETTINGS)?;
    let open = |folder: &Path, database| {
        let (folder, url) = (folder.to_owned(), url(database));
        async move { Server::pando_over_postgres(&folder, &url, postgres::CONNECTIONS).await }
    };
    let subject = open(behind.path(), "subject").await?;
    let limit = open(plain.path(), "direct").await?;
    measure("write-behind-postgres", &subject, &limit).await
}

async fn measure(name: &str, subject: &Server, limit: &Server) -> Result<Vec<Report>> {
    wait_until_on(subject).await?;
    let mut reports = Vec::new();
    for (of, keys, goal) in KEYS {
        let script: Script = Arc::new(move |n, out| {
            load::put(&format!("/kv/v1/hot/{}", scatter(n, keys)), VALUE, out);
        });
        let side = |server| Side {
            server,
            script: Arc::clone(&script),
        };
        let name = format!("{name}-{of}");
        reports.push(compare(&name, goal, CLIENTS, side(subject), side(limit)).await?);
    }
    Ok(reports)
}

async fn wait_until_on(server: &Server) -> Result<()> {
    let begun = Instant::now();
    loop {
        let told = load::body_once(server.address, "/admin/v1/caches").await?;
        if memchr::memmem::find(&told, br#""state":"on""#).is_some() {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "nothing is written behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

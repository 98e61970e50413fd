//! `GET` by key over HTTP: from the memory of the web process, against the same server asking its
//! store. Both sides have the same rows, and the same few are asked for again and again.

use crate::benches::items;
use crate::benches::turns::{Side, TURN, compare};
use crate::load::{self, Script, Until, get};
use crate::postgres;
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::Arc;

const ROWS: u64 = 100_000;
/// Rows that are asked for.
const HOT: u64 = 10_000;
const CLIENTS: usize = 64;
const SETTINGS: &str = "[cache.collections.\"rest/items\"]\nttl = \"1h\"\ncapacity = \"256MiB\"\n";
/// Rates over those of SQLite, and of PostgreSQL.
const OVER_SQLITE: f64 = 1.2;
const OVER_POSTGRES: f64 = 2.0;

/// From memory, against SQLite.
pub async fn over_sqlite() -> Result<Vec<Report>> {
    let (cached, plain) = (tempfile::tempdir()?, tempfile::tempdir()?);
    for folder in [&cached, &plain] {
        items::fill_pando(folder.path(), ROWS)?;
    }
    let settings = settings(cached.path())?;
    let subject = Server::pando_with(cached.path(), &settings).await?;
    let limit = Server::pando(plain.path(), Disk::AsIs).await?;
    measure("cache-http", OVER_SQLITE, &subject, &limit).await
}

/// From memory, against PostgreSQL: two processes over one database.
pub async fn over_postgres() -> Result<Vec<Report>> {
    let server = postgres::start().await?;
    let url = format!("postgres://postgres@{}/subject", server.address());
    let filled = postgres::subject::Subject::open(&url).await?;
    filled.import_items(ROWS).await?;
    filled.close().await?;
    server.sql_in("subject", "VACUUM ANALYZE").await?;
    let (cached, plain) = (tempfile::tempdir()?, tempfile::tempdir()?);
    settings(cached.path())?;
    let connections = postgres::CONNECTIONS;
    let subject = Server::pando_over_postgres(cached.path(), &url, connections).await?;
    let limit = Server::pando_over_postgres(plain.path(), &url, connections).await?;
    measure("cache-http-postgres", OVER_POSTGRES, &subject, &limit).await
}

async fn measure(name: &str, goal: f64, subject: &Server, limit: &Server) -> Result<Vec<Report>> {
    for id in 0..HOT {
        let path = format!("/rest/v1/items?id=eq.{id}");
        let status = load::get_once(subject.address, &path).await?;
        ensure!(status == 200, "row {id} is answered {status}");
    }
    let script: Script = Arc::new(|n, out| {
        get(
            &format!("/rest/v1/items?id=eq.{}", items::scatter(n, HOT)),
            out,
        );
    });
    let side = |server| Side {
        server,
        script: Arc::clone(&script),
    };
    let mut report = compare(name, goal, CLIENTS, side(subject), side(limit)).await?;
    let (what, rate) = (
        "req/s of an answer without any read",
        ceiling(subject).await?,
    );
    report.peers.insert(what.to_owned(), rate);
    Ok(vec![report])
}

/// What the same process and the same clients come to where nothing is read: no cache does better.
async fn ceiling(server: &Server) -> Result<f64> {
    let script: Script = Arc::new(|_, out| get("/livez", out));
    let until = Until::Elapsed(TURN);
    let outcome = load::closed(server.address, CLIENTS, 0, until, script).await?;
    ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
    Ok(outcome.rate())
}

fn settings(folder: &Path) -> Result<std::path::PathBuf> {
    let path = folder.join("pando.toml");
    std::fs::write(&path, SETTINGS)?;
    Ok(path)
}

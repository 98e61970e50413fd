//! Sessions among a million, against the same among a thousand: looked up by their tokens, listed
//! by their users, ended by them; and how long it takes to end all of them.
//!
//! They are begun in one process with the store, many in a transaction, and asked for over HTTP.
//! Nothing is touched meanwhile: the bench is about reading.

use super::items;
use super::turns::{PAIRS, TURN};
use crate::load::{self, Script, Until};
use crate::process::Server;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::SystemClock;
use pando_store::operation::Operation;
use pando_store::session::Session;
use pando_store::sessions::Begin;
use pando_store::{Store, StoreConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;
/// Sessions of each user.
const OF_A_USER: u64 = 4;
/// Sessions begun in one transaction.
const TOGETHER: u64 = 500;
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const CLIENTS: usize = 64;

/// A server with sessions, and their tokens.
struct Side {
    server: Server,
    tokens: Arc<[String]>,
}

pub async fn run() -> Result<Vec<Report>> {
    let (few, many) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (few, many) = (side(few.path(), FEW).await?, side(many.path(), MANY).await?);
    let mut reports = Vec::new();
    for (name, script) in [
        ("sessions-1e6-read", read as fn(&Side) -> Script),
        ("sessions-1e6-list", list),
    ] {
        let mut pairs = Vec::new();
        let mut latency = (0.0, 0.0);
        for _ in 0..PAIRS {
            let (ours, p50, p99) = cost(&many, script(&many)).await?;
            latency = (p50, p99);
            pairs.push((ours, cost(&few, script(&few)).await?.0));
        }
        let mut report = Report::of_pairs(name, "CPU µs/req", 1.5, &pairs);
        report.lower_is_better = true;
        (report.p50_ms, report.p99_ms) = (Some(latency.0), Some(latency.1));
        report.rss_mb = Some(many.server.rss_mb()?);
        reports.push(report);
    }
    reports.push(ending(&few, &many).await?);
    Ok(reports)
}

/// Begins sessions in a store of their own, and serves it.
async fn side(folder: &Path, sessions: u64) -> Result<Side> {
    let config = SqliteConfig::new(folder.join("pando.db"));
    let engine = tokio::task::spawn_blocking(move || SqliteEngine::open(config)).await??;
    let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default()).await?;
    let begun = Instant::now();
    let mut tokens = Vec::new();
    while (tokens.len() as u64) < sessions {
        let mut operations = Vec::new();
        for _ in 0..TOGETHER {
            let begin = Begin {
                user: Some(user(tokens.len() as u64)),
                data: Some(r#"{"agent": "Mozilla/5.0", "cart": [1, 2, 3]}"#.to_owned()),
                idle: Some(MONTH),
                absolute: Some(MONTH),
                instead_of: None,
            };
            let (operation, token) = store.session_begin(begin).await?;
            operations.push(operation);
            tokens.push(token.text().to_owned());
        }
        let whole = Operation::all(operations, |_| {}).map(|_| Ok(Vec::new()));
        store.carry_out(&whole, None, &Session::default()).await?;
    }
    eprintln!("   {sessions} sessions begun in {:?}", begun.elapsed());
    store.close().await?;
    drop(store);
    let settings = [("PANDO__SESSIONS__TOUCH", "30d")];
    Ok(Side {
        server: Server::pando_set(folder, &settings).await?,
        tokens: tokens.into(),
    })
}

fn user(session: u64) -> String {
    format!("user-{}", session / OF_A_USER)
}

fn read(side: &Side) -> Script {
    let tokens = Arc::clone(&side.tokens);
    Arc::new(move |n, out| {
        let one = items::scatter(n, tokens.len() as u64) as usize % tokens.len();
        ask("GET", "/sessions/v1/current", &tokens[one], out);
    })
}

fn list(side: &Side) -> Script {
    let sessions = side.tokens.len() as u64;
    Arc::new(move |n, out| {
        let one = user(items::scatter(n, sessions) % sessions);
        ask("GET", &format!("/sessions/v1/users/{one}"), "", out);
    })
}

/// CPU microseconds for each request, and the middle and the longest latencies in milliseconds.
async fn cost(side: &Side, script: Script) -> Result<(f64, f64, f64)> {
    let before = side.server.cpu()?;
    let run = load::closed(
        side.server.address,
        CLIENTS,
        0,
        Until::Elapsed(TURN),
        script,
    )
    .await?;
    ensure!(run.failed == 0, "{} requests failed", run.failed);
    let cpu = (side.server.cpu()? - before).as_secs_f64() * 1e6 / run.answered as f64;
    Ok((cpu, run.percentile_ms(50.0), run.percentile_ms(99.0)))
}

/// How long it takes to log everybody out, until a session is refused: milliseconds.
async fn ending(few: &Side, many: &Side) -> Result<Report> {
    let mut took = Vec::new();
    for side in [many, few] {
        let begun = Instant::now();
        once(side, "DELETE", "/sessions/v1?all=true", "").await?;
        let token = side.tokens.last().context("a session")?;
        let refused = once(side, "GET", "/sessions/v1/current", token).await;
        ensure!(refused.is_err(), "a session goes on");
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let mut report = Report::of_pairs("sessions-1e6-end-all", "ms", 5.0, &[(took[0], took[1])]);
    report.lower_is_better = true;
    Ok(report)
}

/// One request; an error where it is not answered with a status below 400.
async fn once(side: &Side, method: &'static str, path: &'static str, token: &str) -> Result<()> {
    let token = token.to_owned();
    let script: Script = Arc::new(move |_, out| ask(method, path, &token, out));
    let run = load::closed(side.server.address, 1, 0, Until::Requests(1), script).await?;
    ensure!(run.answered == 1, "{method} {path} was refused");
    Ok(())
}

/// Writes a request down; without a token as the application's.
fn ask(method: &str, path: &str, token: &str, out: &mut Vec<u8>) {
    let held = match token {
        "" => String::new(),
        token => format!("Pando-Session: {token}\r\n"),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{held}\r\n");
    out.extend_from_slice(head.as_bytes());
}

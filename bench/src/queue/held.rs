//! A queue on PostgreSQL while somebody holds an old snapshot, and on SQLite while somebody reads:
//! whether it becomes slower from the first minute to the last.
//!
//! `PANDO_HELD_SECONDS` (600) is how long; `PANDO_HELD_ON`, `sqlite` or `postgres`, does one of the
//! two; with `PANDO_HELD_BY=nobody` nothing is held, which shows what else makes it slower.

use super::elsewhere::subject;
use super::subject::Subject;
use super::{BATCH, CONSUMERS};
use crate::report::Report;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// A tenth of the time is a slice.
const SLICES: u32 = 10;
const PRODUCERS: usize = 16;
const ENGINES: [&str; 2] = ["postgres", "sqlite"];

pub async fn run() -> Result<Vec<Report>> {
    let seconds = std::env::var("PANDO_HELD_SECONDS").ok();
    let seconds = seconds.map_or(Ok(600), |text| text.parse())?;
    let span = Duration::from_secs(seconds);
    let is_held = match std::env::var("PANDO_HELD_BY").as_deref() {
        Err(_) => true,
        Ok("nobody") => false,
        Ok(other) => bail!("PANDO_HELD_BY is \"nobody\" or not set, not {other:?}"),
    };
    let only = std::env::var("PANDO_HELD_ON").ok();
    if let Some(other) = only.as_deref().filter(|only| !ENGINES.contains(only)) {
        bail!("PANDO_HELD_ON is one of {ENGINES:?}, not {other:?}");
    }
    let is_wanted = |engine| only.as_deref().is_none_or(|only| only == engine);
    let mut reports = Vec::new();
    if is_wanted("postgres") {
        reports.push(over_postgres(span, is_held).await?);
    }
    if is_wanted("sqlite") {
        reports.push(over_sqlite(span, is_held).await?);
    }
    Ok(reports)
}

async fn over_postgres(span: Duration, is_held: bool) -> Result<Report> {
    let postgres = crate::postgres::start().await?;
    let subject = subject(&postgres).await?;
    // It sees what is there now, for as long as it lives.
    let url = format!("postgres://postgres@{}/subject", postgres.address());
    let (holder, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM _pando_shard";
    holder
        .batch_execute(if is_held { hold } else { "" })
        .await?;
    let report = measure(&name("postgres", is_held), &subject, span).await?;
    drop(holder);
    subject.close().await?;
    Ok(report)
}

async fn over_sqlite(span: Duration, is_held: bool) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let subject = Subject::on_sqlite(folder.path()).await?;
    let reader = rusqlite::Connection::open(folder.path().join("pando.db"))?;
    let hold = "BEGIN; SELECT count(*) FROM sqlite_master;";
    reader.execute_batch(if is_held { hold } else { "" })?;
    let report = measure(&name("sqlite", is_held), &subject, span).await?;
    drop(reader);
    subject.close().await?;
    Ok(report)
}

fn name(engine: &str, is_held: bool) -> String {
    match is_held {
        true => format!("queue-held-{engine}"),
        false => format!("queue-free-{engine}"),
    }
}

/// Publishes and works on what is published, slice by slice; the last against the first.
async fn measure(name: &str, subject: &Subject, span: Duration) -> Result<Report> {
    let slice = span / SLICES;
    let mut rates = Vec::new();
    subject.publish_for("warm", PRODUCERS, slice / 4).await?;
    for _ in 0..SLICES {
        let begun = Instant::now();
        let published = subject.publish_for("q", PRODUCERS, slice / 2).await?;
        let rest = slice.saturating_sub(begun.elapsed());
        let leased = subject.drain("q", CONSUMERS, BATCH, rest).await?;
        eprintln!("   published {published:.0}/s, leased and acknowledged {leased:.0}/s");
        rates.push((published, leased));
    }
    let first = rates.first().copied().unwrap_or_default();
    let pairs: Vec<(f64, f64)> = rates.iter().skip(1).map(|rate| (rate.0, first.0)).collect();
    let leases: Vec<f64> = rates.iter().map(|rate| rate.1 / first.1).collect();
    let mut report = Report::of_pairs(name, "messages/s", 0.9, &pairs);
    let last = leases.last().copied().unwrap_or_default();
    report.peers.insert("leases, last over first".into(), last);
    let last = rates.last().copied().unwrap_or_default();
    report
        .peers
        .insert("publishes, last over first".into(), last.0 / first.0);
    Ok(report)
}

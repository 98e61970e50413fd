//! Durable inserts with 64 and 256 clients, against the lesser of raw group commit
//! of the same rows and a bare axum POST; on the disk as it is, and with 4 ms more
//! for each sync (there against raw group commit of 64 with the same delay).

use super::turns::{PAIRS, TURN};
use crate::load::{self, Outcome, Script, Until, post};
use crate::process::{self, Disk, Server};
use crate::raw;
use crate::report::Report;
use anyhow::{Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MIGRATION: &str = "\
CREATE TABLE notes (
  id uuid PRIMARY KEY,
  author bigint NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL
);
";

pub async fn run() -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for disk in [Disk::AsIs, Disk::Slow] {
        for clients in [64, 256] {
            reports.push(measure(clients, disk).await?);
        }
    }
    Ok(reports)
}

async fn measure(clients: usize, disk: Disk) -> Result<Report> {
    let directory = tempfile::tempdir()?;
    let migrations = directory.path().join("migrations");
    std::fs::create_dir_all(&migrations)?;
    std::fs::write(migrations.join("0001_notes.sql"), MIGRATION)?;
    process::pando(
        directory.path(),
        &["migrate", "--dir", &migrations.to_string_lossy()],
    )?;
    let subject = Server::pando(directory.path(), disk).await?;
    let bare = Server::peer(&["post"]).await?;
    let group = if disk == Disk::Slow { 64 } else { clients };

    let (mut pairs, mut raw_rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut answered) = (Duration::ZERO, 0);
    let mut latency = None;
    load_notes(&subject, "/rest/v1/notes", clients).await?;
    for _ in 0..PAIRS {
        let before = subject.cpu()?;
        let ours = load_notes(&subject, "/rest/v1/notes", clients).await?;
        cpu += subject.cpu()? - before;
        answered += ours.answered;
        let bare_rate = load_notes(&bare, "/notes", clients).await?.rate();
        let raw_rate = raw::group_commit(group, TURN, disk)?;
        let limit = if disk == Disk::Slow {
            raw_rate
        } else {
            raw_rate.min(bare_rate)
        };
        eprintln!(
            "   {:.0}/s; raw {raw_rate:.0}/s, bare {bare_rate:.0}/s",
            ours.rate()
        );
        pairs.push((ours.rate(), limit));
        raw_rates.push(raw_rate);
        bare_rates.push(bare_rate);
        latency = Some((ours.percentile_ms(50.0), ours.percentile_ms(99.0)));
    }
    let name = format!("insert-{clients}{}", disk.suffix());
    let mut report = Report::of_pairs(name, "rows/s", 0.6, &pairs);
    report.peers.insert(
        format!("raw SQLite, groups of {group}"),
        crate::report::Spread::of(&raw_rates).median,
    );
    report.peers.insert(
        "bare axum POST".into(),
        crate::report::Spread::of(&bare_rates).median,
    );
    report.p50_ms = latency.map(|it| it.0);
    report.p99_ms = latency.map(|it| it.1);
    report.rss_mb = Some(subject.rss_mb()?);
    report.cpu_us_per_request = Some(cpu.as_secs_f64() * 1e6 / answered as f64);
    Ok(report)
}

async fn load_notes(server: &Server, path: &'static str, clients: usize) -> Result<Outcome> {
    static AUTHOR: AtomicU64 = AtomicU64::new(0);
    let script: Script = Arc::new(move |_, out| {
        let author = AUTHOR.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            "{{\"id\":\"{}\",\"author\":{author},\"body\":\"{}\",\"created_at\":\"2024-05-01T12:00:00Z\"}}",
            uuid::Uuid::now_v7(),
            raw::BODY,
        );
        post(path, body.as_bytes(), out);
    });
    let outcome = load::closed(server.address, clients, 0, Until::Elapsed(TURN), script).await?;
    if outcome.failed > 0 {
        bail!("{} inserts failed", outcome.failed);
    }
    Ok(outcome)
}

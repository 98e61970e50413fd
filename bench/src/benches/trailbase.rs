//! TrailBase's published benchmark: 100,000 single-row inserts (UUIDv7 key, two
//! foreign keys), then 1,000,000 reads by key.
//!
//! Its 0.33 did 7,000 inserts/s without fsync before the answer and 10,300 reads/s (p50
//! 1.3 ms, p95 2.7 ms) in 113 MB on a two-core machine with its client on the same
//! cores: figures of another machine, printed to know the order of size.

use crate::load::{self, Script, Until, get, post};
use crate::process::{self, Disk, Server};
use crate::report::Report;
use anyhow::{Result, bail};
use std::sync::Arc;

const INSERTS: u64 = 100_000;
const READS: u64 = 1_000_000;
const MIGRATION: &str = "\
CREATE TABLE author (id bigint PRIMARY KEY, name text NOT NULL) WITH (reference = true);
CREATE TABLE room (id bigint PRIMARY KEY, name text NOT NULL) WITH (reference = true);
CREATE TABLE message (
  id uuid PRIMARY KEY,
  author bigint NOT NULL REFERENCES author (id),
  room bigint NOT NULL REFERENCES room (id),
  body text NOT NULL
);
";

pub async fn run() -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for clients in [64, 256] {
        reports.extend(measure(clients).await?);
    }
    Ok(reports)
}

async fn measure(clients: usize) -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    let migrations = directory.path().join("migrations");
    std::fs::create_dir_all(&migrations)?;
    std::fs::write(migrations.join("0001_chat.sql"), MIGRATION)?;
    process::pando(
        directory.path(),
        &["migrate", "--dir", &migrations.to_string_lossy()],
    )?;
    let server = Server::pando(directory.path(), Disk::AsIs).await?;
    fill(&server).await?;
    let ids: Arc<Vec<String>> = Arc::new(
        (0..INSERTS)
            .map(|_| uuid::Uuid::now_v7().to_string())
            .collect(),
    );
    let insert = inserts(ids.clone());
    let cpu = server.cpu()?;
    let written =
        load::closed(server.address, clients, 0, Until::Requests(INSERTS), insert).await?;
    let write_cpu = server.cpu()? - cpu;
    let read = reads(ids);
    let cpu = server.cpu()?;
    let found = load::closed(server.address, clients, 0, Until::Requests(READS), read).await?;
    let read_cpu = server.cpu()? - cpu;
    if written.failed + found.failed > 0 {
        bail!(
            "{} inserts and {} reads failed",
            written.failed,
            found.failed
        );
    }
    let figure = |name: String, outcome: &load::Outcome, cpu: std::time::Duration, theirs: f64| {
        let mut report = Report::of_pairs(name, "req/s", 2.0, &[(outcome.rate(), theirs)]);
        report.p50_ms = Some(outcome.percentile_ms(50.0));
        report.p99_ms = Some(outcome.percentile_ms(99.0));
        report.cpu_us_per_request = Some(cpu.as_secs_f64() * 1e6 / outcome.answered as f64);
        report.rss_mb = server.rss_mb().ok();
        report
    };
    Ok(vec![
        figure(
            format!("trailbase-insert-{clients}"),
            &written,
            write_cpu,
            7_000.0,
        ),
        figure(
            format!("trailbase-read-{clients}"),
            &found,
            read_cpu,
            10_300.0,
        ),
    ])
}

/// The hundred authors and the hundred rooms that the messages name.
async fn fill(server: &Server) -> Result<()> {
    for table in ["author", "room"] {
        let body: Vec<String> = (0..100)
            .map(|id| format!("{{\"id\":{id},\"name\":\"{table} {id}\"}}"))
            .collect();
        let body = format!("[{}]", body.join(","));
        let script: Script =
            Arc::new(move |_, out| post(&format!("/rest/v1/{table}"), body.as_bytes(), out));
        let filled = load::closed(server.address, 1, 0, Until::Requests(1), script).await?;
        if filled.failed > 0 {
            bail!("{table} could not be filled");
        }
    }
    Ok(())
}

/// Inserts the message of each id.
fn inserts(ids: Arc<Vec<String>>) -> Script {
    Arc::new(move |n, out| {
        let body = format!(
            "{{\"id\":\"{}\",\"author\":{},\"room\":{},\"body\":\"a message of a usual length, number {n}\"}}",
            ids[n as usize],
            n % 100,
            n / 100 % 100,
        );
        post("/rest/v1/message", body.as_bytes(), out);
    })
}

/// Reads them by key, in no order.
fn reads(ids: Arc<Vec<String>>) -> Script {
    Arc::new(move |n, out| {
        get(
            &format!(
                "/rest/v1/message?id=eq.{}",
                ids[super::items::scatter(n, INSERTS) as usize]
            ),
            out,
        );
    })
}

//! Subject and limit, turn by turn.

use crate::load::{self, Outcome, Script, Until};
use crate::process::Server;
use crate::report::Report;
use anyhow::{Result, bail};
use std::time::Duration;

/// How many pairs of turns.
pub const PAIRS: usize = 5;
/// How long a turn takes.
pub const TURN: Duration = Duration::from_secs(3);

/// One side of a comparison.
pub struct Side<'a> {
    /// Its process.
    pub server: &'a Server,
    /// What it is asked.
    pub script: Script,
}

/// Takes turns at full load with `clients` clients, then offers the subject 60 % of
/// what it did, on schedule, for its latency.
pub async fn compare(
    name: &str,
    goal: f64,
    clients: usize,
    subject: Side<'_>,
    limit: Side<'_>,
) -> Result<Report> {
    for side in [&subject, &limit] {
        run(side, clients, Duration::from_secs(1)).await?;
    }
    let mut pairs = Vec::new();
    let (mut cpu, mut answered) = (Duration::ZERO, 0);
    let mut limit_cpu = (Duration::ZERO, 0);
    for _ in 0..PAIRS {
        let before = subject.server.cpu()?;
        let ours = run(&subject, clients, TURN).await?;
        cpu += subject.server.cpu()? - before;
        answered += ours.answered;
        let before = limit.server.cpu()?;
        let theirs = run(&limit, clients, TURN).await?;
        limit_cpu.0 += limit.server.cpu()? - before;
        limit_cpu.1 += theirs.answered;
        eprintln!("   {:.0}/s against {:.0}/s", ours.rate(), theirs.rate());
        pairs.push((ours.rate(), theirs.rate()));
    }
    let mut report = Report::of_pairs(name, "req/s", goal, &pairs);
    let rate = report.subject * 0.6;
    let paced = load::open(
        subject.server.address,
        clients,
        rate,
        TURN,
        subject.script.clone(),
    )
    .await?;
    report.p50_ms = Some(paced.percentile_ms(50.0));
    report.p99_ms = Some(paced.percentile_ms(99.0));
    report.rss_mb = Some(subject.server.rss_mb()?);
    report.cpu_us_per_request = Some(cpu.as_secs_f64() * 1e6 / answered as f64);
    report.peers.insert(
        "CPU µs/req of the limit".to_owned(),
        limit_cpu.0.as_secs_f64() * 1e6 / limit_cpu.1 as f64,
    );
    Ok(report)
}

async fn run(side: &Side<'_>, clients: usize, span: Duration) -> Result<Outcome> {
    let outcome = load::closed(
        side.server.address,
        clients,
        0,
        Until::Elapsed(span),
        side.script.clone(),
    )
    .await?;
    if outcome.failed > 0 {
        bail!(
            "{} of {} requests failed",
            outcome.failed,
            outcome.failed + outcome.answered
        );
    }
    Ok(outcome)
}

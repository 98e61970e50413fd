//! Publishes over HTTP, against the lesser of SQLite by hand and a bare axum POST.

use super::{BODY, PAIRS, TURN, by_hand};
use crate::load::{self, Outcome, Script, Until, post};
use crate::process::{Disk, Server};
use crate::report::{Report, Spread};
use anyhow::{Result, bail};
use std::sync::Arc;
use std::time::Duration;

pub async fn run() -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for producers in [64, 1_000] {
        reports.push(measure(producers).await?);
    }
    Ok(reports)
}

async fn measure(producers: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let subject = Server::pando(folder.path(), Disk::AsIs).await?;
    let bare = Server::peer(&["post"]).await?;
    let message = format!("{{\"body\":{BODY}}}");
    let note = format!(
        "{{\"id\":\"0190163d-8694-739b-aea5-966c26f8ad91\",\"author\":1,\"body\":\"{}\",\
         \"created_at\":\"2024-05-01T12:00:00Z\"}}",
        crate::raw::BODY
    );
    publish(&subject, "/queue/v1/q/messages", &message, producers).await?;
    let (mut pairs, mut bares, mut raws) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut answered, mut latency) = (Duration::ZERO, 0, None);
    for _ in 0..PAIRS {
        let before = subject.cpu()?;
        let ours = publish(&subject, "/queue/v1/q/messages", &message, producers).await?;
        cpu += subject.cpu()? - before;
        answered += ours.answered;
        let theirs = publish(&bare, "/notes", &note, producers).await?.rate();
        let raw = tokio::task::spawn_blocking(move || by_hand::group_commit(producers, TURN));
        let raw = raw.await??;
        eprintln!(
            "   {:.0}/s; by hand {raw:.0}/s, bare {theirs:.0}/s",
            ours.rate()
        );
        pairs.push((ours.rate(), theirs.min(raw)));
        bares.push(theirs);
        raws.push(raw);
        latency = Some((ours.percentile_ms(50.0), ours.percentile_ms(99.0)));
    }
    let name = format!("queue-http-{producers}");
    let mut report = Report::of_pairs(name, "messages/s", 0.6, &pairs);
    let peers = [("bare axum POST", bares), ("SQLite by hand", raws)];
    for (peer, rates) in peers {
        report.peers.insert(peer.into(), Spread::of(&rates).median);
    }
    report.p50_ms = latency.map(|it| it.0);
    report.p99_ms = latency.map(|it| it.1);
    report.rss_mb = Some(subject.rss_mb()?);
    report.cpu_us_per_request = Some(cpu.as_secs_f64() * 1e6 / answered as f64);
    Ok(report)
}

async fn publish(
    server: &Server,
    path: &'static str,
    body: &str,
    clients: usize,
) -> Result<Outcome> {
    let body = body.to_owned();
    let script: Script = Arc::new(move |_, out| post(path, body.as_bytes(), out));
    let outcome = load::closed(server.address, clients, 0, Until::Elapsed(TURN), script).await?;
    if outcome.failed > 0 {
        bail!("{} publishes failed", outcome.failed);
    }
    Ok(outcome)
}

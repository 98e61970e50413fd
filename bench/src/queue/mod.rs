//! Queues on the store: publishes against SQLite by hand, leases and acknowledgements against
//! publishes, in one process; how that stays with a million messages before it, and with a
//! snapshot that somebody holds.

mod by_hand;
mod deep;
pub mod elsewhere;
pub mod held;
pub mod http;
mod subject;

use super::report::{Report, Spread};
use anyhow::Result;
use std::time::Duration;
use subject::Subject;

/// How many pairs of turns.
const PAIRS: usize = 5;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(3);
/// Messages of one lease, and of one acknowledgement.
const BATCH: u64 = 100;
/// Consumers that lease and acknowledge.
const CONSUMERS: usize = 8;
/// A message's body.
const BODY: &str = r#"{"kind":"mail","to":"someone@example.org","template":"welcome","n":12345}"#;

/// Publishes with 64 and with 1,000 producers, and leases with acknowledgements.
pub async fn over_sqlite() -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for producers in [64, 1_000] {
        reports.push(publishes(producers).await?);
    }
    reports.push(leases().await?);
    Ok(reports)
}

/// Leases beside a million messages, against those of a queue with few.
pub async fn with_a_million() -> Result<Vec<Report>> {
    deep::run().await
}

async fn publishes(producers: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let subject = Subject::on_sqlite(folder.path()).await?;
    subject
        .publish_for("warm", producers, Duration::from_secs(1))
        .await?;
    let (mut pairs, mut appends) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let ours = subject.publish_for("q", producers, TURN).await?;
        let raw = tokio::task::spawn_blocking(move || by_hand::group_commit(producers, TURN));
        let raw = raw.await??;
        let append = tokio::task::spawn_blocking(move || by_hand::append(producers, TURN / 3));
        appends.push(append.await??);
        eprintln!("   {ours:.0}/s; by hand {raw:.0}/s");
        pairs.push((ours, raw));
    }
    let mut report = Report::of_pairs(
        format!("queue-publish-{producers}"),
        "messages/s",
        0.6,
        &pairs,
    );
    report
        .peers
        .insert("append and fdatasync".into(), Spread::of(&appends).median);
    report
        .peers
        .insert("writes of one commit".into(), subject.group().await?);
    subject.close().await?;
    Ok(report)
}

async fn leases() -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let subject = Subject::on_sqlite(folder.path()).await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let published = subject.publish_for("q", 64, TURN).await?;
        let leased = subject.drain("q", CONSUMERS, BATCH, TURN).await?;
        eprintln!("   {leased:.0}/s leased and acknowledged; {published:.0}/s published");
        pairs.push((leased, published));
    }
    subject.close().await?;
    Ok(Report::of_pairs(
        "queue-lease-ack",
        "messages/s",
        0.5,
        &pairs,
    ))
}

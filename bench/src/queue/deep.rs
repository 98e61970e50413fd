//! A queue with a million messages in it, against one with few.

use super::subject::Subject;
use super::{BATCH, CONSUMERS, PAIRS, TURN};
use crate::report::Report;
use anyhow::Result;
use std::time::Duration;

const DEPTH: usize = 1_000_000;

pub async fn run() -> Result<Vec<Report>> {
    let folder = tempfile::tempdir()?;
    let subject = Subject::on_sqlite(folder.path()).await?;
    subject.fill("deep", DEPTH).await?;
    let (mut publishes, mut leases) = (Vec::new(), Vec::new());
    let half = TURN / 2;
    for _ in 0..PAIRS {
        let deep = subject.publish_for("deep", 64, half).await?;
        let flat = subject.publish_for("flat", 64, half).await?;
        publishes.push((deep, flat));
        let deep = subject
            .drain("deep", CONSUMERS, BATCH, Duration::from_millis(500))
            .await?;
        let flat = subject
            .drain("flat", CONSUMERS, BATCH, Duration::from_millis(500))
            .await?;
        leases.push((deep, flat));
        eprintln!("   published {publishes:.0?}, leased {leases:.0?}");
    }
    subject.close().await?;
    Ok(vec![
        Report::of_pairs("queue-publish-deep", "messages/s", 0.9, &publishes),
        Report::of_pairs("queue-lease-ack-deep", "messages/s", 0.9, &leases),
    ])
}

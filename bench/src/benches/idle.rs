//! Memory at rest, and the time from start to ready.

use super::items;
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::Result;
use std::time::Duration;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    items::fill_pando(directory.path(), 10_000)?;
    let (mut memory, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let server = Server::pando(directory.path(), Disk::AsIs).await?;
        ready.push((server.ready_after.as_secs_f64() * 1_000.0, 300.0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push((server.rss_mb()?, 40.0));
    }
    let mut reports = vec![
        Report::of_pairs("idle-memory", "MB", 1.0, &memory),
        Report::of_pairs("ready", "ms", 1.0, &ready),
    ];
    for report in &mut reports {
        report.lower_is_better = true;
    }
    Ok(reports)
}

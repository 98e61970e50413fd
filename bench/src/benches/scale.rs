//! A point read among ten million rows, against one among ten thousand.

use super::items;
use super::turns::{PAIRS, TURN};
use crate::load::{self, Script, Until, get};
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::Result;
use std::sync::Arc;

const FEW: u64 = 10_000;
const MANY: u64 = 10_000_000;

pub async fn run() -> Result<Vec<Report>> {
    let (few, many) = (tempfile::tempdir()?, tempfile::tempdir()?);
    items::fill_pando(few.path(), FEW)?;
    items::fill_pando(many.path(), MANY)?;
    let few = Server::pando(few.path(), Disk::AsIs).await?;
    let many = Server::pando(many.path(), Disk::AsIs).await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        pairs.push((cost(&many, MANY).await?, cost(&few, FEW).await?));
    }
    let mut report = Report::of_pairs("point-read-1e7-rows", "CPU µs/req", 1.5, &pairs);
    report.lower_is_better = true;
    report.rss_mb = Some(many.rss_mb()?);
    Ok(vec![report])
}

/// CPU microseconds for each read.
async fn cost(server: &Server, rows: u64) -> Result<f64> {
    let script: Script = Arc::new(move |n, out| {
        get(
            &format!("/rest/v1/items?id=eq.{}", items::scatter(n, rows)),
            out,
        );
    });
    let before = server.cpu()?;
    let outcome = load::closed(server.address, 64, 0, Until::Elapsed(TURN), script).await?;
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / outcome.answered as f64)
}

//! One column of a wide row with a thousand others, against one of a row with ten.

use super::model_data::import_wide;
use super::turns::{PAIRS, TURN};
use crate::load::{self, Script, Until, get};
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::{Result, ensure};
use std::sync::Arc;

const ROWS: u64 = 200;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    for (partition, columns) in [("few", 10), ("many", 1_000)] {
        fill(directory.path(), partition, columns)?;
    }
    let server = Server::pando(directory.path(), Disk::AsIs).await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        pairs.push((cost(&server, "many").await?, cost(&server, "few").await?));
    }
    let mut report = Report::of_pairs("wide-one-of-1000-columns", "CPU µs/req", 1.5, &pairs);
    report.lower_is_better = true;
    report.rss_mb = Some(server.rss_mb()?);
    Ok(vec![report])
}

fn fill(data_dir: &std::path::Path, partition: &str, columns: u64) -> Result<()> {
    let path = data_dir.join(format!("{partition}.ndjson"));
    let names: Vec<String> = (0..columns).map(|q| format!("q{q:04}")).collect();
    let mut text = String::new();
    for row in 0..ROWS {
        let cells: Vec<String> = names
            .iter()
            .map(|name| format!("\"{name}\":\"{name} of row {row}\""))
            .collect();
        let cells = cells.join(",");
        text += &format!("{{\"partition\":\"{partition}\",\"row\":\"r{row:03}\",{cells}}}\n");
    }
    std::fs::write(&path, text)?;
    let columns: Vec<String> = names
        .iter()
        .map(|name| format!("obs:{name}={name}"))
        .collect();
    import_wide(data_dir, &path.to_string_lossy(), &columns)
}

/// CPU microseconds for each read of one column of one row.
async fn cost(server: &Server, partition: &'static str) -> Result<f64> {
    let script: Script = Arc::new(move |n, out| {
        let row = n % ROWS;
        get(
            &format!("/wide/v1/bench/{partition}/r{row:03}?columns=obs:q0005"),
            out,
        );
    });
    let before = server.cpu()?;
    let outcome = load::closed(server.address, 64, 0, Until::Elapsed(TURN), script).await?;
    ensure!(outcome.failed == 0, "{} reads failed", outcome.failed);
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / outcome.answered as f64)
}

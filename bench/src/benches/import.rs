//! `pando import tables/flights`, against the `sqlite3` shell's `.import` of the same file
//! into the same columns.

use super::turns::PAIRS;
use crate::process;
use crate::report::Report;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

pub async fn run() -> Result<Vec<Report>> {
    let csv = flights()?;
    let rows = bytecount(&csv)?.saturating_sub(1);
    let mut pairs = Vec::new();
    for _ in 0..PAIRS.min(3) {
        let pair = (rows as f64 / ours(&csv)?, rows as f64 / shell(&csv)?);
        eprintln!("   {:.0} rows/s against {:.0} rows/s", pair.0, pair.1);
        pairs.push(pair);
    }
    let mut shared = Report::of_pairs("import-flights", "rows/s", 0.2, &pairs);
    shared.versions += "; subject synced for each chunk, sqlite3 shell synced once at its end";
    let absolute: Vec<(f64, f64)> = pairs.iter().map(|pair| (pair.0, 30_000.0)).collect();
    Ok(vec![
        shared,
        Report::of_pairs("import-flights-30k", "rows/s", 1.0, &absolute),
    ])
}

/// The demo's file; `make bench` fetches it.
fn flights() -> Result<PathBuf> {
    let path = Path::new("target/demo/flights.csv");
    if !path.exists() {
        bail!("there is no {}: run `make demo-data` first", path.display());
    }
    Ok(path.to_path_buf())
}

fn bytecount(path: &Path) -> Result<usize> {
    Ok(memchr::memchr_iter(b'\n', &std::fs::read(path)?).count())
}

/// Seconds that Pando's import takes, its start and its last sync included.
fn ours(csv: &Path) -> Result<f64> {
    let directory = tempfile::tempdir()?;
    process::pando(
        directory.path(),
        &["migrate", "--dir", "examples/flights/migrations"],
    )?;
    let begun = Instant::now();
    process::pando(
        directory.path(),
        &[
            "import",
            "tables/flights",
            &csv.to_string_lossy(),
            "--null",
            "NA",
        ],
    )?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds that the shell takes.
fn shell(csv: &Path) -> Result<f64> {
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("shell.db");
    let header = std::fs::read_to_string(csv)?;
    let columns = header
        .lines()
        .next()
        .context("the file has no header")?
        .replace('"', "");
    let begun = Instant::now();
    let status = Command::new("sqlite3")
        .arg(&database)
        .arg("PRAGMA journal_mode=WAL")
        .arg("PRAGMA synchronous=FULL")
        .arg(format!("CREATE TABLE flights ({columns})"))
        .arg(format!(".import --csv --skip 1 {} flights", csv.display()))
        .stdout(std::process::Stdio::null())
        .status()
        .context("run sqlite3: apt-get install sqlite3")?;
    if !status.success() {
        bail!("sqlite3 ended with {status}");
    }
    Ok(begun.elapsed().as_secs_f64())
}

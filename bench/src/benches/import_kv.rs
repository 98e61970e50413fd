//! A million key-values, imported durably.

use crate::process;
use crate::report::Report;
use anyhow::Result;
use std::io::{BufWriter, Write};
use std::time::Instant;

const VALUES: u64 = 1_000_000;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("values.ndjson");
    let mut out = BufWriter::new(std::fs::File::create(&file)?);
    for n in 0..VALUES {
        writeln!(
            out,
            "{{\"key\":\"passenger:{n:07}\",\"text\":\"flight {}\"}}",
            n * 7919 % 336_776
        )?;
    }
    out.flush()?;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        let data_dir = tempfile::tempdir()?;
        let begun = Instant::now();
        process::pando(
            data_dir.path(),
            &["import", "kv/bench", &file.to_string_lossy()],
        )?;
        let rate = VALUES as f64 / begun.elapsed().as_secs_f64();
        eprintln!("   {rate:.0} values/s");
        pairs.push((rate, 50_000.0));
    }
    let mut report = Report::of_pairs("import-kv", "values/s", 1.0, &pairs);
    report.versions += "; synced for each chunk; the limit is the goal of 50,000/s";
    Ok(vec![report])
}

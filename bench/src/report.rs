//! Figures, written down: `bench/results/NAME.json` and a table.

use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One figure, measured against its limit in the same run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which figure.
    pub name: String,
    /// Of `subject`, `limit` and `peers`.
    pub unit: &'static str,
    /// Median of the subject's turns.
    pub subject: f64,
    /// Median of the limit's turns.
    pub limit: f64,
    /// Other things measured in the same run.
    pub peers: BTreeMap<String, f64>,
    /// Subject ÷ limit, pair by pair.
    pub ratio_to_limit: Spread,
    /// The ratio that is wanted; at least, or at most where `lower_is_better`.
    pub goal: f64,
    /// Whether small ratios are good ones.
    pub lower_is_better: bool,
    /// How many pairs.
    pub pairs: usize,
    /// Synced appends a second on this disk in this run.
    pub fdatasync_per_s: f64,
    /// The subject's latency, where it was measured.
    pub p50_ms: Option<f64>,
    /// The subject's latency, where it was measured.
    pub p99_ms: Option<f64>,
    /// The subject's memory.
    pub rss_mb: Option<f64>,
    /// The subject's CPU for each request, in microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// Where.
    pub machine: String,
    /// What was measured, and the durability of each side.
    pub versions: String,
}

/// A median and its range.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of some values; zeros of none.
    pub fn of(values: &[f64]) -> Spread {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        match (sorted.first(), sorted.last()) {
            (Some(min), Some(max)) => Spread {
                median: sorted[sorted.len() / 2],
                min: *min,
                max: *max,
            },
            _ => Spread::default(),
        }
    }
}

impl Report {
    /// A figure from the turns of subject and limit, in the order they were taken.
    pub fn of_pairs(
        name: impl Into<String>,
        unit: &'static str,
        goal: f64,
        pairs: &[(f64, f64)],
    ) -> Report {
        let column = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).collect::<Vec<f64>>();
        Report {
            name: name.into(),
            unit,
            subject: Spread::of(&column(|pair| pair.0)).median,
            limit: Spread::of(&column(|pair| pair.1)).median,
            peers: BTreeMap::new(),
            ratio_to_limit: Spread::of(&column(|pair| pair.0 / pair.1)),
            goal,
            lower_is_better: false,
            pairs: pairs.len(),
            fdatasync_per_s: crate::machine::fdatasync_per_s(&std::env::temp_dir()).unwrap_or(0.0),
            p50_ms: None,
            p99_ms: None,
            rss_mb: None,
            cpu_us_per_request: None,
            machine: crate::machine::describe(),
            versions: format!(
                "pando {}, SQLite {}",
                env!("CARGO_PKG_VERSION"),
                rusqlite::version()
            ),
        }
    }

    /// Writes `bench/results/NAME.json` under the current directory.
    pub fn write(&self) -> Result<()> {
        let directory = std::path::Path::new("bench/results");
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{}.json", self.name));
        Ok(std::fs::write(
            path,
            serde_json::to_string_pretty(self)? + "\n",
        )?)
    }
}

/// All figures, one line each.
pub fn table(reports: &[Report]) -> String {
    let mut out = String::from(
        "| figure | subject | limit | ratio (min–max) | goal | p50 ms | p99 ms | CPU µs/req | MB | fdatasync/s |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
    for report in reports {
        let ratio = report.ratio_to_limit;
        let sign = if report.lower_is_better { "≤" } else { "≥" };
        let _ = writeln!(
            out,
            "| {} | {:.1} {} | {:.1} | {:.2} ({:.2}–{:.2}) | {sign} {} | {} | {} | {} | {} | {:.0} |",
            report.name,
            report.subject,
            report.unit,
            report.limit,
            ratio.median,
            ratio.min,
            ratio.max,
            report.goal,
            number(report.p50_ms),
            number(report.p99_ms),
            number(report.cpu_us_per_request),
            number(report.rss_mb),
            report.fdatasync_per_s,
        );
        for (peer, value) in &report.peers {
            let _ = writeln!(out, "|   {peer} | {value:.1} | | | | | | | | |");
        }
    }
    out
}

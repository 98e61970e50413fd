//! Three hops: through a graph of 100,000 edges, and over 100,000 edges.

use super::items::scatter;
use super::model_data::{fill_graph, node};
use super::turns::PAIRS;
use crate::load::{self, Script, Until, post};
use crate::process::{Disk, Server};
use crate::report::Report;
use anyhow::{Result, ensure};
use std::sync::Arc;

/// What a traversal may take, in milliseconds.
const LIMIT_MS: f64 = 50.0;

pub async fn run() -> Result<Vec<Report>> {
    let figures = [
        // Ten edges of each of 10,000 nodes: a question looks at some 1,110 of them.
        ("traverse-3-hops", 10_000, 10, 200),
        // 47 edges of each of 2,200 nodes: a question looks at nearly all of them.
        ("traverse-3-hops-all", 2_200, 47, 20),
    ];
    let mut reports = Vec::new();
    for (name, nodes, degree, questions) in figures {
        reports.push(measure(name, nodes, degree, questions).await?);
    }
    Ok(reports)
}

async fn measure(name: &str, nodes: u64, degree: u64, questions: u64) -> Result<Report> {
    let directory = tempfile::tempdir()?;
    let edge = |n: u64, e: u64| {
        let other = scatter(n * degree + e + 1, nodes);
        (other, format!("2024-01-01T00:{:02}:00Z", e % 60))
    };
    fill_graph(directory.path(), "bench", nodes, degree, &edge)?;
    let server = Server::pando(directory.path(), Disk::AsIs).await?;
    let script: Script = Arc::new(move |n, out| {
        let from = node(scatter(n + 1, nodes));
        let step = "{\"kind\":\"likes\"}";
        let body = format!(
            "{{\"from\":[\"{from}\"],\"steps\":[{step},{step},{step}],\"return\":\"count\"}}"
        );
        post("/graph/v1/bench/traverse", body.as_bytes(), out);
    });
    let mut pairs = Vec::new();
    let mut p99: f64 = 0.0;
    for turn in 0..=PAIRS as u64 {
        let first = turn * questions;
        let until = Until::Requests(questions);
        let outcome = load::closed(server.address, 1, first, until, script.clone()).await?;
        ensure!(outcome.failed == 0, "{} questions failed", outcome.failed);
        // The first turn warms the cache.
        if turn > 0 {
            pairs.push((outcome.percentile_ms(50.0), LIMIT_MS));
            p99 = p99.max(outcome.percentile_ms(99.0));
        }
    }
    let mut report = Report::of_pairs(name, "ms", 1.0, &pairs);
    report.lower_is_better = true;
    report.p50_ms = Some(report.subject);
    report.p99_ms = Some(p99);
    report.rss_mb = Some(server.rss_mb()?);
    Ok(report)
}

//! LinkBench (Armstrong et al., "LinkBench: a Database Benchmark Based on the Facebook Social
//! Graph", SIGMOD 2013) on Pando's graph, against SQL by hand, both in this process and both
//! synced before a write is answered.

mod by_hand;
mod subject;
mod workload;

use crate::benches::turns::PAIRS;
use crate::report::Report;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use workload::{Graph, Op};

/// How long a turn takes.
const TURN: Duration = Duration::from_secs(5);
/// Edges of a list at most, on both sides.
const LIST_LIMIT: i64 = 1_000;

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    let graph = Arc::new(Graph::new());
    eprintln!("   {} nodes, {} edges", graph.nodes(), graph.edges());
    let begun = Instant::now();
    subject::fill(directory.path(), &graph)?;
    eprintln!(
        "   loaded by pando import in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let by_hand = directory.path().join("by-hand.db");
    by_hand::fill(&by_hand, &graph)?;
    let subject = Arc::new(subject::Subject::open(directory.path()).await?);
    let mut reports = Vec::new();
    for clients in [1, 16] {
        let mut pairs = Vec::new();
        let mut at = 0;
        for turn in 0..=PAIRS {
            let ours = ours(&subject, &graph, clients, at).await?;
            let theirs = theirs(&by_hand, &graph, clients, at).await?;
            // Each turn draws operations of its own, the same for both.
            at += 1 << 32;
            eprintln!("   {ours:.0}/s against {theirs:.0}/s");
            // The first turn warms the caches.
            if turn > 0 {
                pairs.push((ours, theirs));
            }
        }
        let mut report = Report::of_pairs(format!("linkbench-{clients}"), "op/s", 0.6, &pairs);
        report.versions += "; in one process; each write synced, Pando's in groups";
        reports.push(report);
    }
    for line in subject.verify().await? {
        eprintln!("   fault: {line}");
    }
    Ok(reports)
}

/// Draws operations from `at` on until the turn is over.
struct Turn {
    next: AtomicU64,
    begun: Instant,
}

impl Turn {
    fn new(at: u64) -> Arc<Turn> {
        Arc::new(Turn {
            next: AtomicU64::new(at),
            begun: Instant::now(),
        })
    }

    fn draw(&self, graph: &Graph) -> Option<Op> {
        let is_over = self.begun.elapsed() >= TURN;
        (!is_over).then(|| graph.op(self.next.fetch_add(1, Ordering::Relaxed)))
    }

    fn rate(&self, at: u64) -> f64 {
        let done = self.next.load(Ordering::Relaxed) - at;
        done as f64 / self.begun.elapsed().as_secs_f64()
    }
}

async fn ours(
    subject: &Arc<subject::Subject>,
    graph: &Arc<Graph>,
    clients: usize,
    at: u64,
) -> Result<f64> {
    let turn = Turn::new(at);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (subject, graph, turn) = (subject.clone(), graph.clone(), turn.clone());
            tokio::spawn(async move {
                while let Some(op) = turn.draw(&graph) {
                    subject.carry_out(op).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(turn.rate(at))
}

async fn theirs(
    database: &std::path::Path,
    graph: &Arc<Graph>,
    clients: usize,
    at: u64,
) -> Result<f64> {
    let turn = Turn::new(at);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (database, graph, turn) = (database.to_owned(), graph.clone(), turn.clone());
            tokio::task::spawn_blocking(move || {
                let mut by_hand = by_hand::ByHand::open(&database)?;
                while let Some(op) = turn.draw(&graph) {
                    by_hand.carry_out(op)?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(turn.rate(at))
}

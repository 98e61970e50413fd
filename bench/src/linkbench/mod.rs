//! LinkBench (Armstrong et al., "LinkBench: a Database Benchmark Based on the Facebook Social
//! Graph", SIGMOD 2013) on Pando's graph, against SQL by hand, both in this process and both
//! synced before a write is answered.

mod by_hand;
mod subject;
mod workload;

use crate::benches::turns::PAIRS;
use crate::process::cpu_of;
use crate::report::{Report, Spread};
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
    subject::fill(directory.path(), &graph).await?;
    let by_hand = directory.path().join("by-hand.db");
    by_hand::fill(&by_hand, &graph)?;
    let subject = Arc::new(subject::Subject::open(directory.path()).await?);
    let mut reports = Vec::new();
    for clients in [1, 16] {
        let (mut pairs, mut cpu) = (Vec::new(), Vec::new());
        let mut at = 0;
        for turn in 0..=PAIRS {
            let ours = ours(&subject, &graph, clients, at).await?;
            let theirs = theirs(&by_hand, &graph, clients, at).await?;
            // Each turn draws operations of its own, the same for both.
            at += 1 << 32;
            eprintln!("   {:.0}/s against {:.0}/s", ours.rate, theirs.rate);
            // The first turn warms the caches.
            if turn > 0 {
                pairs.push((ours.rate, theirs.rate));
                cpu.push((ours.cpu_us, theirs.cpu_us));
            }
        }
        let mut report = Report::of_pairs(format!("linkbench-{clients}"), "op/s", 0.6, &pairs);
        let median = |pick: fn(&(f64, f64)) -> f64| {
            Spread::of(&cpu.iter().map(pick).collect::<Vec<f64>>()).median
        };
        report.cpu_us_per_request = Some(median(|pair| pair.0));
        let of_limit = "CPU µs/op of the limit".to_owned();
        report.peers.insert(of_limit, median(|pair| pair.1));
        report.versions += "; in one process; each write synced, Pando's in groups";
        reports.push(report);
    }
    subject.close().await?;
    Ok(reports)
}

/// Draws operations from `first` on until the turn is over.
struct Turn {
    first: u64,
    next: AtomicU64,
    begun: Instant,
    cpu: Duration,
}

/// What a turn gave.
struct Taken {
    /// Operations a second.
    rate: f64,
    /// Of this process, for each operation.
    cpu_us: f64,
}

impl Turn {
    fn new(first: u64) -> Result<Arc<Turn>> {
        Ok(Arc::new(Turn {
            first,
            next: AtomicU64::new(first),
            begun: Instant::now(),
            cpu: cpu_of("self")?,
        }))
    }

    fn draw(&self, graph: &Graph) -> Option<Op> {
        let is_over = self.begun.elapsed() >= TURN;
        (!is_over).then(|| graph.op(self.next.fetch_add(1, Ordering::Relaxed)))
    }

    fn end(&self) -> Result<Taken> {
        let done = (self.next.load(Ordering::Relaxed) - self.first) as f64;
        Ok(Taken {
            rate: done / self.begun.elapsed().as_secs_f64(),
            cpu_us: (cpu_of("self")? - self.cpu).as_secs_f64() * 1e6 / done,
        })
    }
}

async fn ours(
    subject: &Arc<subject::Subject>,
    graph: &Arc<Graph>,
    clients: usize,
    at: u64,
) -> Result<Taken> {
    let turn = Turn::new(at)?;
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
    turn.end()
}

async fn theirs(
    database: &std::path::Path,
    graph: &Arc<Graph>,
    clients: usize,
    at: u64,
) -> Result<Taken> {
    let turn = Turn::new(at)?;
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
    turn.end()
}

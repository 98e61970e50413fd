//! The store over PostgreSQL, in this process, against tokio-postgres by itself with as many
//! connections and tasks, and against COPY. PostgreSQL is one for both sides, with fsync on; each
//! side has a database of its own.

mod bouncer;
pub mod direct;
pub mod http;
mod rows;
pub mod spread;
pub mod subject;

use crate::benches::turns::{PAIRS, TURN};
use crate::process::cpu_of;
use crate::report::{Report, Spread};
use anyhow::Result;
use pando_cluster::Postgres;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Connections of each side, and the tasks that share them.
pub const CONNECTIONS: usize = 10;
const TASKS: usize = 50;
/// Rows that are read by key.
const ITEMS: u64 = 100_000;
/// Rows of one import.
const IMPORTED: u64 = 200_000;

/// The figures, each of which can be taken alone.
pub const ALL: [&str; 3] = [READ, INSERT, IMPORT];
const READ: &str = "postgres-point-read";
const INSERT: &str = "postgres-insert";
const IMPORT: &str = "postgres-import";

pub async fn run(names: &[&str]) -> Result<Vec<Report>> {
    let postgres = start().await?;
    let version = postgres.sql("SHOW server_version").await?;
    let url = |database: &str| format!("postgres://postgres@{}/{database}", postgres.address());
    let subject = Arc::new(subject::Subject::open(&url("subject")).await?);
    let direct = Arc::new(direct::Direct::open(&url("direct")).await?);
    subject.import_items(ITEMS).await?;
    direct.copy_items(ITEMS).await?;
    postgres.sql("CHECKPOINT").await?;

    let mut reports = Vec::new();
    for name in names {
        reports.push(match *name {
            READ => reads(&subject, &direct).await?,
            INSERT => writes(&subject, &direct).await?,
            _ => imports(&subject, &direct).await?,
        });
    }
    for report in &mut reports {
        report.versions = format!(
            "pando {}, PostgreSQL {}, fsync on both sides; one process, {TASKS} tasks, \
             {CONNECTIONS} connections; {}",
            env!("CARGO_PKG_VERSION"),
            version.trim(),
            report.versions
        );
    }
    subject.close().await?;
    Ok(reports)
}

/// A server with a database for each side.
pub async fn start() -> Result<Postgres> {
    // As a server of its own would have it; and no checkpoint falls into one side's turn.
    let postgres = Postgres::builder()
        .setting("shared_buffers", "512MB")
        .setting("max_wal_size", "8GB")
        .setting("checkpoint_timeout", "1h")
        .start()
        .await?;
    postgres.sql("CREATE DATABASE subject").await?;
    postgres.sql("CREATE DATABASE direct").await?;
    Ok(postgres)
}

async fn reads(subject: &Arc<subject::Subject>, direct: &Arc<direct::Direct>) -> Result<Report> {
    let mut sides = Sides::new(READ, "reads/s", 0.9);
    for _ in 0..=PAIRS {
        let (ours, theirs) = (subject.clone(), direct.clone());
        let ours = turn(TASKS, move |n| {
            let ours = ours.clone();
            async move { ours.read(rows::scatter(n, ITEMS)).await }
        });
        let ours = ours.await?;
        let theirs = turn(TASKS, move |n| {
            let theirs = theirs.clone();
            async move { theirs.read(rows::scatter(n, ITEMS)).await }
        });
        sides.take(ours, theirs.await?);
    }
    Ok(sides.report("a row by its key; Pando's as JSON"))
}

async fn writes(subject: &Arc<subject::Subject>, direct: &Arc<direct::Direct>) -> Result<Report> {
    let mut sides = Sides::new(INSERT, "rows/s", 0.85);
    for _ in 0..=PAIRS {
        let (ours, theirs) = (subject.clone(), direct.clone());
        let ours = turn(TASKS, move |_| {
            let ours = ours.clone();
            async move { ours.insert().await }
        });
        let ours = ours.await?;
        let theirs = turn(TASKS, move |_| {
            let theirs = theirs.clone();
            async move { theirs.insert().await }
        });
        sides.take(ours, theirs.await?);
    }
    Ok(sides.report("a row in a transaction of its own, synced"))
}

async fn imports(subject: &Arc<subject::Subject>, direct: &Arc<direct::Direct>) -> Result<Report> {
    let mut sides = Sides::new(IMPORT, "rows/s", 0.5);
    for _ in 0..=PAIRS {
        let chunks = Arc::new(rows::notes_csv(IMPORTED));
        let ours = Taken::of(IMPORTED, subject.import_notes(chunks.clone())).await?;
        let theirs = Taken::of(IMPORTED, direct.copy_notes(chunks)).await?;
        sides.take(ours, theirs);
    }
    Ok(sides
        .report("CSV; Pando's in requests of 20,000 rows, two at a time, each synced; COPY in one"))
}

/// What a turn gave.
struct Taken {
    /// Of what was done, a second.
    rate: f64,
    /// CPU of the side's processes for each; this one, where both sides are in it.
    cpu_us: f64,
}

impl Taken {
    async fn of(count: u64, work: impl Future<Output = Result<()>>) -> Result<Taken> {
        let (begun, cpu) = (Instant::now(), cpu_of("self")?);
        work.await?;
        Taken::since(count, begun, cpu)
    }

    fn since(count: u64, begun: Instant, cpu: Duration) -> Result<Taken> {
        let count = count as f64;
        Ok(Taken {
            rate: count / begun.elapsed().as_secs_f64(),
            cpu_us: (cpu_of("self")? - cpu).as_secs_f64() * 1e6 / count,
        })
    }
}

/// Does something as often as so many tasks can until the turn is over.
async fn turn<F: Future<Output = Result<()>> + Send + 'static>(
    tasks: usize,
    work: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Result<Taken> {
    let (begun, cpu) = (Instant::now(), cpu_of("self")?);
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let (work, next) = (work.clone(), next.clone());
            tokio::spawn(async move {
                while begun.elapsed() < TURN {
                    work(next.fetch_add(1, Relaxed)).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Taken::since(next.load(Relaxed), begun, cpu)
}

/// Turn by turn.
struct Sides {
    name: &'static str,
    unit: &'static str,
    goal: f64,
    turns: Vec<(Taken, Taken)>,
}

impl Sides {
    fn new(name: &'static str, unit: &'static str, goal: f64) -> Sides {
        let turns = Vec::new();
        Sides {
            name,
            unit,
            goal,
            turns,
        }
    }

    fn take(&mut self, ours: Taken, theirs: Taken) {
        eprintln!(
            "   {}: {:.0}/s against {:.0}/s ({:.2})",
            self.name,
            ours.rate,
            theirs.rate,
            ours.rate / theirs.rate
        );
        self.turns.push((ours, theirs));
    }

    /// All but the first, which warms up.
    fn counted(&self) -> &[(Taken, Taken)] {
        self.turns.get(1..).unwrap_or_default()
    }

    /// CPU for each, pair by pair: at most `goal` of the limit's.
    fn cpu_report(&self, name: String, goal: f64) -> Report {
        let turns = self.counted().iter();
        let cpu: Vec<_> = turns.map(|(a, b)| (a.cpu_us, b.cpu_us)).collect();
        let mut report = Report::of_pairs(name, "CPU µs/req", goal, &cpu);
        report.lower_is_better = true;
        report
    }

    fn report(&self, how: &str) -> Report {
        let turns = self.counted();
        let rates: Vec<_> = turns.iter().map(|(a, b)| (a.rate, b.rate)).collect();
        let mut report = Report::of_pairs(self.name, self.unit, self.goal, &rates);
        let cpu = |values: Vec<f64>| Spread::of(&values).median;
        report.cpu_us_per_request = Some(cpu(turns.iter().map(|turn| turn.0.cpu_us).collect()));
        report.peers.insert(
            "CPU µs of the limit's client".to_owned(),
            cpu(turns.iter().map(|turn| turn.1.cpu_us).collect()),
        );
        report.versions = how.to_owned();
        report
    }
}

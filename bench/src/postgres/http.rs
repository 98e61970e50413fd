//! `pando serve` over PostgreSQL, against a thin axum handler through PgBouncer: a row by its key
//! and a durable row over HTTP, how many a second and what each costs. PostgreSQL is one for both
//! sides, with fsync on; each side has a database of its own.

use super::bouncer::Bouncer;
use super::{CONNECTIONS, ITEMS, Sides, Taken, direct, rows, subject};
use crate::benches::turns::{PAIRS, TURN};
use crate::load::{self, Script, Until};
use crate::process::{Server, cpu_of};
use crate::raw::BODY;
use crate::report::{Report, Spread};
use anyhow::{Context, Result, ensure};
use pando_cluster::Postgres;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Connections of the load, and of the handler to PgBouncer.
const CLIENTS: usize = 64;
const READ: &str = "postgres-http-read";
const INSERT: &str = "postgres-http-insert";

pub async fn run() -> Result<Vec<Report>> {
    let postgres = super::start().await?;
    let url = |database: &str| format!("postgres://postgres@{}/{database}", postgres.address());
    let filled = subject::Subject::open(&url("subject")).await?;
    filled.import_items(ITEMS).await?;
    filled.close().await?;
    let by_hand = direct::Direct::open(&url("direct")).await?;
    by_hand.copy_items(ITEMS).await?;
    drop(by_hand);
    for database in ["subject", "direct"] {
        postgres.sql_in(database, "VACUUM ANALYZE").await?;
    }
    postgres.sql("CHECKPOINT").await?;

    let folder = tempfile::tempdir()?;
    let bouncer = Bouncer::start(postgres.address(), "direct", CONNECTIONS).await?;
    let (through, clients) = (bouncer.url(), CLIENTS.to_string());
    let peer = ["postgres", &through, &clients];
    let rig = Rig {
        subject: Server::pando_over_postgres(folder.path(), &url("subject"), CONNECTIONS).await?,
        handler: Server::peer(&peer).await?,
        server: Processes::of(&postgres)?,
        bouncer,
    };
    rig.both_answer_alike().await?;

    let reads = rig.measure(READ, read_of("/rest/v1/items?id=eq."), read_of("/items/"));
    let mut reports = reads.await?;
    let (ours, theirs) = (Arc::default(), Arc::default());
    let inserts = rig.measure(
        INSERT,
        insert_at("/rest/v1/notes", &ours),
        insert_at("/notes", &theirs),
    );
    reports.extend(inserts.await?);
    // What was answered is there.
    for (database, sent) in [("subject", &ours), ("direct", &theirs)] {
        let stored = postgres.sql_in(database, "SELECT count(*) FROM notes");
        let (stored, sent): (u64, u64) = (stored.await?.trim().parse()?, sent.load(Relaxed));
        ensure!(stored == sent, "{database} has {stored} of {sent} rows");
    }
    rig.describe(&postgres, &mut reports).await?;
    Ok(reports)
}

/// What runs.
struct Rig {
    subject: Server,
    handler: Server,
    bouncer: Bouncer,
    server: Processes,
}

/// CPU that each process has used.
type Used = BTreeMap<&'static str, Duration>;

const PANDO: &str = "Pando";
const HANDLER: &str = "the handler";
const BOUNCER: &str = "PgBouncer";
const SERVER: &str = "PostgreSQL";

impl Rig {
    /// Both give the same bytes for a row.
    async fn both_answer_alike(&self) -> Result<()> {
        for id in [0, 1, 4_711, ITEMS - 1] {
            let path = format!("/rest/v1/items?id=eq.{id}");
            let ours = load::body_once(self.subject.address, &path).await?;
            let theirs = load::body_once(self.handler.address, &format!("/items/{id}")).await?;
            ensure!(
                ours == theirs && ours.starts_with(b"[{"),
                "row {id} is {} and {}",
                String::from_utf8_lossy(&ours),
                String::from_utf8_lossy(&theirs)
            );
        }
        Ok(())
    }

    /// Turn by turn: how many a second, and the CPU for each.
    async fn measure(
        &self,
        name: &'static str,
        ours: Script,
        theirs: Script,
    ) -> Result<Vec<Report>> {
        let mut sides = Sides::new(name, "req/s", 1.0);
        let mut spent: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut latency = Vec::new();
        for pair in 0..=PAIRS {
            let ours = self.turn(&self.subject, &[PANDO], &ours).await?;
            let theirs = self.turn(&self.handler, &[HANDLER, BOUNCER], &theirs);
            let theirs = theirs.await?;
            // The first turn warms up.
            if pair > 0 {
                latency.push((ours.p50_ms, ours.p99_ms));
                let own = [(PANDO, &ours), (HANDLER, &theirs), (BOUNCER, &theirs)];
                for (process, turn) in own {
                    let of = format!("CPU µs/req of {process}");
                    spent.entry(of).or_default().push(turn.cpu_us(process));
                }
                for (side, turn) in [(PANDO, &ours), (HANDLER, &theirs)] {
                    let of = format!("CPU µs/req of {SERVER} under {side}");
                    spent.entry(of).or_default().push(turn.cpu_us(SERVER));
                }
            }
            sides.take(ours.taken, theirs.taken);
        }
        let mut rate = sides.report("");
        rate.p50_ms = Some(Spread::of(&column(&latency, |it| it.0)).median);
        rate.p99_ms = Some(Spread::of(&column(&latency, |it| it.1)).median);
        rate.rss_mb = Some(self.subject.rss_mb()?);
        let mut cpu = sides.cpu_report(format!("{name}-cpu"), 1.0);
        cpu.peers = spent
            .into_iter()
            .map(|(of, values)| (of, Spread::of(&values).median))
            .collect();
        Ok(vec![rate, cpu])
    }

    async fn turn(&self, at: &Server, processes: &[&str], script: &Script) -> Result<Turn> {
        let before = self.used()?;
        let until = Until::Elapsed(TURN);
        let outcome = load::closed(at.address, CLIENTS, 0, until, script.clone()).await?;
        ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
        let after = self.used()?;
        let used: Used = after
            .into_iter()
            .map(|(process, cpu)| (process, cpu.saturating_sub(before[process])))
            .collect();
        let cpu: Duration = processes.iter().map(|process| used[process]).sum();
        Ok(Turn {
            taken: Taken {
                rate: outcome.rate(),
                cpu_us: cpu.as_secs_f64() * 1e6 / outcome.answered as f64,
            },
            used,
            answered: outcome.answered,
            p50_ms: outcome.percentile_ms(50.0),
            p99_ms: outcome.percentile_ms(99.0),
        })
    }

    fn used(&self) -> Result<Used> {
        Ok(Used::from([
            (PANDO, self.subject.cpu()?),
            (HANDLER, self.handler.cpu()?),
            (BOUNCER, self.bouncer.cpu()?),
            (SERVER, self.server.cpu()?),
        ]))
    }

    async fn describe(&self, postgres: &Postgres, reports: &mut [Report]) -> Result<()> {
        let version = postgres.sql("SHOW server_version").await?;
        let connections = |database: &str| {
            let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
            async move { postgres.sql(&sql).await }
        };
        let how = format!(
            "pando {}, PostgreSQL {}, fsync on both sides; pando serve with a pool of \
             {CONNECTIONS} to read ({} connections in all) against axum and {} with transaction \
             pooling ({} connections); {CLIENTS} connections of the load",
            env!("CARGO_PKG_VERSION"),
            version.trim(),
            connections("subject").await?.trim(),
            Bouncer::version()?,
            connections("direct").await?.trim(),
        );
        for report in reports {
            report.versions.clone_from(&how);
        }
        Ok(())
    }
}

/// One side's.
struct Turn {
    taken: Taken,
    used: Used,
    answered: u64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Turn {
    fn cpu_us(&self, process: &str) -> f64 {
        self.used[process].as_secs_f64() * 1e6 / self.answered as f64
    }
}

fn column(turns: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64) -> Vec<f64> {
    turns.iter().map(pick).collect()
}

fn read_of(path: &'static str) -> Script {
    Arc::new(move |n, out| load::get(&format!("{path}{}", rows::scatter(n, ITEMS)), out))
}

/// Counts what it sends.
fn insert_at(path: &'static str, sent: &Arc<AtomicU64>) -> Script {
    let sent = sent.clone();
    Arc::new(move |_, out| {
        let body = format!(
            "{{\"id\":\"{}\",\"author\":{},\"body\":\"{BODY}\",\"created_at\":\"2024-05-01T12:00:00Z\"}}",
            uuid::Uuid::now_v7(),
            sent.fetch_add(1, Relaxed),
        );
        load::post(path, body.as_bytes(), out);
    })
}

/// A PostgreSQL's processes. One that ends takes what it used with it.
struct Processes {
    postmaster: String,
}

impl Processes {
    /// Found by its folder: its own number is of another namespace.
    fn of(postgres: &Postgres) -> Result<Processes> {
        let folder = postgres.data();
        let is_it = |pid: &String| {
            let words = std::fs::read(Path::new("/proc").join(pid).join("cmdline"));
            let words = words.unwrap_or_default();
            let mut words = words.split(|byte| *byte == 0);
            words
                .next()
                .is_some_and(|program| program.ends_with(b"/postgres"))
                && words.any(|word| word == folder.as_os_str().as_encoded_bytes())
        };
        let postmaster = numbers()?.find(is_it);
        Ok(Processes {
            postmaster: postmaster.context("PostgreSQL has no process")?,
        })
    }

    fn cpu(&self) -> Result<Duration> {
        let is_child = |pid: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            rest.split_whitespace().nth(1) == Some(self.postmaster.as_str())
        };
        let children = numbers()?.filter(is_child);
        Ok(children.filter_map(|pid| cpu_of(&pid).ok()).sum())
    }
}

/// Of all processes.
fn numbers() -> Result<impl Iterator<Item = String>> {
    let names =
        std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())))
}

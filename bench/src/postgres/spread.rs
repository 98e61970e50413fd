//! Reads of sessions over a primary and two replicas, against the primary alone. Each PostgreSQL
//! has a share of a core of its own (cgroup), as if it had a machine.

use super::{ITEMS, Sides, rows, subject::Subject, turn};
use crate::benches::turns::PAIRS;
use crate::report::Report;
use anyhow::Result;
use pando_cluster::{Postgres, Standby};
use pando_engine_postgres::PostgresConfig;
use pando_store::session::{Consistency, Session};
use pando_store::token::Token;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Of a core, for each PostgreSQL: so little that the machine has enough for all three and for
/// those who ask.
const SHARE: f64 = 0.08;
/// Callers at the same time. A server that has used its share up is still for most of a tenth of
/// a second, and those who asked it wait for so long: they are so many that others are left who
/// ask the next one.
const CALLERS: usize = 1_000;
const REPLICAS: usize = 2;

pub async fn run() -> Result<Vec<Report>> {
    let started = Postgres::builder().start_replicated(REPLICAS, Standby::Asynchronous);
    let servers = started.await?;
    let url = |server: &Postgres| format!("postgres://postgres@{}/postgres", server.address());
    let mut config = PostgresConfig::new(url(&servers.primary));
    let alone = Arc::new(Subject::open_over(config.clone()).await?);
    alone.import_items(ITEMS).await?;
    servers.primary.sql("CHECKPOINT").await?;
    for replica in &servers.replicas {
        let wal = servers.primary.wal().await?;
        replica.reached(wal, Duration::from_secs(60)).await?;
        replica.sql("CHECKPOINT").await?;
    }
    config.replicas = servers.replicas.iter().map(url).collect();
    let spread = Arc::new(Subject::open_over(config).await?);
    for server in std::iter::once(&servers.primary).chain(&servers.replicas) {
        server.set_cpu_quota(Some(SHARE))?;
    }
    let mut sides = Sides::new("postgres-spread", "reads/s", 2.6);
    for _ in 0..=PAIRS {
        let ours = turn(CALLERS, reading(spread.clone())).await?;
        let theirs = turn(CALLERS, reading(alone.clone())).await?;
        sides.take(ours, theirs);
    }
    spread.close().await?;
    alone.close().await?;
    Ok(vec![sides.report(&format!(
        "sessions with stamps, a row by its key; {CALLERS} callers, {REPLICAS} replicas, {SHARE} of a \
         core for each PostgreSQL; against the primary alone"
    ))])
}

type Reading = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

fn reading(subject: Arc<Subject>) -> impl Fn(u64) -> Reading + Clone + Send + 'static {
    let all: Arc<[_]> = (0..CALLERS).map(|_| Mutex::new(None)).collect();
    move |n| {
        let (subject, all) = (subject.clone(), all.clone());
        Box::pin(async move {
            let seen = &all[n as usize % CALLERS];
            let session = Session {
                token: seen.lock().map(|at| Token::of(0, at)),
                consistency: Consistency::Session,
            };
            let at = subject.read_in(rows::scatter(n, ITEMS), &session).await?;
            let mut seen = seen.lock();
            *seen = (*seen).max(Some(at));
            Ok(())
        })
    }
}

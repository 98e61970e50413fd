//! What others do on the same disk in the same run: a table of jobs with `SKIP LOCKED`, and Redis
//! Streams that are synced with each append.

use super::subject::Subject;
use super::{BATCH, BODY, CONSUMERS, PAIRS, TURN};
use crate::report::{Report, Spread};
use anyhow::{Result, ensure};
use pando_cluster::{Postgres, Redis};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

const PRODUCERS: usize = 64;
/// Connections to PostgreSQL by hand: one for each producer is what a pool would have at most.
const CONNECTIONS: usize = 32;
const JOBS: &str = "CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                    body jsonb NOT NULL, run_at timestamptz NOT NULL DEFAULT now(), \
                    locked_until timestamptz, attempt int NOT NULL DEFAULT 0); \
                    CREATE INDEX ON jobs (run_at);";
const PUBLISH: &str = "INSERT INTO jobs (body) VALUES ($1::text::jsonb)";
const LEASE: &str = "UPDATE jobs SET locked_until = now() + interval '30 s', attempt = attempt + 1, \
                     run_at = now() + interval '30 s' \
                     WHERE id IN (SELECT id FROM jobs WHERE run_at <= now() ORDER BY run_at \
                     LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id, body::text";
const ACK: &str = "DELETE FROM jobs WHERE id = ANY($1)";

pub async fn run() -> Result<Vec<Report>> {
    let mut reports = over_postgres().await?;
    reports.push(beside_redis().await?);
    Ok(reports)
}

async fn over_postgres() -> Result<Vec<Report>> {
    let postgres = crate::postgres::start().await?;
    let subject = subject(&postgres).await?;
    let jobs = Arc::new(Jobs::open(&postgres).await?);
    let (mut publishes, mut leases) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let ours = subject.publish_for("q", PRODUCERS, TURN).await?;
        let theirs = jobs.publish_for(TURN).await?;
        eprintln!("   published {ours:.0}/s; SKIP LOCKED {theirs:.0}/s");
        publishes.push((ours, theirs));
        let ours = subject.drain("q", CONSUMERS, BATCH, TURN).await?;
        let theirs = jobs.drain(TURN).await?;
        eprintln!("   leased and acknowledged {ours:.0}/s; SKIP LOCKED {theirs:.0}/s");
        leases.push((ours, theirs));
    }
    let half: Vec<f64> = leases
        .iter()
        .zip(&publishes)
        .map(|(lease, publish)| lease.0 / publish.0)
        .collect();
    let mut lease = Report::of_pairs("queue-lease-ack-postgres", "messages/s", 1.0, &leases);
    lease
        .peers
        .insert("of the publishes".into(), Spread::of(&half).median);
    subject.close().await?;
    Ok(vec![
        Report::of_pairs("queue-publish-postgres", "messages/s", 1.0, &publishes),
        lease,
    ])
}

pub async fn subject(postgres: &Postgres) -> Result<Subject> {
    let url = format!("postgres://postgres@{}/subject", postgres.address());
    let engine = PostgresEngine::open(PostgresConfig::new(url)).await?;
    Subject::on(engine).await
}

/// A table of jobs, as one would write it by hand.
struct Jobs {
    clients: Vec<Arc<Client>>,
}

impl Jobs {
    async fn open(postgres: &Postgres) -> Result<Jobs> {
        let url = format!("postgres://postgres@{}/direct", postgres.address());
        let mut clients = Vec::new();
        for n in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            tokio::spawn(connection);
            if n == 0 {
                client.batch_execute(JOBS).await?;
            }
            clients.push(Arc::new(client));
        }
        Ok(Jobs { clients })
    }

    async fn publish_for(&self, span: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut working = JoinSet::new();
        for client in &self.clients {
            let client = Arc::clone(client);
            working.spawn(async move {
                let insert = client.prepare(PUBLISH).await?;
                let mut published = 0_u64;
                while begun.elapsed() < span {
                    client.execute(&insert, &[&BODY]).await?;
                    published += 1;
                }
                anyhow::Ok(published)
            });
        }
        let published = super::subject::sum(working).await?;
        Ok(published as f64 / begun.elapsed().as_secs_f64())
    }

    async fn drain(&self, span: Duration) -> Result<f64> {
        let begun = Instant::now();
        let ended_us = Arc::new(AtomicU64::new(1));
        let mut working = JoinSet::new();
        for client in self.clients.iter().take(CONSUMERS) {
            let client = Arc::clone(client);
            let ended_us = Arc::clone(&ended_us);
            working.spawn(async move {
                let (lease, ack) = (client.prepare(LEASE).await?, client.prepare(ACK).await?);
                let mut done = 0;
                while begun.elapsed() < span {
                    let batch = i64::try_from(BATCH)?;
                    let rows = client.query(&lease, &[&batch]).await?;
                    if rows.is_empty() {
                        break;
                    }
                    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
                    done += client.execute(&ack, &[&ids]).await?;
                    ended_us.fetch_max(
                        u64::try_from(begun.elapsed().as_micros())?,
                        Ordering::Relaxed,
                    );
                }
                anyhow::Ok(done)
            });
        }
        let done = super::subject::sum(working).await?;
        Ok(done as f64 * 1e6 / ended_us.load(Ordering::Relaxed) as f64)
    }
}

async fn beside_redis() -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let subject = Subject::on_sqlite(folder.path()).await?;
    let redis = Redis::builder()
        .setting("appendonly", "yes")
        .setting("appendfsync", "always")
        .setting("maxmemory-policy", "noeviction");
    let redis = redis.start().await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let ours = subject.publish_for("q", PRODUCERS, TURN).await?;
        let theirs = xadd_for(redis.address(), TURN).await?;
        eprintln!("   published {ours:.0}/s; XADD {theirs:.0}/s");
        pairs.push((ours, theirs));
    }
    subject.close().await?;
    Ok(Report::of_pairs(
        "queue-publish-redis",
        "messages/s",
        1.0,
        &pairs,
    ))
}

/// Appends to a stream a second, of as many clients as there are producers, each one at a time.
async fn xadd_for(address: SocketAddr, span: Duration) -> Result<f64> {
    let command = format!(
        "*5\r\n$4\r\nXADD\r\n$1\r\nq\r\n$1\r\n*\r\n$1\r\nb\r\n${}\r\n{BODY}\r\n",
        BODY.len()
    );
    let command: Arc<str> = command.into();
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for _ in 0..PRODUCERS {
        let command = Arc::clone(&command);
        working.spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(address).await?);
            let (mut line, mut published) = (String::new(), 0_u64);
            while begun.elapsed() < span {
                stream.get_mut().write_all(command.as_bytes()).await?;
                line.clear();
                stream.read_line(&mut line).await?;
                ensure!(line.starts_with('$'), "XADD: {line}");
                let length: usize = line[1..].trim().parse()?;
                let mut id = vec![0; length + 2];
                stream.read_exact(&mut id).await?;
                published += 1;
            }
            anyhow::Ok(published)
        });
    }
    let published = super::subject::sum(working).await?;
    Ok(published as f64 / begun.elapsed().as_secs_f64())
}

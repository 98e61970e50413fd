//! `pando bench`: open-loop load against a running deployment.
//!
//! Requests are sent on schedule whatever the answers do, and latency counts from
//! the scheduled start: a server that stalls is seen to stall (coordinated omission
//! is not hidden). What could not be sent before the end counts as dropped.

mod work;

use super::Context;
use crate::access::{self, Access};
use crate::cli::{BenchArgs, Workload};
use crate::client;
use crate::failure::fail;
use crate::report::columns;
use hdrhistogram::Histogram;
use pando_client::{Client, Retry, Session};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use work::Work;

/// Three digits, up to a minute.
const DIGITS: u8 = 3;
const LONGEST_US: u64 = 60_000_000;

/// What one client saw.
struct Seen {
    latency: Histogram<u64>,
    failed: u64,
    dropped: u64,
    first_failure: Option<String>,
}

/// Carries out `pando bench`.
pub async fn run(args: BenchArgs, context: &Context) -> anyhow::Result<()> {
    if args.rate == 0 || args.clients == 0 {
        return fail("--rate and --clients must be more than nothing")
            .usage()
            .err();
    }
    let client = client(&args, context).await?;
    let work = Arc::new(Work::prepare(&args, &client).await?);
    let clients = args.clients.min(args.rate);
    let began = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|n| {
            let every = Duration::from_secs_f64(f64::from(clients) / f64::from(args.rate));
            let first = began + every.mul_f64(f64::from(n) / f64::from(clients));
            let end = began + args.duration.get();
            let (client, work) = (client.in_session(Session::new()), Arc::clone(&work));
            tokio::spawn(async move { drive(&client, &work, n, first, every, end).await })
        })
        .collect();
    let mut all = Seen::new()?;
    for task in tasks {
        all.add(task.await??)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let answer = summary(&args, &all, seconds);
    context
        .report
        .answer(&answer, |answer| text(answer, &all))?;
    if all.latency.is_empty() {
        return fail("no request was answered").err();
    }
    Ok(())
}

async fn client(args: &BenchArgs, context: &Context) -> anyhow::Result<Client> {
    let certificate = context.loaded.config.tls.cert.as_deref();
    // What fails has failed: sending it again would hide that in the latency.
    if let Some(url) = &args.url {
        // The root key of this folder is not for a host that somebody typed.
        let key = access::key_given();
        return client::connect_with(url, key.as_deref(), certificate, Retry::never());
    }
    match access::open_existing(context).await? {
        Access::Server(server) => {
            let key = access::key(&server.dir);
            client::connect_with(&server.url, key.as_deref(), certificate, Retry::never())
        }
        Access::Store(open) => {
            open.close().await?;
            fail("no server holds the data directory")
                .hint("start one with `pando serve`, or name one with --url")
                .err()
        }
    }
}

/// Sends one client's share of the schedule.
async fn drive(
    client: &Client,
    work: &Work,
    number: u32,
    first: Instant,
    every: Duration,
    end: Instant,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::new()?;
    let mut due = first;
    let mut turn = 0u64;
    while due < end {
        let now = Instant::now();
        if now >= end {
            seen.dropped += 1;
        } else {
            tokio::time::sleep_until(due.into()).await;
            match work.send(client, number, turn).await {
                Ok(()) => {
                    let us = u64::try_from(due.elapsed().as_micros()).unwrap_or(LONGEST_US);
                    seen.latency.saturating_record(us.max(1));
                }
                Err(error) => {
                    seen.failed += 1;
                    seen.first_failure.get_or_insert(format!("{error:#}"));
                }
            }
        }
        turn += 1;
        due += every;
    }
    Ok(seen)
}

impl Seen {
    fn new() -> anyhow::Result<Seen> {
        Ok(Seen {
            latency: Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?,
            failed: 0,
            dropped: 0,
            first_failure: None,
        })
    }

    fn add(&mut self, other: Seen) -> anyhow::Result<()> {
        self.latency.add(&other.latency)?;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        Ok(())
    }
}

fn summary(args: &BenchArgs, seen: &Seen, seconds: f64) -> Value {
    let workload = match args.workload {
        Workload::PointRead => "point-read",
        Workload::Insert => "insert",
        Workload::Page => "page",
    };
    let ms = |us: u64| us as f64 / 1_000.0;
    let latency = &seen.latency;
    json!({
        "workload": workload,
        "table": args.table,
        "offered_per_second": args.rate,
        "answered_per_second": latency.len() as f64 / seconds,
        "clients": args.clients,
        "seconds": seconds,
        "answered": latency.len(),
        "failed": seen.failed,
        "dropped": seen.dropped,
        "p50_ms": ms(latency.value_at_quantile(0.5)),
        "p99_ms": ms(latency.value_at_quantile(0.99)),
        "p999_ms": ms(latency.value_at_quantile(0.999)),
        "max_ms": ms(latency.max()),
    })
}

fn text(answer: &Value, seen: &Seen) -> String {
    let line = |name: &str, value: String| vec![name.to_owned(), value];
    let ms = |name: &str| format!("{:.2} ms", answer[name].as_f64().unwrap_or(0.0));
    let mut text = columns(&[
        line(
            "offered",
            format!(
                "{}/s by {} clients",
                answer["offered_per_second"], answer["clients"]
            ),
        ),
        line(
            "answered",
            format!(
                "{:.0}/s",
                answer["answered_per_second"].as_f64().unwrap_or(0.0)
            ),
        ),
        line("failed", answer["failed"].to_string()),
        line("dropped", answer["dropped"].to_string()),
        line("p50", ms("p50_ms")),
        line("p99", ms("p99_ms")),
        line("p99.9", ms("p999_ms")),
        line("max", ms("max_ms")),
    ]);
    if let Some(failure) = &seen.first_failure {
        text.push_str(&format!("the first failure: {failure}\n"));
    }
    text
}

//! The load generator: HTTP/1.1 over keep-alive connections, nothing more.
//!
//! A closed loop has so many clients, each with one request under way. An open
//! loop sends on schedule, and counts latency from the scheduled start.

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Writes the request number `n` of a run into a buffer.
pub type Script = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// What a run gave.
pub struct Outcome {
    /// Requests answered with a status below 400.
    pub answered: u64,
    /// Requests answered otherwise.
    pub failed: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
}

impl Outcome {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// A percentile in milliseconds.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.latency.value_at_percentile(percent) as f64 / 1_000.0
    }
}

/// When a closed loop ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// After so long.
    Elapsed(Duration),
    /// After so many requests.
    Requests(u64),
}

/// So many clients, each sending its next request when the last is answered.
/// Request numbers start at `first`.
pub async fn closed(
    address: SocketAddr,
    clients: usize,
    first: u64,
    until: Until,
    script: Script,
) -> Result<Outcome> {
    let next = Arc::new(AtomicU64::new(first));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let (next, script) = (next.clone(), script.clone());
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut seen = Tally::new()?;
            let mut request = Vec::with_capacity(1024);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let over = match until {
                    Until::Elapsed(span) => begun.elapsed() >= span,
                    Until::Requests(count) => number >= first + count,
                };
                if over {
                    return Ok::<Tally, anyhow::Error>(seen);
                }
                request.clear();
                script(number, &mut request);
                let sent = Instant::now();
                let status = connection.exchange(&request).await?;
                seen.record(status, sent.elapsed());
            }
        }));
    }
    collect(tasks, begun).await
}

/// `rate` requests a second for `span`, over `connections`; a request that finds its
/// connection busy waits for it, and its waiting counts.
pub async fn open(
    address: SocketAddr,
    connections: usize,
    rate: f64,
    span: Duration,
    script: Script,
) -> Result<Outcome> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for lane in 0..connections {
        let script = script.clone();
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut seen = Tally::new()?;
            let mut request = Vec::with_capacity(1024);
            for turn in 0_u64.. {
                let number = turn * connections as u64 + lane as u64;
                let due = Duration::from_secs_f64(number as f64 / rate);
                if due > span {
                    break;
                }
                let now = begun.elapsed();
                if due > now {
                    tokio::time::sleep(due - now).await;
                }
                request.clear();
                script(number, &mut request);
                let status = connection.exchange(&request).await?;
                seen.record(status, begun.elapsed() - due);
            }
            Ok::<Tally, anyhow::Error>(seen)
        }));
    }
    collect(tasks, begun).await
}

/// One GET; its status.
pub async fn get_once(address: SocketAddr, path: &str) -> Result<u16> {
    let mut request = Vec::new();
    get(path, &mut request);
    Connection::open(address).await?.exchange(&request).await
}

/// The body of what one GET is answered.
pub async fn body_once(address: SocketAddr, path: &str) -> Result<BytesMut> {
    let mut request = Vec::new();
    get(path, &mut request);
    let mut connection = Connection::open(address).await?;
    let answer = connection.ask(&request).await?;
    connection.buffer.advance(answer.head);
    Ok(connection.buffer.split_to(answer.length))
}

/// Appends a GET request.
pub fn get(path: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}

/// Appends a POST request with a JSON body.
pub fn post(path: &str, body: &[u8], out: &mut Vec<u8>) {
    with_body("POST", path, body, out);
}

/// Appends a PUT request with a JSON body.
pub fn put(path: &str, body: &[u8], out: &mut Vec<u8>) {
    with_body("PUT", path, body, out);
}

fn with_body(method: &str, path: &str, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(
        b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ",
    );
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

struct Tally {
    answered: u64,
    failed: u64,
    latency: Histogram<u64>,
}

impl Tally {
    fn new() -> Result<Tally> {
        Ok(Tally {
            answered: 0,
            failed: 0,
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
        })
    }

    fn record(&mut self, status: u16, took: Duration) {
        if status < 400 {
            self.answered += 1;
        } else {
            self.failed += 1;
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(us.max(1));
    }
}

async fn collect(
    tasks: Vec<tokio::task::JoinHandle<Result<Tally>>>,
    begun: Instant,
) -> Result<Outcome> {
    let mut all = Tally::new()?;
    for task in tasks {
        let one = task.await??;
        all.answered += one.answered;
        all.failed += one.failed;
        all.latency.add(one.latency)?;
    }
    Ok(Outcome {
        answered: all.answered,
        failed: all.failed,
        elapsed: begun.elapsed(),
        latency: all.latency,
    })
}

/// What the buffer begins with.
struct Answer {
    status: u16,
    head: usize,
    length: usize,
}

struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: BytesMut::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its answer whole; its status.
    async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        let answer = self.ask(request).await?;
        self.buffer.advance(answer.head + answer.length);
        Ok(answer.status)
    }

    /// Sends a request and reads its answer whole, which stays in the buffer.
    async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let text =
            std::str::from_utf8(&self.buffer[..head]).context("an answer's head is not text")?;
        let status = text
            .get(9..12)
            .and_then(|digits| digits.parse().ok())
            .context("no status")?;
        let mut length = None;
        for line in text.split("\r\n") {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let length = match (length, status) {
            (Some(length), _) => length,
            (None, 204 | 304) => 0,
            (None, _) => bail!("an answer without Content-Length: {text}"),
        };
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        Ok(Answer {
            status,
            head,
            length,
        })
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.reserve(4096);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

//! Topics: what ten thousand take who only listen, and how soon whoever listens is told.

use crate::process::Server;
use crate::report::Report;
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Who only listens, and to how many topics.
const IDLE: usize = 10_000;
const TOPICS: usize = 100;
/// The bound of the whole process with all of them.
const IDLE_MB: f64 = 200.0;
/// Longer than a heartbeat: all of them were sent something.
const SETTLE: Duration = Duration::from_secs(20);
/// Messages each millisecond, over so many connections that publish.
const EACH_MS: usize = 10;
const PUBLISHERS: usize = 5;
const PUBLISH_FOR: Duration = Duration::from_secs(10);
const P99_MS: f64 = 10.0;
/// What the answer to a publish begins with.
const ANSWER: &[u8] = b"HTTP/1.1 200";

const SETTINGS: [(&str, &str); 3] = [
    ("PANDO__LIMITS__MAX_CONNECTIONS", "12000"),
    ("PANDO__TOPICS__MAX_SUBSCRIBERS", "11000"),
    // What is late is late, and not missed.
    ("PANDO__TOPICS__RING", "100000"),
];

pub async fn run() -> Result<Vec<Report>> {
    let directory = tempfile::tempdir()?;
    let server = Server::pando_set(directory.path(), &SETTINGS).await?;
    let bare = server.rss_mb()?;
    let idle = listen(server.address, IDLE).await?;
    tokio::time::sleep(SETTLE).await;
    let mut memory = Report::of_pairs(
        "topics-idle-memory",
        "MB",
        1.0,
        &[(server.rss_mb()?, IDLE_MB)],
    );
    memory.lower_is_better = true;
    memory.peers.insert("without them".to_owned(), bare);
    // Two servers on one folder are refused.
    drop((idle, server));
    let server = Server::pando_set(directory.path(), &SETTINGS).await?;
    let (latency, rate) = delivery(server.address).await?;
    let ms = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1_000.0;
    let mut delivery = Report::of_pairs("topics-delivery-p99", "ms", 1.0, &[(ms(0.99), P99_MS)]);
    delivery.lower_is_better = true;
    (delivery.p50_ms, delivery.p99_ms) = (Some(ms(0.5)), Some(ms(0.99)));
    delivery.peers.insert("messages a second".to_owned(), rate);
    Ok(vec![memory, delivery])
}

async fn listen(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for n in 0..count {
        let stream = open(address, &format!("idle-{}", n % TOPICS)).await;
        streams.push(stream.with_context(|| format!("listener {n} (see ulimit -n)"))?);
    }
    Ok(streams)
}

/// Subscribes, and reads the head and the first block.
async fn open(address: SocketAddr, topic: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /topics/v1/{topic} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.windows(7).any(|bytes| bytes == b"retry: ") {
        if stream.read_buf(&mut head).await? == 0 {
            bail!("no event stream: {}", String::from_utf8_lossy(&head));
        }
    }
    Ok(stream)
}

/// From before a message is sent until whoever listens has read it, in microseconds; and how many
/// were published a second.
async fn delivery(address: SocketAddr) -> Result<(Histogram<u64>, f64)> {
    let base = Instant::now();
    let listener = open(address, "timed").await?;
    let total = PUBLISH_FOR.as_millis() as usize * EACH_MS;
    let hearing = tokio::spawn(hear(listener, base, total));
    let begun = Instant::now();
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        publishers.spawn(publish(address, base, total / PUBLISHERS));
    }
    while let Some(published) = publishers.join_next().await {
        published??;
    }
    let rate = total as f64 / begun.elapsed().as_secs_f64();
    Ok((hearing.await??, rate))
}

/// Its share of the messages, each millisecond; answers are read beside it.
async fn publish(address: SocketAddr, base: Instant, count: usize) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut answers, mut requests) = stream.into_split();
    let reading = tokio::spawn(async move {
        let (mut seen, mut text) = (0, Vec::new());
        while seen < count {
            // What may be the beginning of an answer that was torn apart stays.
            text.drain(..text.len().saturating_sub(ANSWER.len() - 1));
            if answers.read_buf(&mut text).await? == 0 {
                bail!("a publisher was cut off after {seen} answers");
            }
            seen += memchr::memmem::find_iter(&text, ANSWER).count();
            if memchr::memmem::find(&text, b"HTTP/1.1 5").is_some() {
                bail!("a message was refused");
            }
        }
        Ok(())
    });
    let share = EACH_MS / PUBLISHERS;
    let mut due = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..count / share {
        due.tick().await;
        let mut batch = Vec::new();
        for _ in 0..share {
            let body = format!("@{}", base.elapsed().as_micros());
            let head =
                "POST /topics/v1/timed HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n";
            let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            batch.extend_from_slice(request.as_bytes());
        }
        requests.write_all(&batch).await?;
    }
    reading.await?
}

async fn hear(mut listener: TcpStream, base: Instant, total: usize) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new(3)?;
    let mut text = Vec::new();
    while latency.len() < total as u64 {
        let read = tokio::time::timeout(Duration::from_secs(60), listener.read_buf(&mut text));
        if read.await.context("not all messages came")?? == 0 {
            bail!("the listener was cut off");
        }
        let now = base.elapsed().as_micros() as u64;
        // `data: @MICROSECONDS` and a line end; what is torn apart waits for its rest.
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'@', &text[from..]) {
            let begin = from + at + 1;
            let Some(len) = memchr::memchr(b'\n', &text[begin..]) else {
                break;
            };
            let sent: u64 = std::str::from_utf8(&text[begin..begin + len])?.parse()?;
            latency.saturating_record(now.saturating_sub(sent).max(1));
            from = begin + len;
        }
        text.drain(..from);
    }
    Ok(latency)
}

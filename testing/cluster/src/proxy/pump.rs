//! One direction of a connection: what is read waits for its time, and is written as fast as it
//! may be.

use super::{Faults, Way};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// Chunks that wait for their time: 4 MiB. With more under way, the delay becomes longer.
const CHUNKS: usize = 256;
/// A throttled direction writes so many pieces each second.
const PIECES_PER_S: u32 = 20;

/// Bytes that were passed on: of one connection, and of all.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) own: AtomicU64,
    all: Arc<AtomicU64>,
}

impl Bytes {
    pub(super) fn of(all: Arc<AtomicU64>) -> Bytes {
        Bytes {
            own: AtomicU64::default(),
            all,
        }
    }

    fn add(&self, count: usize) {
        let count = count as u64;
        self.own.fetch_add(count, Ordering::Relaxed);
        self.all.fetch_add(count, Ordering::Relaxed);
    }
}

/// What was read, and when it may be written.
type Due = (Instant, Vec<u8>);

/// Passes everything on, and the end of it.
pub(super) async fn run(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    faults: &watch::Receiver<Faults>,
    way: fn(&Faults) -> Way,
    bytes: &Bytes,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let reading = read(from, sender, faults.clone(), way);
    let writing = write(to, receiver, faults.clone(), way, bytes);
    tokio::try_join!(reading, writing).map(drop)
}

/// Answers when the connection is not stalled.
pub(super) async fn flowing(faults: &mut watch::Receiver<Faults>) {
    if faults.wait_for(|faults| !faults.stalled).await.is_err() {
        // Nobody is left who could end it.
        std::future::pending::<()>().await;
    }
}

async fn read(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Due>,
    mut faults: watch::Receiver<Faults>,
    way: fn(&Faults) -> Way,
) -> io::Result<()> {
    loop {
        flowing(&mut faults).await;
        let mut chunk = vec![0; CHUNK];
        let count = tokio::select! {
            // Before what is ready to be read: a connection that is stalled reads nothing.
            biased;
            Ok(()) = faults.changed() => continue,
            count = from.read(&mut chunk) => count?,
        };
        chunk.truncate(count);
        let due = Instant::now() + way(&faults.borrow()).delay;
        // The end, too, takes its time.
        if to.send((due, chunk)).await.is_err() || count == 0 {
            return Ok(());
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut from: mpsc::Receiver<Due>,
    mut faults: watch::Receiver<Faults>,
    way: fn(&Faults) -> Way,
    bytes: &Bytes,
) -> io::Result<()> {
    while let Some((due, chunk)) = from.recv().await {
        tokio::time::sleep_until(due).await;
        if chunk.is_empty() {
            flowing(&mut faults).await;
            break;
        }
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            flowing(&mut faults).await;
            let rate = way(&faults.borrow()).bytes_per_s;
            let size = rate.map_or(rest.len(), |rate| (rate / PIECES_PER_S).max(1) as usize);
            let (piece, later) = rest.split_at(size.min(rest.len()));
            to.write_all(piece).await?;
            bytes.add(piece.len());
            rest = later;
            if let Some(rate) = rate {
                let seconds = piece.len() as f64 / f64::from(rate.max(1));
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
        }
    }
    to.shutdown().await
}

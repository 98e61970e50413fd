//! The pipeline: one thread reads and cuts, workers prepare, the caller stores.
//!
//! Chunks are dealt to the workers in turn and taken from them in the same turn,
//! which keeps their order without a buffer for sorting. All queues are short:
//! memory stays bounded by a few chunks for each worker.

use super::chunk::{Fault, Prepared, RawChunk, Records};
use super::sink::Sink;
use super::source::{Sources, Stream, located};
use super::split::{Record, Split};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use tokio::sync::mpsc;

/// Chunks that wait before and behind each worker.
const QUEUE: usize = 2;
/// A chunk is cut when its records hold so many bytes, however few they are.
const CHUNK_BYTES_MAX: usize = 8 << 20;

/// Where and how the reading begins.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Records of a chunk at most.
    pub rows: usize,
    /// Records that are passed over first.
    pub skip: u64,
}

/// Prepared chunks, in order.
pub struct Pipeline<T> {
    lanes: Vec<mpsc::Receiver<anyhow::Result<Prepared<T>>>>,
    next: usize,
    dealt: Dealt,
}

/// How many chunks there are in all, once the last one was dealt.
type Dealt = Arc<OnceLock<usize>>;

/// Starts the threads. They end when their work is done, or when the pipeline is dropped.
pub fn start<S: Sink>(
    sources: &Sources,
    cut: Cut,
    sink: &Arc<S>,
) -> anyhow::Result<Pipeline<S::Item>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // One core is the writer's.
    let workers = cores.saturating_sub(1).clamp(1, 8);
    let (mut raw_lanes, mut lanes) = (Vec::new(), Vec::new());
    for n in 0..workers {
        let (raw_in, raw_out) = sync_channel(QUEUE);
        let (done_in, done_out) = mpsc::channel(QUEUE);
        let sink = Arc::clone(sink);
        thread::Builder::new()
            .name(format!("import-{n}"))
            .spawn(move || work(&*sink, &raw_out, &done_in))?;
        raw_lanes.push(raw_in);
        lanes.push(done_out);
    }
    let sources = sources.clone();
    let dealt = Dealt::default();
    let dealer = Dealer::new(raw_lanes, cut, Arc::clone(&dealt));
    thread::Builder::new()
        .name("import-read".to_owned())
        .spawn(move || dealer.run(&sources))?;
    Ok(Pipeline {
        lanes,
        next: 0,
        dealt,
    })
}

impl<T> Pipeline<T> {
    /// The next chunk; `None` behind the last one. A thread that ended before its time is an
    /// error: what it left undone must not pass for the end.
    pub async fn next(&mut self) -> Option<anyhow::Result<Prepared<T>>> {
        let lane = self.next % self.lanes.len();
        match self.lanes[lane].recv().await {
            Some(chunk) => {
                self.next += 1;
                Some(chunk)
            }
            None if self.dealt.get() == Some(&self.next) => None,
            None => Some(Err(anyhow::anyhow!(
                "a thread of the import ended before its work was done"
            ))),
        }
    }
}

fn work<S: Sink>(
    sink: &S,
    raw: &Receiver<anyhow::Result<RawChunk>>,
    done: &mpsc::Sender<anyhow::Result<Prepared<S::Item>>>,
) {
    for chunk in raw {
        let prepared = chunk.and_then(|chunk| prepare(sink, chunk));
        if done.blocking_send(prepared).is_err() {
            return;
        }
    }
}

/// Prepares every record of a chunk; also used again when a chunk was refused.
pub fn prepare<S: Sink>(sink: &S, raw: RawChunk) -> anyhow::Result<Prepared<S::Item>> {
    let layout = sink.layout(&raw)?;
    let mut items = Vec::with_capacity(raw.len());
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    for at in 0..raw.len() {
        match sink.prepare(&layout, &raw, at) {
            Ok(item) => items.push((at, item)),
            Err(fault) => faults.push((at, fault)),
        }
    }
    sink.arrange(&mut items);
    Ok(Prepared { raw, items, faults })
}

/// Cuts streams into chunks and deals them to the workers.
struct Dealer {
    lanes: Vec<SyncSender<anyhow::Result<RawChunk>>>,
    next: usize,
    cut: Cut,
    /// Records seen so far, those passed over included.
    seen: u64,
    dealt: Dealt,
}

/// Nobody takes chunks any more.
struct Abandoned;

impl Dealer {
    fn new(lanes: Vec<SyncSender<anyhow::Result<RawChunk>>>, cut: Cut, dealt: Dealt) -> Dealer {
        Dealer {
            lanes,
            next: 0,
            cut,
            seen: 0,
            dealt,
        }
    }

    fn run(mut self, sources: &Sources) {
        let mut abandoned = false;
        let outcome = sources.for_each(&mut |name, stream| {
            if abandoned {
                return Ok(());
            }
            let mut outcome = Ok(());
            let dealt = match stream {
                Stream::Csv(mut records) => {
                    let header = Arc::new(records.header().clone());
                    let empty = || Records::Csv(Arc::clone(&header), Vec::new());
                    self.deal(name, &mut records, &empty, &mut outcome)
                }
                Stream::Json(mut values) => self.deal(
                    name,
                    &mut values,
                    &|| Records::Json(Vec::new()),
                    &mut outcome,
                ),
                Stream::Ndjson(mut lines) => self.deal(
                    name,
                    &mut lines,
                    &|| Records::Json(Vec::new()),
                    &mut outcome,
                ),
            };
            abandoned = dealt.is_err();
            outcome
        });
        if let Err(error) = outcome {
            // The last word of the pipeline; nobody may be there to hear it.
            let _ = self.send(Err(error));
        }
        // Set once, here; and before the lanes are dropped.
        let _ = self.dealt.set(self.next);
    }

    fn deal(
        &mut self,
        name: &str,
        records: &mut dyn Split,
        empty: &dyn Fn() -> Records,
        outcome: &mut anyhow::Result<()>,
    ) -> Result<(), Abandoned> {
        let file: Arc<str> = name.into();
        let fresh = |first: u64| RawChunk {
            file: Arc::clone(&file),
            first,
            records: empty(),
            lines: Vec::new(),
        };
        let mut chunk = fresh(self.seen);
        let mut bytes = 0;
        loop {
            let (line, record) = match records.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    *outcome = Err(located(name, error));
                    break;
                }
            };
            self.seen += 1;
            if self.seen <= self.cut.skip {
                chunk.first = self.seen;
                continue;
            }
            bytes += match (&mut chunk.records, record) {
                (Records::Csv(_, rows), Record::Csv(row)) => {
                    let size = row.bytes();
                    rows.push(row);
                    size
                }
                (Records::Json(texts), Record::Json(text)) => {
                    let size = text.len();
                    texts.push(text);
                    size
                }
                // A splitter gives records of its own kind only.
                _ => continue,
            };
            chunk.lines.push(line);
            if chunk.len() >= self.cut.rows || bytes >= CHUNK_BYTES_MAX {
                bytes = 0;
                let full = std::mem::replace(&mut chunk, fresh(self.seen));
                self.send(Ok(full))?;
            }
        }
        if chunk.len() > 0 {
            self.send(Ok(chunk))?;
        }
        Ok(())
    }

    fn send(&mut self, chunk: anyhow::Result<RawChunk>) -> Result<(), Abandoned> {
        let lane = self.next % self.lanes.len();
        self.next += 1;
        self.lanes[lane].send(chunk).map_err(|_| Abandoned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk::Fault;
    use super::super::identity::Identity;
    use super::super::sink::{NotStored, Tally};
    use super::*;
    use std::io::Write;

    /// Prepares line numbers, up to one at which its thread dies.
    struct Mortal {
        dies_at: u64,
    }

    impl Sink for Mortal {
        type Item = u64;
        type Layout = ();

        fn layout(&self, _: &RawChunk) -> anyhow::Result<()> {
            Ok(())
        }

        fn prepare(&self, (): &(), raw: &RawChunk, at: usize) -> Result<u64, Fault> {
            assert_ne!(raw.lines[at], self.dies_at, "as the test wants it");
            Ok(raw.lines[at])
        }

        fn arrange(&self, _: &mut [(usize, u64)]) {}

        fn check(&self, _: &u64) -> Option<Fault> {
            None
        }

        async fn commit(&self, _: Vec<u64>, _: Tally) -> Result<(), NotStored> {
            Ok(())
        }

        async fn rehearse(&self, _: Vec<u64>) -> Option<Result<(), NotStored>> {
            None
        }

        async fn fetch_progress(&self, _: &Identity) -> anyhow::Result<Option<(Tally, bool)>> {
            Ok(None)
        }

        async fn finish(&self, _: Tally) -> anyhow::Result<()> {
            Ok(())
        }
    }

    /// The lines that come through, until the end or an error.
    async fn lines_of(dies_at: u64) -> anyhow::Result<Vec<u64>> {
        let mut file = tempfile::Builder::new().suffix(".ndjson").tempfile()?;
        for _ in 0..100 {
            writeln!(file, "{{}}")?;
        }
        let sources = Sources::open(&[file.path().to_owned()])?;
        let cut = Cut { rows: 7, skip: 0 };
        let mut pipeline = start(&sources, cut, &Arc::new(Mortal { dies_at }))?;
        let mut lines = Vec::new();
        while let Some(chunk) = pipeline.next().await {
            lines.extend(chunk?.items.into_iter().map(|(_, line)| line));
        }
        Ok(lines)
    }

    #[tokio::test]
    async fn a_thread_that_dies_is_not_taken_for_the_end() {
        let all: Vec<u64> = (1..=100).collect();
        assert_eq!(lines_of(0).await.unwrap(), all);
        for dies_at in [1, 50, 100] {
            let error = lines_of(dies_at).await.unwrap_err().to_string();
            assert!(error.contains("before its work was done"), "{error}");
        }
    }
}

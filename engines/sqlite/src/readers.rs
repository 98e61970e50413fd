//! Connections for reads.
//!
//! Short reads run on the caller's own thread, on a connection that is free at that
//! moment, and within a bound of work; what turns out longer is begun anew on a
//! thread of its own, where a bounded number of reads run at once.

use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::fault::{Fault, Step, unavailable};
use pando_model::engine::Result;
use pando_model::error::EngineError;
use parking_lot::Mutex;
use rusqlite::ErrorCode;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a read may cost its caller's thread: some hundred microseconds of SQLite's machine.
const SHORT_STEPS: i64 = 20_000;

/// The readers of one file.
pub(crate) struct Readers {
    config: SqliteConfig,
    closed: AtomicBool,
    short: Vec<Mutex<Option<Conn>>>,
    long: Mutex<Vec<Conn>>,
    permits: Semaphore,
}

/// How a read on the caller's thread ended.
pub(crate) enum Short<T> {
    Done(Result<T>),
    /// It is not short, or no connection was free.
    TooLong,
}

/// Ends what runs for it when it is dropped.
struct GiveUp(Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Readers {
    /// Readers that open their connections when they first need them.
    pub(crate) fn new(config: &SqliteConfig) -> Readers {
        let count = config.readers.max(1);
        Readers {
            config: config.clone(),
            closed: AtomicBool::new(false),
            short: (0..count).map(|_| Mutex::new(None)).collect(),
            long: Mutex::new(Vec::new()),
            permits: Semaphore::new(count),
        }
    }

    /// Tries a read here and now.
    pub(crate) fn try_short<T>(&self, read: impl Fn(&Conn) -> Step<T>) -> Short<T> {
        let first = thread_number();
        for turn in 0..self.short.len() {
            let place = (first + turn) % self.short.len();
            if let Some(mut slot) = self.short[place].try_lock() {
                return self.run_short(&mut slot, read);
            }
        }
        Short::TooLong
    }

    fn run_short<T>(&self, slot: &mut Option<Conn>, read: impl Fn(&Conn) -> Step<T>) -> Short<T> {
        if let Err(error) = self.check_open() {
            return Short::Done(Err(error));
        }
        // Taken out meanwhile: one that a defect has left amid a snapshot is not used again.
        let conn = match slot.take().map_or_else(|| self.open(), Ok) {
            Ok(conn) => conn,
            Err(error) => return Short::Done(Err(error)),
        };
        conn.control().allow(Some(SHORT_STEPS), None);
        conn.budget().refill();
        let result = read(&conn);
        *slot = Some(conn);
        match result {
            Err(fault) if fault.code() == Some(ErrorCode::OperationInterrupted) => Short::TooLong,
            result => Short::Done(result.map_err(|fault| fault.into_engine("read"))),
        }
    }

    /// Runs a read on a thread of its own; ends it when the future is dropped.
    pub(crate) async fn run<T, F>(self: &Arc<Self>, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Conn) -> Step<T> + Send + 'static,
    {
        const SHORTLY: Duration = Duration::from_secs(1);
        self.check_open()?;
        let permit = tokio::time::timeout(self.config.reader_wait, self.permits.acquire());
        let _permit = match permit.await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(closed()),
            Err(_) => return Err(unavailable("all readers are busy", SHORTLY)),
        };
        let give_up = GiveUp(Arc::new(AtomicBool::new(false)));
        let given_up = give_up.0.clone();
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let conn = match readers.long.lock().pop() {
                Some(conn) => conn,
                None => readers.open()?,
            };
            conn.control().allow(None, Some(given_up));
            conn.budget().refill();
            let result = read(&conn);
            conn.control().allow(None, None);
            readers.put_back(conn);
            result.map_err(|fault| fault.into_engine("read"))
        });
        task.await
            .map_err(|error| EngineError::internal("run a read", error))?
    }

    /// Closes every connection that is free; those in use close when their read ends.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.permits.close();
        self.long.lock().clear();
        for slot in &self.short {
            *slot.lock() = None;
        }
    }

    fn put_back(&self, conn: Conn) {
        let mut long = self.long.lock();
        if !self.closed.load(Relaxed) {
            long.push(conn);
        }
    }

    fn open(&self) -> Result<Conn> {
        let open = || -> Step<Conn> {
            let conn = Conn::open(&self.config, false)?;
            conn.settle(&self.config, Purpose::Read)?;
            Ok(conn)
        };
        open().map_err(|fault: Fault| fault.into_engine("open a reader"))
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Relaxed) {
            return Err(closed());
        }
        Ok(())
    }
}

/// The engine was closed.
pub(crate) fn closed() -> EngineError {
    unavailable("the store is closed", Duration::from_secs(1))
}

/// Spreads threads over connections, each to the one whose statements it has warmed.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = Cell::new(NEXT.fetch_add(1, Relaxed));
    }
    NUMBER.with(Cell::get)
}

//! One connection: its settings, its functions, and how a statement is run on it.
//!
//! A statement is prepared once for each text and kept. A running one can be
//! stopped from outside, and ends when it has done as much as it may ([`Control`]). A function
//! that refuses a value leaves the refusal where the statement's caller finds it: SQLite itself
//! carries only text.

use crate::cell::Param;
use crate::config::{SqliteConfig, Synchronous};
use crate::fault::{Fault, Step, interrupted, unprepared};
use crate::functions;
use pando_model::budget::RowBudget;
use pando_model::error::Refusal;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OpenFlags, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;

/// Steps of SQLite's machine between two looks at [`Control`]: some microseconds.
const STEPS_PER_LOOK: i32 = 1_000;
/// Bytes of a text that a function goes through in about the time of a step: SQLite's machine
/// takes it for one step, however long the text is.
const BYTES_PER_STEP: usize = 4;
/// Bytes that are handed over as they are in about the time of a step.
const BYTES_COPIED_PER_STEP: usize = 64;
/// Prepared statements that a connection keeps: shapes of plans, not plans.
const STATEMENTS_KEPT: usize = 256;
/// Another connection of this process may hold a lock for the length of a checkpoint.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The last refusal of a function on this connection.
pub(crate) type RefusalSlot = Arc<Mutex<Option<Refusal>>>;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

/// A connection of the engine's.
pub(crate) struct Conn {
    db: Connection,
    refusal: RefusalSlot,
    control: Arc<Control>,
    budget: RowBudget,
    loads: bool,
}

/// Stops what runs on a connection.
#[derive(Debug)]
pub(crate) struct Control {
    steps_left: AtomicI64,
    given_up: Mutex<Option<Arc<AtomicBool>>>,
}

impl Control {
    fn is_over(&self) -> bool {
        let steps = i64::from(STEPS_PER_LOOK);
        self.steps_left.fetch_sub(steps, Relaxed) < steps || self.is_given_up()
    }

    fn is_given_up(&self) -> bool {
        let given_up = self.given_up.lock();
        given_up.as_ref().is_some_and(|flag| flag.load(Relaxed))
    }

    /// A text of so many bytes is about to be gone through; interrupted where that is too much.
    pub(crate) fn charge_reading(&self, bytes: usize) -> Step<()> {
        self.charge(bytes / BYTES_PER_STEP)
    }

    /// A value of so many bytes is about to be copied; interrupted where that is too much.
    pub(crate) fn charge_copying(&self, bytes: usize) -> Step<()> {
        self.charge(bytes / BYTES_COPIED_PER_STEP)
    }

    /// A text was gone through by what cannot be interrupted.
    pub(crate) fn note_reading(&self, bytes: usize) {
        let steps = (bytes / BYTES_PER_STEP) as i64;
        self.steps_left.fetch_sub(steps, Relaxed);
    }

    fn charge(&self, steps: usize) -> Step<()> {
        if steps == 0 {
            return Ok(());
        }
        let steps = steps as i64;
        let is_over = self.steps_left.fetch_sub(steps, Relaxed) < steps;
        if is_over || (steps >= i64::from(STEPS_PER_LOOK) && self.is_given_up()) {
            return Err(interrupted());
        }
        Ok(())
    }

    /// Steps that are left.
    pub(crate) fn steps_left(&self) -> i64 {
        self.steps_left.load(Relaxed).max(0)
    }

    /// From here on statements may take `steps` of SQLite's machine (`None`: any number), and
    /// end when `given_up` is set.
    pub(crate) fn allow(&self, steps: Option<i64>, given_up: Option<Arc<AtomicBool>>) {
        self.steps_left.store(steps.unwrap_or(i64::MAX), Relaxed);
        *self.given_up.lock() = given_up;
    }
}

impl Conn {
    /// Opens the file, which must exist unless `create`, and settles the connection.
    pub(crate) fn open(config: &SqliteConfig, create: bool) -> Step<Conn> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
        let db = match &config.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&config.path, flags, vfs.as_str())?,
            None => Connection::open_with_flags(&config.path, flags)?,
        };
        let refusal = RefusalSlot::default();
        let control = Arc::new(Control {
            steps_left: AtomicI64::new(i64::MAX),
            given_up: Mutex::new(None),
        });
        functions::register(&db, &refusal, &control)?;
        let watched = control.clone();
        db.progress_handler(STEPS_PER_LOOK, Some(move || watched.is_over()))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Else SQLite prepares a statement again whenever its LIMIT is bound, to plan for
        // the very number.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        db.busy_timeout(BUSY_WAIT)?;
        Ok(Conn {
            db,
            refusal,
            control,
            budget: RowBudget::default(),
            loads: config.bulk_load,
        })
    }

    /// The settings that read the file; separate, because a damaged one fails here.
    pub(crate) fn settle(&self, config: &SqliteConfig, purpose: Purpose) -> Step<()> {
        let cache_bytes = match purpose {
            Purpose::Read => config.reader_cache_bytes,
            Purpose::Write => config.writer_cache_bytes,
        };
        self.db
            .pragma_update(None, "cache_size", -((cache_bytes >> 10) as i64))?;
        self.db.pragma_update(None, "temp_store", "MEMORY")?;
        self.db.pragma_update(None, "foreign_keys", "ON")?;
        self.db.pragma_update(None, "trusted_schema", "OFF")?;
        match purpose {
            Purpose::Read => {
                self.db
                    .pragma_update(None, "mmap_size", config.mmap_bytes as i64)?;
                self.db.pragma_update(None, "query_only", "ON")?;
            }
            Purpose::Write => {
                let synchronous = match config.synchronous {
                    Synchronous::Full => "FULL",
                    Synchronous::Normal => "NORMAL",
                };
                self.db.pragma_update(None, "synchronous", synchronous)?;
                self.db
                    .pragma_update(None, "wal_autocheckpoint", config.checkpoint_pages)?;
                // A WAL that grew in a burst is cut back when it is next begun anew.
                self.db
                    .pragma_update(None, "journal_size_limit", 64_i64 << 20)?;
            }
        }
        Ok(())
    }

    /// SQLite's connection.
    pub(crate) fn db(&self) -> &Connection {
        &self.db
    }

    /// SQLite's connection, where it needs it alone.
    pub(crate) fn into_db(self) -> Connection {
        self.db
    }

    /// Whether it is there for a bulk load and nothing else.
    pub(crate) fn is_loading(&self) -> bool {
        self.loads
    }

    /// What stops this connection's statements.
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    /// What is left to the request that is being carried out.
    pub(crate) fn budget(&self) -> &RowBudget {
        &self.budget
    }

    /// An error of a statement: the refusal of one of its functions, where that is its cause.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Fault {
        match self.refusal.lock().take() {
            Some(refusal) => refusal.into(),
            None => error.into(),
        }
    }

    /// Runs a statement that gives rows, and hands each to `each`.
    pub(crate) fn select(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut each: impl FnMut(&Row<'_>) -> Step<()>,
    ) -> Step<()> {
        self.select_while(sql, params, |row| each(row).map(|()| true))
    }

    /// The same, until `each` has enough.
    pub(crate) fn select_while(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut each: impl FnMut(&Row<'_>) -> Step<bool>,
    ) -> Step<()> {
        let mut statement = self.db.prepare_cached(sql).map_err(unprepared)?;
        for (place, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, param)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.fault(error))? {
            if !each(row)? {
                break;
            }
        }
        Ok(())
    }

    /// The first value of the first row, where there is one.
    pub(crate) fn first_int(&self, sql: &str, params: &[Param<'_>]) -> Step<Option<i64>> {
        let mut found = None;
        self.select(sql, params, |row| {
            if found.is_none() {
                found = row.get(0)?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether the statement gives a row.
    pub(crate) fn exists(&self, sql: &str, params: &[Param<'_>]) -> Step<bool> {
        let mut statement = self.db.prepare_cached(sql).map_err(unprepared)?;
        for (place, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, param)?;
        }
        let found = statement.raw_query().next()?.is_some();
        Ok(found)
    }

    /// A statement, to be run several times.
    pub(crate) fn statement(&self, sql: &str) -> Step<CachedStatement<'_>> {
        self.db.prepare_cached(sql).map_err(unprepared)
    }

    /// Runs a statement that gives no rows; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Step<usize> {
        let mut statement = self.db.prepare_cached(sql).map_err(unprepared)?;
        for (place, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, param)?;
        }
        statement.raw_execute().map_err(|error| self.fault(error))
    }

    /// Runs statements that are not worth keeping.
    pub(crate) fn batch(&self, sql: &str) -> Step<()> {
        self.db
            .execute_batch(sql)
            .map_err(|error| self.fault(error))
    }
}

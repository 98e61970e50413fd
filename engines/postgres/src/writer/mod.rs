//! Transactions that write, one at a time.
//!
//! The shard's row is locked first: whoever holds it writes alone, in this process or any other,
//! so that nothing comes between what a write reads and what it stores, and positions are in the
//! order of commits. The last thing that is written is the commit's own row (`commits`). Why, and what it costs, is told in
//! `docs/decisions/0006-postgresql.md`.

mod bulk;
mod cascade;
mod commits;
pub(crate) mod copy;
pub(crate) mod doubt;
mod feed;
pub(crate) mod group;
pub(crate) mod queue;
pub(crate) mod receipt;
mod rows;
mod together;
mod transaction;

pub(crate) use rows::{insert_params, key_params};
pub(crate) use transaction::Transaction;

use crate::fault::{Remedy, Step};
use crate::layout::load;
use crate::plans::Plans;
use crate::progress::Marks;
use crate::session::Session;
use pando_model::engine::{self, Outcome, Write, WriteAnswer};
use pando_model::layout::Layout;
use pando_model::stamp::Position;
use pando_model::{statement, steps};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// How often a transaction is carried out that meets others.
const ATTEMPTS_MAX: u32 = 5;

/// What all transactions of one engine share.
pub(crate) struct Shared {
    pub(crate) marks: Marks,
    pub(crate) counters: Counters,
    /// The tables at a version of the schema.
    layout: Mutex<(u64, Arc<Layout>)>,
    id: [u8; 16],
    numbers: AtomicI64,
    floor: Mutex<receipt::Floor>,
}

/// What a transaction leaves in the database beside what it does: who made it, which of that
/// writer's it is, and which of all commits. Where a COMMIT had no answer the mark tells what
/// became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) writer: [u8; 16],
    pub(crate) number: i64,
    pub(crate) commit: i64,
}

/// A transaction that was carried out, and committed or in doubt.
pub(crate) struct Attempt<T> {
    pub(crate) value: T,
    pub(crate) at: Position,
    pub(crate) doubt: Option<Doubt>,
}

/// A COMMIT that nobody has answered for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    pub(crate) mark: Mark,
    /// Its last position.
    pub(crate) at: Position,
    pub(crate) reason: &'static str,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) queued: AtomicU64,
    /// Of these, those who wait for a turn of their own.
    pub(crate) in_turn: AtomicU64,
    pub(crate) last_commit_ns: AtomicU64,
}

impl Shared {
    /// What is known of a shard that was just opened.
    pub(crate) fn new(marks: Marks) -> Shared {
        Shared {
            marks,
            counters: Counters::default(),
            layout: Mutex::new((0, Arc::default())),
            id: rand::random(),
            numbers: AtomicI64::new(0),
            floor: Mutex::default(),
        }
    }

    /// The tables as they are under a version of the schema, which is in force.
    pub(crate) fn layout(&self, session: &Session, version: u64) -> Step<Arc<Layout>> {
        let known = self.layout.lock().clone();
        if known.0 == version {
            return Ok(known.1);
        }
        let layout = Arc::new(load(session)?);
        *self.layout.lock() = (version, layout.clone());
        Ok(layout)
    }

    /// Carries out a transaction and commits it, again where it met others. What changed nothing
    /// is not committed, and takes no position.
    pub(crate) fn transact<T>(
        &self,
        session: &Session,
        mut work: impl FnMut(&mut Transaction<'_>) -> Step<T>,
    ) -> Step<Attempt<T>> {
        let mut attempt = 1;
        loop {
            let fault = match self.attempt(session, &mut work) {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            session.rollback();
            if fault.remedy() == Remedy::Tell || attempt == ATTEMPTS_MAX {
                return Err(fault);
            }
            attempt += 1;
            session.forget_statements();
        }
    }

    fn attempt<T>(
        &self,
        session: &Session,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Step<T>,
    ) -> Step<Attempt<T>> {
        session.budget().refill();
        let mut transaction = Transaction::begin(session, self)?;
        let value = work(&mut transaction)?;
        let at = transaction.position();
        let doubt = self.commit(&mut transaction)?;
        Ok(Attempt { value, at, doubt })
    }

    /// Commits, with what is still to be written; gives what is in doubt, where nobody says
    /// whether it happened. What changed nothing is not committed, unless what it answers has to be
    /// where a commit has to be.
    fn commit(&self, transaction: &mut Transaction<'_>) -> Step<Option<Doubt>> {
        let (session, at) = (transaction.session, transaction.position());
        if !transaction.has_changed() && !transaction.has_to_be_confirmed()? {
            session.end("ROLLBACK")?;
            return Ok(None);
        }
        let mark = Mark {
            writer: self.id,
            number: self.numbers.fetch_add(1, Relaxed) + 1,
            commit: transaction.number(),
        };
        let last = transaction.seal(&mark);
        // Nothing is cancelled once COMMIT was sent: what waits for its standby is visible then,
        // and not copied.
        session.defer("SET LOCAL statement_timeout = 0;", None);
        session.plan(Plans::ByIndex);
        let doubt = |reason| Ok(Some(Doubt { mark, at, reason }));
        session.take_warning();
        let start = Instant::now();
        match session.commit_with(&last) {
            Ok(Ok(removed_to)) => {
                *self.floor.lock() = transaction.receipts.floor(at.timeline, removed_to);
            }
            Ok(Err(fault)) => return Err(fault),
            Err(fault) if fault.proves_rollback() && !session.is_closed() => return Err(fault),
            Err(fault) => {
                tracing::warn!(?fault, "the connection was lost in a commit");
                return doubt("the connection was lost while it was committed");
            }
        }
        if let Some(warning) = session.take_warning() {
            tracing::warn!(warning, "a commit was not confirmed");
            return doubt("its copy was not confirmed");
        }
        self.confirm(at);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.counters.last_commit_ns.store(took, Relaxed);
        Ok(None)
    }

    /// Below which receipts are gone.
    pub(crate) fn floor(&self) -> receipt::Floor {
        *self.floor.lock()
    }

    /// A commit is known to have happened.
    pub(crate) fn confirm(&self, at: Position) {
        self.marks.reach(at);
        self.counters.commits.fetch_add(1, Relaxed);
    }
}

/// Carries a write out, as one member of a transaction.
fn carry_out(transaction: &mut Transaction<'_>, write: &mut Write) -> Step<WriteAnswer> {
    if let Some(receipt) = &write.receipt
        && let Some(known) = receipt::look_up(transaction, receipt)?
    {
        transaction.replay();
        return Ok(known);
    }
    transaction.check_schema(write.schema_version)?;
    let before = transaction.session.changes();
    let outcomes = take_steps(transaction, &write.steps)?;
    let answer = (write.finish)(outcomes)?;
    let has_events = transaction.record_events()?;
    let at = transaction.next_position();
    if let Some(receipt) = &write.receipt {
        transaction.receipts.keep(receipt, &answer, at);
    } else if transaction.session.changes() == before && !has_events {
        // What changes nothing needs no position, and no sync.
        let at = transaction.position();
        return Ok(WriteAnswer::Done { at, answer });
    }
    transaction.advance();
    Ok(WriteAnswer::Done { at, answer })
}

fn take_steps(transaction: &mut Transaction<'_>, given: &[engine::Step]) -> Step<Vec<Outcome>> {
    steps::take_in_runs(given, &mut |run, outcomes| match run {
        [engine::Step::Change(change)] => {
            outcomes.push(statement::carry_out(transaction, change)?);
            Ok(())
        }
        reads => transaction.session.read_run(reads, outcomes),
    })
}

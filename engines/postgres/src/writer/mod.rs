//! Transactions that write, one at a time.
//!
//! The shard's row is locked first and written last: whoever holds it writes alone, in this
//! process or any other, so that nothing comes between what a write reads and what it stores,
//! and positions are in the order of commits. Why, and what it costs, is told in
//! `docs/decisions/0006-postgresql.md`.

mod bulk;
pub(crate) mod copy;
mod feed;
pub(crate) mod group;
pub(crate) mod queue;
pub(crate) mod receipt;
mod rows;
mod transaction;

pub(crate) use rows::insert_params;
pub(crate) use transaction::Transaction;

use crate::fault::{Fault, Remedy, Step};
use crate::layout::load;
use crate::progress::Marks;
use crate::session::Session;
use pando_model::engine::{self, Outcome, Result, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use pando_model::stamp::Position;
use pando_model::tree::read_counted;
use pando_model::{statement, steps};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// How often a transaction is carried out that meets others.
const ATTEMPTS_MAX: u32 = 5;

/// What all transactions of one engine share.
pub(crate) struct Shared {
    pub(crate) marks: Marks,
    pub(crate) counters: Counters,
    /// The tables at a version of the schema.
    layout: Mutex<(u64, Arc<Layout>)>,
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
    ) -> Result<(T, Position)> {
        let mut attempt = 1;
        loop {
            let fault = match self.attempt(session, &mut work) {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            session.rollback();
            if fault.remedy() == Remedy::Tell || attempt == ATTEMPTS_MAX {
                return Err(fault.into_engine("write"));
            }
            attempt += 1;
            session.forget_statements();
        }
    }

    fn attempt<T>(
        &self,
        session: &Session,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Step<T>,
    ) -> Step<(T, Position)> {
        session.budget().refill();
        let mut transaction = Transaction::begin(session, self)?;
        let value = work(&mut transaction)?;
        let at = transaction.position();
        self.commit(&mut transaction)?;
        Ok((value, at))
    }

    /// Commits, with what is still to be written; an error that does not prove that nothing
    /// happened is a doubt. What changed nothing is not committed.
    fn commit(&self, transaction: &mut Transaction<'_>) -> Step<()> {
        let (session, at) = (transaction.session, transaction.position());
        if !transaction.has_changed() {
            return session.end("ROLLBACK");
        }
        let last = transaction.seal();
        session.take_warning();
        self.marks.begin_commit(at);
        let start = Instant::now();
        match session.commit_with(&last) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                self.marks.abandon_commit();
                return Err(fault);
            }
            Err(fault) if fault.proves_rollback() && !session.is_closed() => {
                self.marks.abandon_commit();
                return Err(fault);
            }
            Err(_) => return Err(in_doubt("the connection was lost while it was committed")),
        }
        if let Some(warning) = session.take_warning() {
            tracing::warn!(warning, "a commit was not confirmed");
            return Err(in_doubt("its copy was not confirmed"));
        }
        self.marks.reach(at);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.counters.last_commit_ns.store(took, Relaxed);
        self.counters.commits.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// Carries a write out, as one member of a transaction.
fn carry_out(transaction: &mut Transaction<'_>, write: &mut Write) -> Step<WriteAnswer> {
    if let Some(receipt) = &write.receipt
        && let Some(known) = receipt::look_up(transaction, receipt)?
    {
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
    steps::take(given, &mut |step| match step {
        engine::Step::Change(change) => statement::carry_out(transaction, change),
        engine::Step::Read { tree, count } => {
            read_counted(transaction, tree, *count).map(Outcome::found)
        }
        // Taken apart before.
        engine::Step::Decide(_) | engine::Step::Group(_) => Ok(Outcome::default()),
    })
}

fn in_doubt(reason: &str) -> Fault {
    Fault::Engine(EngineError::OutcomeUnknown {
        reason: reason.to_owned(),
    })
}

//! Groups: many writes, one commit.
//!
//! Whoever waits when a transaction begins is a member of it. Each has a position of its own, in
//! order. Members that are new rows of one table, one behind the other, are stored by one
//! statement; any other is carried out behind a savepoint, and so are those again if one of them
//! is refused. What says something about the database or the machine takes the transaction down;
//! then the members are carried out again one by one, so that what can be done is done. A panic
//! in what a member decides or concludes does so too; that member has failed, and is not carried
//! out again.

use super::queue::{Pending, Queue, ROWS_MANY, copied, rows_of};
use super::{ATTEMPTS_MAX, Shared, Transaction, carry_out, receipt};
use crate::fault::{Fault, Remedy, Step};
use crate::session::Session;
use pando_model::canonical;
use pando_model::constraint::complete_row;
use pando_model::engine::{self, FeedKind, Outcome, Result, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::layout::Physical;
use pando_model::plan::{Change, Insert, Row};
use pando_model::slot::Slot;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Writes of one transaction at most.
pub(crate) const GROUP_MAX: usize = 256;
/// Rows of a write at most that is stored together with others.
const ROWS_TOGETHER_MAX: usize = 64;

/// Why a group was not committed. Nothing of it has happened, but where the fault says otherwise.
enum Stop {
    Fault(Fault),
    /// The member at this place panicked.
    Defect(usize),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// What a member has come to.
type Answered = Result<WriteAnswer>;

impl Shared {
    /// Carries out those who wait, and those who have come by then, as long as nobody else wants
    /// a turn.
    pub(crate) fn write_waiting(&self, session: &Session, queue: &Queue) {
        let take = |max| {
            let taken = queue.take(max);
            self.counters.queued.fetch_sub(taken.len() as u64, Relaxed);
            taken
        };
        loop {
            let group = take(GROUP_MAX);
            if group.is_empty() {
                return;
            }
            self.write_group(session, group, &mut |room| take(room));
            if self.counters.in_turn.load(Relaxed) > 0 || !session.is_sound() {
                return;
            }
        }
    }

    /// Tells those who wait that nothing was done.
    pub(crate) fn refuse(&self, waiting: Vec<Pending>, error: &EngineError) {
        self.counters
            .queued
            .fetch_sub(waiting.len() as u64, Relaxed);
        for pending in waiting {
            pending.answer(Err(copied(error)));
        }
    }

    /// Carries a group out and answers its members; `more` gives those who have come since.
    pub(crate) fn write_group(
        &self,
        session: &Session,
        mut group: Vec<Pending>,
        more: &mut dyn FnMut(usize) -> Vec<Pending>,
    ) {
        match self.attempt_group(session, &mut group, more) {
            Ok(answers) => {
                self.counters.writes.fetch_add(group.len() as u64, Relaxed);
                for (member, answer) in group.into_iter().zip(answers) {
                    member.answer(answer);
                }
            }
            Err(Stop::Defect(place)) => {
                tracing::error!("a write met a defect; its group's transaction is rolled back");
                session.rollback();
                group.remove(place).answer(Err(defect()));
                self.write_each(session, group);
            }
            Err(Stop::Fault(Fault::Engine(error @ EngineError::OutcomeUnknown { .. }))) => {
                session.rollback();
                for member in group {
                    member.answer(Err(copied(&error)));
                }
            }
            Err(Stop::Fault(fault)) => {
                session.rollback();
                if group.len() > 1 {
                    tracing::warn!(?fault, members = group.len(), "a group failed as a whole");
                }
                self.write_each_after(session, group, fault);
            }
        }
    }

    /// A member that was alone is told why it failed, or tried again; several are tried by
    /// themselves.
    fn write_each_after(&self, session: &Session, mut group: Vec<Pending>, fault: Fault) {
        if group.len() > 1 {
            return self.write_each(session, group);
        }
        let Some(member) = group.pop() else {
            return;
        };
        match fault.remedy() {
            Remedy::Again => self.write_alone(session, member, 2),
            Remedy::Tell => member.answer(Err(fault.into_engine("write"))),
        }
    }

    /// Carries members out again, each by itself.
    fn write_each(&self, session: &Session, group: Vec<Pending>) {
        session.forget_statements();
        for member in group {
            self.write_alone(session, member, 1);
        }
    }

    /// Carries one write out, again where it met others.
    fn write_alone(&self, session: &Session, member: Pending, from: u32) {
        let mut alone = vec![member];
        for attempt in from..=ATTEMPTS_MAX {
            let done = self.attempt_group(session, &mut alone, &mut |_| Vec::new());
            let answer = match done {
                Ok(mut answers) => {
                    self.counters.writes.fetch_add(1, Relaxed);
                    answers.pop().unwrap_or_else(|| Err(defect()))
                }
                Err(stop) => {
                    session.rollback();
                    match stop {
                        Stop::Fault(fault)
                            if fault.remedy() == Remedy::Again && attempt < ATTEMPTS_MAX =>
                        {
                            session.forget_statements();
                            continue;
                        }
                        Stop::Fault(fault) => Err(fault.into_engine("write")),
                        Stop::Defect(_) => Err(defect()),
                    }
                }
            };
            if let Some(member) = alone.pop() {
                member.answer(answer);
            }
            return;
        }
    }

    fn attempt_group(
        &self,
        session: &Session,
        group: &mut Vec<Pending>,
        more: &mut dyn FnMut(usize) -> Vec<Pending>,
    ) -> std::result::Result<Vec<Answered>, Stop> {
        let mut transaction = Transaction::begin(session, self)?;
        if group
            .iter()
            .all(|member| rows_of(&member.write) <= ROWS_MANY)
        {
            group.extend(more(GROUP_MAX - group.len().min(GROUP_MAX)));
        }
        look_ahead(&mut transaction, group)?;
        let alone = group.len() == 1;
        let mut answers = Vec::with_capacity(group.len());
        // Members up to here have to be carried out one by one.
        let mut single = usize::from(alone);
        while answers.len() < group.len() {
            let at = answers.len();
            if at >= single {
                let rest = &mut group[at..];
                let count = alike(&transaction, rest);
                if let Some(done) = store_together(&mut transaction, &mut rest[..count])? {
                    answers.extend(done.into_iter().map(Ok));
                    continue;
                }
                single = at + count.max(1);
            }
            answers.push(one(&mut transaction, &mut group[at].write, at, alone)?);
        }
        self.commit(&mut transaction)?;
        Ok(answers)
    }
}

/// Looks at what is known to be needed, for all members at once.
fn look_ahead(transaction: &mut Transaction<'_>, group: &[Pending]) -> Step<()> {
    let receipts = || {
        group
            .iter()
            .filter_map(|member| member.write.receipt.as_ref())
    };
    receipt::look_for(transaction, receipts())?;
    let mut slots: Vec<Slot> = receipts().map(|receipt| receipt.slot).collect();
    for insert in group.iter().filter_map(|member| insert_of(&member.write)) {
        let table = &insert.table;
        // Many rows are looked at by themselves. A row that is not whole yet may lie elsewhere;
        // that is found out when it is stored.
        if insert.rows.len() <= ROWS_TOGETHER_MAX {
            slots.extend(
                insert
                    .rows
                    .iter()
                    .map(|row| canonical::slot_of_row(table, row)),
            );
        }
    }
    slots.sort_unstable();
    slots.dedup();
    transaction.look_at_fences(&slots)
}

/// The new rows that are all there is to a write.
fn insert_of(write: &Write) -> Option<&Insert> {
    match write.steps.as_slice() {
        [engine::Step::Change(change)] => match &**change {
            Change::Insert(insert) => Some(insert),
            _ => None,
        },
        _ => None,
    }
}

/// How many members from the first on are new rows of one table that do not look at each other.
fn alike(transaction: &Transaction<'_>, members: &[Pending]) -> usize {
    let Some(first) = members.first().and_then(|member| insert_of(&member.write)) else {
        return 0;
    };
    let table = &first.table.name;
    let mut keys = Vec::new();
    for (count, Pending { write, .. }) in members.iter().enumerate() {
        let is_plain = transaction.check_schema(write.schema_version).is_ok()
            && insert_of(write).is_some_and(|insert| {
                insert.table.name == *table
                    && insert.conflict.is_none()
                    && insert.returning.is_none()
                    && (1..=ROWS_TOGETHER_MAX).contains(&insert.rows.len())
            });
        let is_new = write.receipt.as_ref().is_none_or(|receipt| {
            let key = (receipt.scope, &receipt.key);
            let is_new = transaction.receipts.is_new(receipt) && !keys.contains(&key);
            keys.push(key);
            is_new
        });
        if !is_plain || !is_new {
            return count;
        }
    }
    members.len()
}

/// Stores the rows of several members by one statement; `None` where one of them is refused, and
/// then nothing was done.
fn store_together(
    transaction: &mut Transaction<'_>,
    members: &mut [Pending],
) -> Step<Option<Vec<WriteAnswer>>> {
    let Some(first) = members.first().and_then(|member| insert_of(&member.write)) else {
        return Ok(None);
    };
    let physical = transaction.layout.table(&first.table.name)?;
    let refers_to_itself = physical
        .outgoing
        .iter()
        .any(|reference| reference.target.name == physical.table.name);
    if members.len() < 2 || refers_to_itself {
        return Ok(None);
    }
    transaction.session.defer("SAVEPOINT together;", None);
    let done = catch_unwind(AssertUnwindSafe(|| {
        together(transaction, &physical, members)
    }));
    match done {
        Ok(Ok(answers)) => {
            let session = transaction.session;
            session.defer("RELEASE together;", Some("SAVEPOINT together;"));
            Ok(Some(answers))
        }
        Ok(Err(fault)) if !fault.is_about_one_request() => Err(fault),
        // Whose fault it was is found out one by one, and who panics.
        Ok(Err(_)) | Err(_) => {
            let undo = "ROLLBACK TO together; RELEASE together;";
            transaction.session.defer(undo, Some("SAVEPOINT together;"));
            transaction.forget();
            Ok(None)
        }
    }
}

fn together(
    transaction: &mut Transaction<'_>,
    physical: &Arc<Physical>,
    members: &mut [Pending],
) -> Step<Vec<WriteAnswer>> {
    let table = &*physical.table;
    let mut rows: Vec<(Slot, Row)> = Vec::with_capacity(members.len());
    let mut ends = Vec::with_capacity(members.len());
    for insert in members.iter().filter_map(|member| insert_of(&member.write)) {
        for row in &insert.rows {
            let mut row = row.clone();
            complete_row(table, &mut row)?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        ends.push(rows.len());
    }
    for receipt in members
        .iter()
        .filter_map(|member| member.write.receipt.as_ref())
    {
        transaction.fence(receipt.slot)?;
    }
    transaction.store_rows(physical, &rows)?;
    let mut answers = Vec::with_capacity(members.len());
    let mut concluded = Vec::with_capacity(members.len());
    let mut from = 0;
    for (member, end) in members.iter_mut().zip(&ends) {
        let count = (end - from) as u64;
        let outcome = Outcome {
            affected: count,
            inserted: count,
            ..Outcome::default()
        };
        concluded.push((from..*end, (member.write.finish)(vec![outcome])?));
        from = *end;
    }
    // From here on nothing is refused.
    for (member, (range, answer)) in members.iter().zip(concluded) {
        for (slot, row) in &rows[range] {
            transaction
                .recorder
                .note(table, FeedKind::Insert, *slot, row);
        }
        transaction.record_events()?;
        let at = transaction.next_position();
        if let Some(receipt) = &member.write.receipt {
            transaction.receipts.keep(receipt, &answer, at);
        }
        transaction.advance();
        answers.push(WriteAnswer::Done { at, answer });
    }
    Ok(answers)
}

/// Carries one member out, behind a savepoint unless it is alone.
fn one(
    transaction: &mut Transaction<'_>,
    write: &mut Write,
    place: usize,
    alone: bool,
) -> std::result::Result<Answered, Stop> {
    let session = transaction.session;
    session.budget().refill();
    if !alone {
        session.defer("SAVEPOINT member;", None);
    }
    let done = catch_unwind(AssertUnwindSafe(|| carry_out(transaction, write)));
    match done {
        Err(_) => Err(Stop::Defect(place)),
        Ok(Ok(answer)) => {
            if !alone {
                session.defer("RELEASE member;", Some("SAVEPOINT member;"));
            }
            Ok(Ok(answer))
        }
        Ok(Err(fault)) if alone || !fault.is_about_one_request() => Err(fault.into()),
        Ok(Err(fault)) => {
            let undo = "ROLLBACK TO member; RELEASE member;";
            session.defer(undo, Some("SAVEPOINT member;"));
            transaction.forget();
            Ok(Err(fault.into_engine("write")))
        }
    }
}

/// What a write is told that panicked.
fn defect() -> EngineError {
    EngineError::internal("write", "the request met a defect; nothing of it was done")
}

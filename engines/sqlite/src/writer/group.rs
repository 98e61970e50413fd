//! Groups: many writes, one commit.
//!
//! An error that is about a request rolls its savepoint back and leaves the others
//! alone; a member that is refused before it has written, or not at all, goes without one.
//! Any other (disk full, input/output, memory) takes the transaction down as a
//! whole; then the members are carried out again one by one, so that what fits is done and
//! what does not is told so. A panic in what a member decides or concludes does so too; that
//! member has failed, and is not carried out again.

use super::transaction::{Kept, Sealed, Transaction, rollback};
use super::{Answered, Pending, Writer, receipt};
use crate::fault::{Fault, Step};
use pando_model::engine::{self, Result, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use pando_model::plan::Change;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

/// Why a group did not come to its COMMIT.
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

/// How a group ended.
enum End {
    /// COMMIT succeeded: these are the answers.
    Committed(Vec<Result<WriteAnswer>>),
    /// Nothing happened.
    Failed(Fault),
    /// Nothing happened: the member at this place met a defect of its own.
    Broken(usize),
    /// COMMIT failed, and may have happened all the same; the answers if it did, and the
    /// position that tells.
    InDoubt(Vec<Result<WriteAnswer>>, u64, Fault),
}

impl Writer {
    /// Carries a group out, `first` and those who join it meanwhile, and answers each of
    /// its members.
    pub(super) fn write_group(&mut self, first: Pending, more: &mut dyn Iterator<Item = Pending>) {
        let mut group = vec![first];
        self.reopen_if_due();
        match self.attempt(&mut group, more) {
            End::Committed(answers) => {
                self.counters.writes.fetch_add(group.len() as u64, Relaxed);
                reply(group, answers);
            }
            End::InDoubt(answers, p, fault) => {
                let count = group.len();
                let answers = self.resolve(answers, p, fault);
                debug_assert_eq!(answers.len(), count, "each member has an answer");
                reply(group, answers);
            }
            End::Broken(place) => {
                let broken = group.remove(place);
                reply(vec![broken], vec![Err(defect())]);
                self.write_each(group);
            }
            End::Failed(fault) if group.len() == 1 => {
                reply(group, vec![Err(fault.into_engine("write"))]);
            }
            End::Failed(fault) => {
                tracing::warn!(?fault, members = group.len(), "a group failed as a whole");
                self.write_each(group);
            }
        }
    }

    /// Carries the members of a group out again, each by itself.
    fn write_each(&mut self, group: Vec<Pending>) {
        for member in group {
            self.write_group(member, &mut std::iter::empty());
        }
    }

    fn attempt(
        &mut self,
        group: &mut Vec<Pending>,
        more: &mut dyn Iterator<Item = Pending>,
    ) -> End {
        let (answers, sealed, kept) = match self.fill(group, more) {
            Ok(filled) => filled,
            Err(Stop::Fault(fault)) => {
                if let Some(conn) = &self.conn {
                    rollback(conn);
                }
                return End::Failed(fault);
            }
            Err(Stop::Defect(place)) => {
                tracing::error!("a write met a defect; its group's transaction is rolled back");
                self.recover();
                return End::Broken(place);
            }
        };
        let schema_version = self.marks.schema_low();
        match self.commit(sealed, schema_version) {
            Ok(()) => {
                self.kept = Some(kept);
                End::Committed(answers)
            }
            Err(fault) if super::recovery::is_in_doubt(&fault) => {
                End::InDoubt(answers, sealed.p, fault)
            }
            Err(fault) => {
                if let Some(conn) = &self.conn {
                    rollback(conn);
                }
                self.marks.abandon_commit();
                End::Failed(fault)
            }
        }
    }

    /// Everything but COMMIT.
    fn fill(
        &mut self,
        group: &mut Vec<Pending>,
        more: &mut dyn Iterator<Item = Pending>,
    ) -> std::result::Result<(Vec<Result<WriteAnswer>>, Sealed, Kept), Stop> {
        group.extend(more.next());
        let alone = group.len() == 1;
        let read_steps = self.config.write_read_steps;
        let kept = self.kept.take();
        let conn = self.conn()?;
        let mut transaction = Transaction::begin(conn, &self.layout, &self.marks, kept)?;
        let mut answers = Vec::new();
        while let Some(member) = group.get_mut(answers.len()) {
            let guarded = !alone && !is_all_or_nothing(&member.write, &self.layout);
            if guarded {
                conn.execute("SAVEPOINT member", &[])?;
            }
            let before = conn.db().total_changes();
            let carried_out = || member_of(&mut transaction, member, read_steps);
            let Ok(result) = catch_unwind(AssertUnwindSafe(carried_out)) else {
                return Err(Stop::Defect(answers.len()));
            };
            if conn.db().is_autocommit() {
                // The error rolled everything back by itself.
                return Err(result.err().unwrap_or_else(lost_transaction).into());
            }
            match result {
                Ok(answer) => {
                    answers.push(Ok(answer));
                    if guarded {
                        conn.execute("RELEASE member", &[])?;
                    }
                }
                Err(fault) if alone || !fault.is_about_the_request() => return Err(fault.into()),
                Err(fault) => {
                    if guarded {
                        conn.execute("ROLLBACK TO member", &[])?;
                        conn.execute("RELEASE member", &[])?;
                    } else if conn.db().total_changes() > before {
                        return Err(fault.into());
                    }
                    transaction.forget();
                    answers.push(Err(fault.into_engine("write")));
                }
            }
            if !alone && answers.len() == group.len() {
                group.extend(more.next());
            }
        }
        let sealed = transaction.seal()?;
        Ok((answers, sealed, transaction.keep()))
    }
}

/// Whether a write is one statement of SQLite's that nothing looks at afterwards: one new
/// row that refers to nothing. SQLite leaves nothing of it behind when its keys refuse it, and
/// what a savepoint costs is most of what such a write costs besides.
fn is_all_or_nothing(write: &Write, layout: &Layout) -> bool {
    let [engine::Step::Change(change)] = write.steps.as_slice() else {
        return false;
    };
    let Change::Insert(insert) = &**change else {
        return false;
    };
    let refers_to_nothing = || {
        let table = layout.table(&insert.table.name);
        table.is_ok_and(|physical| physical.outgoing.is_empty())
    };
    insert.rows.len() == 1
        && insert.conflict.is_none()
        && insert.returning.is_none()
        && refers_to_nothing()
}

fn member_of(
    transaction: &mut Transaction<'_>,
    member: &mut Pending,
    read_steps: i64,
) -> Step<WriteAnswer> {
    let write = &mut member.write;
    if let Some(receipt) = &write.receipt
        && let Some(answer) = receipt::look_up(transaction, receipt)?
    {
        return Ok(answer);
    }
    transaction.check_schema(write.schema_version)?;
    transaction.conn.budget().refill();
    let before = transaction.conn.db().total_changes();
    let outcomes = transaction.take_steps(&write.steps, read_steps)?;
    let answer = (write.finish)(outcomes)?;
    transaction.record_events()?;
    if let Some(receipt) = &write.receipt {
        receipt::keep(transaction, receipt, &answer)?;
    }
    // What changes nothing needs no position, and no sync.
    if transaction.conn.db().total_changes() > before {
        transaction.advance();
    }
    let at = transaction.position();
    Ok(WriteAnswer::Done { at, answer })
}

fn reply(group: Vec<Pending>, answers: Vec<Result<WriteAnswer>>) {
    let each = group.into_iter().map(|member| member.reply).zip(answers);
    Answered::hand_over(each.collect());
}

/// What a write is told that panicked.
fn defect() -> EngineError {
    EngineError::internal("write", "the request met a defect; nothing of it was done")
}

fn lost_transaction() -> Fault {
    Fault::Engine(crate::fault::unavailable(
        "the transaction was lost",
        std::time::Duration::from_secs(1),
    ))
}

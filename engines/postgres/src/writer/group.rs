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
use super::together::{alike, look_ahead, store_together};
use super::{ATTEMPTS_MAX, Doubt, Shared, Transaction, carry_out};
use crate::fault::{Fault, Remedy};
use crate::session::Session;
use pando_model::engine::{Result, Write, WriteAnswer};
use pando_model::error::EngineError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Groups follow one another for so long before it is asked again who the primary is, and how
/// long the first of them may wait.
const SLICE: Duration = Duration::from_secs(1);
/// Writes of one transaction at most.
pub(crate) const GROUP_MAX: usize = 256;

/// Why a group was not committed.
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
pub(crate) type Answered = Result<WriteAnswer>;

/// Writes that a connection could not bring to an end.
#[derive(Default)]
pub(crate) struct Left {
    /// Those that were committed, or were not, with what they are answered if they were.
    pub(crate) doubted: Vec<(Pending, Answered)>,
    pub(crate) doubt: Option<Doubt>,
    /// Those of which nothing happened.
    pub(crate) waiting: Vec<Pending>,
    /// What the server was lost with.
    pub(crate) fault: Option<Fault>,
}

impl Left {
    fn lost(waiting: Vec<Pending>, fault: Fault) -> Option<Left> {
        Some(Left {
            waiting,
            fault: Some(fault),
            ..Left::default()
        })
    }
}

impl Shared {
    /// Carries out those who wait, and those who have come by then, as long as nobody else wants
    /// a turn.
    pub(crate) fn write_waiting(&self, session: &Session, queue: &Queue) -> Option<Left> {
        let take = |max| {
            let taken = queue.take(max);
            self.counters.queued.fetch_sub(taken.len() as u64, Relaxed);
            taken
        };
        let begun = Instant::now();
        loop {
            let group = take(GROUP_MAX);
            if group.is_empty() {
                return None;
            }
            if let Some(left) = self.write_group(session, group, &mut |room| take(room)) {
                let back = left.waiting.len() + left.doubted.len();
                self.counters.queued.fetch_add(back as u64, Relaxed);
                return Some(left);
            }
            let is_long = begun.elapsed() >= SLICE;
            if is_long || self.counters.in_turn.load(Relaxed) > 0 || !session.is_sound() {
                return None;
            }
        }
    }

    /// Tells those who wait that nothing was done.
    pub(crate) fn refuse(&self, waiting: Vec<Pending>, error: &EngineError) {
        for pending in waiting {
            self.answer(pending, Err(copied(error)));
        }
    }

    /// Answers one who was waiting.
    pub(crate) fn answer(&self, pending: Pending, answer: Answered) {
        self.counters.queued.fetch_sub(1, Relaxed);
        pending.answer(answer);
    }

    /// Carries a group out and answers its members; `more` gives those who have come since.
    /// Gives those that it could not bring to an end.
    pub(crate) fn write_group(
        &self,
        session: &Session,
        mut group: Vec<Pending>,
        more: &mut dyn FnMut(usize) -> Vec<Pending>,
    ) -> Option<Left> {
        match self.attempt_group(session, &mut group, more) {
            Ok((answers, doubt)) => self.conclude(group, answers, doubt),
            Err(Stop::Defect(place)) => {
                tracing::error!("a write met a defect; its group's transaction is rolled back");
                session.rollback();
                group.remove(place).answer(Err(defect()));
                self.write_each(session, group)
            }
            Err(Stop::Fault(fault)) => {
                session.rollback();
                if fault.is_lost() || session.is_closed() {
                    return Left::lost(group, fault);
                }
                if group.len() > 1 {
                    tracing::warn!(?fault, members = group.len(), "a group failed as a whole");
                    return self.write_each(session, group);
                }
                // Who was alone is told why it failed, or tried again.
                let member = group.pop()?;
                match fault.remedy() {
                    Remedy::Again => self.write_alone(session, member, 2),
                    Remedy::Tell => {
                        member.answer(Err(fault.into_engine("write")));
                        None
                    }
                }
            }
        }
    }

    /// Answers members that were committed, or are in doubt.
    fn conclude(
        &self,
        group: Vec<Pending>,
        answers: Vec<Answered>,
        doubt: Option<Doubt>,
    ) -> Option<Left> {
        let answered = group.into_iter().zip(answers);
        if doubt.is_some() {
            return Some(Left {
                doubted: answered.collect(),
                doubt,
                ..Left::default()
            });
        }
        for (member, answer) in answered {
            self.counters.writes.fetch_add(1, Relaxed);
            member.answer(answer);
        }
        None
    }

    /// Carries members out again, each by itself.
    fn write_each(&self, session: &Session, group: Vec<Pending>) -> Option<Left> {
        session.forget_statements();
        let mut members = group.into_iter();
        while let Some(member) = members.next() {
            if let Some(mut left) = self.write_alone(session, member, 1) {
                left.waiting.extend(members);
                return Some(left);
            }
        }
        None
    }

    /// Carries one write out, again where it met others.
    fn write_alone(&self, session: &Session, member: Pending, from: u32) -> Option<Left> {
        let mut alone = vec![member];
        for attempt in from..=ATTEMPTS_MAX {
            let stop = match self.attempt_group(session, &mut alone, &mut |_| Vec::new()) {
                Ok((answers, doubt)) => return self.conclude(alone, answers, doubt),
                Err(stop) => stop,
            };
            session.rollback();
            let error = match stop {
                Stop::Fault(fault) if fault.is_lost() || session.is_closed() => {
                    return Left::lost(alone, fault);
                }
                Stop::Fault(fault) if fault.remedy() == Remedy::Again && attempt < ATTEMPTS_MAX => {
                    session.forget_statements();
                    continue;
                }
                Stop::Fault(fault) => fault.into_engine("write"),
                Stop::Defect(_) => defect(),
            };
            alone.pop()?.answer(Err(error));
            return None;
        }
        None
    }

    fn attempt_group(
        &self,
        session: &Session,
        group: &mut Vec<Pending>,
        more: &mut dyn FnMut(usize) -> Vec<Pending>,
    ) -> std::result::Result<(Vec<Answered>, Option<Doubt>), Stop> {
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
        let doubt = self.commit(&mut transaction)?;
        Ok((answers, doubt))
    }
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
            session.undo("member");
            transaction.forget();
            Ok(Err(fault.into_engine("write")))
        }
    }
}

/// What a write is told that panicked.
fn defect() -> EngineError {
    EngineError::internal("write", "the request met a defect; nothing of it was done")
}

//! Operations: what a request does as steps, and what is made of their outcomes.
//!
//! One definition serves three callers. By itself an operation that only reads is answered by
//! one snapshot; one that writes is one transaction; and both are a part of a larger one when
//! several are carried out at once ([`Operation::all`]).

use crate::aside::{aside, weight_of};
use crate::error::StoreError;
use crate::request::Idempotency;
use crate::session::{Result, Session, Stamped};
use crate::store::Store;
use pando_model::engine::{
    Cacheable, LaidDown, Outcome, Read, ReadSteps, Receipt, Step, Write, WriteAnswer,
};
use pando_model::error::{EngineError, Refusal};
use pando_model::slot::Slot;
use std::sync::Arc;

/// How often something is tried again because the schema changed meanwhile; each time the
/// newest is loaded.
const TRIES_MAX: usize = 4;

/// Makes an operation's result of what its steps did, inside the transaction: it must not
/// block, and may be called again with the same outcomes.
pub type Conclude<T> = Arc<dyn Fn(Vec<Outcome>) -> std::result::Result<T, Refusal> + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub struct Operation<T> {
    /// What is done.
    pub(crate) steps: Vec<Step>,
    /// What is answered.
    pub(crate) conclude: Conclude<T>,
    /// Where it writes and reads.
    pub(crate) reach: Reach,
    /// Whether it may change something.
    pub(crate) writes: bool,
    /// The schema that the steps were planned for; `None` where they name only relations of
    /// Pando's own, which are the same in every version.
    pub(crate) planned_for: Option<u64>,
    /// Whose rules of caching hold where it is answered by itself.
    pub(crate) cacheable: Option<Cacheable>,
    /// What a write by itself lays down in a cache.
    pub(crate) lays_down: Vec<LaidDown>,
}

/// Which slots an operation touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// None yet.
    Nothing,
    /// One.
    Slot(Slot),
    /// Several, or not known beforehand.
    Many,
}

/// A write that was carried out, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// What the operation concluded, now or when it was first done.
    pub answer: Vec<u8>,
    /// Whether it had been done before under the same key.
    pub replayed: bool,
    /// The write's stamp.
    pub stamped: Stamped,
}

impl Reach {
    /// What touches both touches this.
    #[must_use]
    pub fn and(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Nothing, reach) | (reach, Reach::Nothing) => reach,
            (Reach::Slot(a), Reach::Slot(b)) if a == b => self,
            _ => Reach::Many,
        }
    }
}

impl<T: 'static> Operation<T> {
    /// An operation that only reads: its steps read and decide what to read next.
    pub(crate) fn reading(
        reach: Reach,
        steps: Vec<Step>,
        conclude: impl Fn(Vec<Outcome>) -> std::result::Result<T, Refusal> + Send + Sync + 'static,
    ) -> Operation<T> {
        Operation {
            steps,
            conclude: Arc::new(conclude),
            reach,
            writes: false,
            planned_for: None,
            cacheable: None,
            lays_down: Vec::new(),
        }
    }

    /// An operation that may change something.
    pub(crate) fn writing(
        reach: Reach,
        steps: Vec<Step>,
        conclude: impl Fn(Vec<Outcome>) -> std::result::Result<T, Refusal> + Send + Sync + 'static,
    ) -> Operation<T> {
        Operation {
            writes: true,
            ..Operation::reading(reach, steps, conclude)
        }
    }

    /// The same, planned for a version of the schema.
    #[must_use]
    pub(crate) fn planned_for(mut self, version: u64) -> Operation<T> {
        self.planned_for = Some(version);
        self
    }

    /// The same, by the rules of caching of a collection.
    #[must_use]
    pub(crate) fn cached_as(mut self, cacheable: Cacheable) -> Operation<T> {
        self.cacheable = Some(cacheable);
        self
    }

    /// The same, and what a read would then find is laid down in its collection's cache.
    #[must_use]
    pub(crate) fn laying_down<U>(mut self, read: &Operation<U>) -> Operation<T> {
        if let ([Step::Read { tree, count: false }], Some(of)) = (&read.steps[..], &read.cacheable)
        {
            self.lays_down.push(LaidDown {
                tree: Arc::clone(tree),
                of: of.clone(),
            });
        }
        self
    }

    /// The same, with something else made of its result.
    #[must_use]
    pub fn map<U: 'static>(
        self,
        map: impl Fn(T) -> std::result::Result<U, Refusal> + Send + Sync + 'static,
    ) -> Operation<U> {
        let conclude = self.conclude;
        Operation {
            steps: self.steps,
            conclude: Arc::new(move |outcomes| map(conclude(outcomes)?)),
            reach: self.reach,
            writes: self.writes,
            planned_for: self.planned_for,
            cacheable: self.cacheable,
            lays_down: self.lays_down,
        }
    }

    /// The same, refused in other words, where one of its own steps or its conclusion refuses.
    #[must_use]
    pub fn on_refusal(
        self,
        told: impl Fn(Refusal) -> Refusal + Send + Sync + 'static,
    ) -> Operation<T> {
        let told: Arc<Retold> = Arc::new(told);
        let steps = retold(self.steps, &told);
        let conclude = self.conclude;
        Operation {
            steps,
            conclude: Arc::new(move |outcomes| conclude(outcomes).map_err(|refusal| told(refusal))),
            reach: self.reach,
            writes: self.writes,
            planned_for: self.planned_for,
            cacheable: self.cacheable,
            lays_down: self.lays_down,
        }
    }

    /// The same, behind other steps that it knows nothing of; one transaction. It lays nothing
    /// down.
    #[must_use]
    pub(crate) fn behind(self, first: Vec<Step>) -> Operation<T> {
        let conclude = self.conclude;
        Operation {
            steps: vec![Step::Group(first), Step::Group(self.steps)],
            conclude: Arc::new(move |mut outcomes| {
                let own = outcomes.pop().map(|own| own.group);
                conclude(own.unwrap_or_default())
            }),
            lays_down: Vec::new(),
            ..self
        }
    }

    /// The same, carried out as a write even where it only reads: in one transaction.
    #[must_use]
    pub fn as_write(mut self) -> Operation<T> {
        self.writes = true;
        self
    }

    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Which slots it touches.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Several operations as one, in order: all or none. `at` is told which one is being
    /// carried out before each of them, and so knows which one was refused.
    pub fn all(
        operations: Vec<Operation<T>>,
        at: impl Fn(usize) + Send + Sync + 'static,
    ) -> Operation<Vec<T>> {
        let at = Arc::new(at);
        let mut whole: Operation<Vec<T>> =
            Operation::reading(Reach::Nothing, Vec::new(), |_| Ok(Vec::new()));
        let mut conclusions = Vec::with_capacity(operations.len());
        for (place, operation) in operations.into_iter().enumerate() {
            let tell = Arc::clone(&at);
            let mut group = vec![Step::decide(move |_| {
                tell(place);
                Ok(Vec::new())
            })];
            group.extend(operation.steps);
            whole.steps.push(Step::Group(group));
            whole.reach = whole.reach.and(operation.reach);
            whole.writes |= operation.writes;
            // The oldest decides: a plan for an older schema does not fit a newer one.
            whole.planned_for = match (whole.planned_for, operation.planned_for) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            conclusions.push(operation.conclude);
        }
        whole.conclude = Arc::new(move |outcomes| {
            let each = outcomes.into_iter().zip(&conclusions).enumerate();
            each.map(|(place, (outcome, conclude))| {
                at(place);
                conclude(outcome.group)
            })
            .collect()
        });
        whole
    }
}

/// A refusal in other words.
type Retold = dyn Fn(Refusal) -> Refusal + Send + Sync;

fn retold(steps: Vec<Step>, told: &Arc<Retold>) -> Vec<Step> {
    let each = steps.into_iter().map(|step| match step {
        Step::Decide(decide) => {
            let told = Arc::clone(told);
            Step::decide(move |outcomes| decide(outcomes).map_err(|refusal| told(refusal)))
        }
        Step::Group(steps) => Step::Group(retold(steps, told)),
        other => other,
    });
    each.collect()
}

impl Store {
    /// Answers an operation that only reads, on one snapshot.
    pub async fn answer<T: Send + 'static>(
        &self,
        operation: &Operation<T>,
        session: &Session,
    ) -> Result<(T, Stamped)> {
        debug_assert!(!operation.writes, "what writes is carried out");
        for _ in 1..TRIES_MAX {
            match self.read_steps(operation, session).await {
                Err(StoreError::Engine(EngineError::SchemaChanged { .. }))
                    if operation.planned_for.is_none() =>
                {
                    self.reload_schema().await?;
                }
                other => return concluded(operation, other?).await,
            }
        }
        concluded(operation, self.read_steps(operation, session).await?).await
    }

    /// Carries an operation out as one transaction. With an idempotency key it is done once,
    /// and a repetition gets the first answer.
    pub async fn carry_out(
        &self,
        operation: &Operation<Vec<u8>>,
        idempotency: Option<&Idempotency>,
        session: &Session,
    ) -> Result<CarriedOut> {
        for _ in 1..TRIES_MAX {
            match self.write_steps(operation, idempotency).await {
                Err(EngineError::SchemaChanged { .. }) if operation.planned_for.is_none() => {
                    self.reload_schema().await?;
                }
                other => return Ok(self.carried_out(other?, session)),
            }
        }
        let answer = self.write_steps(operation, idempotency).await?;
        Ok(self.carried_out(answer, session))
    }

    async fn write_steps(
        &self,
        operation: &Operation<Vec<u8>>,
        idempotency: Option<&Idempotency>,
    ) -> std::result::Result<WriteAnswer, EngineError> {
        let conclude = Arc::clone(&operation.conclude);
        let version = self.schema().version;
        let write = Write {
            schema_version: operation.planned_for.unwrap_or(version),
            steps: operation.steps.clone(),
            receipt: idempotency.map(|key| self.receipt(key, operation.reach)),
            finish: Box::new(move |outcomes| conclude(outcomes)),
        };
        let lay_down = self.to_lay_down(&operation.lays_down);
        self.engine().write_through(write, lay_down).await
    }

    /// Those that are of collections whose writes lay down what they wrote.
    pub(crate) fn to_lay_down(&self, all: &[LaidDown]) -> Vec<LaidDown> {
        let wanted = all.iter();
        let wanted = wanted.filter(|one| self.engine().lays_down(&one.of.collection));
        wanted.cloned().collect()
    }

    /// Where an idempotency key lies: in the written slot if there is one only, so that it
    /// moves with what it wrote; else in the slot of the caller and the key.
    pub(crate) fn receipt(&self, idempotency: &Idempotency, reach: Reach) -> Receipt {
        let now_us = self.clock().now_us();
        let kept = i64::try_from(self.config().receipt_ttl.as_micros()).unwrap_or(i64::MAX);
        let slot = match reach {
            Reach::Slot(slot) => slot,
            Reach::Nothing | Reach::Many => {
                let mut caller = idempotency.scope.to_vec();
                caller.extend_from_slice(idempotency.key.as_bytes());
                Slot::of_key(&caller)
            }
        };
        Receipt {
            slot,
            scope: idempotency.scope,
            key: idempotency.key.clone(),
            request: idempotency.request,
            now_us,
            expires_at_us: now_us.saturating_add(kept),
        }
    }

    async fn read_steps<T>(
        &self,
        operation: &Operation<T>,
        session: &Session,
    ) -> Result<(Vec<Outcome>, Stamped)> {
        let schema_version = operation
            .planned_for
            .unwrap_or_else(|| self.schema().version);
        let freshness = session.freshness();
        // One read needs none of what makes one snapshot of several.
        if let [Step::Read { tree, count }] = operation.steps.as_slice() {
            let read = Read {
                schema_version,
                tree: Arc::clone(tree),
                count: *count,
                freshness,
            };
            let answer = match &operation.cacheable {
                Some(of) => self.read_of(&read, of).await?,
                None => {
                    let ask = || async { Ok(self.engine().read(read.clone()).await?) };
                    self.once_caught_up(ask).await?
                }
            };
            let (high, lost) = (answer.high, answer.lost);
            return Ok((
                vec![Outcome::found(answer.rows)],
                session.stamped(high, lost),
            ));
        }
        let read = ReadSteps {
            schema_version,
            steps: operation.steps.clone(),
            freshness,
        };
        let of = operation.cacheable.as_ref();
        let ask = || async {
            let read = read.clone();
            Ok(match of {
                Some(of) => self.engine().read_steps_of(read, of).await?,
                None => self.engine().read_steps(read).await?,
            })
        };
        let answer = self.once_caught_up(ask).await?;
        let (high, lost) = (answer.high, answer.lost);
        Ok((answer.outcomes, session.stamped(high, lost)))
    }

    fn carried_out(&self, answer: WriteAnswer, session: &Session) -> CarriedOut {
        let (answer, high, replayed) = match answer {
            WriteAnswer::Done { at, answer } => (answer, at, false),
            WriteAnswer::Replayed { at, answer } => (answer, at, true),
        };
        CarriedOut {
            answer,
            replayed,
            stamped: Stamped {
                high,
                lost: session.has_lost(&self.engine().progress()),
            },
        }
    }
}

async fn concluded<T: Send + 'static>(
    operation: &Operation<T>,
    (outcomes, stamped): (Vec<Outcome>, Stamped),
) -> Result<(T, Stamped)> {
    let conclude = Arc::clone(&operation.conclude);
    let weight = weight_of(&outcomes);
    let result = aside(weight, move || conclude(outcomes)).await??;
    Ok((result, stamped))
}

//! Operations carried out: answered by one snapshot, or done as one transaction.

use super::{Operation, Reach};
use crate::aside::{aside, weight_of};
use crate::error::StoreError;
use crate::request::Idempotency;
use crate::session::{Result, Session, Stamped};
use crate::store::Store;
use pando_model::engine::{LaidDown, Outcome, Read, ReadSteps, Receipt, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::slot::Slot;
use parking_lot::Mutex;
use std::sync::Arc;

/// How often something is tried again because the schema changed meanwhile; each time the
/// newest is loaded.
const TRIES_MAX: usize = 4;

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
                    Box::pin(self.reload_schema()).await?;
                }
                other => return Ok(self.carried_out(operation, other?, session)),
            }
        }
        let answer = self.write_steps(operation, idempotency).await?;
        Ok(self.carried_out(operation, answer, session))
    }

    /// The same without a key: nothing is kept to be answered again, so what it concludes needs no
    /// stored form.
    pub async fn carry_out_unkept<T: Send + 'static>(
        &self,
        operation: Operation<T>,
        session: &Session,
    ) -> Result<(T, Stamped)> {
        // A conclusion may be asked again; the last one is what was committed.
        let concluded = Arc::new(Mutex::new(None));
        let last = Arc::clone(&concluded);
        let operation = operation.map(move |answer| {
            *last.lock() = Some(answer);
            Ok(Vec::new())
        });
        let done = self.carry_out(&operation, None, session).await?;
        let answer = concluded.lock().take();
        let answer = answer.ok_or_else(|| {
            EngineError::internal("answer a write", "it was committed and concluded nothing")
        })?;
        Ok((answer, done.stamped))
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
        match operation.unasked {
            true => self.engine().write_through(write, lay_down).await,
            false => self.commit(write, lay_down).await,
        }
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

    fn carried_out(
        &self,
        operation: &Operation<Vec<u8>>,
        answer: WriteAnswer,
        session: &Session,
    ) -> CarriedOut {
        for queue in &operation.names {
            self.known_queues().add(queue);
        }
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

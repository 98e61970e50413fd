//! Operations: what a request does as steps, and what is made of their outcomes.
//!
//! One definition serves three callers. By itself an operation that only reads is answered by
//! one snapshot; one that writes is one transaction; and both are a part of a larger one when
//! several are carried out at once ([`Operation::all`]).

mod carrying;

pub use carrying::CarriedOut;

use pando_model::engine::{Cacheable, LaidDown, Outcome, Step};
use pando_model::error::Refusal;
use pando_model::slot::Slot;
use std::sync::Arc;

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
    /// Whether it is Pando's own work, about which no listener is asked.
    pub(crate) unasked: bool,
    /// Queues whose names it writes down: once it is committed they are known.
    pub(crate) names: Vec<String>,
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
            unasked: false,
            names: Vec::new(),
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

    /// The same as Pando's own work: what has run out goes, what was acknowledged is applied, whatever
    /// a listener says.
    #[must_use]
    pub(crate) fn unasked(mut self) -> Operation<T> {
        self.unasked = true;
        self
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

    /// The same, asked of the store whatever the rules of caching are.
    #[must_use]
    pub fn past_caches(mut self) -> Operation<T> {
        self.cacheable = None;
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
            unasked: self.unasked,
            names: self.names,
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
            unasked: self.unasked,
            names: self.names,
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
            whole.names.extend(operation.names);
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

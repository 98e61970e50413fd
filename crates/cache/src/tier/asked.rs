//! What is asked of a collection: reads of one snapshot, of which none follows from another.

use pando_model::engine::{
    Engine, Freshness, Outcome, Read, ReadAnswer, ReadSteps, Result, Step, StepsAnswer,
};
use pando_model::plan::{RowSet, Tree};
use pando_model::stamp::Position;
use std::sync::Arc;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) schema_version: u64,
    pub(super) reads: Arc<[AskedRead]>,
    pub(super) freshness: Freshness,
}

/// One of the reads.
#[derive(Clone, Debug, Hash)]
pub(super) struct AskedRead {
    pub(super) tree: Arc<Tree>,
    pub(super) count: bool,
}

/// What was found: rows for each read.
pub(super) struct Found {
    pub(super) rows: Vec<RowSet>,
    pub(super) low: Position,
    pub(super) high: Position,
    pub(super) lost: bool,
}

impl Asked {
    /// One read.
    pub(super) fn of_read(read: Read) -> Asked {
        let Read {
            schema_version,
            tree,
            count,
            freshness,
        } = read;
        Asked {
            schema_version,
            reads: Arc::new([AskedRead { tree, count }]),
            freshness,
        }
    }

    /// Several; `None` where what is read is decided on the way.
    pub(super) fn of_steps(read: &ReadSteps) -> Option<Asked> {
        let reads = read.steps.iter().map(|step| match step {
            Step::Read { tree, count } => Some(AskedRead {
                tree: Arc::clone(tree),
                count: *count,
            }),
            _ => None,
        });
        let reads: Vec<AskedRead> = reads.collect::<Option<_>>()?;
        (!reads.is_empty()).then(|| Asked {
            schema_version: read.schema_version,
            reads: reads.into(),
            freshness: read.freshness,
        })
    }

    /// Asks the engine, of a copy that is so fresh.
    pub(super) async fn ask(&self, engine: &dyn Engine, freshness: Freshness) -> Result<Found> {
        let schema_version = self.schema_version;
        if let [AskedRead { tree, count }] = &*self.reads {
            let read = Read {
                schema_version,
                tree: Arc::clone(tree),
                count: *count,
                freshness,
            };
            let ReadAnswer {
                rows,
                low,
                high,
                lost,
            } = engine.read(read).await?;
            return Ok(Found {
                rows: vec![rows],
                low,
                high,
                lost,
            });
        }
        let steps = self.reads.iter().map(|read| Step::Read {
            tree: Arc::clone(&read.tree),
            count: read.count,
        });
        let read = ReadSteps {
            schema_version,
            steps: steps.collect(),
            freshness,
        };
        let StepsAnswer {
            outcomes,
            low,
            high,
            lost,
        } = engine.read_steps(read).await?;
        let rows = outcomes.into_iter();
        Ok(Found {
            rows: rows.map(|found| found.rows.unwrap_or_default()).collect(),
            low,
            high,
            lost,
        })
    }
}

impl From<Found> for StepsAnswer {
    fn from(found: Found) -> StepsAnswer {
        StepsAnswer {
            outcomes: found.rows.into_iter().map(Outcome::found).collect(),
            low: found.low,
            high: found.high,
            lost: found.lost,
        }
    }
}

impl From<Found> for ReadAnswer {
    fn from(mut found: Found) -> ReadAnswer {
        ReadAnswer {
            rows: found.rows.pop().unwrap_or_default(),
            low: found.low,
            high: found.high,
            lost: found.lost,
        }
    }
}

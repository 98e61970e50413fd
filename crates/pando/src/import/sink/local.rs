//! Into the store of this process: typed rows, and the progress in the same
//! transaction.

use super::super::chunk::{Fault, RawChunk};
use super::super::identity::Identity;
use super::super::row::{Layout, RowMaker, fault_of};
use super::{NotStored, Sink, Tally};
use pando_model::canonical::slot_of_row;
use pando_model::engine::{Finish, Step, Write};
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::{Change, Insert, Row};
use pando_model::value::Value;
use pando_store::Store;
use pando_store::catalog::imports::ImportProgress;
use pando_store::error::StoreError;
use std::sync::Arc;

/// Marks the refusal that ends a rehearsal.
const REHEARSED: &str = "PANDO_REHEARSED";

/// Stores rows in a store that is open here.
pub struct Local {
    store: Arc<Store>,
    maker: RowMaker,
    schema_version: u64,
    identity: Identity,
    target: String,
}

impl Local {
    /// A sink for one import.
    pub fn new(store: Arc<Store>, maker: RowMaker, identity: Identity, target: String) -> Local {
        Local {
            schema_version: store.schema().version,
            store,
            maker,
            identity,
            target,
        }
    }

    fn progress(&self, tally: Tally, finished: bool) -> Change {
        self.store.import_progress(&ImportProgress {
            id: self.identity.id.clone(),
            target: self.target.clone(),
            source: self.identity.source.clone(),
            fingerprint: self.identity.fingerprint.clone(),
            records: tally.records,
            written: tally.written,
            rejected: tally.rejected,
            finished,
        })
    }

    async fn insert(&self, mut rows: Vec<Row>) -> Result<Change, NotStored> {
        for ix in self.maker.id_columns() {
            let missing = rows.iter().filter(|row| row[ix].is_null()).count();
            let ids = self.store.ids().reserve(missing).await;
            let mut ids = ids
                .map_err(|error| NotStored::Failed(error.into()))?
                .into_iter();
            for row in rows.iter_mut().filter(|row| row[ix].is_null()) {
                row[ix] = ids.next().map_or(Value::Null, Value::Int);
            }
        }
        Ok(Change::Insert(Insert {
            table: Arc::clone(self.maker.table()),
            rows,
            conflict: None,
            returning: None,
        }))
    }

    async fn write(&self, changes: Vec<Change>, finish: Finish) -> Result<(), NotStored> {
        let write = Write {
            schema_version: self.schema_version,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt: None,
            finish,
        };
        match self.store.engine().write(write).await {
            Ok(_) => Ok(()),
            Err(EngineError::Refused(refusal)) => Err(NotStored::Refused {
                at: None,
                fault: fault_of(&refusal),
            }),
            Err(error) => Err(NotStored::Failed(StoreError::from(error).into())),
        }
    }
}

impl Sink for Local {
    type Item = Row;
    type Layout = Layout;

    fn layout(&self, raw: &RawChunk) -> anyhow::Result<Layout> {
        self.maker.layout(raw)
    }

    fn prepare(&self, layout: &Layout, raw: &RawChunk, at: usize) -> Result<Row, Fault> {
        self.maker.row(layout, raw, at)
    }

    /// Rows lie by slot, which is as good as random in a file: sorted, a chunk touches each
    /// page of the table once.
    fn arrange(&self, rows: &mut [(usize, Row)]) {
        if self.maker.id_columns().next().is_none() {
            let table = self.maker.table();
            rows.sort_by_cached_key(|(_, row)| slot_of_row(table, row));
        }
    }

    fn check(&self, row: &Row) -> Option<Fault> {
        self.maker.check(row)
    }

    async fn commit(&self, rows: Vec<Row>, tally: Tally) -> Result<(), NotStored> {
        let mut changes = Vec::with_capacity(2);
        if !rows.is_empty() {
            changes.push(self.insert(rows).await?);
        }
        changes.push(self.progress(tally, false));
        self.write(changes, Box::new(|_| Ok(Vec::new()))).await
    }

    async fn rehearse(&self, rows: Vec<Row>) -> Option<Result<(), NotStored>> {
        let insert = match self.insert(rows).await {
            Ok(insert) => insert,
            Err(error) => return Some(Err(error)),
        };
        let undo: Finish = Box::new(|_| Err(Refusal::new(REHEARSED, "rehearsed")));
        Some(match self.write(vec![insert], undo).await {
            Err(NotStored::Refused { fault, .. }) if fault.code == REHEARSED => Ok(()),
            other => other,
        })
    }

    async fn fetch_progress(&self, identity: &Identity) -> anyhow::Result<Option<(Tally, bool)>> {
        let known = self.store.fetch_import(&identity.id).await?;
        Ok(known
            .filter(|known| known.fingerprint == identity.fingerprint)
            .map(|known| {
                let tally = Tally {
                    records: known.records,
                    written: known.written,
                    rejected: known.rejected,
                };
                (tally, known.finished)
            }))
    }

    async fn finish(&self, tally: Tally) -> anyhow::Result<()> {
        let done = self.write(
            vec![self.progress(tally, true)],
            Box::new(|_| Ok(Vec::new())),
        );
        match done.await {
            Ok(()) => Ok(()),
            Err(NotStored::Refused { fault, .. } | NotStored::TooLarge(fault)) => {
                Err(anyhow::anyhow!(fault.reason))
            }
            Err(NotStored::Failed(error)) => Err(error),
        }
    }
}

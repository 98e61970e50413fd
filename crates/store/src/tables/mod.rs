//! Tables: requests resolved, carried out and answered.
//!
//! [`resolve`] turns a request into a plan, the engine carries it out in one
//! snapshot or one transaction, [`shape`] writes the rows down. A plan made for a
//! schema that is not in force any more is made anew. Nothing here knows HTTP.

pub(crate) mod cursor;
mod directory;
mod hot;
mod payload;
mod read;
mod refusals;
mod relationships;
pub(crate) mod resolve;
mod shape;
mod write;

pub(crate) use directory::DirectoryCache;
pub(crate) use hot::WARM;
pub use hot::{HotRows, ReadQuery};
pub use relationships::{Cardinality, Junction, Relationship, Relationships, relationships};
pub(crate) use resolve::filter::of_test as filter_of_test;

use crate::aside::{LONG, aside, weight_of_rows};
use crate::error::StoreError;
use crate::operation::{Operation, Reach};
use crate::request::{SelectItem, TableRead, TableWrite};
use crate::session::{Result, Session, Stamped, TableAnswer};
use crate::store::Store;
use pando_model::engine::{Cacheable, Read, ReadAnswer, Step, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::schema::Table;
use parking_lot::Mutex;
use read::ReadPlan;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Makes the bytes that are stored with a receipt out of an answer; called inside the
/// transaction, so it must not block.
pub type Encode = Box<dyn Fn(&TableAnswer) -> Vec<u8> + Send>;

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What [`Encode`] made of the answer, now or when the write was first done.
    pub answer: Vec<u8>,
    /// Whether it had been done before under the same key.
    pub replayed: bool,
    /// The write's stamp.
    pub stamped: Stamped,
}

/// How often a plan is made anew when the schema changes under it. Each time the newest schema
/// is loaded, so a second change has to come within microseconds of the first.
const PLANS_MAX: usize = 4;
/// How often a read that waits looks how far the engine has got.
const CATCH_UP_STEP: Duration = Duration::from_millis(2);

impl Store {
    /// Reads a table and what is embedded in it, in one snapshot.
    pub async fn read_table(
        &self,
        request: &TableRead,
        session: &Session,
    ) -> Result<(TableAnswer, Stamped)> {
        let cursor = match &request.query.cursor {
            Some(text) => Some(self.open_cursor(text).ok_or_else(refusals::bad_cursor)?),
            None => None,
        };
        for _ in 1..PLANS_MAX {
            match self.try_read(request, cursor.as_deref(), session).await {
                Err(StoreError::Engine(EngineError::SchemaChanged { .. })) => {
                    self.reload_schema().await?;
                }
                other => return other,
            }
        }
        self.try_read(request, cursor.as_deref(), session).await
    }

    /// Writes to a table: all of it or nothing. The answer is made inside the transaction,
    /// and what `encode` makes of it is what a repetition under the same idempotency key gets.
    pub async fn write_table(
        &self,
        request: TableWrite,
        session: &Session,
        encode: Encode,
    ) -> Result<Written> {
        let request = Arc::new(request);
        // Shared, because the closure of a write that met another schema is gone with it.
        let encode = Arc::new(Mutex::new(encode));
        for _ in 1..PLANS_MAX {
            match self.try_write(&request, session, &encode).await {
                Err(StoreError::Engine(EngineError::SchemaChanged { .. })) => {
                    self.reload_schema().await?;
                }
                other => return other,
            }
        }
        self.try_write(&request, session, &encode).await
    }

    /// A read of tables as an operation, for several at once. It is planned for the schema
    /// that this process knows: where another is in force it is to be planned anew.
    pub fn table_read(&self, request: TableRead) -> Result<Operation<TableAnswer>> {
        let directory = self.directory().get(&self.schema());
        let cursor = match &request.query.cursor {
            Some(text) => Some(self.open_cursor(text).ok_or_else(refusals::bad_cursor)?),
            None => None,
        };
        let (tree, plan) = ReadPlan::new(&directory, self.config(), &request, cursor.as_deref())?;
        let count = request.count.is_some();
        let of = Cacheable::new(format!("rest/{}", request.table));
        let seal = self.cursor_sealer();
        let operation = Operation::reading(
            Reach::Many,
            vec![Step::Read {
                tree: Arc::new(tree),
                count,
            }],
            move |mut outcomes| {
                let rows = outcomes
                    .pop()
                    .and_then(|read| read.rows)
                    .unwrap_or_default();
                plan.answer(&request, &rows, &seal)
            },
        );
        Ok(operation.planned_for(directory.version).cached_as(of))
    }

    /// A write to tables as an operation, likewise.
    pub async fn table_write(&self, request: TableWrite) -> Result<Operation<TableAnswer>> {
        let directory = self.directory().get(&self.schema());
        let request = Arc::new(request);
        let planned = write::plan(self, &directory, &request).await?;
        let reach = planned.reach();
        let (changes, _, finisher) = planned.into_parts();
        let steps = changes.into_iter().map(Step::from).collect();
        let operation = Operation::writing(reach, steps, move |outcomes| finisher.finish(outcomes));
        Ok(operation.planned_for(directory.version))
    }

    /// The tables that a `select=` on a table looks into besides it: those that are embedded,
    /// and the junctions that lead to them.
    pub fn tables_embedded(&self, table: &str, select: &[SelectItem]) -> Vec<Arc<Table>> {
        let directory = self.directory().get(&self.schema());
        let mut found = Vec::new();
        if let Ok(entry) = directory.entry(table) {
            resolve::embed::tables_of(&directory, entry, select, &mut found);
        }
        found
    }

    async fn try_read(
        &self,
        request: &TableRead,
        cursor: Option<&[u8]>,
        session: &Session,
    ) -> Result<(TableAnswer, Stamped)> {
        let directory = self.directory().get(&self.schema());
        let (tree, plan) = ReadPlan::new(&directory, self.config(), request, cursor)?;
        let read = Read {
            schema_version: directory.version,
            tree: tree.into(),
            count: request.count.is_some(),
            freshness: session.freshness(),
        };
        let of = Cacheable::new(format!("rest/{}", request.table));
        let answer = self.read_of(&read, &of).await?;
        let (rows, high, lost) = (answer.rows, answer.high, answer.lost);
        let weight = weight_of_rows(&rows);
        let seal = self.cursor_sealer();
        let shaped = if weight < LONG {
            plan.answer(request, &rows, seal)?
        } else {
            let request = request.clone();
            aside(weight, move || plan.answer(&request, &rows, seal)).await??
        };
        Ok((shaped, session.stamped(high, lost)))
    }

    async fn try_write(
        &self,
        request: &Arc<TableWrite>,
        session: &Session,
        encode: &Arc<Mutex<Encode>>,
    ) -> Result<Written> {
        let directory = self.directory().get(&self.schema());
        let planned = write::plan(self, &directory, request).await?;
        let (changes, receipt, finisher) = planned.into_parts();
        if changes.is_empty() && receipt.is_none() {
            let stamped = session.stamped(self.engine().progress().high, false);
            return Ok(Written {
                answer: (encode.lock())(&finisher.finish(Vec::new())?),
                replayed: false,
                stamped,
            });
        }
        let encode = Arc::clone(encode);
        let lay_down = match self.engine().lays_down(&format!("rest/{}", request.table)) {
            true => write::laid_down(&directory, self.config(), request, &changes),
            false => Vec::new(),
        };
        let write = Write {
            schema_version: directory.version,
            steps: changes.into_iter().map(Step::from).collect(),
            receipt,
            finish: Box::new(move |outcomes| {
                let answer = finisher.finish(outcomes)?;
                Ok((encode.lock())(&answer))
            }),
        };
        let answer = self.commit(write, lay_down).await?;
        let (answer, at, replayed) = match answer {
            WriteAnswer::Done { at, answer } => (answer, at, false),
            WriteAnswer::Replayed { at, answer } => (answer, at, true),
        };
        Ok(Written {
            answer,
            replayed,
            stamped: Stamped {
                high: at,
                lost: session.has_lost(&self.engine().progress()),
            },
        })
    }

    /// Asks for a collection, by its rules of caching.
    pub(crate) async fn read_of(&self, read: &Read, of: &Cacheable) -> Result<ReadAnswer> {
        self.once_caught_up(|| async { Ok(self.engine().read_of(read.clone(), of).await?) })
            .await
    }

    /// Asks again for a moment while no copy has got as far as the caller.
    pub(crate) async fn once_caught_up<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + self.config().catch_up;
        loop {
            match ask().await {
                Err(StoreError::Engine(EngineError::Behind)) if Instant::now() < deadline => {
                    tokio::time::sleep(CATCH_UP_STEP).await;
                }
                other => return other,
            }
        }
    }
}

//! Reads of one row by its key, several in one statement.
//!
//! What one such read costs a server is mostly what any statement costs. So those that come while
//! others are under way wait for them, and then go together: one statement for all that differ in
//! their values only. Each is answered from one snapshot, and none begins before it was asked for.
//! A read that nobody else is about goes by itself and at once ([`crate::short`]), and so does
//! each where they failed together.

use crate::cell::Param;
use crate::fault::Step;
use crate::pool::Pool;
use crate::shard::{ShardRow, check_schema};
use crate::sql::{self, FIRST, FOUND, NUMBER};
use crate::wire::Wire;
use pando_model::budget::RowBudget;
use pando_model::engine::Read;
use pando_model::plan::RowSet;
use pando_model::value::Value;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::oneshot;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Connections that serve them at once: while one statement is on its way the next is made.
const SERVERS_MAX: usize = 2;
/// Reads of one statement at most.
const TOGETHER_MAX: usize = 64;

/// What was found, with the shard's row in its snapshot.
type Found = (ShardRow, Option<Row>);

/// The reads that wait for one pool's connections.
pub(crate) struct Points {
    pool: Arc<Pool>,
    waiting: Mutex<Waiting>,
    /// Reads that go by themselves.
    alone: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Point>,
    servers: usize,
}

/// A read that waits.
struct Point {
    text: Arc<str>,
    values: Vec<Value>,
    reply: oneshot::Sender<Found>,
}

/// Whether a read went together with others.
pub(crate) enum Went {
    Together(RowSet, ShardRow),
    /// It has to go by itself; it is counted as long as this lives.
    Alone(Alone),
}

/// A read that goes by itself.
pub(crate) struct Alone(Arc<Points>);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.alone.fetch_sub(1, Relaxed);
    }
}

impl Points {
    /// For the connections of a pool.
    pub(crate) fn new(pool: Arc<Pool>) -> Arc<Points> {
        Arc::new(Points {
            pool,
            waiting: Mutex::default(),
            alone: AtomicUsize::new(0),
        })
    }

    fn alone(self: &Arc<Points>) -> Went {
        self.alone.fetch_add(1, Relaxed);
        Went::Alone(Alone(self.clone()))
    }

    /// Carries a read out together with others, where there are others and it is of one row.
    pub(crate) async fn read(self: &Arc<Points>, read: &Read) -> Step<Went> {
        let is_quiet = self.alone.load(Relaxed) == 0 && self.waiting.lock().servers == 0;
        if is_quiet || read.count {
            return Ok(self.alone());
        }
        let select = &read.tree.select;
        let Some(statement) = sql::select_together(select) else {
            return Ok(self.alone());
        };
        let params = statement.sql.params.iter();
        let (reply, answer) = oneshot::channel();
        self.push(Point {
            text: Arc::from(statement.sql.text.as_str()),
            values: params.map(|param| Value::clone(&param.0)).collect(),
            reply,
        });
        let Ok((shard, raw)) = answer.await else {
            return Ok(self.alone());
        };
        check_schema(&shard, read.schema_version)?;
        let budget = RowBudget::default();
        let mut rows = RowSet::default();
        if let Some(raw) = raw {
            let mut see = |value: &Value| Ok(budget.take(value)?);
            rows.rows
                .push(statement.row(&raw, &select.table, FIRST, &mut see)?);
        }
        Ok(Went::Together(rows, shard))
    }

    fn push(self: &Arc<Points>, point: Point) {
        let mut waiting = self.waiting.lock();
        waiting.reads.push_back(point);
        if waiting.servers < SERVERS_MAX {
            waiting.servers += 1;
            let points = self.clone();
            // By itself: whoever asked may go away, and the others wait.
            tokio::spawn(async move { points.serve().await });
        }
    }

    /// Carries out what waits until nothing does, each time on a connection of its turn.
    async fn serve(&self) {
        let mut leaving = Leaving {
            points: self,
            is_done: false,
        };
        while let Some(together) = self.take(&mut leaving) {
            // Without a connection each finds out by itself what is the matter.
            if let Ok(lease) = self.pool.lease().await
                && let Ok(wire) = lease.wire()
            {
                carry_out(wire, together).await;
            }
        }
    }

    /// The next reads of one text.
    fn take(&self, leaving: &mut Leaving<'_>) -> Option<Vec<Point>> {
        let mut waiting = self.waiting.lock();
        let Some(first) = waiting.reads.pop_front() else {
            waiting.servers -= 1;
            leaving.is_done = true;
            return None;
        };
        let text = first.text.clone();
        let mut together = vec![first];
        let mut passed = 0;
        while together.len() < TOGETHER_MAX
            && let Some(next) = waiting.reads.get(passed)
        {
            if next.text != text {
                passed += 1;
            } else if let Some(next) = waiting.reads.remove(passed) {
                together.push(next);
            }
        }
        Some(together)
    }
}

/// One who serves; also where it ends by a panic it is counted off.
struct Leaving<'p> {
    points: &'p Points,
    is_done: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.points.waiting.lock().servers -= 1;
        }
    }
}

/// Carries reads out together and answers them; where that fails they have no answer, and each
/// goes by itself.
async fn carry_out(wire: &Wire, together: Vec<Point>) {
    match query(wire, &together).await {
        Ok((shard, rows)) => {
            wire.meet_schema(shard.schema_version);
            for (point, row) in together.into_iter().zip(rows) {
                // Whoever has gone away needs no answer.
                let _ = point.reply.send((shard.clone(), row));
            }
        }
        Err(fault) => {
            tracing::debug!(?fault, "reads failed together");
            wire.forget_statements();
        }
    }
}

async fn query(wire: &Wire, together: &[Point]) -> Step<(ShardRow, Vec<Option<Row>>)> {
    let mut text = "";
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for point in together {
        text = &point.text;
        columns.resize_with(point.values.len(), Vec::new);
        for (column, value) in columns.iter_mut().zip(&point.values) {
            column.push(value.clone());
        }
    }
    let prepared = wire.prepare(text).await?;
    let columns: Vec<Param<'_>> = columns.into_iter().map(Param::list).collect();
    let params: Vec<_> = columns
        .iter()
        .map(|one| one as &(dyn ToSql + Sync))
        .collect();
    let found = wire.client.query(&prepared, &params).await?;
    let shard = ShardRow::of(found.first())?;
    let mut rows: Vec<Option<Row>> = together.iter().map(|_| None).collect();
    for raw in found {
        if raw.try_get::<_, Option<bool>>(FOUND)?.is_none() {
            continue;
        }
        let number = usize::try_from(raw.try_get::<_, i64>(NUMBER)?).unwrap_or(0);
        if let Some(place) = number.checked_sub(1).and_then(|place| rows.get_mut(place)) {
            *place = Some(raw);
        }
    }
    Ok((shard, rows))
}

//! What one transaction does on a connection.
//!
//! Statements are run from threads that may block, one after the other. What begins, ends or
//! undoes part of a transaction is sent in front of the next statement, not by itself
//! ([`Session::defer`]), and what needs no answer before the next is sent together
//! ([`Session::commit_with`]).

use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::plans::Plans;
use crate::tls::Target;
use crate::wire::Wire;
use bytes::Bytes;
use futures_util::future::{self, MaybeDone, maybe_done};
use futures_util::{FutureExt, SinkExt, TryStreamExt};
use pando_model::budget::RowBudget;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;

/// A connection of the engine's, while somebody has it to himself.
pub(crate) struct Session {
    wire: Wire,
    handle: Handle,
    /// What is sent in front of the next statement.
    deferred: RefCell<String>,
    budget: RowBudget,
    /// Rows that statements have changed.
    changes: Cell<u64>,
    /// Whether a transaction is open, or may be.
    open: Cell<bool>,
    /// What its statements are planned with, if that is known.
    plans: Cell<Option<Plans>>,
}

/// A statement with its parameters, to be sent with others.
pub(crate) struct Call<'p> {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param<'p>>,
}

/// What is asked, and its answer.
pub(crate) type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Session {
    /// Connects.
    pub(crate) async fn connect(target: &Target) -> Step<Session> {
        Ok(Session {
            wire: Wire::connect(target).await?,
            handle: Handle::current(),
            deferred: RefCell::default(),
            budget: RowBudget::default(),
            changes: Cell::new(0),
            open: Cell::new(false),
            plans: Cell::new(Some(Plans::AsFit)),
        })
    }

    /// The connection itself.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// What waits for its answers.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether it can be used for something else.
    pub(crate) fn is_sound(&self) -> bool {
        !self.open.get() && !self.wire.is_closed()
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.wire.is_closed()
    }

    /// What is left to the request that is being carried out.
    pub(crate) fn budget(&self) -> &RowBudget {
        &self.budget
    }

    /// How many rows statements have changed so far.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Counts rows that were changed by what gives rows.
    pub(crate) fn add_changes(&self, changed: u64) {
        self.changes.set(self.changes.get() + changed);
    }

    /// What statements were planned with, and are with what is set from here on.
    pub(crate) fn plans_were(&self, now: Option<Plans>) -> Option<Plans> {
        self.plans.replace(now)
    }

    /// What PostgreSQL has warned of since the last call.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.wire.take_warning()
    }

    /// Another schema is in force: what was prepared for an older one is forgotten.
    pub(crate) fn meet_schema(&self, version: u64) {
        self.wire.meet_schema(version);
    }

    /// Forgets all prepared statements.
    pub(crate) fn forget_statements(&self) {
        self.wire.forget_statements();
    }

    /// Sends something that gives nothing in front of the next statement. Where nothing was sent
    /// since `undone`, both are left out.
    pub(crate) fn defer(&self, sql: &str, undone: Option<&str>) {
        let mut deferred = self.deferred.borrow_mut();
        if let Some(undone) = undone
            && let Some(before) = deferred.strip_suffix(undone)
        {
            let kept = before.len();
            deferred.truncate(kept);
            return;
        }
        deferred.push_str(sql);
    }

    /// What is to be sent in front.
    pub(crate) async fn front(
        &self,
        text: String,
    ) -> std::result::Result<(), tokio_postgres::Error> {
        match text.is_empty() {
            true => Ok(()),
            false => self.wire.client.batch_execute(&text).await,
        }
    }

    pub(crate) fn take_deferred(&self) -> String {
        std::mem::take(&mut *self.deferred.borrow_mut())
    }

    /// Begins a transaction and runs its first statements in one round trip; gives the last one's
    /// row.
    pub(crate) fn begin(&self, how: &str, first: &[&str]) -> Step<Option<tokio_postgres::Row>> {
        let mut prepared = Vec::with_capacity(first.len());
        for sql in first {
            prepared.push(self.prepare(sql)?);
        }
        self.open.set(true);
        self.plans.set(Some(Plans::AsFit));
        let client = &self.wire.client;
        let rows = prepared.iter().map(|statement| {
            let row = async move { client.query_opt(statement, &[]).await };
            row.boxed_local()
        });
        let rows = in_order(rows.collect());
        let begun = future::join(client.batch_execute(how), rows);
        let (begun, rows) = self.handle.block_on(begun);
        begun?;
        let rows: Vec<_> = rows.into_iter().collect::<std::result::Result<_, _>>()?;
        Ok(rows.into_iter().next_back().flatten())
    }

    /// Ends the transaction by `how`, and runs a statement behind it in the same round trip.
    pub(crate) fn end_and(&self, how: &str, then: &str) -> Step<Option<tokio_postgres::Row>> {
        let statement = self.prepare(then)?;
        let (ended, row) = self.handle.block_on(future::join(
            self.wire.client.batch_execute(how),
            self.wire.client.query_opt(&statement, &[]),
        ));
        ended?;
        self.open.set(false);
        Ok(row?)
    }

    /// Ends the transaction by `how`.
    pub(crate) fn end(&self, how: &str) -> Step<()> {
        let text = self.take_deferred() + how;
        self.wait(self.wire.client.batch_execute(&text))?;
        self.open.set(false);
        Ok(())
    }

    /// Runs the last statements of a transaction and commits it, in one round trip; gives the last
    /// value that one of them gave. The error inside is that of a statement: the COMMIT behind it
    /// has rolled everything back.
    pub(crate) fn commit_with(&self, calls: &[Call<'_>]) -> Step<Step<Option<i64>>> {
        let mut prepared = Vec::with_capacity(calls.len());
        for call in calls {
            match self.prepare(&call.sql) {
                Ok(statement) => prepared.push(statement),
                // Nothing was sent yet.
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let client = &self.wire.client;
        let front = self.front(self.take_deferred());
        let executed = calls.iter().zip(&prepared).map(|(call, statement)| {
            let params = borrowed(&call.params);
            let execute = async move {
                let row = client.query_opt(statement, &params).await?;
                row.map_or(Ok(None), |row| row.try_get::<_, Option<i64>>(0))
            };
            execute.boxed_local()
        });
        let commit = client.batch_execute("COMMIT");
        let all = future::join3(front, in_order(executed.collect()), commit);
        let (front, executed, committed) = self.handle.block_on(all);
        committed?;
        self.open.set(false);
        let given: std::result::Result<Vec<_>, _> = executed.into_iter().collect();
        let last = given.map(|given| given.into_iter().flatten().next_back());
        Ok(front.and(last).map_err(Fault::Postgres))
    }

    /// Rolls back, whatever is left to roll back; where that fails the connection is not used
    /// again.
    pub(crate) fn rollback(&self) {
        self.deferred.borrow_mut().clear();
        if self.open.get()
            && let Err(fault) = self.end("ROLLBACK")
        {
            tracing::warn!(?fault, "a rollback failed");
        }
    }

    /// Runs statements that are not worth keeping.
    pub(crate) fn batch(&self, sql: &str) -> Step<()> {
        let text = self.take_deferred() + sql;
        self.wait(self.wire.client.batch_execute(&text))
    }

    /// Runs a statement that gives no rows; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Step<u64> {
        self.execute_raw(sql, &borrowed(params))
    }

    /// The same with parameters of any kind.
    pub(crate) fn execute_raw(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Step<u64> {
        let statement = self.prepare(sql)?;
        let front = self.front(self.take_deferred());
        let execute = self.wire.client.execute(&statement, params);
        let (front, changed) = self.handle.block_on(future::join(front, execute));
        front?;
        let changed = changed?;
        self.changes.set(self.changes.get() + changed);
        Ok(changed)
    }

    /// Runs a statement that gives rows, and hands each to `each` until it has enough.
    pub(crate) fn select_while(
        &self,
        sql: &str,
        params: &[Param<'_>],
        each: impl FnMut(&tokio_postgres::Row) -> Step<bool>,
    ) -> Step<()> {
        self.select_raw(sql, borrowed(params), each)
    }

    /// The same with parameters of any kind.
    pub(crate) fn select_raw(
        &self,
        sql: &str,
        params: Vec<&(dyn ToSql + Sync)>,
        mut each: impl FnMut(&tokio_postgres::Row) -> Step<bool>,
    ) -> Step<()> {
        let statement = self.prepare(sql)?;
        self.handle.block_on(async {
            let front = self.front(self.take_deferred());
            let query = self.wire.client.query_raw(&statement, params);
            let (front, rows) = future::join(front, query).await;
            front?;
            let mut rows = pin!(rows?);
            while let Some(row) = rows.try_next().await? {
                if !each(&row)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The same, for all rows.
    pub(crate) fn select_all(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut each: impl FnMut(&tokio_postgres::Row) -> Step<()>,
    ) -> Step<()> {
        self.select_while(sql, params, |row| each(row).map(|()| true))
    }

    /// The first value of the first row, where there is one.
    pub(crate) fn first_int(&self, sql: &str, params: &[Param<'_>]) -> Step<Option<i64>> {
        let mut found = None;
        self.select_while(sql, params, |row| {
            found = row.try_get(0)?;
            Ok(false)
        })?;
        Ok(found)
    }

    /// Whether the statement gives a row.
    pub(crate) fn exists(&self, sql: &str, params: &[Param<'_>]) -> Step<bool> {
        let mut found = false;
        self.select_while(sql, params, |_| {
            found = true;
            Ok(false)
        })?;
        Ok(found)
    }

    /// Sends what a COPY takes, piece by piece.
    pub(crate) fn copy_in(&self, sql: &str, pieces: impl Iterator<Item = Step<Bytes>>) -> Step<()> {
        let statement = self.prepare(sql)?;
        let copied = self.handle.block_on(async {
            let front = self.front(self.take_deferred());
            let copy = self.wire.client.copy_in::<_, Bytes>(&statement);
            let (front, sink) = future::join(front, copy).await;
            front?;
            let mut sink = pin!(sink?);
            for piece in pieces {
                sink.send(piece?).await?;
            }
            Ok::<u64, Fault>(sink.finish().await?)
        })?;
        self.changes.set(self.changes.get() + copied);
        Ok(())
    }

    /// A prepared statement.
    pub(crate) fn prepare(&self, sql: &str) -> Step<tokio_postgres::Statement> {
        if let Some(known) = self.wire.prepared(sql) {
            return Ok(known);
        }
        // In a part of a transaction that has failed nothing can be prepared.
        if !self.deferred.borrow().is_empty() {
            self.batch("")?;
        }
        self.handle.block_on(self.wire.prepare(sql))
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Step<T> {
        self.handle.block_on(answer).map_err(Fault::Postgres)
    }
}

/// Parameters as the library takes them.
pub(crate) fn borrowed<'p>(params: &'p [Param<'p>]) -> Vec<&'p (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|param| param as &(dyn ToSql + Sync))
        .collect()
}

/// Polls futures in their order, so that what they send is sent in it.
pub(crate) async fn in_order<T>(asked: Vec<Asked<'_, T>>) -> Vec<T> {
    let mut asked: Vec<MaybeDone<Asked<'_, T>>> = asked.into_iter().map(maybe_done).collect();
    future::poll_fn(|context| {
        let mut pending = false;
        for one in &mut asked {
            pending |= one.poll_unpin(context).is_pending();
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    let answers = asked.iter_mut().map(|one| Pin::new(one).take_output());
    answers.flatten().collect()
}

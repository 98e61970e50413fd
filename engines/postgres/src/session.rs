//! One connection, and how a statement is run on it.
//!
//! Statements are run from threads that may block, one after the other; a statement is prepared
//! once for each text and kept, for as long as the schema stays.

use crate::cell::{Param, Raw, column_of, value_of};
use crate::fault::{Fault, Step};
use crate::sql::{self, Decode, Statement};
use crate::tls::Target;
use futures_util::{StreamExt, TryStreamExt, future};
use pando_model::budget::{RowBudget, bytes_of};
use pando_model::plan::{Filter, Row, Select};
use pando_model::schema::{ColumnIx, Table};
use pando_model::tree::{Keyed, Source, by_key};
use pando_model::value::Value;
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

/// Prepared statements that a connection keeps: shapes of plans, not plans.
const STATEMENTS_KEPT: usize = 256;

/// A connection of the engine's.
pub(crate) struct Session {
    client: Client,
    /// What carries its messages; without it everything on it fails.
    carrier: AbortHandle,
    handle: Handle,
    statements: RefCell<HashMap<String, tokio_postgres::Statement>>,
    /// The schema that they were prepared for.
    schema_version: Cell<u64>,
    /// What PostgreSQL has warned of since the last look.
    warning: Arc<Mutex<Option<String>>>,
    budget: RowBudget,
    /// Rows that statements have changed.
    changes: Cell<u64>,
    /// Whether a transaction is open, or may be.
    open: Cell<bool>,
}

impl Session {
    /// Connects.
    pub(crate) async fn connect(target: &Target) -> Step<Session> {
        let warning = Arc::new(Mutex::new(None));
        let (client, carrier) = match &target.tls {
            Some(tls) => {
                let (client, connection) = target.config.connect(tls.clone()).await?;
                (client, listen(connection, warning.clone()))
            }
            None => {
                let (client, connection) = target.config.connect(NoTls).await?;
                (client, listen(connection, warning.clone()))
            }
        };
        Ok(Session {
            client,
            carrier,
            handle: Handle::current(),
            statements: RefCell::default(),
            schema_version: Cell::new(0),
            warning,
            budget: RowBudget::default(),
            changes: Cell::new(0),
            open: Cell::new(false),
        })
    }

    /// Whether it can be used for something else.
    pub(crate) fn is_sound(&self) -> bool {
        !self.open.get() && !self.client.is_closed()
    }

    /// Ends the connection from afar: whoever waits on it is told that it is closed.
    pub(crate) fn carrier(&self) -> AbortHandle {
        self.carrier.clone()
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What is left to the request that is being carried out.
    pub(crate) fn budget(&self) -> &RowBudget {
        &self.budget
    }

    /// How many rows statements have changed so far.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// What PostgreSQL has warned of since the last call.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.warning.lock().take()
    }

    /// Another schema is in force: what was prepared for an older one is forgotten.
    pub(crate) fn meet_schema(&self, version: u64) {
        if self.schema_version.replace(version) != version {
            self.statements.borrow_mut().clear();
        }
    }

    /// Forgets all prepared statements.
    pub(crate) fn forget_statements(&self) {
        self.statements.borrow_mut().clear();
    }

    /// Begins a transaction and runs its first statement in one round trip.
    pub(crate) fn begin(&self, how: &str, first: &str) -> Step<Option<tokio_postgres::Row>> {
        let statement = self.prepare(first)?;
        self.open.set(true);
        let (begun, row) = self.handle.block_on(future::join(
            self.client.batch_execute(how),
            self.client.query_opt(&statement, &[]),
        ));
        begun?;
        Ok(row?)
    }

    /// Ends the transaction by `how`, and runs a statement behind it in the same round trip.
    pub(crate) fn end_and(&self, how: &str, then: &str) -> Step<Option<tokio_postgres::Row>> {
        let statement = self.prepare(then)?;
        let (ended, row) = self.handle.block_on(future::join(
            self.client.batch_execute(how),
            self.client.query_opt(&statement, &[]),
        ));
        ended?;
        self.open.set(false);
        Ok(row?)
    }

    /// Ends the transaction by `how`.
    pub(crate) fn end(&self, how: &str) -> Step<()> {
        self.wait(self.client.batch_execute(how))?;
        self.open.set(false);
        Ok(())
    }

    /// Rolls back, whatever is left to roll back; where that fails the connection is not used
    /// again.
    pub(crate) fn rollback(&self) {
        if self.open.get()
            && let Err(fault) = self.end("ROLLBACK")
        {
            tracing::warn!(?fault, "a rollback failed");
        }
    }

    /// Runs statements that are not worth keeping.
    pub(crate) fn batch(&self, sql: &str) -> Step<()> {
        self.wait(self.client.batch_execute(sql))
    }

    /// Runs a statement that gives no rows; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Step<u64> {
        let statement = self.prepare(sql)?;
        let changed = self.wait(self.client.execute(&statement, &borrowed(params)))?;
        self.changes.set(self.changes.get() + changed);
        Ok(changed)
    }

    /// Runs a statement that gives rows, and hands each to `each` until it has enough.
    pub(crate) fn select_while(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut each: impl FnMut(&tokio_postgres::Row) -> Step<bool>,
    ) -> Step<()> {
        let statement = self.prepare(sql)?;
        self.handle.block_on(async {
            let given = borrowed(params);
            let rows = self.client.query_raw(&statement, given).await?;
            let mut rows = pin!(rows);
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

    /// Whole rows that pass a filter, in the order of the primary key; those that are
    /// `answered` are taken from the budget.
    pub(crate) fn read_whole_rows(
        &self,
        table: &Table,
        filter: &Filter,
        is_answered: bool,
    ) -> Step<Vec<Row>> {
        let statement = sql::whole_rows(table, filter).held(table);
        match is_answered {
            true => self.answered(&statement, table),
            false => self.run_while(&statement, table, |_| Ok(true)),
        }
    }

    /// The first of them: so many, or so many bytes and what is left of a row.
    pub(crate) fn read_first_rows(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        limit: Option<u64>,
        bytes_max: usize,
    ) -> Step<Vec<Row>> {
        let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
        let select;
        let statement = if limit.is_some() {
            select = Select {
                limit,
                ..by_key(table, &all, filter, None)
            };
            sql::select(&select, None)
        } else {
            sql::whole_rows(table, filter)
        };
        let statement = statement.held(table);
        let mut bytes = 0;
        self.run_while(&statement, table, |value| {
            bytes += bytes_of(value);
            Ok(bytes < bytes_max)
        })
    }

    /// The next whole rows that pass behind `after`, in the order of the primary key.
    pub(crate) fn read_page(
        &self,
        table: &Arc<Table>,
        after: Option<&Row>,
        limit: u64,
    ) -> Step<Vec<Row>> {
        let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
        let select = Select {
            limit: Some(limit),
            ..by_key(table, &all, &Filter::Const(true), after)
        };
        self.run_while(&sql::select(&select, None), table, |_| Ok(true))
    }

    /// The primary keys of all rows that pass behind `after`, in their order.
    pub(crate) fn read_keys_behind(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        after: &Row,
    ) -> Step<Vec<Vec<Value>>> {
        let select = by_key(table, &table.primary_key.columns, filter, Some(after));
        self.run_while(&sql::select(&select, None), table, |_| Ok(true))
    }

    /// The rows of a statement, which are answered.
    fn answered(&self, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
        self.run_while(statement, table, |value| {
            self.budget.take(value)?;
            Ok(true)
        })
    }

    /// The rows up to the one with a value that is not to `go_on`.
    fn run_while(
        &self,
        statement: &Statement<'_>,
        table: &Table,
        mut go_on: impl FnMut(&Value) -> Step<bool>,
    ) -> Step<Vec<Row>> {
        let mut rows = Vec::new();
        self.select_while(&statement.sql.text, &statement.sql.params, |raw| {
            let mut row = Vec::with_capacity(statement.decode.len());
            let mut goes_on = true;
            for (place, decode) in statement.decode.iter().enumerate() {
                let cell = raw.try_get::<_, Option<Raw<'_>>>(place)?;
                let value = match decode {
                    Decode::Column(ty) => column_of(cell, ty)?,
                    Decode::Scalar(scalar, ty) => scalar.evaluate(table, column_of(cell, ty)?)?,
                    Decode::Result(ty) => value_of(cell, ty)?,
                };
                goes_on &= go_on(&value)?;
                row.push(value);
            }
            rows.push(row);
            Ok(goes_on)
        })?;
        Ok(rows)
    }

    fn prepare(&self, sql: &str) -> Step<tokio_postgres::Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS_KEPT {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Step<T> {
        self.handle.block_on(answer).map_err(Fault::Postgres)
    }
}

impl Source for Session {
    type Fault = Fault;

    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Step<Vec<Row>> {
        self.answered(&sql::select(select, keyed), &select.table)
    }

    fn count(&self, select: &Select) -> Step<u64> {
        let count = sql::count(select);
        let total = self.first_int(&count.text, &count.params)?;
        Ok(total.map_or(0, i64::unsigned_abs))
    }
}

fn borrowed<'p>(params: &'p [Param<'p>]) -> Vec<&'p (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|param| param as &(dyn ToSql + Sync))
        .collect()
}

/// Carries a connection's messages until its end, and keeps the last warning.
fn listen<S, T>(
    mut connection: Connection<S, T>,
    warning: Arc<Mutex<Option<String>>>,
) -> AbortHandle
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let carrier = tokio::spawn(async move {
        let messages =
            futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        let mut messages = pin!(messages);
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notice(notice)) if notice.severity() == "WARNING" => {
                    *warning.lock() = Some(notice.message().to_owned());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                    return;
                }
            }
        }
    });
    carrier.abort_handle()
}

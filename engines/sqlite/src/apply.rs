//! Changes of the physical schema, all of them and the catalog's rows in one transaction.
//!
//! A table changes shape by being built anew beside itself, unless SQLite's own
//! ALTER TABLE leaves the same behind. Rows pass the rules again where the rules changed.

use crate::cell::Param;
use crate::connection::Conn;
use crate::fault::{Fault, Step};
use crate::layout::{create_table_sql, load, reconcile_indexes};
use crate::sql::quoted;
use crate::tree::read_page;
use crate::writer::{Sealed, Transaction, Writer, cells, slot_param};
use pando_model::canonical;
use pando_model::constraint::complete_row;
use pando_model::engine::{Result, SchemaChange};
use pando_model::error::EngineError;
use pando_model::plan::Filter;
use pando_model::reshape::{self, check_references, keys_of, needs_rules, recast};
use pando_model::schema::{ColumnSource, SLOT_COLUMN, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::statement;
use pando_model::value::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// Rows that are held in memory at once while a table is built anew.
const ROWS_AT_ONCE: u64 = 2_000;

impl Writer {
    /// Applies a change of the schema.
    pub(crate) fn apply(&mut self, change: &SchemaChange) -> Result<Position> {
        let applied = self.transact(|transaction| carry_out(transaction, change));
        // Whatever became of it: what is in the file is the truth.
        if self.conn().is_ok() {
            self.reload_layout()?;
        }
        applied
    }
}

fn carry_out(transaction: Transaction<'_>, change: &SchemaChange) -> Step<(Position, Sealed, u64)> {
    transaction.check_schema(change.from_version)?;
    let conn = transaction.conn;
    for step in &change.steps {
        step_out(conn, step)?;
    }
    let layout = load(conn)?;
    let mut transaction = transaction.with_layout(&layout);
    for step in &change.steps {
        if let SchemaStep::AlterTable { from, to, .. } = step
            && from.foreign_keys != to.foreign_keys
        {
            check_references(&transaction, &to.name)?;
        }
    }
    transaction.set_schema_version(change.to_version)?;
    for record in &change.record {
        statement::carry_out(&mut transaction, record)?;
    }
    transaction.record_events()?;
    transaction.advance();
    let sealed = transaction.seal()?;
    Ok((transaction.position(), sealed, change.to_version))
}

fn step_out(conn: &Conn, step: &SchemaStep) -> Step<()> {
    match step {
        SchemaStep::CreateTable(table) => {
            conn.batch(&create_table_sql(table, &table.name))?;
            define(conn, table)
        }
        SchemaStep::AdoptTable(_) => Err(EngineError::Unsupported {
            engine: "sqlite",
            what: "tables that somebody else made: adopt a PostgreSQL database",
        }
        .into()),
        SchemaStep::DropTable(table) => {
            conn.batch(&format!("DROP TABLE {}", quoted(&table.name)))?;
            forget(conn, &table.name)
        }
        SchemaStep::AlterTable { from, to, columns } => {
            if needs_rules(from, to, columns) {
                rebuild_by_rows(conn, from, to, columns)?;
            } else if !alter_in_place(conn, from, to, columns)? {
                rebuild_by_copy(conn, from, to, columns)?;
            }
            forget(conn, &from.name)?;
            define(conn, to)
        }
        SchemaStep::CreateIndex { table, .. } => define(conn, table),
        SchemaStep::DropIndex { table, name } => {
            let mut table = Table::clone(table);
            table.indexes.retain(|index| index.name != *name);
            table.uniques.retain(|unique| unique.name != *name);
            define(conn, &table)
        }
    }
}

/// Stores a table's definition, and brings its indexes in line with it.
fn define(conn: &Conn, table: &Table) -> Step<()> {
    let definition = serde_json::to_string(table).map_err(|error| {
        pando_model::error::EngineError::internal("write down a table's definition", error)
    })?;
    conn.execute(
        "INSERT OR REPLACE INTO _pando_layout VALUES (?, ?)",
        &[
            Param::Text(Cow::Borrowed(&table.name)),
            Param::Text(Cow::Owned(definition)),
        ],
    )?;
    match reconcile_indexes(conn, table) {
        Err(fault) if fault.is_constraint() => Err(not_unique(conn, table, fault)?),
        result => result,
    }
}

fn forget(conn: &Conn, name: &str) -> Step<()> {
    conn.execute(
        "DELETE FROM _pando_layout WHERE name = ?",
        &[Param::Text(Cow::Borrowed(name))],
    )?;
    Ok(())
}

/// Renames and adds columns where that is all there is to do.
fn alter_in_place(conn: &Conn, from: &Table, to: &Table, columns: &[ColumnSource]) -> Step<bool> {
    let kept = from.columns.len();
    let in_place = from.name == to.name
        && columns.len() >= kept
        && columns
            .iter()
            .enumerate()
            .all(|(place, source)| match source {
                ColumnSource::Column(ix) => {
                    place == *ix && from.columns[*ix].nullable == to.columns[place].nullable
                }
                ColumnSource::Value(_) => place >= kept,
            });
    let renamed: Vec<usize> = (0..kept.min(to.columns.len()))
        .filter(|ix| from.columns[*ix].name != to.columns[*ix].name)
        .collect();
    let free = renamed
        .iter()
        .all(|ix| from.column_ix(&to.columns[*ix].name).is_none());
    // SQLite takes the default of an added column as text; only NULL is simple in all types.
    let simple = columns[kept.min(columns.len())..]
        .iter()
        .all(|source| matches!(source, ColumnSource::Value(Value::Null)));
    if !in_place || !free || !simple {
        return Ok(false);
    }
    let name = quoted(&to.name);
    for ix in renamed {
        let (old, new) = (&from.columns[ix].name, &to.columns[ix].name);
        conn.batch(&format!(
            "ALTER TABLE {name} RENAME COLUMN {} TO {}",
            quoted(old),
            quoted(new)
        ))?;
    }
    for column in &to.columns[kept..] {
        conn.batch(&format!(
            "ALTER TABLE {name} ADD COLUMN {}",
            crate::layout::column_sql(column, false)
        ))?;
    }
    Ok(true)
}

fn rebuild_by_copy(conn: &Conn, from: &Table, to: &Table, columns: &[ColumnSource]) -> Step<()> {
    let beside = beside(to);
    conn.batch(&create_table_sql(to, &beside))?;
    let mut params = Vec::new();
    let mut sources = Vec::new();
    for (column, source) in to.columns.iter().zip(columns) {
        sources.push(match source {
            ColumnSource::Column(ix) => quoted(&from.columns[*ix].name),
            ColumnSource::Value(value) => {
                params.push(Param::of(value, &column.ty));
                "?".to_owned()
            }
        });
    }
    let all: Vec<usize> = (0..to.columns.len()).collect();
    let sql = format!(
        "INSERT INTO {} ({SLOT_COLUMN}, {}) SELECT {SLOT_COLUMN}, {} FROM {}",
        quoted(&beside),
        crate::layout::names(to, &all),
        sources.join(", "),
        quoted(&from.name)
    );
    conn.execute(&sql, &params)?;
    replace(conn, from, to, &beside)
}

fn rebuild_by_rows(
    conn: &Conn,
    from: &Arc<Table>,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<()> {
    let beside = beside(to);
    conn.batch(&create_table_sql(to, &beside))?;
    let insert = crate::layout::insert_sql(to, &beside);
    let mut after = None;
    loop {
        let rows = read_page(
            conn,
            from,
            &Filter::Const(true),
            after.as_ref(),
            ROWS_AT_ONCE,
        )?;
        for row in &rows {
            let mut recast = recast(row, columns);
            complete_row(to, &mut recast)?;
            let mut params = vec![slot_param(canonical::slot_of_row(to, &recast))];
            params.extend(cells(to, &recast));
            conn.execute(&insert, &params)?;
        }
        if (rows.len() as u64) < ROWS_AT_ONCE {
            break;
        }
        after = rows.into_iter().next_back();
    }
    replace(conn, from, to, &beside)
}

fn beside(to: &Table) -> String {
    format!("_pando_new {}", to.name)
}

fn replace(conn: &Conn, from: &Table, to: &Table, beside: &str) -> Step<()> {
    conn.batch(&format!("DROP TABLE {}", quoted(&from.name)))?;
    conn.batch(&format!(
        "ALTER TABLE {} RENAME TO {}",
        quoted(beside),
        quoted(&to.name)
    ))
}

/// The refusal of a unique index that the rows break, in PostgreSQL's words; in the order in
/// which the keys are declared.
fn not_unique(conn: &Conn, table: &Table, fault: Fault) -> Step<Fault> {
    for (name, columns) in keys_of(table) {
        let names = crate::layout::names(table, columns);
        let not_null: Vec<_> = columns
            .iter()
            .map(|ix| format!("{} IS NOT NULL", quoted(&table.columns[*ix].name)))
            .collect();
        let sql = format!(
            "SELECT {names} FROM {} WHERE {} GROUP BY {names} HAVING count(*) > 1 LIMIT 1",
            quoted(&table.name),
            not_null.join(" AND ")
        );
        let mut row = vec![Value::Null; table.columns.len()];
        let mut found = false;
        conn.select(&sql, &[], |raw| {
            found = true;
            for (place, ix) in columns.iter().enumerate() {
                row[*ix] = crate::cell::value_of(raw.get_ref(place)?, &table.columns[*ix].ty)?;
            }
            Ok(())
        })?;
        if found {
            return Ok(reshape::not_unique(table, name, columns, &row).into());
        }
    }
    Ok(fault)
}

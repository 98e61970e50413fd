//! Changes of the physical schema, all of them and the catalog's rows in one transaction.
//!
//! A table changes shape by being built anew beside itself, unless PostgreSQL's own
//! ALTER TABLE leaves the same behind. Rows pass the rules again where the rules changed.

use crate::adopt;
use crate::cell::Param;
use crate::fault::Step;
use crate::layout::{
    BESIDE, NAME_BYTES_MAX, column_sql, create_beside_sql, definition_of, held_name, indexes,
    insert_sql, load, names, take_place_sql,
};
use crate::plans::{AS_FIT, Plans};
use crate::session::Session;
use crate::sql::{quoted, sent_as};
use crate::writer::{Transaction, copy, insert_params};
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::constraint::complete_row;
use pando_model::engine::SchemaChange;
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::Row;
use pando_model::reshape::{check_references, keys_of, needs_rules, not_unique, recast};

use pando_model::schema::{ColumnIx, ColumnSource, SLOT_COLUMN, SchemaStep, Table};
use pando_model::slot::Slot;
use pando_model::statement;
use pando_model::value::Value;
use std::sync::Arc;

/// Rows that are held in memory at once while a table is built anew.
const ROWS_AT_ONCE: u64 = 2_000;

/// How a change of the schema goes about its locks: it takes as long as the tables are large, but
/// waits only briefly for who uses one, as everybody who comes waits behind it.
const LOCKS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5s'";

/// Carries a change out; it takes a position.
pub(crate) fn carry_out(transaction: &mut Transaction<'_>, change: &SchemaChange) -> Step<()> {
    transaction.check_schema(change.from_version)?;
    let session = transaction.session;
    session.batch(&format!("{AS_FIT} {LOCKS}"))?;
    session.plans_were(Some(Plans::AsFit));
    for step in &change.steps {
        step_out(session, step)?;
    }
    // What was prepared was prepared for the tables as they were.
    session.forget_statements();
    let layout = load(session)?;
    transaction.set_schema_version(change.to_version, layout)?;
    for step in &change.steps {
        if let SchemaStep::AlterTable { from, to, .. } = step
            && from.foreign_keys != to.foreign_keys
        {
            check_references(transaction, &to.name)?;
        }
    }
    for record in &change.record {
        statement::carry_out(transaction, record)?;
    }
    transaction.record_events()?;
    transaction.advance();
    Ok(())
}

fn step_out(session: &Session, step: &SchemaStep) -> Step<()> {
    match step {
        SchemaStep::CreateTable(table) => {
            check_names(table)?;
            create_beside(session, table)?;
            take_place(session, table)?;
            define(session, table, true)
        }
        SchemaStep::AdoptTable(table) => adopt::take(session, table),
        SchemaStep::DropTable(table) => {
            session.batch(&format!("DROP TABLE {}", quoted(&table.name)))?;
            forget(session, &table.name)
        }
        SchemaStep::AlterTable { from, to, columns } => {
            check_names(to)?;
            if from.adopted {
                adopt::alter(session, from, to, columns)?;
                if from.name != to.name {
                    forget(session, &from.name)?;
                }
                return Ok(());
            }
            let anew = if needs_rules(from, to, columns) {
                rebuild_by_rows(session, from, to, columns)?;
                true
            } else if alter_in_place(session, from, to, columns)? {
                false
            } else {
                rebuild_by_copy(session, from, to, columns)?;
                true
            };
            if from.name != to.name {
                forget(session, &from.name)?;
            }
            define(session, to, anew)
        }
        SchemaStep::CreateIndex { table, .. } => {
            check_names(table)?;
            reindex(session, table)
        }
        SchemaStep::DropIndex { table, name } => {
            let mut table = Table::clone(table);
            table.indexes.retain(|index| index.name != *name);
            table.uniques.retain(|unique| unique.name != *name);
            reindex(session, &table)
        }
    }
}

/// Brings a table's indexes in line with its definition.
fn reindex(session: &Session, table: &Table) -> Step<()> {
    match stored(session, &table.name)? {
        Some(old) if old.adopted => adopt::index(session, &old, table),
        _ => define(session, table, false),
    }
}

/// Refuses names that PostgreSQL would cut off.
fn check_names(table: &Table) -> Step<()> {
    let names = std::iter::once(&table.name).chain(table.columns.iter().map(|one| &one.name));
    match names.into_iter().find(|name| name.len() > NAME_BYTES_MAX) {
        None => Ok(()),
        Some(name) => Err(Refusal::new("42622", "identifier too long")
            .details(format!("\"{name}\" has {} bytes.", name.len()))
            .hint(format!("Names have {NAME_BYTES_MAX} bytes at most."))
            .into()),
    }
}

/// Stores a table's definition, and brings its indexes in line with it; one that was built
/// `anew` has none yet.
fn define(session: &Session, table: &Table, anew: bool) -> Step<()> {
    let old = match anew {
        true => None,
        false => stored(session, &table.name)?,
    };
    let present = old.as_ref().map_or_else(Vec::new, indexes);
    write_down(session, table)?;
    let wanted = indexes(table);
    for (name, _) in present.iter().filter(|index| !wanted.contains(index)) {
        session.batch(&format!("DROP INDEX {}", held_name(name)))?;
    }
    // An index that goes may leave its name to the key, and the key its name to one that comes.
    if let Some(old) = old.filter(|old| old.primary_key.name != table.primary_key.name) {
        let (before, after) = (&old.primary_key.name, &table.primary_key.name);
        let (before, after) = (held_name(before), held_name(after));
        session.batch(&format!("ALTER INDEX {before} RENAME TO {after}"))?;
    }
    let missing: Vec<_> = wanted
        .iter()
        .filter(|index| !present.contains(index))
        .collect();
    for (name, columns) in keys_of(table) {
        if missing.iter().any(|(missing, _)| missing == name) {
            check_unique(session, table, name, columns)?;
        }
    }
    missing.iter().try_for_each(|(_, sql)| session.batch(sql))
}

/// Stores a table's definition.
pub(crate) fn write_down(session: &Session, table: &Table) -> Step<()> {
    let definition = serde_json::to_string(table)
        .map_err(|error| EngineError::internal("write down a table's definition", error))?;
    session.execute(
        "INSERT INTO _pando_layout VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET definition = $2",
        &[Param::text(table.name.as_str()), Param::text(definition)],
    )?;
    Ok(())
}

/// A table's definition as it was stored.
fn stored(session: &Session, name: &str) -> Step<Option<Table>> {
    let mut found = None;
    session.select_while(
        "SELECT definition FROM _pando_layout WHERE name = $1",
        &[Param::text(name)],
        |row| {
            found = Some(definition_of(name, row.try_get(0)?)?);
            Ok(false)
        },
    )?;
    Ok(found)
}

fn forget(session: &Session, name: &str) -> Step<()> {
    let name = [Param::text(name)];
    session.execute("DELETE FROM _pando_layout WHERE name = $1", &name)?;
    Ok(())
}

/// Renames and adds columns where that is all there is to do.
fn alter_in_place(
    session: &Session,
    from: &Table,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<bool> {
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
                ColumnSource::Value(value) => place >= kept && value.is_null(),
            });
    let renamed: Vec<usize> = (0..kept.min(to.columns.len()))
        .filter(|ix| from.columns[*ix].name != to.columns[*ix].name)
        .collect();
    let free = renamed
        .iter()
        .all(|ix| from.column_ix(&to.columns[*ix].name).is_none());
    if !in_place || !free {
        return Ok(false);
    }
    let name = quoted(&to.name);
    for ix in renamed {
        let (old, new) = (&from.columns[ix].name, &to.columns[ix].name);
        session.batch(&format!(
            "ALTER TABLE {name} RENAME COLUMN {} TO {}",
            quoted(old),
            quoted(new)
        ))?;
    }
    for column in &to.columns[kept..] {
        session.batch(&format!(
            "ALTER TABLE {name} ADD COLUMN {}",
            column_sql(column, false)
        ))?;
    }
    Ok(true)
}

fn rebuild_by_copy(
    session: &Session,
    from: &Table,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<()> {
    create_beside(session, to)?;
    let mut params = Vec::new();
    let mut sources = Vec::new();
    for (column, source) in to.columns.iter().zip(columns) {
        sources.push(match source {
            ColumnSource::Column(ix) => quoted(&from.columns[*ix].name),
            ColumnSource::Value(value) => {
                params.push(Param::of(value));
                let ty = match &column.ty {
                    ColumnType::Json => "json".to_owned(),
                    ty => sent_as(ty),
                };
                format!("${}::{ty}", params.len())
            }
        });
    }
    let all: Vec<usize> = (0..to.columns.len()).collect();
    let sql = format!(
        "INSERT INTO {} ({SLOT_COLUMN}, {}) SELECT {SLOT_COLUMN}, {} FROM {}",
        quoted(BESIDE),
        names(to, &all),
        sources.join(", "),
        quoted(&from.name)
    );
    session.execute(&sql, &params)?;
    session.batch(&format!("DROP TABLE {}", quoted(&from.name)))?;
    take_place(session, to)
}

fn rebuild_by_rows(
    session: &Session,
    from: &Arc<Table>,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<()> {
    create_beside(session, to)?;
    let insert = insert_sql(to, BESIDE, 1);
    let mut after = None;
    loop {
        let rows = session.read_page(from, after.as_ref(), ROWS_AT_ONCE)?;
        let mut made: Vec<(Slot, Row)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut row: Row = recast(row, columns);
            match complete_row(to, &mut row) {
                Ok(()) => made.push((canonical::slot_of_row(to, &row), row)),
                Err(refusal) => {
                    // A row in front of it may have a fault of its own, which comes first.
                    store_beside(session, to, &insert, &made)?;
                    return Err(refusal.into());
                }
            }
        }
        store_beside(session, to, &insert, &made)?;
        if (rows.len() as u64) < ROWS_AT_ONCE {
            break;
        }
        after = rows.into_iter().next_back();
    }
    session.batch(&format!("DROP TABLE {}", quoted(&from.name)))?;
    take_place(session, to)
}

/// Stores whole rows in the table that is built beside: by COPY, and where that is refused row by
/// row, which tells the first that has the key of another.
fn store_beside(session: &Session, to: &Table, insert: &str, rows: &[(Slot, Row)]) -> Step<()> {
    if rows.is_empty() {
        return Ok(());
    }
    session.defer("SAVEPOINT beside;", None);
    match copy::rows_into(session, to, BESIDE, rows) {
        Ok(()) => {
            session.defer("RELEASE beside;", Some("SAVEPOINT beside;"));
            return Ok(());
        }
        Err(fault) if !fault.is_about_one_request() => return Err(fault),
        Err(_) => session.undo("beside"),
    }
    for (slot, row) in rows {
        let params: Vec<_> = insert_params(to, *slot, row).collect();
        if session.execute(insert, &params)? == 0 {
            let key = &to.primary_key;
            return Err(not_unique(to, &key.name, &key.columns, row).into());
        }
    }
    Ok(())
}

fn create_beside(session: &Session, table: &Table) -> Step<()> {
    session.forget_statements();
    session.batch(&create_beside_sql(table))
}

/// What was built beside gets its name.
fn take_place(session: &Session, to: &Table) -> Step<()> {
    session.batch(&take_place_sql(to))
}

/// Refuses a unique index that the rows break, in PostgreSQL's words: found out before
/// PostgreSQL is, whose refusal would end the transaction.
pub(crate) fn check_unique(
    session: &Session,
    table: &Table,
    name: &str,
    columns: &[ColumnIx],
) -> Step<()> {
    let names = names(table, columns);
    let not_null: Vec<_> = columns
        .iter()
        .map(|ix| format!("{} IS NOT NULL", quoted(&table.columns[*ix].name)))
        .collect();
    let sql = format!(
        "SELECT {names} FROM {} WHERE {} GROUP BY {names} HAVING count(*) > 1 LIMIT 1",
        quoted(&table.name),
        not_null.join(" AND ")
    );
    let mut found = None;
    session.select_while(&sql, &[], |raw| {
        let mut row = vec![Value::Null; table.columns.len()];
        for (place, ix) in columns.iter().enumerate() {
            row[*ix] = crate::cell::value_of(raw.try_get(place)?, &table.columns[*ix].ty)?;
        }
        found = Some(row);
        Ok(false)
    })?;
    match found {
        Some(row) => Err(not_unique(table, name, columns, &row).into()),
        None => Ok(()),
    }
}

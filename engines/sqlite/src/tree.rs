//! Reads: a select, and what is embedded in its rows.
//!
//! A child is one select for all its parents, by their keys; never one for each row. What is
//! answered of a tree is taken from its request's budget; rows that a write looks at are not.

use crate::cell::value_of;
use crate::connection::Conn;
use crate::fault::Step;
use crate::sql::{self, Decode, Keyed, Statement};
use pando_model::budget::bytes_of;
use pando_model::canonical;
use pando_model::plan::{Child, Filter, KeySource, Output, Row, RowSet, Scalar, Select, Tree};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use rusqlite::types::ValueRef;
use std::collections::HashSet;
use std::sync::Arc;

/// Reads a tree. The caller sees to the snapshot.
pub(crate) fn read_tree(conn: &Conn, tree: &Tree) -> Step<RowSet> {
    let rows = answered(conn, &sql::select(&tree.select, None), &tree.select.table)?;
    with_children(conn, tree, rows)
}

/// Counts a select's rows without limit and offset.
pub(crate) fn read_count(conn: &Conn, select: &Select) -> Step<u64> {
    let count = sql::count(select);
    let total = conn.first_int(&count.text, &count.params)?;
    Ok(total.map_or(0, i64::unsigned_abs))
}

/// Whole rows that pass a filter, in the order of the primary key.
pub(crate) fn read_whole_rows(conn: &Conn, table: &Table, filter: &Filter) -> Step<Vec<Row>> {
    run(conn, &sql::whole_rows(table, filter), table)
}

/// The first of them: so many, or so many bytes and what is left of a row.
pub(crate) fn read_first_rows(
    conn: &Conn,
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
    let mut bytes = 0;
    run_while(conn, &statement, table, |value| {
        bytes += bytes_of(value);
        Ok(bytes < bytes_max)
    })
}

/// All of them, to be answered in part.
pub(crate) fn read_returned(conn: &Conn, table: &Table, filter: &Filter) -> Step<Vec<Row>> {
    answered(conn, &sql::whole_rows(table, filter), table)
}

/// The next whole rows that pass behind `after`, in the order of the primary key.
pub(crate) fn read_page(
    conn: &Conn,
    table: &Arc<Table>,
    filter: &Filter,
    after: Option<&Row>,
    limit: u64,
) -> Step<Vec<Row>> {
    let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
    let select = Select {
        limit: Some(limit),
        ..by_key(table, &all, filter, after)
    };
    run(conn, &sql::select(&select, None), table)
}

/// The primary keys of all rows that pass behind `after`, in their order.
pub(crate) fn read_keys_behind(
    conn: &Conn,
    table: &Arc<Table>,
    filter: &Filter,
    after: &Row,
) -> Step<Vec<Vec<Value>>> {
    let select = by_key(table, &table.primary_key.columns, filter, Some(after));
    run(conn, &sql::select(&select, None), table)
}

/// Some columns of the rows that pass, by primary key.
fn by_key(
    table: &Arc<Table>,
    columns: &[ColumnIx],
    filter: &Filter,
    after: Option<&Row>,
) -> Select {
    let key = &table.primary_key.columns;
    let filter = match after {
        Some(row) => Filter::And(vec![
            filter.clone(),
            Filter::After {
                columns: key.clone(),
                values: key.iter().map(|ix| row[*ix].clone()).collect(),
            },
        ]),
        None => filter.clone(),
    };
    Select {
        table: table.clone(),
        output: columns
            .iter()
            .map(|ix| Output::Scalar(Scalar::Column(*ix)))
            .collect(),
        filter,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

/// The row set of rows that were read already.
pub(crate) fn with_children(conn: &Conn, tree: &Tree, rows: Vec<Row>) -> Step<RowSet> {
    let children = tree
        .children
        .iter()
        .map(|child| read_child(conn, child, &rows))
        .collect::<Step<_>>()?;
    Ok(RowSet {
        rows,
        children,
        total: None,
    })
}

fn read_child(conn: &Conn, child: &Child, parents: &[Row]) -> Step<RowSet> {
    let select = &child.tree.select;
    let keys = distinct_keys(child, parents);
    if let (None, [key]) = (&child.via, keys.as_slice())
        && select.limit.is_some()
        && !select.is_aggregate()
    {
        let own = of_one_parent(child, key);
        let rows = answered(conn, &sql::select(&own, None), &own.table)?;
        return with_children(conn, &child.tree, rows);
    }
    let keyed = Keyed {
        via: child.via.as_ref(),
        key: &child.key,
        keys: &keys,
    };
    let rows = answered(conn, &sql::select(select, Some(keyed)), &select.table)?;
    with_children(conn, &child.tree, rows)
}

/// A limited child of one parent, as a select of its own, which ends where the limit is met:
/// among several parents all rows of each are numbered first.
fn of_one_parent(child: &Child, key: &[Value]) -> Select {
    let mut own = child.tree.select.clone();
    let columns: Vec<ColumnIx> = child
        .key
        .iter()
        .map(|source| match source {
            KeySource::Via(ix) | KeySource::Table(ix) => *ix,
        })
        .collect();
    // As for several parents, the key comes behind what is selected.
    let outputs = columns.iter().copied();
    own.output
        .extend(outputs.map(|ix| Output::Scalar(Scalar::Column(ix))));
    own.filter = Filter::And(vec![
        Filter::Keys {
            columns,
            keys: vec![key.to_vec()],
        },
        own.filter,
    ]);
    own
}

/// The parents' keys, each once, those with a NULL left out.
fn distinct_keys(child: &Child, parents: &[Row]) -> Vec<Vec<Value>> {
    let types: Vec<_> = child
        .key
        .iter()
        .map(|source| match (source, &child.via) {
            (KeySource::Via(ix), Some(via)) => &via.table.columns[*ix].ty,
            (KeySource::Via(ix) | KeySource::Table(ix), _) => {
                &child.tree.select.table.columns[*ix].ty
            }
        })
        .collect();
    let mut seen = HashSet::with_capacity(parents.len());
    let mut keys = Vec::new();
    for parent in parents {
        let parts: Vec<_> = types
            .iter()
            .copied()
            .zip(child.parent.iter().map(|place| &parent[*place]))
            .collect();
        if parts.iter().any(|(_, value)| value.is_null()) {
            continue;
        }
        if seen.insert(canonical::bytes_of(&parts)) {
            keys.push(parts.into_iter().map(|(_, value)| value.clone()).collect());
        }
    }
    keys
}

/// The rows of a statement, which are answered.
fn answered(conn: &Conn, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
    let budget = conn.budget();
    run_while(conn, statement, table, |value| {
        budget.take(value)?;
        Ok(true)
    })
}

fn run(conn: &Conn, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
    run_while(conn, statement, table, |_| Ok(true))
}

/// The rows up to the one with a value that is not to `go_on`.
fn run_while(
    conn: &Conn,
    statement: &Statement<'_>,
    table: &Table,
    mut go_on: impl FnMut(&Value) -> Step<bool>,
) -> Step<Vec<Row>> {
    let mut rows = Vec::new();
    conn.select_while(&statement.sql.text, &statement.sql.params, |raw| {
        let mut row = Vec::with_capacity(statement.decode.len());
        let mut goes_on = true;
        for (place, decode) in statement.decode.iter().enumerate() {
            let cell = raw.get_ref(place)?;
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = cell {
                match decode {
                    Decode::Scalar(..) => conn.control().charge_reading(bytes.len())?,
                    _ => conn.control().charge_copying(bytes.len())?,
                }
            }
            let value = match decode {
                Decode::Column(ty) => value_of(cell, ty)?,
                Decode::Scalar(scalar, ty) => sql::evaluate(scalar, table, value_of(cell, ty)?)?,
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

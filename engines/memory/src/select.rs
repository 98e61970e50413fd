//! Reads: rows found, ordered, cut, shaped, and what is embedded in them.

use crate::access::candidates;
use crate::database::Database;
use crate::evaluate::{passes, scalar};
use crate::group::group;
use crate::key::Key;
use crate::relation::{Found, related_rows, rows_of_key};
use pando_model::budget::RowBudget;
use pando_model::engine::Result;
use pando_model::error::EngineError;
use pando_model::plan::{Child, Filter, Order, OrderBy, Output, Row, RowSet, Scalar, Select, Tree};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads a whole tree.
pub(crate) fn read_tree(
    db: &Database,
    tree: &Tree,
    count: bool,
    budget: &RowBudget,
) -> Result<RowSet> {
    let select = &tree.select;
    // Rows come by primary key: where that is the order asked for, and nobody
    // counts, what lies behind the last row wanted need not be looked at.
    let enough = match select.limit {
        // Nothing is computed of rows that nobody wants, and nothing can overflow.
        Some(0) if !count => 0,
        Some(limit) if !count && !select.is_aggregate() && is_by_key(select) => {
            select.offset.saturating_add(limit)
        }
        _ => u64::MAX,
    };
    let mut found = Vec::new();
    if enough > 0 {
        for row in candidates(db.table(&select.table.name)?, &select.filter) {
            if passes(db, &select.table, &select.filter, row)? {
                found.push(Found { row, key: vec![] });
                if found.len() as u64 >= enough {
                    break;
                }
            }
        }
    }
    let (rows, total) = shape(db, select, found, false, budget)?;
    let children = read_children(db, &tree.children, &rows, budget)?;
    Ok(RowSet {
        rows,
        children,
        total: count.then_some(total),
    })
}

/// Reads a tree over rows that are given instead of found, in their order
/// unless the tree has one.
pub(crate) fn read_returning(
    db: &Database,
    tree: &Tree,
    rows: &[Arc<Row>],
    budget: &RowBudget,
) -> Result<RowSet> {
    let select = &tree.select;
    let mut found = Vec::new();
    for row in rows {
        if passes(db, &select.table, &select.filter, row)? {
            found.push(Found { row, key: vec![] });
        }
    }
    if !select.order.is_empty() {
        let key = &select.table.primary_key.columns;
        found.sort_by_cached_key(|found| Key::of(key, found.row));
    }
    let (rows, _) = shape(db, select, found, false, budget)?;
    let children = read_children(db, &tree.children, &rows, budget)?;
    Ok(RowSet {
        rows,
        children,
        total: None,
    })
}

/// The rows of a table that pass a filter, by primary key.
pub(crate) fn find_rows(db: &Database, table: &Table, filter: &Filter) -> Result<Vec<Arc<Row>>> {
    let mut rows = Vec::new();
    for row in candidates(db.table(&table.name)?, filter) {
        if passes(db, table, filter, row)? {
            rows.push(row.clone());
        }
    }
    Ok(rows)
}

/// Each child once: all keys of its parents, each key by itself.
fn read_children(
    db: &Database,
    children: &[Child],
    parents: &[Row],
    budget: &RowBudget,
) -> Result<Vec<RowSet>> {
    children
        .iter()
        .map(|child| read_child(db, child, parents, budget))
        .collect()
}

fn read_child(db: &Database, child: &Child, parents: &[Row], budget: &RowBudget) -> Result<RowSet> {
    let select = &child.tree.select;
    let keys: BTreeSet<Key> = parents
        .iter()
        .map(|parent| Key::of(&child.parent, parent))
        .filter(|key| !key.has_null())
        .collect();
    let mut rows = Vec::new();
    for key in keys {
        let mut found = rows_of_key(
            db,
            &select.table.name,
            child.via.as_ref(),
            &child.key,
            &key.0,
        )?;
        let mut error = None;
        found.retain(
            |found| match passes(db, &select.table, &select.filter, found.row) {
                Ok(passes) => passes,
                Err(caught) => {
                    error = Some(caught);
                    false
                }
            },
        );
        if let Some(error) = error {
            return Err(error);
        }
        rows.extend(shape(db, select, found, true, budget)?.0);
    }
    let children = read_children(db, &child.tree.children, &rows, budget)?;
    Ok(RowSet {
        rows,
        children,
        total: None,
    })
}

/// Orders, cuts and projects rows that passed, and counts them before the cut.
/// They come by primary key, and the sort is stable: ties are left in its order. What is
/// projected is taken from `budget`.
fn shape(
    db: &Database,
    select: &Select,
    found: Vec<Found<'_>>,
    keyed: bool,
    budget: &RowBudget,
) -> Result<(Vec<Row>, u64)> {
    let offset = usize::try_from(select.offset).unwrap_or(usize::MAX);
    let limit = select.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    if select.is_aggregate() {
        let groups = group(select, found, keyed)?;
        let sorted = sorted(groups, &select.order, |row, by| match by {
            OrderBy::Output(place) => Ok(row[*place].clone()),
            _ => Err(misplaced(
                "order groups",
                "a group is ordered by its outputs",
            )),
        })?;
        let total = sorted.len() as u64;
        let rows: Vec<Row> = sorted.into_iter().skip(offset).take(limit).collect();
        rows.iter().try_for_each(|row| budget.take_row(row))?;
        return Ok((rows, total));
    }
    let total = found.len() as u64;
    let sorted = sorted(found, &select.order, |found, by| {
        order_value(db, select, by, found.row)
    })?;
    let rows = sorted
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|found| {
            let mut row = Vec::with_capacity(select.output.len() + found.key.len());
            for output in &select.output {
                let value = output_value(select, output, found.row)?;
                budget.take(&value)?;
                row.push(value);
            }
            budget.take_row(&found.key)?;
            row.extend(found.key);
            Ok(row)
        })
        .collect::<Result<_>>()?;
    Ok((rows, total))
}

fn output_value(select: &Select, output: &Output, row: &Row) -> Result<Value> {
    match output {
        Output::Scalar(inner) => Ok(scalar(&select.table, inner, row)?.into_owned()),
        Output::Aggregate(..) => Err(misplaced("shape a row", "an aggregate needs a group")),
    }
}

fn order_value(db: &Database, select: &Select, by: &OrderBy, row: &Row) -> Result<Value> {
    match by {
        OrderBy::Scalar(inner) => Ok(scalar(&select.table, inner, row)?.into_owned()),
        OrderBy::Output(place) => output_value(select, &select.output[*place], row),
        OrderBy::Related(join, inner) => match related_rows(db, join, row)?.first() {
            Some(found) => Ok(scalar(&join.table, inner, found.row)?.into_owned()),
            None => Ok(Value::Null),
        },
    }
}

fn sorted<T>(
    items: Vec<T>,
    order: &[Order],
    value: impl Fn(&T, &OrderBy) -> Result<Value>,
) -> Result<Vec<T>> {
    if order.is_empty() {
        return Ok(items);
    }
    let mut keyed = items
        .into_iter()
        .map(|item| {
            let key: Vec<Value> = order
                .iter()
                .map(|term| value(&item, &term.by))
                .collect::<Result<_>>()?;
            Ok((key, item))
        })
        .collect::<Result<Vec<_>>>()?;
    keyed.sort_by(|(a, _), (b, _)| {
        order
            .iter()
            .zip(a.iter().zip(b))
            .map(|(term, (a, b))| compare(term, a, b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

fn compare(term: &Order, a: &Value, b: &Value) -> Ordering {
    let null_side = if term.nulls_first {
        Ordering::Less
    } else {
        Ordering::Greater
    };
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => null_side,
        (false, true) => null_side.reverse(),
        (false, false) if term.descending => b.compare(a),
        (false, false) => a.compare(b),
    }
}

/// Whether the order asked for is that of the primary key, or a part of it.
fn is_by_key(select: &Select) -> bool {
    let key = &select.table.primary_key.columns;
    select.order.len() <= key.len()
        && select
            .order
            .iter()
            .zip(key)
            .all(|(term, ix)| !term.descending && term.by == OrderBy::Scalar(Scalar::Column(*ix)))
}

fn misplaced(verb: &str, fault: &str) -> EngineError {
    EngineError::internal(verb, fault)
}

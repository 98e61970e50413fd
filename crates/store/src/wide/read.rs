//! Rows and columns read.
//!
//! Whatever is asked for is one plan, and so one snapshot. Several columns are several
//! look-ups: each a child of the partition, found by the index that knows it.

use super::name::{RowKey, Selector};
use super::relation::{AT, CELL, EXPIRES_AT, FAMILY, PARTITION, QUALIFIER, ROW, TABLE, VALUE};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{alive, select, tree};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::error::Refusal;
use pando_model::plan::{Child, Filter, KeySource, Row, RowSet, Tree};
use pando_model::schema::ColumnIx;
use pando_model::value::Value;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Cells of one answer at most, versions included.
pub const CELLS_MAX: u64 = 100_000;
/// What is read of a cell.
const READ: [ColumnIx; 5] = [ROW, FAMILY, QUALIFIER, AT, VALUE];

/// What is wanted of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Which columns; all if none is named.
    pub columns: Vec<Selector>,
    /// How many versions of a cell, at most what its family keeps; 1 if nothing is said.
    pub versions: Option<u32>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideRow {
    /// Its key.
    pub row: String,
    /// Its columns, by family and qualifier.
    pub columns: Vec<ReadColumn>,
}

/// A column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadColumn {
    /// The family.
    pub family: String,
    /// The qualifier.
    pub qualifier: String,
    /// Its versions, newest first; one at least.
    pub versions: Vec<Cell>,
}

/// A version of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its time: microseconds since 1970.
    pub at_us: i64,
    /// Its value's JSON text.
    pub value: String,
}

/// How many versions are shown of a family's cells.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    wanted: usize,
    kept: HashMap<String, usize>,
}

impl Store {
    /// Reads a row; `None` where there is none, or none of the columns.
    pub fn wide_get(
        &self,
        row: &RowKey,
        wanted: &Wanted,
    ) -> Result<Operation<Option<WideRow>>, Refusal> {
        let shown = self.shown(row.partition.table(), wanted)?;
        let now_us = self.clock().now_us();
        let mut cells = cells_of(row.filters(), &wanted.columns, now_us, Selector::filter);
        // One more than is answered tells whether there are more.
        cells.select.limit = cells.select.limit.or(Some(CELLS_MAX + 1));
        for child in &mut cells.children {
            child.tree.select.limit = Some(CELLS_MAX + 1);
        }
        let read = Step::read(cells);
        Ok(Operation::reading(
            row.partition.reach(),
            vec![read],
            move |mut outcomes| {
                let set = outcomes
                    .pop()
                    .and_then(|read| read.rows)
                    .unwrap_or_default();
                if cells_in(&set) > CELLS_MAX {
                    return Err(too_many());
                }
                Ok(assemble(set, &shown).into_iter().next())
            },
        ))
    }

    pub(super) fn shown(&self, table: &str, wanted: &Wanted) -> Result<Shown, Refusal> {
        let count = wanted.versions.unwrap_or(1);
        if count == 0 {
            return Err(refused::malformed("versions are 1 at least"));
        }
        if wanted.columns.len() > super::SELECTED_MAX {
            return Err(refused::malformed(format!(
                "a request names {} columns at most, not {}",
                super::SELECTED_MAX,
                wanted.columns.len()
            )));
        }
        let families = self.config().families.iter();
        Ok(Shown {
            wanted: count as usize,
            kept: families
                .filter(|((of, _), _)| of == table)
                .map(|((_, name), family)| (name.clone(), family.versions as usize))
                .collect(),
        })
    }
}

impl Shown {
    fn of(&self, family: &str) -> usize {
        let kept = self.kept.get(family).copied().unwrap_or(1);
        self.wanted.min(kept.max(1))
    }
}

/// A row, or what is asked of it, is more than one answer holds.
pub(super) fn too_many() -> Refusal {
    let message = format!("the row has more than {CELLS_MAX} of these cells");
    refused::unprocessable(message).hint("Name fewer columns.")
}

/// The cells of some rows: all, or those of the columns that are named.
pub(super) fn cells_of(
    rows: Vec<Filter>,
    columns: &[Selector],
    now_us: i64,
    filter: impl Fn(&Selector) -> Filter,
) -> Tree {
    let passing = |column: Option<Filter>| {
        let mut filters = rows.clone();
        filters.extend(column);
        filters.push(alive(EXPIRES_AT, now_us));
        select(&CELL, &READ, Filter::And(filters))
    };
    match columns {
        [] => tree(passing(None)),
        [one] => tree(passing(Some(filter(one)))),
        several => {
            // Any cell of the partition stands for it.
            let mut root = select(&CELL, &[TABLE, PARTITION], Filter::And(rows.clone()));
            root.limit = Some(1);
            let children = several.iter().map(|one| Child {
                parent: vec![0, 1],
                via: None,
                key: vec![KeySource::Table(TABLE), KeySource::Table(PARTITION)],
                tree: tree(passing(Some(filter(one)))),
            });
            Tree {
                select: root,
                children: children.collect(),
            }
        }
    }
}

fn cells_in(set: &RowSet) -> u64 {
    if set.children.is_empty() {
        set.rows.len() as u64
    } else {
        set.children
            .iter()
            .map(|child| child.rows.len() as u64)
            .sum()
    }
}

/// Rows of cells by their keys, whatever order the cells come in, each cell once.
pub(super) fn assemble(set: RowSet, shown: &Shown) -> Vec<WideRow> {
    let mut cells: Vec<ReadCell> = if set.children.is_empty() {
        set.rows.into_iter().filter_map(ReadCell::of).collect()
    } else {
        let children = set.children.into_iter();
        let cells = children.flat_map(|child| child.rows);
        cells.filter_map(ReadCell::of).collect()
    };
    // One column's cells come in this order already, and sorting them is a look at each.
    cells.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
    cells.dedup_by(|a, b| a.place() == b.place());
    let mut rows: Vec<WideRow> = Vec::new();
    for cell in cells {
        match rows.last_mut() {
            Some(row) if row.row == cell.row => row.take(cell, shown),
            _ => {
                let mut row = WideRow {
                    row: cell.row.clone(),
                    columns: Vec::new(),
                };
                row.take(cell, shown);
                rows.push(row);
            }
        }
    }
    rows
}

/// A cell as it was read, with its place.
struct ReadCell {
    row: String,
    family: String,
    qualifier: String,
    cell: Cell,
}

impl ReadCell {
    fn of(mut row: Row) -> Option<ReadCell> {
        // A child's rows have their key behind.
        row.truncate(READ.len());
        let values: [Value; READ.len()] = row.try_into().ok()?;
        let [
            Value::Text(row),
            Value::Text(family),
            Value::Text(qualifier),
            Value::Timestamp(at_us),
            Value::Json(value),
        ] = values
        else {
            return None;
        };
        Some(ReadCell {
            row,
            family,
            qualifier,
            cell: Cell { at_us, value },
        })
    }

    /// What cells are ordered by: the newest of a column comes first.
    fn place(&self) -> (&str, &str, &str, Reverse<i64>) {
        let newest = Reverse(self.cell.at_us);
        (&self.row, &self.family, &self.qualifier, newest)
    }
}

impl WideRow {
    /// Takes the row's next cell; where its column has as many as are shown, it is left out.
    fn take(&mut self, next: ReadCell, shown: &Shown) {
        match self.columns.last_mut() {
            Some(last) if last.family == next.family && last.qualifier == next.qualifier => {
                if last.versions.len() < shown.of(&last.family) {
                    last.versions.push(next.cell);
                }
            }
            _ => self.columns.push(ReadColumn {
                family: next.family,
                qualifier: next.qualifier,
                versions: vec![next.cell],
            }),
        }
    }
}

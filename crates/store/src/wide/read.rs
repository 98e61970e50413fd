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
use pando_model::engine::{Cacheable, Expiry, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Child, Filter, KeySource, Row, RowSet, Tree};
use pando_model::schema::ColumnIx;
use pando_model::value::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Cells of one answer at most, versions included.
pub const CELLS_MAX: u64 = 100_000;
/// What is read of a cell; the last says until when it is there.
const OF_CELL: [ColumnIx; 5] = [FAMILY, QUALIFIER, AT, VALUE, EXPIRES_AT];
/// The same, with its row: not read where that is known.
pub(super) const OF_CELL_AND_ROW: [ColumnIx; 5] = [FAMILY, QUALIFIER, AT, VALUE, ROW];

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
        let columns = &wanted.columns;
        let mut cells = cells_of(row.filters(), &OF_CELL, columns, now_us, Selector::filter);
        // One more than is answered tells whether there are more.
        cells.select.limit = cells.select.limit.or(Some(CELLS_MAX + 1));
        for child in &mut cells.children {
            child.tree.select.limit = Some(CELLS_MAX + 1);
        }
        let read = Step::read(cells);
        let key = row.key().to_owned();
        let cacheable = Cacheable {
            expiry: Some(Expiry {
                now_us,
                output: OF_CELL.len() - 1,
            }),
            ..Cacheable::new(format!("wide/{}", row.partition.table()))
        };
        let get = Operation::reading(row.partition.reach(), vec![read], move |mut outcomes| {
            let set = outcomes
                .pop()
                .and_then(|read| read.rows)
                .unwrap_or_default();
            if cells_in(&set) > CELLS_MAX {
                return Err(too_many());
            }
            let cells = rows_in(set).filter_map(|row| ReadCell::of(&mut row.into_iter()));
            let columns = columns_of(cells.collect(), &shown);
            Ok((!columns.is_empty()).then(|| WideRow {
                row: key.clone(),
                columns,
            }))
        });
        Ok(get.cached_as(cacheable))
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
    read: &[ColumnIx],
    columns: &[Selector],
    now_us: i64,
    filter: impl Fn(&Selector) -> Filter,
) -> Tree {
    let passing = |column: Option<Filter>| {
        let mut filters = rows.clone();
        filters.extend(column);
        filters.push(alive(EXPIRES_AT, now_us));
        select(&CELL, read, Filter::And(filters))
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

/// The rows of a read, or of all its children.
fn rows_in(set: RowSet) -> impl Iterator<Item = Row> {
    let children = set.children.into_iter();
    let (own, of_children) = match children.len() {
        0 => (set.rows, children),
        // They were asked for; the parent's only stands for the partition.
        _ => (Vec::new(), children),
    };
    own.into_iter()
        .chain(of_children.flat_map(|child| child.rows))
}

/// Rows of cells by their keys, whatever order the cells come in, each cell once.
pub(super) fn assemble(set: RowSet, shown: &Shown) -> Vec<WideRow> {
    let cells = rows_in(set).filter_map(|row| {
        let mut values = row.into_iter();
        let cell = ReadCell::of(&mut values)?;
        match values.next()? {
            Value::Text(row) => Some((row, cell)),
            _ => None,
        }
    });
    let mut cells_by_row: BTreeMap<String, Vec<ReadCell>> = BTreeMap::new();
    for (row, cell) in cells {
        cells_by_row.entry(row).or_default().push(cell);
    }
    let rows = cells_by_row.into_iter().map(|(row, cells)| WideRow {
        row,
        columns: columns_of(cells, shown),
    });
    rows.collect()
}

/// The columns of a row's cells, each cell once.
fn columns_of(mut cells: Vec<ReadCell>, shown: &Shown) -> Vec<ReadColumn> {
    // One column's cells come in this order already, and sorting them is a look at each.
    cells.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
    cells.dedup_by(|a, b| a.place() == b.place());
    let mut columns: Vec<ReadColumn> = Vec::new();
    for next in cells {
        match columns.last_mut() {
            Some(last) if last.family == next.family && last.qualifier == next.qualifier => {
                if last.versions.len() < shown.of(&last.family) {
                    last.versions.push(next.cell);
                }
            }
            _ => columns.push(ReadColumn {
                family: next.family,
                qualifier: next.qualifier,
                versions: vec![next.cell],
            }),
        }
    }
    columns
}

/// A cell as it was read, with its column.
struct ReadCell {
    family: String,
    qualifier: String,
    cell: Cell,
}

impl ReadCell {
    /// Takes what [`OF_CELL`] begins with off the values of a row.
    fn of(values: &mut impl Iterator<Item = Value>) -> Option<ReadCell> {
        let mut next = || values.next();
        match (next()?, next()?, next()?, next()?) {
            (
                Value::Text(family),
                Value::Text(qualifier),
                Value::Timestamp(at_us),
                Value::Json(value),
            ) => Some(ReadCell {
                family,
                qualifier,
                cell: Cell { at_us, value },
            }),
            _ => None,
        }
    }

    /// What cells of a row are ordered by: the newest of a column comes first.
    fn place(&self) -> (&str, &str, Reverse<i64>) {
        (&self.family, &self.qualifier, Reverse(self.cell.at_us))
    }
}

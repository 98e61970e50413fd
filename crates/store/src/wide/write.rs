//! Cells written, and superfluous versions of them taken away.

use super::name::{ColumnName, RowKey, Selector};
use super::relation::{AT, CELL, EXPIRES_AT, FAMILY, PARTITION, QUALIFIER, ROW, TABLE, VALUE};
use crate::config::Family;
use crate::kv::expiry;
use crate::operation::Operation;
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{alive, rows_of, select, tree};
use crate::store::Store;
use pando_model::datetime;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row};
use pando_model::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Cells of one write to a row at most.
pub const WRITTEN_MAX: usize = 10_000;
/// Cells that one write removes at most: other writers wait meanwhile.
pub const DELETED_MAX: u64 = 100_000;

/// Cells that are to be written to a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// `family:qualifier`, and the JSON text of a value.
    pub cells: Vec<(String, String)>,
    /// Their time in microseconds since 1970; now, if none is given.
    pub at_us: Option<i64>,
    /// How long they live from now on; else as their families say.
    pub ttl: Option<Duration>,
}

/// A cell about to be written.
#[derive(Clone)]
struct NewCell {
    column: ColumnName,
    value: String,
    expires_at_us: Option<i64>,
    kept: usize,
}

impl Store {
    /// Writes cells; concludes whether the row is new. Of versions only the newest that the
    /// family keeps stay: one that is older than them all is not stored.
    pub fn wide_put(
        &self,
        row: &RowKey,
        put: Put,
        precondition: Precondition,
    ) -> Result<Operation<bool>, Refusal> {
        let now_us = self.clock().now_us();
        let at_us = put.at_us.unwrap_or(now_us);
        if datetime::in_range(at_us).is_none() {
            let message = format!("at={at_us} µs lies outside of the years 0001 to 9999");
            return Err(refused::malformed(message));
        }
        let cells = self.new_cells(row, put, now_us)?;
        let key = row.clone();
        let steps = vec![
            read_presence(row, now_us),
            read_versions(row, &cells),
            Step::decide(move |outcomes| {
                precondition.check_presence(is_there(outcomes))?;
                Ok(changes(&key, &cells, outcomes, at_us, now_us))
            }),
        ];
        let reach = row.partition.reach();
        Ok(Operation::writing(reach, steps, |outcomes| {
            Ok(!is_there(&outcomes))
        }))
    }

    /// Removes a row, or some columns of it; concludes whether there was anything.
    pub fn wide_delete(
        &self,
        row: &RowKey,
        columns: &[Selector],
        precondition: Precondition,
    ) -> Operation<bool> {
        let now_us = self.clock().now_us();
        let mut filters = row.filters();
        filters.extend(any_of(columns));
        let filter = Filter::And(filters);
        let decide = Step::decide(move |outcomes| {
            let cells = outcomes.first().map(rows_of).unwrap_or_default();
            precondition.check_presence(is_any_alive(cells, now_us))?;
            if cells.len() as u64 > DELETED_MAX {
                let message = format!("the row has more than {DELETED_MAX} of these cells");
                return Err(refused::conflict(message)
                    .hint("Delete some of its columns at a time: …?columns=family:qualifier"));
            }
            Ok(vec![delete(filter.clone())])
        });
        let steps = vec![read_expiries(row, columns), decide];
        Operation::writing(row.partition.reach(), steps, move |outcomes| {
            let cells = outcomes.first().map(rows_of).unwrap_or_default();
            Ok(is_any_alive(cells, now_us))
        })
    }

    /// What a family of a table keeps.
    pub(super) fn family(&self, table: &str, family: &str) -> Family {
        let families = &self.config().families;
        if families.is_empty() {
            return Family::default();
        }
        let name = (table.to_owned(), family.to_owned());
        families.get(&name).copied().unwrap_or_default()
    }

    fn new_cells(&self, row: &RowKey, put: Put, now_us: i64) -> Result<Vec<NewCell>, Refusal> {
        if put.cells.is_empty() || put.cells.len() > WRITTEN_MAX {
            return Err(refused::malformed(format!(
                "a write has 1 to {WRITTEN_MAX} cells, not {}",
                put.cells.len()
            )));
        }
        let mut seen = BTreeSet::new();
        let mut cells = Vec::with_capacity(put.cells.len());
        for (name, value) in put.cells {
            let column = ColumnName::parse(&name)?;
            let value = json::canonical(&value).map_err(|refusal| Refusal {
                message: format!("the value of {name:?}: {}", refusal.message),
                ..refusal
            })?;
            if !seen.insert(column.clone()) {
                return Err(refused::malformed(format!("{name:?} is written twice")));
            }
            let family = self.family(row.partition.table(), column.family());
            cells.push(NewCell {
                expires_at_us: expiry(now_us, put.ttl.or(family.ttl))?,
                kept: family.versions.max(1) as usize,
                column,
                value,
            });
        }
        Ok(cells)
    }
}

/// One of these columns; nothing is said where none is named.
fn any_of(columns: &[Selector]) -> Option<Filter> {
    match columns {
        [] => None,
        [one] => Some(one.filter()),
        several => Some(Filter::Or(several.iter().map(Selector::filter).collect())),
    }
}

/// Reads whether a row, or some column of it, is there.
fn read_presence(row: &RowKey, now_us: i64) -> Step {
    let mut filters = row.filters();
    filters.push(alive(EXPIRES_AT, now_us));
    let mut first = select(&CELL, &[AT], Filter::And(filters));
    first.limit = Some(1);
    Step::read(tree(first))
}

/// When the cells that are to be deleted run out; one more than may be.
fn read_expiries(row: &RowKey, columns: &[Selector]) -> Step {
    let mut filters = row.filters();
    filters.extend(any_of(columns));
    let mut cells = select(&CELL, &[EXPIRES_AT], Filter::And(filters));
    cells.limit = Some(DELETED_MAX + 1);
    Step::read(tree(cells))
}

fn is_any_alive(cells: &[Row], now_us: i64) -> bool {
    cells.iter().any(|cell| match cell.first() {
        Some(Value::Timestamp(at)) => *at > now_us,
        _ => true,
    })
}

fn is_there(outcomes: &[Outcome]) -> bool {
    outcomes
        .first()
        .is_some_and(|read| !rows_of(read).is_empty())
}

/// Reads the versions that there are of the cells that are written.
fn read_versions(row: &RowKey, cells: &[NewCell]) -> Step {
    let mut filters = row.filters();
    filters.push(Filter::Keys {
        columns: vec![FAMILY, QUALIFIER],
        keys: cells.iter().map(|cell| cell.column.key()).collect(),
    });
    let columns = [FAMILY, QUALIFIER, AT, EXPIRES_AT];
    Step::read(tree(select(&CELL, &columns, Filter::And(filters))))
}

impl ColumnName {
    fn key(&self) -> Vec<Value> {
        vec![
            Value::Text(self.family.clone()),
            Value::Text(self.qualifier.clone()),
        ]
    }
}

/// The times of each cell that is there, and whether it has run out.
type Versions<'o> = BTreeMap<(&'o str, &'o str), Vec<(i64, bool)>>;

fn versions_of(outcomes: &[Outcome], now_us: i64) -> Versions<'_> {
    let mut versions = Versions::new();
    for row in outcomes.get(1).map(rows_of).unwrap_or_default() {
        let [
            Value::Text(family),
            Value::Text(qualifier),
            Value::Timestamp(at),
            expiry,
        ] = row.as_slice()
        else {
            continue;
        };
        let is_over = matches!(expiry, Value::Timestamp(at) if *at <= now_us);
        let times = versions.entry((family, qualifier)).or_default();
        times.push((*at, is_over));
    }
    versions
}

/// What a write changes: the new cells, and the versions that they make superfluous.
fn changes(
    row: &RowKey,
    cells: &[NewCell],
    outcomes: &[Outcome],
    at_us: i64,
    now_us: i64,
) -> Vec<Step> {
    let versions = versions_of(outcomes, now_us);
    let mut stored = Vec::with_capacity(cells.len());
    let mut superfluous = Vec::new();
    for cell in cells {
        let name = (cell.column.family(), cell.column.qualifier());
        let there = versions.get(&name).map_or(&[][..], Vec::as_slice);
        let mut kept: BTreeSet<i64> = there
            .iter()
            .filter(|(_, is_over)| !is_over)
            .map(|(at, _)| *at)
            .chain([at_us])
            .collect();
        while kept.len() > cell.kept {
            kept.pop_first();
        }
        if kept.contains(&at_us) {
            stored.push(cell.row(row, at_us));
        }
        let gone = there.iter().filter(|(at, _)| !kept.contains(at));
        superfluous.extend(gone.map(|(at, _)| {
            let mut key = cell.column.key();
            key.push(Value::Timestamp(*at));
            key
        }));
    }
    let mut steps = Vec::with_capacity(2);
    if !superfluous.is_empty() {
        let mut filters = row.filters();
        filters.push(Filter::Keys {
            columns: vec![FAMILY, QUALIFIER, AT],
            keys: superfluous,
        });
        steps.push(delete(Filter::And(filters)));
    }
    if !stored.is_empty() {
        steps.push(Step::from(Change::Insert(Insert {
            table: Arc::clone(&CELL),
            rows: stored,
            conflict: Some(Conflict {
                target: CELL.primary_key.columns.clone(),
                merge: Some(vec![VALUE, EXPIRES_AT]),
            }),
            returning: None,
        })));
    }
    steps
}

impl NewCell {
    fn row(&self, row: &RowKey, at_us: i64) -> Row {
        let mut cell = vec![Value::Null; CELL.columns.len()];
        cell[TABLE] = Value::Text(row.partition.table().to_owned());
        cell[PARTITION] = Value::Text(row.partition.key().to_owned());
        cell[ROW] = Value::Text(row.row.clone());
        cell[FAMILY] = Value::Text(self.column.family.clone());
        cell[QUALIFIER] = Value::Text(self.column.qualifier.clone());
        cell[AT] = Value::Timestamp(at_us);
        cell[VALUE] = Value::Json(self.value.clone());
        cell[EXPIRES_AT] = self.expires_at_us.map_or(Value::Null, Value::Timestamp);
        cell
    }
}

fn delete(filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(&CELL),
        filter,
        max_affected: None,
        returning: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreConfig;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::SystemClock;
    use pando_model::plan::RowSet;

    #[tokio::test]
    async fn one_write_removes_so_many_cells_and_no_more() {
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
        let row = RowKey::new("t", "p", "r").unwrap();
        let delete = store
            .await
            .unwrap()
            .wide_delete(&row, &[], Precondition::default());
        let [Step::Read { tree, .. }, Step::Decide(decide)] = delete.steps.as_slice() else {
            panic!("it reads and decides");
        };
        assert_eq!(tree.select.limit, Some(DELETED_MAX + 1), "one more tells");
        for (cells, refused) in [(DELETED_MAX, None), (DELETED_MAX + 1, Some("conflict"))] {
            let cell: Row = vec![Value::Null];
            let found = Outcome::found(RowSet {
                rows: vec![cell; usize::try_from(cells).unwrap()],
                ..RowSet::default()
            });
            let decided = decide(&[found]).map(|steps| steps.len());
            let code = decided.err().map(|refusal| refusal.code.into_owned());
            assert_eq!(code.as_deref(), refused, "{cells}");
        }
    }
}

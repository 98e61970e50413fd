//! A range of a partition's rows, in the order of the bytes of their keys, either way.
//!
//! First the rows are found and their cells counted, column by column, so that the page ends
//! with a whole row and is not larger than an answer may be; then their cells are read
//! together, in one snapshot.

use super::name::{Partition, Selector};
use super::read::{CELLS_MAX, OF_CELL_AND_ROW, Wanted, WideRow, assemble, cells_of, too_many};
use super::relation::{CELL, EXPIRES_AT, ROW};
use crate::operation::Operation;
use crate::relation::{alive, compare, rows_of, tree};
use crate::store::Store;
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Order, OrderBy, Output, Scalar, Select};
use pando_model::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which rows are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRange {
    /// From this key on.
    pub from: Option<String>,
    /// Before this key.
    pub to: Option<String>,
    /// From the end of the range.
    pub reverse: bool,
    /// At most so many; `max_rows` at most.
    pub limit: Option<u64>,
    /// What the page before gave: go on behind it.
    pub cursor: Option<String>,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowList {
    /// The rows, in the order asked for.
    pub rows: Vec<WideRow>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows`, or the bound on cells, cut it.
    pub truncated: bool,
}

/// The rows of a page, before their cells are read.
struct Page {
    /// The first and the last by their keys; `None` where there is no row.
    ends: Option<(String, String)>,
    /// Its rows, by their keys.
    rows: BTreeSet<String>,
    /// The row that the page ends with.
    last: Option<String>,
    /// Whether more rows follow.
    more: bool,
    /// Whether it was cut because of its cells.
    heavy: bool,
}

impl Store {
    /// Reads a slice of a partition.
    pub fn wide_slice(
        &self,
        partition: &Partition,
        range: &RowRange,
        wanted: &Wanted,
    ) -> Result<Operation<RowList>, Refusal> {
        let shown = self.shown(partition.table(), wanted)?;
        let now_us = self.clock().now_us();
        let name = list_name(partition, range, wanted);
        let mut rows = partition.filters();
        rows.extend(bounds(range));
        if let Some(cursor) = &range.cursor {
            let behind = Value::Text(self.open_list_cursor("wide", &name, cursor)?);
            let on = if range.reverse {
                Comparison::Lt
            } else {
                Comparison::Gt
            };
            rows.push(compare(ROW, on, behind));
        }
        let max_rows = self.config().max_rows;
        let most = range.limit.unwrap_or(max_rows).min(max_rows);
        let capped = range.limit.is_none_or(|limit| limit > max_rows);
        let reverse = range.reverse;
        let mut steps = counts(&rows, &wanted.columns, now_us, most, reverse);
        let counted = steps.len();
        let columns = wanted.columns.clone();
        let own = partition.filters();
        steps.push(Step::decide(move |outcomes| {
            let page = Page::of(&outcomes[..counted.min(outcomes.len())], most, reverse)?;
            let Some((first, last)) = page.ends else {
                return Ok(Vec::new());
            };
            let mut rows = own.clone();
            rows.push(compare(ROW, Comparison::Ge, Value::Text(first)));
            rows.push(compare(ROW, Comparison::Le, Value::Text(last)));
            let across = Selector::filter_across_rows;
            let cells = cells_of(rows, &OF_CELL_AND_ROW, &columns, now_us, across);
            Ok(vec![Step::read(cells)])
        }));
        let seal = self.list_cursors("wide", &name);
        let conclude = move |mut outcomes: Vec<Outcome>| {
            let cells = outcomes.split_off(counted.min(outcomes.len())).pop();
            let page = Page::of(&outcomes, most, reverse)?;
            let set = cells.and_then(|read| read.rows).unwrap_or_default();
            let rows = assemble(set, &shown).into_iter();
            // A row that was written after the count is on no page, as if it had been later.
            let counted = rows.filter(|row| page.rows.contains(&row.row));
            let mut rows: Vec<WideRow> = counted.collect();
            if reverse {
                rows.reverse();
            }
            let last = page.last.filter(|_| page.more);
            Ok(RowList {
                rows,
                cursor: last.map(|last| seal(&last)),
                truncated: page.more && (capped || page.heavy),
            })
        };
        Ok(Operation::reading(partition.reach(), steps, conclude))
    }
}

/// What the cursors of a slice belong to: its rows, by a digest of what they are, which may be
/// long. Another range or direction, or other columns, would skip some of theirs without a word.
fn list_name(partition: &Partition, range: &RowRange, wanted: &Wanted) -> String {
    let mut asked = blake3::Hasher::new();
    let mut part = |text: &str| {
        asked.update(&(text.len() as u64).to_le_bytes());
        asked.update(text.as_bytes());
    };
    part(range.from.as_deref().unwrap_or_default());
    part(range.to.as_deref().unwrap_or_default());
    part(if range.reverse { "reverse" } else { "" });
    for column in &wanted.columns {
        part(&format!("{column:?}"));
    }
    let digest = asked.finalize().to_hex();
    format!("{}\0{}", partition.list_name(), &digest[..32])
}

/// The range that is asked for; an empty text is no bound.
fn bounds(range: &RowRange) -> Vec<Filter> {
    let from = range.from.iter().map(|from| (Comparison::Ge, from));
    let to = range.to.iter().map(|to| (Comparison::Lt, to));
    from.chain(to)
        .filter(|(_, key)| !key.is_empty())
        .map(|(op, key)| compare(ROW, op, Value::Text(key.clone())))
        .collect()
}

/// Counts the cells of the first rows, and of one more: of each column by itself.
fn counts(
    rows: &[Filter],
    columns: &[Selector],
    now_us: i64,
    most: u64,
    reverse: bool,
) -> Vec<Step> {
    let count = |column: Option<Filter>| {
        let mut filters = rows.to_vec();
        filters.extend(column);
        filters.push(alive(EXPIRES_AT, now_us));
        let backwards = Order {
            by: OrderBy::Output(0),
            descending: true,
            nulls_first: false,
        };
        Step::read(tree(Select {
            table: Arc::clone(&CELL),
            output: vec![
                Output::Scalar(Scalar::Column(ROW)),
                Output::Aggregate(AggregateFn::Count, None),
            ],
            filter: Filter::And(filters),
            order: if reverse { vec![backwards] } else { Vec::new() },
            limit: Some(most.saturating_add(1)),
            offset: 0,
        }))
    };
    match columns {
        [] => vec![count(None)],
        some => some
            .iter()
            .map(|column| count(Some(column.filter_across_rows())))
            .collect(),
    }
}

impl Page {
    /// The page that the counts of the columns' first rows make together.
    fn of(counts: &[Outcome], most: u64, reverse: bool) -> Result<Page, Refusal> {
        let mut cells_by_row: BTreeMap<&str, u64> = BTreeMap::new();
        for row in counts.iter().flat_map(rows_of) {
            if let [Value::Text(row), Value::Int(cells)] = row.as_slice() {
                *cells_by_row.entry(row).or_default() += cells.unsigned_abs();
            }
        }
        let found = cells_by_row.len() as u64;
        let mut in_order: Vec<(&str, u64)> = cells_by_row.into_iter().collect();
        if reverse {
            in_order.reverse();
        }
        in_order.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let mut cells = 0;
        let light = in_order.iter().take_while(|(_, more)| {
            cells += more;
            cells <= CELLS_MAX
        });
        let kept = light.count();
        if kept == 0 && !in_order.is_empty() {
            return Err(too_many());
        }
        let heavy = kept < in_order.len();
        in_order.truncate(kept);
        let first = in_order.first().map(|(row, _)| (*row).to_owned());
        let last = in_order.last().map(|(row, _)| (*row).to_owned());
        let ends = first.zip(last.clone());
        Ok(Page {
            ends: ends.map(|(a, b)| if reverse { (b, a) } else { (a, b) }),
            rows: in_order.iter().map(|(row, _)| (*row).to_owned()).collect(),
            last,
            more: found > kept as u64,
            heavy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreConfig;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::ManualClock;
    use pando_model::plan::RowSet;

    fn read(rows: Vec<Vec<Value>>) -> Outcome {
        Outcome {
            rows: Some(RowSet {
                rows,
                ..RowSet::default()
            }),
            ..Outcome::default()
        }
    }

    #[tokio::test]
    async fn a_row_written_between_the_count_and_the_cells_is_not_on_the_page() {
        let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
        let engine = Arc::new(MemoryEngine::with_clock(&*clock));
        let store = Store::open(engine, clock, StoreConfig::default());
        let store = store.await.unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        let partition = Partition::new("t", "p").unwrap();
        for (reverse, counted) in [(false, ["a", "c", "d"]), (true, ["c", "a", "0"])] {
            let range = RowRange {
                limit: Some(2),
                reverse,
                ..RowRange::default()
            };
            let slice = store.wide_slice(&partition, &range, &Wanted::default());
            let counts = counted.map(|row| vec![text(row), Value::Int(1)]);
            let cells = ["a", "b", "c"].map(|row| {
                let (at, value) = (Value::Timestamp(1), Value::Json("1".into()));
                vec![text("f"), text("q"), at, value, text(row)]
            });
            let outcomes = vec![read(counts.to_vec()), read(cells.to_vec())];
            let list = (slice.unwrap().conclude)(outcomes).unwrap();
            let rows: Vec<&str> = list.rows.iter().map(|row| row.row.as_str()).collect();
            assert_eq!(rows, counted[..2]);
            assert!(list.cursor.is_some());
        }
    }
}

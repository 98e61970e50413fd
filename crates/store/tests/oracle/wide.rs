//! Wide rows drawn.

use crate::draw::{Cursor, Draw, KEPT, When};
use crate::event;
use crate::kv::in_words;
use crate::side::Side;
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::wide::{Partition, Put, RowKey, RowRange, Selector, Wanted};
use std::time::Duration;

/// The families of `weather` are declared, those of `plain` are not.
const TABLES: [&str; 2] = ["weather", "plain"];
const PARTITIONS: [&str; 4] = ["JFK", "jfk", "가", "J"];
const ROWS: [&str; 10] = [
    "1", "10", "2", "A", "a", "é", "e\u{301}", "가", "\u{d7ff}", "\u{ffff}",
];
const COLUMNS: [&str; 9] = [
    "obs:temp",
    "obs:t",
    "obs:",
    "live:temp",
    "live:가",
    "x:temp",
    "X:temp",
    "x:a:b",
    "x:'",
];
const SELECTORS: [&str; 9] = [
    "obs:temp", "temp", "obs:*", "live:*", "x:a:b", "X:*", "'", "nope", "t",
];
const VALUES: [&str; 10] = [
    "1",
    "1.50",
    "1e2",
    "-0",
    "\"가\"",
    "null",
    "{\"b\": 1, \"a\": [true]}",
    "[]",
    "\"\\u0000\"",
    "nope",
];

/// Where a cell, a row or a slice lies: a table and a partition.
type Place = (&'static str, &'static str);

#[derive(Clone, Debug)]
pub enum Verb {
    Get(Place, String, Vec<&'static str>, u32),
    Put(
        Place,
        String,
        Vec<(&'static str, &'static str)>,
        Option<i64>,
        Option<Duration>,
        When,
    ),
    Delete(Place, String, Vec<&'static str>, When),
    Slice(Place, Box<Slice>),
    Partitions(&'static str, Option<u64>, Cursor, usize),
}

/// A page of rows; its cursor is kept in a place.
#[derive(Clone, Debug)]
pub struct Slice {
    from: Option<&'static str>,
    to: Option<&'static str>,
    reverse: bool,
    limit: Option<u64>,
    cursor: Cursor,
    keep: usize,
    columns: Vec<&'static str>,
    versions: u32,
}

impl Draw {
    pub fn wide(&mut self) -> Verb {
        let place = (
            TABLES[self.weighed(&[3, 1])],
            PARTITIONS[self.weighed(&[6, 1, 1, 1])],
        );
        match self.weighed(&[16, 40, 8, 24, 3]) {
            0 => Verb::Get(place, self.row(), self.selectors(), self.versions()),
            1 => {
                let at = self.one(&[
                    None,
                    None,
                    Some(0),
                    Some(1),
                    Some(2),
                    Some(3),
                    Some(i64::MAX),
                ]);
                Verb::Put(place, self.row(), self.cells(), at, self.ttl(), self.when())
            }
            2 => Verb::Delete(place, self.row(), self.selectors(), self.when()),
            3 => {
                let bounds: Vec<Option<&str>> =
                    ROWS.map(Some).into_iter().chain([None; 12]).collect();
                let slice = Slice {
                    from: self.one(&bounds),
                    to: self.one(&bounds),
                    reverse: self.percent(50),
                    limit: self.limit(),
                    cursor: self.cursor(),
                    keep: self.below(KEPT),
                    columns: self.selectors(),
                    versions: self.versions(),
                };
                Verb::Slice(place, Box::new(slice))
            }
            _ => Verb::Partitions(place.0, self.limit(), self.cursor(), self.below(KEPT)),
        }
    }

    fn row(&mut self) -> String {
        match self.below(60) {
            0 => String::new(),
            1 => "a\0".to_owned(),
            2 => "r".repeat(1_025),
            _ => self.one(&ROWS).to_owned(),
        }
    }

    fn versions(&mut self) -> u32 {
        [1, 2, 3, 9, 0][self.weighed(&[10, 5, 5, 5, 1])]
    }

    fn selectors(&mut self) -> Vec<&'static str> {
        match self.below(3) {
            0 => vec![self.one(&SELECTORS)],
            1 => self.some(&SELECTORS[..6]),
            _ => Vec::new(),
        }
    }

    fn cells(&mut self) -> Vec<(&'static str, &'static str)> {
        // Two cells of one column are refused: now and then.
        let mut columns = self.some(&COLUMNS[..2]);
        columns.extend(self.some(&COLUMNS[3..]));
        if self.percent(4) {
            columns.push(COLUMNS[self.below(3)]);
        }
        let value = |draw: &mut Draw| VALUES[draw.weighed(&[19, 19, 19, 19, 19, 19, 19, 19, 1, 1])];
        columns
            .iter()
            .map(|column| (*column, value(self)))
            .collect()
    }
}

/// Every row of every partition, with all its versions.
pub fn whole() -> Vec<event::Verb> {
    let places = TABLES
        .iter()
        .flat_map(|table| PARTITIONS.map(|partition| (*table, partition)));
    let rows = places.flat_map(|place| ROWS.map(|row| (place, row)));
    rows.map(|(place, row)| event::Verb::Wide(Verb::Get(place, row.to_owned(), Vec::new(), 9)))
        .collect()
}

fn wanted(columns: &[&str], versions: u32) -> Result<Wanted, StoreError> {
    let columns = columns.iter().map(|column| Selector::parse(column));
    Ok(Wanted {
        columns: columns.collect::<Result<_, _>>()?,
        versions: Some(versions),
    })
}

impl Verb {
    pub fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        let (store, notes) = (&side.store, side.notes());
        // A row has no version: whether it is there is all that can be asked.
        let when = |when: &When| side.precondition(*when, "wide");
        Ok(match self {
            Verb::Get((table, partition), row, columns, versions) => {
                let row = RowKey::new(table, partition, row)?;
                in_words(store.wide_get(&row, &wanted(columns, *versions)?)?)
            }
            Verb::Put((table, partition), row, cells, at, ttl, asked) => {
                let row = RowKey::new(table, partition, row)?;
                let now_us = store.clock().now_us();
                let cells = cells.iter();
                let put = Put {
                    cells: cells
                        .map(|(name, value)| ((*name).into(), (*value).into()))
                        .collect(),
                    at_us: at.map(|at| now_us.saturating_add(at)),
                    ttl: *ttl,
                };
                in_words(store.wide_put(&row, put, when(asked))?)
            }
            Verb::Delete((table, partition), row, columns, asked) => {
                let row = RowKey::new(table, partition, row)?;
                let columns = wanted(columns, 1)?.columns;
                in_words(store.wide_delete(&row, &columns, when(asked)))
            }
            Verb::Slice((table, partition), slice) => {
                let partition = Partition::new(table, partition)?;
                let range = RowRange {
                    from: slice.from.map(str::to_owned),
                    to: slice.to.map(str::to_owned),
                    reverse: slice.reverse,
                    limit: slice.limit,
                    cursor: side.cursor(slice.cursor),
                };
                let keep = slice.keep;
                let wanted = wanted(&slice.columns, slice.versions)?;
                store
                    .wide_slice(&partition, &range, &wanted)?
                    .map(move |page| {
                        let more = notes.cursor(keep, page.cursor);
                        Ok(format!(
                            "{:?} {more}, truncated {}",
                            page.rows, page.truncated
                        ))
                    })
            }
            Verb::Partitions(table, limit, cursor, keep) => {
                let cursor = side.cursor(*cursor);
                let keep = *keep;
                let listed = store.wide_partitions(table, *limit, cursor.as_deref())?;
                listed.map(move |page| {
                    let more = notes.cursor(keep, page.cursor);
                    let (found, truncated) = (page.partitions, page.truncated);
                    Ok(format!("{found:?} {more}, truncated {truncated}"))
                })
            }
        })
    }
}

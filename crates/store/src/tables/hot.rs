//! The rows that a read of a table finds, each to be asked for by its key, as a client does who
//! knows it.

use super::read::ReadPlan;
use crate::error::StoreError;
use crate::refused;
use crate::request::{Condition, Embed, Field, Operand, Query, SelectItem, Shape, TableRead, Test};
use crate::session::{Result, Session, TableAnswer};
use crate::store::Store;
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::Comparison;
use pando_model::schema::{Schema, Table};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;

/// How the rows that a read finds are asked for one by one.
#[derive(Clone, Debug)]
pub struct HotRows {
    key: Vec<String>,
    /// Finds the keys, and nothing else of the rows.
    keys: TableRead,
    /// What is asked of each row, but for which.
    one: TableRead,
}

/// Reads the query string of a read of a table. Whoever knows the grammar is not known here.
pub type ReadQuery = fn(table: &str, query: &str) -> std::result::Result<TableRead, Refusal>;

/// The option of a table that says what is loaded before it is asked for.
pub(crate) const WARM: &str = "warm";

impl HotRows {
    /// The question for a row by its key.
    pub fn one(&self, key: &[String]) -> TableRead {
        let mut one = self.one.clone();
        let conditions = self.key.iter().zip(key);
        one.query.filters.extend(conditions.map(|(name, value)| {
            let is_it = Condition::Test {
                field: field(name),
                negated: false,
                test: Test::Compare(Comparison::Eq, Operand::One(value.clone())),
            };
            (Vec::new(), is_it)
        }));
        one
    }

    /// How many rows are wanted, if that is said.
    fn limit(&self) -> Option<u64> {
        let mut ranges = self.keys.query.ranges.iter();
        let root = ranges.find(|(path, _)| path.is_empty());
        root.and_then(|(_, range)| range.limit)
    }

    fn of(table: &Table, read: &TableRead) -> std::result::Result<HotRows, Refusal> {
        refuse_what_has_no_rows(read)?;
        let key = table.primary_key.columns.iter();
        let key: Vec<String> = key.map(|at| table.columns[*at].name.clone()).collect();
        let mut keys = read.clone();
        keys.shape = Shape::Array;
        keys.count = None;
        // What is embedded may decide which rows there are, and in which order.
        let embeds = read.query.select.iter().filter_map(|item| match item {
            SelectItem::Embed(embed) => Some(SelectItem::Embed(Embed {
                items: Vec::new(),
                ..embed.clone()
            })),
            _ => None,
        });
        let named = key.iter().map(|name| SelectItem::Field {
            alias: None,
            field: Some(field(name)),
            cast: None,
            aggregate: None,
            aggregate_cast: None,
        });
        keys.query.select = named.chain(embeds).collect();
        let below = |path: &Vec<String>| !path.is_empty();
        let of = &read.query;
        let one = TableRead {
            query: Query {
                select: of.select.clone(),
                filters: of
                    .filters
                    .iter()
                    .filter(|(path, _)| below(path))
                    .cloned()
                    .collect(),
                order: of
                    .order
                    .iter()
                    .filter(|(path, _)| below(path))
                    .cloned()
                    .collect(),
                ranges: of
                    .ranges
                    .iter()
                    .filter(|(path, _)| below(path))
                    .cloned()
                    .collect(),
                cursor: None,
            },
            count: None,
            shape: Shape::Array,
            table: read.table.clone(),
        };
        Ok(HotRows { key, keys, one })
    }
}

/// Refuses what finds no rows that have keys, or not for everybody.
fn refuse_what_has_no_rows(read: &TableRead) -> std::result::Result<(), Refusal> {
    let aggregates = read.query.select.iter().any(|item| {
        matches!(
            item,
            SelectItem::Field {
                aggregate: Some(_),
                ..
            }
        )
    });
    if aggregates {
        return Err(refused::malformed(
            "an aggregate finds no rows that could be asked for by key",
        )
        .hint("Leave it out: select=* is all of each row."));
    }
    if read.query.cursor.is_some() {
        return Err(refused::malformed("a cursor is of one caller's list alone")
            .hint("Leave it out, and say limit= for as many rows as are to be found."));
    }
    Ok(())
}

fn field(name: &str) -> Field {
    Field {
        name: name.to_owned(),
        path: Vec::new(),
        as_text: false,
    }
}

impl Store {
    /// How the rows that a read finds are asked for one by one; refused where the schema has not
    /// what it names.
    pub fn hot_rows(&self, read: &TableRead) -> std::result::Result<HotRows, Refusal> {
        self.hot_rows_of(&self.schema(), read)
    }

    fn hot_rows_of(
        &self,
        schema: &Schema,
        read: &TableRead,
    ) -> std::result::Result<HotRows, Refusal> {
        let directory = super::directory::Directory::new(schema);
        let hot = HotRows::of(&directory.entry(&read.table)?.table, read)?;
        for asked in [read, &hot.one] {
            ReadPlan::new(&directory, self.config(), asked, None)?;
        }
        let (_, keys) = ReadPlan::new(&directory, self.config(), &hot.keys, None)?;
        let most = self.config().max_rows;
        if hot.limit() > Some(most) && !keys.has_pages() {
            let message = format!(
                "a list that is ordered by another table has no pages, and a page has at most \
                 {most} rows"
            );
            return Err(refused::malformed(message).hint(format!(
                "Say limit={most} or less, or order it by columns of {} itself.",
                read.table
            )));
        }
        Ok(hot)
    }

    /// The keys of the rows, page by page; each value in the text that a filter takes.
    pub async fn hot_keys(
        &self,
        hot: &HotRows,
        cursor: Option<String>,
    ) -> Result<(Vec<Vec<String>>, Option<String>)> {
        let mut keys = hot.keys.clone();
        keys.query.cursor = cursor;
        let page = self.keys_of(keys).await?;
        let unreadable = |error| StoreError::Catalog(format!("keys cannot be read: {error}"));
        let rows: Vec<HashMap<String, Box<RawValue>>> =
            serde_json::from_slice(&page.body).map_err(unreadable)?;
        let rows = rows.iter().map(|row| {
            let values = hot.key.iter().map(|name| match row.get(name) {
                // Text, and what is written as such; else a number, or true or false.
                Some(value) if value.get().starts_with('"') => serde_json::from_str(value.get()),
                Some(value) => Ok(value.get().to_owned()),
                None => Ok(String::new()),
            });
            values
                .collect::<std::result::Result<_, _>>()
                .map_err(unreadable)
        });
        Ok((rows.collect::<Result<_>>()?, page.cursor))
    }

    /// Nobody else asks for keys alone: no cache keeps them.
    async fn keys_of(&self, keys: TableRead) -> Result<TableAnswer> {
        let none = Session::default();
        let list = self.table_read(keys.clone())?.past_caches();
        match self.answer(&list, &none).await {
            Err(StoreError::Engine(EngineError::SchemaChanged { .. })) => {
                self.reload_schema().await?;
                let list = self.table_read(keys)?.past_caches();
                Ok(self.answer(&list, &none).await?.0)
            }
            other => Ok(other?.0),
        }
    }

    /// Has the queries that tables name read by somebody who knows their grammar.
    pub fn read_queries_by(&self, read: ReadQuery) {
        // It is said once, by who put the process together.
        let _ = self.query_reader().set(read);
    }

    /// Refuses what a table is to be warmed by, if that cannot be.
    pub(crate) fn check_warm(
        &self,
        schema: &Schema,
        table: &Arc<Table>,
    ) -> std::result::Result<(), Refusal> {
        let (Some(query), Some(read)) = (table.options.get(WARM), self.query_reader().get()) else {
            return Ok(());
        };
        if query.is_empty() {
            return Ok(());
        }
        self.hot_rows_of(schema, &read(&table.name, query)?)?;
        Ok(())
    }
}

//! Aggregates over rows that have resources embedded in them.
//!
//! An engine groups the rows of one table. Where what is grouped by, or what is
//! aggregated, lies in an embedded resource (`...clients(name),total.sum()`),
//! the rows are read as they are and grouped here, by the bytes that each
//! group's fields are written as. Groups keep the order in which they first
//! appear, so an engine's order of the rows is the groups' order.

use super::children::Level;
use super::json;
use super::{End, Step};
use pando_model::aggregate::{Accumulator, AggregateFn};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::value::Value;
use std::collections::HashMap;

/// Rows that one fold reads at most; beyond it a request is refused, because it
/// would hold them all in memory.
pub(crate) const FOLD_ROWS_MAX: u64 = 1_000_000;

/// How a level's rows are grouped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fold {
    /// What is computed of each group.
    pub aggregates: Vec<FoldAggregate>,
    /// Groups passed over.
    pub offset: u64,
    /// Groups written at most.
    pub limit: Option<u64>,
}

/// One aggregate of a fold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FoldAggregate {
    /// The look-ups, each to one row, that lead to the input.
    pub path: Vec<Step>,
    /// What is computed.
    pub function: AggregateFn,
    /// The output it is computed of; `None` counts rows.
    pub input: Option<(usize, ColumnType)>,
    /// The type that the result is cast to.
    pub cast: Option<ColumnType>,
    /// The result's own type.
    pub result: ColumnType,
}

/// One group.
pub(crate) struct Group<'a> {
    /// Its first row.
    pub row: &'a Row,
    /// Its aggregates, in the fold's order.
    pub values: Vec<Value>,
}

impl Group<'_> {
    /// Its row and its aggregates.
    pub(crate) fn item(&self) -> (&Row, &[Value]) {
        (self.row, &self.values)
    }
}

/// The row of a group over nothing.
static NO_ROW: Row = Row::new();

impl FoldAggregate {
    /// The type of what is written.
    pub(crate) fn ty(&self) -> &ColumnType {
        self.cast.as_ref().unwrap_or(&self.result)
    }

    fn accumulator(&self) -> Accumulator {
        let input = self.input.as_ref().map(|(_, ty)| ty.clone());
        Accumulator::new(self.function, input)
    }

    fn push(&self, into: &mut Accumulator, level: &Level<'_>, row: &Row) -> Result<(), Refusal> {
        let (mut level, mut row) = (level, row);
        for step in &self.path {
            let child = &level.children[step.child];
            match child.rows_of(row).next() {
                Some(next) => (level, row) = (&child.level, next),
                None => return Ok(()),
            }
        }
        match &self.input {
            None => into.push(&Value::Bool(true)),
            Some((ix, _)) => match row.get(*ix) {
                Some(value) if !value.is_null() => into.push(value),
                _ => Ok(()),
            },
        }
    }

    fn finish(&self, from: Accumulator) -> Result<Value, Refusal> {
        let value = from.finish()?;
        match &self.cast {
            Some(to) => value.cast(&self.result, to),
            None => Ok(value),
        }
    }
}

/// Groups a level's rows.
pub(crate) fn groups<'a>(
    fold: &Fold,
    level: &Level<'a>,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<Vec<Group<'a>>, Refusal> {
    let grouping: Vec<_> = level
        .layout
        .leaves
        .iter()
        .filter(|leaf| !matches!(leaf.end, End::Folded(_)))
        .collect();
    let start = || -> Vec<Accumulator> {
        let aggregates = fold.aggregates.iter();
        aggregates.map(FoldAggregate::accumulator).collect()
    };
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut found: Vec<(&'a Row, Vec<Accumulator>)> = Vec::new();
    let mut key = Vec::new();
    for (count, row) in rows.enumerate() {
        if count as u64 >= FOLD_ROWS_MAX {
            return Err(too_many_rows());
        }
        key.clear();
        for leaf in &grouping {
            json::write_leaf(level, row, leaf, &[], &mut key)?;
            key.push(b',');
        }
        let at = match places.get(&key) {
            Some(at) => *at,
            None => {
                places.insert(key.clone(), found.len());
                found.push((row, start()));
                found.len() - 1
            }
        };
        for (aggregate, into) in fold.aggregates.iter().zip(&mut found[at].1) {
            aggregate.push(into, level, row)?;
        }
    }
    if found.is_empty() && grouping.is_empty() {
        found.push((&NO_ROW, start()));
    }
    let offset = usize::try_from(fold.offset).unwrap_or(usize::MAX);
    let limit = fold.limit.and_then(|limit| usize::try_from(limit).ok());
    found
        .into_iter()
        .skip(offset)
        .take(limit.unwrap_or(usize::MAX))
        .map(|(row, accumulators)| {
            let values = fold.aggregates.iter().zip(accumulators);
            let values = values.map(|(aggregate, from)| aggregate.finish(from));
            Ok(Group {
                row,
                values: values.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

fn too_many_rows() -> Refusal {
    Refusal::new(
        "54000",
        format!("aggregating over embedded resources is limited to {FOLD_ROWS_MAX} rows"),
    )
    .hint("Filter the rows, or aggregate over the table's own columns only.")
}

//! Aggregation: rows grouped by the outputs that are not aggregates.

use crate::evaluate::scalar;
use crate::key::Key;
use crate::relation::Found;
use pando_model::aggregate::Accumulator;
use pando_model::engine::Result;
use pando_model::plan::{Output, Row, Select};
use pando_model::value::Value;
use std::collections::BTreeMap;

/// One row for each group, by the grouping outputs, NULLs last. Without such
/// outputs all rows are one group, which exists even without rows, except in a
/// keyed select: there, a key without rows has no groups.
pub(crate) fn group(select: &Select, found: Vec<Found<'_>>, keyed: bool) -> Result<Vec<Row>> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for Found { row, key } in found {
        let mut by = Vec::new();
        for output in &select.output {
            if let Output::Scalar(inner) = output {
                by.push(scalar(&select.table, inner, row)?.into_owned());
            }
        }
        groups
            .entry(Key(by))
            .or_insert_with(|| Group::new(select, key))
            .push(select, row)?;
    }
    let is_grouped = select
        .output
        .iter()
        .any(|output| matches!(output, Output::Scalar(_)));
    if groups.is_empty() && !is_grouped && !keyed {
        groups.insert(Key(vec![]), Group::new(select, vec![]));
    }
    groups
        .into_iter()
        .map(|(by, group)| group.finish(select, by))
        .collect()
}

struct Group {
    accumulators: Vec<Accumulator>,
    key: Row,
}

impl Group {
    fn new(select: &Select, key: Row) -> Group {
        let accumulators = select
            .output
            .iter()
            .filter_map(|output| match output {
                Output::Aggregate(function, input) => {
                    let ty = input.as_ref().map(|input| input.ty(&select.table));
                    Some(Accumulator::new(*function, ty))
                }
                Output::Scalar(_) => None,
            })
            .collect();
        Group { accumulators, key }
    }

    fn push(&mut self, select: &Select, row: &Row) -> Result<()> {
        let inputs = select.output.iter().filter_map(|output| match output {
            Output::Aggregate(_, input) => Some(input),
            Output::Scalar(_) => None,
        });
        for (accumulator, input) in self.accumulators.iter_mut().zip(inputs) {
            match input {
                Some(input) => accumulator.push(&*scalar(&select.table, input, row)?)?,
                None => accumulator.push(&Value::Bool(true))?,
            }
        }
        Ok(())
    }

    fn finish(self, select: &Select, by: Key) -> Result<Row> {
        let mut by = by.0.into_iter();
        let mut accumulators = self.accumulators.into_iter();
        let mut row = Vec::with_capacity(select.output.len() + self.key.len());
        for output in &select.output {
            match output {
                Output::Scalar(_) => row.extend(by.next()),
                Output::Aggregate(..) => {
                    if let Some(accumulator) = accumulators.next() {
                        row.push(accumulator.finish()?);
                    }
                }
            }
        }
        row.extend(self.key);
        Ok(row)
    }
}

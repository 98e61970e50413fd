//! Degrees: counted in the transaction that changes the edges.

use super::relation::{GRAPH, degree};
use super::{DEGREE, Direction, NodeKey, Result, check_kind, one_of, str_of, text};
use crate::operation::{Operation, Reach};
use crate::relation::{equals, rows_of, select, tree};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row, Update};
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

impl Store {
    /// How many edges of a kind leave or enter a node; none for a node that is not there.
    pub fn graph_count_edges(
        &self,
        node: &NodeKey,
        kind: &str,
        direction: Direction,
    ) -> Result<Operation<u64>> {
        check_kind(kind)?;
        let filter = filter(node.graph(), &[node.id()], direction, kind);
        let read = Step::read(tree(select(&DEGREE, &[degree::COUNT], filter)));
        let reach = Reach::Slot(node.slot());
        let count = Operation::reading(reach, vec![read], |outcomes| {
            let row = outcomes.first().and_then(|read| rows_of(read).first());
            Ok(row.and_then(|row| count_of(row.first()?)).unwrap_or(0))
        });
        Ok(count.cached_as(super::cacheable(node.graph())))
    }
}

/// Counts one edge of a kind more (or less) for each of these nodes, each of them listed once.
pub(super) fn recount(
    graph: &str,
    nodes: Vec<String>,
    direction: Direction,
    kind: &str,
    more: bool,
) -> Vec<Step> {
    if nodes.is_empty() {
        return Vec::new();
    }
    let columns = [degree::NODE, degree::COUNT];
    let read = select(&DEGREE, &columns, filter(graph, &nodes, direction, kind));
    let (graph, kind) = (graph.to_owned(), kind.to_owned());
    let decide = Step::decide(move |outcomes| {
        let rows = outcomes.last().map(rows_of).unwrap_or_default();
        let before: HashMap<&str, u64> = rows
            .iter()
            .filter_map(|row| Some((str_of(row.first()?)?, count_of(row.get(1)?)?)))
            .collect();
        let mut steps = Vec::new();
        let mut first = Vec::new();
        let mut none_left = Vec::new();
        for node in &nodes {
            let before = before.get(node.as_str()).copied().unwrap_or(0);
            let count = if more {
                before.saturating_add(1)
            } else {
                before.saturating_sub(1)
            };
            match (before, count) {
                (_, 0) => none_left.push(node),
                (0, _) => first.push(row(&graph, node, direction, &kind, count)),
                _ => steps.push(change(&graph, node, direction, &kind, count)),
            }
        }
        if !first.is_empty() {
            steps.push(store(first));
        }
        if !none_left.is_empty() {
            steps.push(remove(filter(&graph, &none_left, direction, &kind)));
        }
        Ok(steps)
    });
    vec![Step::read(tree(read)), decide]
}

/// The degrees of some nodes.
pub(super) fn filter<T: AsRef<str>>(
    graph: &str,
    nodes: &[T],
    direction: Direction,
    kind: &str,
) -> Filter {
    Filter::And(vec![
        equals(GRAPH, text(graph)),
        one_of(degree::NODE, nodes),
        equals(degree::DIRECTION, direction.value()),
        equals(degree::KIND, text(kind)),
    ])
}

pub(super) fn count_of(value: &Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

/// Writes down how many edges are left where some had been counted.
pub(super) fn set(graph: &str, node: &str, direction: Direction, kind: &str, count: u64) -> Step {
    match count {
        0 => remove(filter(graph, &[node], direction, kind)),
        _ => change(graph, node, direction, kind, count),
    }
}

/// Writes another count down where there is one.
fn change(graph: &str, node: &str, direction: Direction, kind: &str, count: u64) -> Step {
    Step::from(Change::Update(Update {
        table: Arc::clone(&DEGREE),
        filter: filter(graph, &[node], direction, kind),
        set: vec![(degree::COUNT, value(count))],
        max_affected: None,
        returning: None,
    }))
}

fn row(graph: &str, node: &str, direction: Direction, kind: &str, count: u64) -> Row {
    vec![
        text(graph),
        text(node),
        direction.value(),
        text(kind),
        value(count),
    ]
}

fn value(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn store(rows: Vec<Row>) -> Step {
    Step::from(Change::Insert(Insert {
        table: Arc::clone(&DEGREE),
        rows,
        conflict: Some(Conflict {
            target: DEGREE.primary_key.columns.clone(),
            merge: Some(vec![degree::COUNT]),
        }),
        returning: None,
    }))
}

fn remove(filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(&DEGREE),
        filter,
        max_affected: None,
        returning: None,
    }))
}

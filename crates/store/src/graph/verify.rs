//! Whether graphs are whole: what every write keeps, looked at from outside.

use super::relation::{GRAPH, degree, edge, node};
use super::{DEGREE, Direction, EDGE, NODE};
use crate::operation::Operation;
use crate::operation::Reach;
use crate::relation::{rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Filter, Row};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Store {
    /// Looks whether every edge has its inverse with the same time, body and version and
    /// both of its nodes, and every degree is the number of its edges; what is wrong, one
    /// line each.
    ///
    /// For tests and for looking into a damaged store: all graphs are read into memory in one
    /// transaction, and writers wait.
    pub async fn verify_graphs(&self) -> Result<Vec<String>> {
        let whole = |table: &Arc<Table>| {
            let columns: Vec<usize> = (0..table.columns.len()).collect();
            Step::read(tree(select(table, &columns, Filter::Const(true))))
        };
        let steps = vec![whole(&NODE), whole(&EDGE), whole(&DEGREE)];
        let operation = Operation::reading(Reach::Many, steps, |outcomes| {
            Ok(faults(&outcomes).join("\n").into_bytes())
        });
        let done = self
            .carry_out(&operation.as_write(), None, &Session::default())
            .await?;
        let text = String::from_utf8_lossy(&done.answer).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }
}

fn faults(outcomes: &[Outcome]) -> Vec<String> {
    let rows = |place: usize| outcomes.get(place).map(rows_of).unwrap_or_default();
    let (nodes, edges, degrees) = (rows(0), rows(1), rows(2));
    let mut wrong = Vec::new();
    let there: BTreeSet<String> = nodes
        .iter()
        .map(|row| key(row, &[GRAPH, node::ID]))
        .collect();
    let by_end: BTreeMap<String, &Row> = edges
        .iter()
        .map(|row| {
            let end = [GRAPH, edge::NODE, edge::DIRECTION, edge::KIND, edge::OTHER];
            (key(row, &end), row)
        })
        .collect();
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for row in edges {
        let end = key(row, &[GRAPH, edge::NODE, edge::DIRECTION, edge::KIND]);
        *counted.entry(end).or_default() += 1;
        let name = key(
            row,
            &[GRAPH, edge::NODE, edge::DIRECTION, edge::KIND, edge::OTHER],
        );
        if !there.contains(&key(row, &[GRAPH, edge::NODE])) {
            wrong.push(format!("the edge {name} is with no node"));
        }
        let Some(direction) = Direction::of(&row[edge::DIRECTION]) else {
            wrong.push(format!("the edge {name} has no direction"));
            continue;
        };
        let mut inverse = row.clone();
        inverse.swap(edge::NODE, edge::OTHER);
        inverse[edge::DIRECTION] = direction.inverse().value();
        let end = [GRAPH, edge::NODE, edge::DIRECTION, edge::KIND, edge::OTHER];
        match by_end.get(&key(&inverse, &end)) {
            None => wrong.push(format!("the edge {name} has no inverse")),
            Some(found) if **found != inverse => {
                wrong.push(format!("the edge {name} and its inverse differ"));
            }
            Some(_) => {}
        }
    }
    for row in degrees {
        let end = key(row, &[GRAPH, degree::NODE, degree::DIRECTION, degree::KIND]);
        let edges = counted.remove(&end).unwrap_or(0);
        if row[degree::COUNT] != Value::Int(edges) || edges == 0 {
            wrong.push(format!(
                "the degree {end} is {:?}, and there are {edges} edges",
                row[degree::COUNT]
            ));
        }
    }
    for (end, edges) in counted {
        wrong.push(format!("the {edges} edges {end} are not counted"));
    }
    wrong
}

fn key(row: &Row, columns: &[usize]) -> String {
    let parts: Vec<String> = columns.iter().map(|ix| format!("{:?}", row[*ix])).collect();
    parts.join(" ")
}

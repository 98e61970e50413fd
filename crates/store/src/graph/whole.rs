//! All nodes and all edges of a graph, for who copies it: in the order of their keys.

use super::edge::Edge;
use super::node::{NODE_COLUMNS, Node, node_of};
use super::relation::{GRAPH, edge, node};
use super::{Direction, EDGE, NODE, Result, str_of, text};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Comparison, Filter, Row};
use pando_model::value::Value;

/// A page of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

/// How many items a page holds.
#[derive(Clone, Copy)]
struct Size {
    most: u64,
    capped: bool,
}

impl Size {
    /// More than the page holds by one, which tells whether there is another.
    fn wanted(self) -> u64 {
        self.most.saturating_add(1)
    }

    fn page<T>(
        self,
        rows: &[Row],
        item: impl Fn(&Row) -> Option<T>,
        cursor: impl Fn(&T) -> String,
    ) -> Page<T> {
        let more = rows.len() as u64 > self.most;
        let kept = usize::try_from(self.most).unwrap_or(usize::MAX);
        let items: Vec<T> = rows.iter().take(kept).filter_map(item).collect();
        Page {
            cursor: items.last().filter(|_| more).map(cursor),
            items,
            truncated: more && self.capped,
        }
    }
}

impl Store {
    /// Lists the nodes of a graph by their ids.
    pub fn graph_list_nodes(
        &self,
        graph: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Operation<Page<Node>>> {
        check_name("graph", graph)?;
        let mut conditions = vec![equals(GRAPH, text(graph))];
        if let Some(cursor) = cursor {
            let behind = self.open_list_cursor("graph nodes", graph, cursor)?;
            conditions.push(compare(node::ID, Comparison::Gt, Value::Text(behind)));
        }
        let size = self.whole_size(limit);
        let mut page = select(&NODE, &NODE_COLUMNS, Filter::And(conditions));
        page.limit = Some(size.wanted());
        let seal = self.list_cursors("graph nodes", graph);
        let steps = vec![Step::read(tree(page))];
        Ok(Operation::reading(Reach::Many, steps, move |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            Ok(size.page(rows, node_of, |node| seal(&node.id)))
        }))
    }

    /// Lists the edges of a graph by the node they leave, their kind, and the node they enter.
    pub fn graph_list_all_edges(
        &self,
        graph: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Operation<Page<Edge>>> {
        check_name("graph", graph)?;
        let mut conditions = vec![
            equals(GRAPH, text(graph)),
            equals(edge::DIRECTION, Direction::Out.value()),
        ];
        if let Some(cursor) = cursor {
            let place = self.open_list_cursor("graph edges", graph, cursor)?;
            conditions.push(behind(graph, &place)?);
        }
        let columns = [
            edge::NODE,
            edge::KIND,
            edge::OTHER,
            edge::AT,
            edge::BODY,
            edge::VERSION,
        ];
        let size = self.whole_size(limit);
        let mut page = select(&EDGE, &columns, Filter::And(conditions));
        page.limit = Some(size.wanted());
        let seal = self.list_cursors("graph edges", graph);
        let steps = vec![Step::read(tree(page))];
        Ok(Operation::reading(Reach::Many, steps, move |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            // U+0000 is in none of them.
            let place = |edge: &Edge| seal(&[&*edge.from, &*edge.kind, &*edge.to].join("\0"));
            Ok(size.page(rows, whole_edge, place))
        }))
    }

    fn whole_size(&self, limit: Option<u64>) -> Size {
        let max_rows = self.config().max_rows;
        Size {
            most: limit.unwrap_or(max_rows).min(max_rows),
            capped: limit.is_none_or(|limit| limit > max_rows),
        }
    }
}

/// The edges behind the last one of a page, in the order of the key.
fn behind(graph: &str, place: &str) -> Result<Filter> {
    let parts: Vec<&str> = place.split('\0').collect();
    let [from, kind, to] = parts[..] else {
        return Err(refused::malformed("the cursor is damaged"));
    };
    Ok(Filter::After {
        columns: EDGE.primary_key.columns.clone(),
        values: vec![
            text(graph),
            text(from),
            Direction::Out.value(),
            text(kind),
            text(to),
        ],
    })
}

fn whole_edge(row: &Row) -> Option<Edge> {
    let [
        from,
        kind,
        to,
        Value::Timestamp(at),
        Value::Jsonb(body),
        Value::Int(version),
    ] = row.as_slice()
    else {
        return None;
    };
    Some(Edge {
        from: str_of(from)?.to_owned(),
        kind: str_of(kind)?.to_owned(),
        to: str_of(to)?.to_owned(),
        at_us: *at,
        body: body.clone(),
        version: *version,
    })
}

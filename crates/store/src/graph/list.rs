//! A node's edges of one kind, newest first.

use super::edge::{EDGE_COLUMNS, Edge, edge_of};
use super::relation::{GRAPH, edge};
use super::{Direction, EDGE, NodeKey, Result, check_kind, text};
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter, Order, OrderBy, Row, Scalar, Select};
use pando_model::value::Value;

/// Which of a node's edges are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeRange {
    /// Which way they lead.
    pub direction: Direction,
    /// They are newer than this: microseconds since 1970.
    pub after_us: Option<i64>,
    /// They are older than this.
    pub before_us: Option<i64>,
    /// At most so many; `max_rows` at most.
    pub limit: Option<u64>,
    /// What the page before gave: go on behind it.
    pub cursor: Option<String>,
}

/// A page of edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeList {
    /// The edges, the newest first; those of one time by the id at their other end.
    pub edges: Vec<Edge>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

impl Store {
    /// Lists a node's edges; none for a node that is not there.
    pub fn graph_list_edges(
        &self,
        node: &NodeKey,
        kind: &str,
        range: &EdgeRange,
    ) -> Result<Operation<EdgeList>> {
        check_kind(kind)?;
        let direction = range.direction;
        let name = cursor_name(node, kind, direction);
        let behind = range.cursor.as_ref().map(|cursor| {
            let place = self.open_list_cursor("graph", &name, cursor)?;
            place_of(&place).ok_or_else(|| refused::malformed("the cursor is damaged"))
        });
        let behind = behind.transpose()?;
        let max_rows = self.config().max_rows;
        let most = range.limit.unwrap_or(max_rows).min(max_rows);
        let capped = range.limit.is_none_or(|limit| limit > max_rows);
        // One more than is listed tells whether there is another page.
        let wanted = most.saturating_add(1);
        let at = |op, us| compare(edge::AT, op, Value::Timestamp(us));
        let within = |extra: Vec<Filter>| {
            let mut conditions = extra;
            conditions.extend(range.after_us.map(|us| at(Comparison::Gt, us)));
            conditions.extend(range.before_us.map(|us| at(Comparison::Lt, us)));
            let mut page = newest_first(node, kind, direction, conditions);
            page.limit = Some(wanted);
            page
        };
        let steps = match behind {
            None => vec![Step::read(tree(within(Vec::new())))],
            Some((at_us, other)) => {
                let same = within(vec![
                    equals(edge::AT, Value::Timestamp(at_us)),
                    compare(edge::OTHER, Comparison::Gt, Value::Text(other)),
                ]);
                let older = within(vec![at(Comparison::Lt, at_us)]);
                one_then_the_other(same, older, wanted)
            }
        };
        let seal = self.list_cursors("graph", &name);
        let cacheable = super::cacheable(node.graph());
        let (node, kind) = (node.clone(), kind.to_owned());
        let reach = Reach::Slot(node.slot());
        let list = Operation::reading(reach, steps, move |outcomes| {
            let rows: Vec<&Row> = outcomes
                .iter()
                .flat_map(|read: &Outcome| rows_of(read))
                .collect();
            let more = rows.len() as u64 > most;
            let kept = usize::try_from(most).unwrap_or(usize::MAX);
            let listed = rows.into_iter().take(kept);
            let edges: Vec<Edge> = listed
                .filter_map(|row| edge_of(row, node.id(), &kind, direction))
                .collect();
            let cursor = edges.last().filter(|_| more).map(|last| {
                let other = match direction {
                    Direction::Out => &last.to,
                    Direction::In => &last.from,
                };
                seal(&format!("{} {other}", last.at_us))
            });
            Ok(EdgeList {
                edges,
                cursor,
                truncated: more && capped,
            })
        });
        Ok(list.cached_as(cacheable))
    }
}

/// First what is left of the same moment, then what is older: each is a range of the index,
/// however many edges a moment has.
fn one_then_the_other(same: Select, older: Select, wanted: u64) -> Vec<Step> {
    let go_on = Step::decide(move |outcomes| {
        let found: u64 = outcomes.iter().map(|read| rows_of(read).len() as u64).sum();
        if found >= wanted {
            return Ok(Vec::new());
        }
        let mut older = older.clone();
        older.limit = Some(wanted - found);
        Ok(vec![Step::read(tree(older))])
    });
    vec![Step::read(tree(same)), go_on]
}

/// A node's edges of one kind and direction that pass, the newest first; their rows are
/// [`EDGE_COLUMNS`].
pub(super) fn newest_first(
    node: &NodeKey,
    kind: &str,
    direction: Direction,
    conditions: Vec<Filter>,
) -> Select {
    let mut all = vec![
        equals(GRAPH, text(node.graph())),
        equals(edge::NODE, text(node.id())),
        equals(edge::DIRECTION, direction.value()),
        equals(edge::KIND, text(kind)),
    ];
    all.extend(conditions);
    let mut newest = select(&EDGE, &EDGE_COLUMNS, Filter::And(all));
    newest.order = vec![latest_first()];
    newest
}

/// The order by time that the index has; the engine goes on by the rest of the key.
pub(super) fn latest_first() -> Order {
    Order {
        by: OrderBy::Scalar(Scalar::Column(edge::AT)),
        descending: true,
        nulls_first: true,
    }
}

/// What a cursor belongs to. U+0000 is in none of its parts.
fn cursor_name(node: &NodeKey, kind: &str, direction: Direction) -> String {
    let direction = direction.name();
    format!("{}\0{}\0{kind}\0{direction}", node.graph(), node.id())
}

/// The time and the other node of the last edge of a page.
fn place_of(place: &str) -> Option<(i64, String)> {
    let (at_us, other) = place.split_once(' ')?;
    Some((at_us.parse().ok()?, other.to_owned()))
}

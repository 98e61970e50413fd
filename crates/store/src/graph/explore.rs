//! Questions that go from node to node: one read for each hop, and what comes next is
//! decided by what was read so far.
//!
//! A question is a function of the outcomes so far, which it goes through from the first one
//! each time: it either asks for the next read or gives its answer. So it keeps no state
//! between hops, and gives the same whenever it is asked again. Going through it again costs
//! little: hops grow as they go, and the last one outweighs those before it.

use super::relation::{GRAPH, degree, edge, node};
use super::{DEGREE, Direction, EDGE, NODE, Node, Result, one_of, str_of, text};
use crate::graph::list::latest_first;
use crate::graph::node::{NODE_COLUMNS, node_of};
use crate::operation::{Operation, Reach};
use crate::relation::{equals, rows_of, select, tree};
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Child, Filter, KeySource, Order, OrderBy, Row, Scalar, Tree};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a question says to the outcomes so far.
pub(super) enum Next<T> {
    /// Read this first.
    Ask(Step),
    /// This is the answer.
    Done(T),
}

impl<T> Next<T> {
    /// Reads a tree first.
    pub(super) fn ask(tree: Tree) -> Next<T> {
        Next::Ask(Step::read(tree))
    }
}

type Advance<T> = Arc<dyn Fn(&[Outcome]) -> Result<Next<T>> + Send + Sync>;

/// The operation that a question is.
pub(super) fn exploring<T: 'static>(
    advance: impl Fn(&[Outcome]) -> Result<Next<T>> + Send + Sync + 'static,
) -> Operation<T> {
    let advance: Advance<T> = Arc::new(advance);
    let first = going_on(Arc::clone(&advance));
    Operation::reading(Reach::Many, vec![first], move |outcomes| {
        match advance(&outcomes)? {
            Next::Done(answer) => Ok(answer),
            Next::Ask(_) => Err(Refusal::new("XX000", "a question was left half asked")),
        }
    })
}

fn going_on<T: 'static>(advance: Advance<T>) -> Step {
    Step::decide(move |outcomes| {
        Ok(match advance(outcomes)? {
            Next::Ask(read) => vec![read, going_on(Arc::clone(&advance))],
            Next::Done(_) => Vec::new(),
        })
    })
}

/// Which edges are followed, from all nodes of a hop.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Follow {
    /// Of these kinds; of all where nothing is said.
    pub(super) kinds: Option<Vec<String>>,
    pub(super) direction: Direction,
    /// A condition on the edge.
    pub(super) edge: Option<Filter>,
    /// A condition on the node that it leads to.
    pub(super) node: Option<Filter>,
    /// The newest so many of each node; only with one kind.
    pub(super) limit: Option<u64>,
    /// Newest first, else by kind and id.
    pub(super) by_time: bool,
}

/// The edges of a hop, each by the node it was followed from and the node it leads to.
pub(super) struct Followed<'o> {
    /// In the order of the nodes' ids, and of each node as [`Follow`] says.
    pub(super) edges: Vec<(&'o str, &'o str)>,
    /// The nodes reached that pass the condition on them; `None` where there is none.
    passing: Option<HashSet<&'o str>>,
    /// Whether there were more than were asked for.
    pub(super) cut: bool,
}

impl Follow {
    /// Whether it has to be known beforehand how many edges the nodes have: a read that looks
    /// for some edges among many, or at some of each node's, is not bounded by what it gives.
    pub(super) fn is_selective(&self) -> bool {
        self.edge.is_some() || self.limit.is_some()
    }

    /// Reads the edges of these nodes, `most` of them and one more, which tells that there
    /// are more.
    pub(super) fn read(&self, graph: &str, nodes: &[&str], most: usize) -> Tree {
        match self.limit {
            Some(limit) => self.read_some_of_each(graph, nodes, limit),
            None => self.read_all(graph, nodes, most),
        }
    }

    fn read_all(&self, graph: &str, nodes: &[&str], most: usize) -> Tree {
        let mut conditions = vec![equals(GRAPH, text(graph)), one_of(edge::NODE, nodes)];
        conditions.extend(self.conditions());
        let columns = [edge::NODE, edge::OTHER];
        let mut edges = select(&EDGE, &columns, Filter::And(conditions));
        if self.by_time {
            let by_node = Order {
                by: OrderBy::Scalar(Scalar::Column(edge::NODE)),
                descending: false,
                nulls_first: false,
            };
            edges.order = vec![by_node, latest_first()];
        }
        edges.limit = Some(most.saturating_add(1) as u64);
        Tree {
            select: edges,
            children: self.far_nodes(graph, 1),
        }
    }

    fn read_some_of_each(&self, graph: &str, nodes: &[&str], limit: u64) -> Tree {
        let these = Filter::And(vec![equals(GRAPH, text(graph)), one_of(node::ID, nodes)]);
        let mut conditions = vec![equals(GRAPH, text(graph))];
        conditions.extend(self.conditions());
        let mut edges = select(&EDGE, &[edge::OTHER], Filter::And(conditions));
        edges.order = vec![latest_first()];
        edges.limit = Some(limit);
        Tree {
            select: select(&NODE, &[node::ID], these),
            children: vec![Child {
                parent: vec![0],
                via: None,
                key: vec![KeySource::Table(edge::NODE)],
                tree: Tree {
                    select: edges,
                    children: self.far_nodes(graph, 0),
                },
            }],
        }
    }

    fn conditions(&self) -> Vec<Filter> {
        let mut conditions = vec![equals(edge::DIRECTION, self.direction.value())];
        conditions.extend(self.kinds.as_ref().map(|kinds| one_of(edge::KIND, kinds)));
        conditions.extend(self.edge.clone());
        conditions
    }

    /// The nodes that edges lead to, where there is a condition on them.
    fn far_nodes(&self, graph: &str, other: usize) -> Vec<Child> {
        let child = |condition: &Filter| Child {
            parent: vec![other],
            via: None,
            key: vec![KeySource::Table(node::ID)],
            tree: tree(select(
                &NODE,
                &[],
                Filter::And(vec![equals(GRAPH, text(graph)), condition.clone()]),
            )),
        };
        self.node.iter().map(child).collect()
    }

    /// What [`Follow::read`] has found.
    pub(super) fn found<'o>(&self, read: &'o Outcome, most: usize) -> Followed<'o> {
        let whole = read.rows.as_ref();
        let edges_set = match self.limit {
            Some(_) => whole.and_then(|set| set.children.first()),
            None => whole,
        };
        let pair = |row: &'o Row| {
            let (first, second) = (str_of(row.first()?)?, str_of(row.get(1)?)?);
            // A child's key comes behind what it selects.
            Some(match self.limit {
                Some(_) => (second, first),
                None => (first, second),
            })
        };
        let rows = edges_set.map(|set| set.rows.as_slice()).unwrap_or_default();
        let cut = rows.len() > most;
        let passing = self.node.as_ref().map(|_| {
            let far = edges_set.and_then(|set| set.children.first());
            let rows = far.map(|set| set.rows.as_slice()).unwrap_or_default();
            rows.iter().filter_map(|row| str_of(row.first()?)).collect()
        });
        Followed {
            edges: rows.iter().take(most).filter_map(pair).collect(),
            passing,
            cut,
        }
    }
}

impl<'o> Followed<'o> {
    /// Whether the node that an edge leads to passes.
    pub(super) fn passes(&self, other: &str) -> bool {
        self.passing.as_ref().is_none_or(|all| all.contains(other))
    }

    /// The edges that pass, by the node that they were followed from.
    pub(super) fn by_node(&self) -> HashMap<&'o str, Vec<&'o str>> {
        let mut by_node: HashMap<&str, Vec<&str>> = HashMap::new();
        for (from, to) in &self.edges {
            if self.passes(to) {
                by_node.entry(from).or_default().push(to);
            }
        }
        by_node
    }
}

/// Reads how many edges each of these nodes has.
pub(super) fn degrees(graph: &str, nodes: &[&str], follow: &Follow) -> Tree {
    let mut conditions = vec![
        equals(GRAPH, text(graph)),
        one_of(degree::NODE, nodes),
        equals(degree::DIRECTION, follow.direction.value()),
    ];
    conditions.extend(
        follow
            .kinds
            .as_ref()
            .map(|kinds| one_of(degree::KIND, kinds)),
    );
    let columns = [degree::NODE, degree::COUNT];
    tree(select(&DEGREE, &columns, Filter::And(conditions)))
}

/// What [`degrees`] has found.
pub(super) fn degrees_found(read: &Outcome) -> HashMap<&str, u64> {
    let mut found: HashMap<&str, u64> = HashMap::new();
    for row in rows_of(read) {
        if let Some(node) = row.first().and_then(str_of)
            && let Some(count) = row.get(1).and_then(super::degree::count_of)
        {
            *found.entry(node).or_default() += count;
        }
    }
    found
}

/// Reads these nodes.
pub(super) fn nodes(graph: &str, ids: &[&str]) -> Tree {
    let these = Filter::And(vec![equals(GRAPH, text(graph)), one_of(node::ID, ids)]);
    tree(select(&NODE, &NODE_COLUMNS, these))
}

/// The nodes that [`nodes`] has found, in the order of `ids`; one that has gone is left out.
pub(super) fn nodes_found(read: &Outcome, ids: &[&str]) -> Vec<Node> {
    let found = rows_of(read).iter().filter_map(node_of);
    let mut by_id: HashMap<String, Node> = found.map(|node| (node.id.clone(), node)).collect();
    ids.iter().filter_map(|id| by_id.remove(*id)).collect()
}

/// Each once, in the order of first appearance.
pub(super) fn distinct<'o>(ids: impl IntoIterator<Item = &'o str>) -> Vec<&'o str> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

//! Traversals: from some nodes along edges, hop by hop.

use super::condition::{of_edge, of_node};
use super::explore::{
    Follow, Next, degrees, degrees_found, distinct, exploring, nodes, nodes_found,
};
use super::{Direction, Most, Node, Result, check_id, check_kind};
use crate::kv::check_name;
use crate::operation::Operation;
use crate::refused;
use crate::request::Condition;
use crate::store::Store;
use pando_model::engine::Outcome;
use std::collections::{HashMap, HashSet};

/// Hops of one traversal at most.
pub const HOPS_MAX: usize = 16;
/// Nodes that one traversal begins at, at most.
pub const FROM_MAX: usize = 1_000;

/// A traversal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traversal {
    /// Where it begins.
    pub from: Vec<String>,
    /// What is followed, one after the other.
    pub hops: Vec<Hop>,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// Nodes or paths in the answer at most.
    pub limit: Option<u64>,
    /// Edges that it may look at.
    pub max_visited: Option<u64>,
}

/// One hop: from each node that was reached so far, along edges that pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hop {
    /// The edges' kind.
    pub kind: String,
    /// Which way they are followed.
    pub direction: Direction,
    /// Conditions on the edge: `kind`, `at`, and what is in its body.
    pub edge: Vec<Condition>,
    /// Conditions on the node reached: `id`, `kind`, and what is in its body.
    pub node: Vec<Condition>,
    /// The newest so many edges of each node that pass the conditions on them.
    pub limit: Option<u64>,
}

/// What is wanted of a traversal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The nodes that the last hop reaches, each once.
    #[default]
    Nodes,
    /// The ways to them.
    Paths,
    /// How many nodes they are.
    Count,
}

/// The answer to a traversal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traversed {
    /// The nodes, in the order in which they were come upon.
    pub nodes: Vec<Node>,
    /// The ways: ids from a first node to a last.
    pub paths: Vec<Vec<String>>,
    /// How many nodes the last hop reached.
    pub count: u64,
    /// Whether `max_rows` cut the list.
    pub truncated: bool,
    /// Whether there were more edges than it may look at: there may be more to find.
    pub bounded: bool,
}

impl Store {
    /// Goes from nodes to nodes. Nodes that are not there lead nowhere.
    pub fn graph_traverse(&self, graph: &str, asked: &Traversal) -> Result<Operation<Traversed>> {
        check_name("graph", graph)?;
        if asked.from.is_empty() || asked.from.len() > FROM_MAX {
            let message = format!("from has 1 to {FROM_MAX} ids, not {}", asked.from.len());
            return Err(refused::malformed(message));
        }
        asked.from.iter().try_for_each(|id| check_id(id))?;
        if asked.hops.is_empty() || asked.hops.len() > HOPS_MAX {
            let message = format!("steps are 1 to {HOPS_MAX}, not {}", asked.hops.len());
            return Err(refused::malformed(message));
        }
        let hops = asked.hops.iter().map(|hop| self.follow_of(hop));
        let walk = Walk {
            graph: graph.to_owned(),
            from: asked.from.clone(),
            hops: hops.collect::<Result<_>>()?,
            wanted: asked.wanted,
            most: self.graph_most(asked.limit, self.config().max_rows),
            budget: self.graph_budget(asked.max_visited),
        };
        Ok(exploring(move |outcomes| walk.advance(outcomes)))
    }

    fn follow_of(&self, hop: &Hop) -> Result<Follow> {
        check_kind(&hop.kind)?;
        if hop.limit == Some(0) {
            return Err(refused::malformed("a step's limit is at least 1"));
        }
        Ok(Follow {
            kinds: Some(vec![hop.kind.clone()]),
            direction: hop.direction,
            edge: of_edge(&hop.edge, self.config().max_filters)?,
            node: of_node(&hop.node, self.config().max_filters)?,
            limit: hop.limit,
            by_time: true,
        })
    }
}

struct Walk {
    graph: String,
    from: Vec<String>,
    hops: Vec<Follow>,
    wanted: Wanted,
    most: Most,
    budget: usize,
}

/// What a hop has found: the nodes that each node leads to.
type Layer<'o> = HashMap<&'o str, Vec<&'o str>>;

impl Walk {
    fn advance(&self, outcomes: &[Outcome]) -> Result<Next<Traversed>> {
        let mut told = outcomes.iter();
        let mut left = self.budget;
        let mut bounded = false;
        let start = distinct(self.from.iter().map(String::as_str));
        let mut reached = start.clone();
        let mut layers: Vec<Layer<'_>> = Vec::with_capacity(self.hops.len());
        for hop in &self.hops {
            let mut asked = reached.clone();
            if hop.is_selective() && !asked.is_empty() {
                let Some(read) = told.next() else {
                    return Ok(Next::ask(degrees(&self.graph, &asked, hop)));
                };
                let cost = affordable(hop, &mut asked, &degrees_found(read), left);
                bounded |= cost.is_none();
                left -= cost.unwrap_or(left);
            }
            if asked.is_empty() || (left == 0 && !hop.is_selective()) {
                bounded |= left == 0 && !asked.is_empty();
                reached.clear();
                layers.push(Layer::new());
                continue;
            }
            let most = if hop.is_selective() { usize::MAX } else { left };
            let Some(read) = told.next() else {
                return Ok(Next::ask(hop.read(
                    &self.graph,
                    &asked,
                    most.min(self.budget),
                )));
            };
            let found = hop.found(read, most);
            bounded |= found.cut;
            if !hop.is_selective() {
                left -= found.edges.len();
            }
            let layer = found.by_node();
            let next = asked.iter().filter_map(|from| layer.get(from)).flatten();
            reached = distinct(next.copied());
            layers.push(layer);
        }
        let mut answer = Traversed {
            count: reached.len() as u64,
            bounded,
            ..Traversed::default()
        };
        match self.wanted {
            Wanted::Count => {}
            Wanted::Paths => {
                let more;
                (answer.paths, more) = ways(&start, &layers, self.most.items);
                answer.truncated = more && self.most.capped;
            }
            Wanted::Nodes => {
                answer.truncated = reached.len() > self.most.items && self.most.capped;
                reached.truncate(self.most.items);
                if !reached.is_empty() {
                    let Some(read) = told.next() else {
                        return Ok(Next::ask(nodes(&self.graph, &reached)));
                    };
                    answer.nodes = nodes_found(read, &reached);
                }
            }
        }
        Ok(Next::Done(answer))
    }
}

/// Leaves those nodes whose edges can be looked at within `left`, in order, and tells how
/// many these are; `None` where some had to be passed over. Nodes without edges are left out.
fn affordable(
    hop: &Follow,
    nodes: &mut Vec<&str>,
    degrees: &HashMap<&str, u64>,
    left: usize,
) -> Option<usize> {
    let mut cost = 0_usize;
    let mut fits = true;
    nodes.retain(|node| {
        let degree = degrees.get(node).copied().unwrap_or(0);
        // Without a condition on edges the newest ones are those of the answer.
        let looked_at = match (&hop.edge, hop.limit) {
            (None, Some(limit)) => degree.min(limit),
            _ => degree,
        };
        let after = cost.saturating_add(usize::try_from(looked_at).unwrap_or(usize::MAX));
        if degree == 0 || after > left {
            fits &= degree == 0;
            return false;
        }
        cost = after;
        true
    });
    fits.then_some(cost)
}

/// The ways from the first nodes through all layers, `most` of them, and whether there are
/// more. Only nodes from which the end is reached are entered, so that each step leads to one.
fn ways(start: &[&str], layers: &[Layer<'_>], most: usize) -> (Vec<Vec<String>>, bool) {
    let mut alive: Vec<HashSet<&str>> = vec![HashSet::new(); layers.len()];
    for place in (0..layers.len()).rev() {
        let leads_on = |to: &&&str| alive.get(place + 1).is_none_or(|next| next.contains(**to));
        let some = layers[place].iter();
        alive[place] = some
            .filter(|(_, all)| all.iter().any(|to| leads_on(&to)))
            .map(|(from, _)| *from)
            .collect();
    }
    let mut found = Vec::new();
    for from in start {
        let mut way = vec![*from];
        if !walk(&mut way, layers, &alive, most, &mut found) {
            return (found, true);
        }
    }
    (found, false)
}

/// Adds the ways that go on from `way`; `false` once there are more than `most`.
fn walk<'o>(
    way: &mut Vec<&'o str>,
    layers: &[Layer<'o>],
    alive: &[HashSet<&'o str>],
    most: usize,
    found: &mut Vec<Vec<String>>,
) -> bool {
    let place = way.len() - 1;
    if place == layers.len() {
        if found.len() >= most {
            return false;
        }
        found.push(way.iter().map(|id| (*id).to_owned()).collect());
        return true;
    }
    let Some(here) = way.last().filter(|here| alive[place].contains(**here)) else {
        return true;
    };
    for to in layers[place].get(here).into_iter().flatten() {
        way.push(to);
        let goes_on = walk(way, layers, alive, most, found);
        way.pop();
        if !goes_on {
            return false;
        }
    }
    true
}

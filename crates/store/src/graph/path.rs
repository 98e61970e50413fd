//! Shortest paths: breadth first from both ends at once, always on from the side that has
//! fewer nodes to go on from.

use super::explore::{Follow, Next, exploring};
use super::relation::{GRAPH, node};
use super::{Direction, NODE, Result, check_id, check_kind, one_of, text};
use crate::kv::check_name;
use crate::operation::Operation;
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::store::Store;
use pando_model::engine::Outcome;
use pando_model::plan::{Filter, Tree};
use std::collections::HashMap;

/// Hops of a path, or of a cycle, at most.
pub const DEPTH_MAX: u64 = 32;
/// Hops at most where nothing is said: everybody is known to everybody over six.
const DEPTH_DEFAULT: u64 = 6;

/// What path is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathQuestion {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// The kinds of edges that it follows; all where nothing is said.
    pub kinds: Option<Vec<String>>,
    /// Hops at most.
    pub max_depth: Option<u64>,
    /// Edges that may be looked at.
    pub max_visited: Option<u64>,
}

/// A shortest path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathAnswer {
    /// The ids from the first node to the last; `None` where no path was found.
    pub path: Option<Vec<String>>,
    /// Whether there were more edges than may be looked at: there may be a path, or a
    /// shorter one.
    pub bounded: bool,
}

impl Store {
    /// Finds a shortest path along edges in their direction. Of several as short it is
    /// always the same one.
    pub fn graph_path(&self, graph: &str, asked: &PathQuestion) -> Result<Operation<PathAnswer>> {
        check_name("graph", graph)?;
        check_id(&asked.from)?;
        check_id(&asked.to)?;
        check_kinds(asked.kinds.as_deref())?;
        let search = Search {
            graph: graph.to_owned(),
            from: asked.from.clone(),
            to: asked.to.clone(),
            kinds: asked.kinds.clone(),
            max_depth: depth(asked.max_depth)?,
            budget: self.graph_budget(asked.max_visited),
        };
        Ok(exploring(move |outcomes| search.advance(outcomes)))
    }
}

pub(super) fn check_kinds(kinds: Option<&[String]>) -> Result<()> {
    kinds
        .unwrap_or_default()
        .iter()
        .try_for_each(|kind| check_kind(kind))
}

/// How many hops are asked for.
pub(super) fn depth(asked: Option<u64>) -> Result<u64> {
    match asked.unwrap_or(DEPTH_DEFAULT) {
        depth @ 1..=DEPTH_MAX => Ok(depth),
        other => Err(refused::malformed(format!(
            "max_depth is 1 to {DEPTH_MAX}, not {other}"
        ))),
    }
}

struct Search {
    graph: String,
    from: String,
    to: String,
    kinds: Option<Vec<String>>,
    max_depth: u64,
    budget: usize,
}

/// What is known from one end.
struct Side<'o> {
    direction: Direction,
    /// Each node reached, with the node that it was reached from.
    before: HashMap<&'o str, Option<&'o str>>,
    /// Those reached last.
    rim: Vec<&'o str>,
}

impl<'o> Side<'o> {
    fn new(direction: Direction, end: &'o str) -> Side<'o> {
        Side {
            direction,
            before: HashMap::from([(end, None)]),
            rim: vec![end],
        }
    }

    /// The nodes from `node` back to the end.
    fn back(&self, node: &'o str) -> Vec<&'o str> {
        std::iter::successors(Some(node), |node| self.before.get(node).copied().flatten()).collect()
    }
}

impl Search {
    /// The one or two nodes that the path is to join.
    fn ends(&self) -> Vec<&str> {
        let mut ends = vec![self.from.as_str(), self.to.as_str()];
        ends.dedup();
        ends
    }

    fn look_for_ends(&self) -> Tree {
        let these = Filter::And(vec![
            equals(GRAPH, text(&self.graph)),
            one_of(node::ID, &self.ends()),
        ]);
        tree(select(&NODE, &[node::ID], these))
    }

    fn advance<'o>(&'o self, outcomes: &'o [Outcome]) -> Result<Next<PathAnswer>> {
        let none = |bounded| {
            let path = None;
            Ok(Next::Done(PathAnswer { path, bounded }))
        };
        let mut told = outcomes.iter();
        let Some(read) = told.next() else {
            return Ok(Next::ask(self.look_for_ends()));
        };
        if rows_of(read).len() < self.ends().len() {
            return none(false);
        }
        if self.from == self.to {
            let path = Some(vec![self.from.clone()]);
            return Ok(Next::Done(PathAnswer {
                path,
                bounded: false,
            }));
        }
        let mut forward = Side::new(Direction::Out, &self.from);
        let mut backward = Side::new(Direction::In, &self.to);
        let mut left = self.budget;
        for _ in 0..self.max_depth {
            if forward.rim.is_empty() || backward.rim.is_empty() {
                return none(false);
            }
            let (near, far) = if forward.rim.len() <= backward.rim.len() {
                (&mut forward, &backward)
            } else {
                (&mut backward, &forward)
            };
            let follow = Follow {
                kinds: self.kinds.clone(),
                direction: near.direction,
                ..Follow::default()
            };
            let Some(read) = told.next() else {
                return Ok(Next::ask(follow.read(&self.graph, &near.rim, left)));
            };
            let found = follow.found(read, left);
            left -= found.edges.len();
            near.rim.clear();
            for (from, to) in found.edges {
                if !near.before.contains_key(to) {
                    near.before.insert(to, Some(from));
                    near.rim.push(to);
                }
            }
            // All ways to meet are as long as each other: until now there was none.
            let met = near
                .rim
                .iter()
                .filter(|id| far.before.contains_key(*id))
                .min();
            if let Some(met) = met.copied() {
                let mut path = forward.back(met);
                path.reverse();
                path.extend(backward.back(met).into_iter().skip(1));
                return Ok(Next::Done(PathAnswer {
                    path: Some(path.into_iter().map(str::to_owned).collect()),
                    bounded: found.cut,
                }));
            }
            if found.cut || left == 0 {
                let nothing_left = near.rim.is_empty() && !found.cut;
                return none(!nothing_left);
            }
        }
        none(false)
    }
}

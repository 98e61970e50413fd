//! Cycles: the ways from a node back to itself.

use super::explore::{Follow, Next, exploring};
use super::path::{check_kinds, depth};
use super::{Direction, Most, Result, check_id};
use crate::kv::check_name;
use crate::operation::Operation;
use crate::store::Store;
use pando_model::engine::Outcome;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Whose cycles are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CyclesQuestion {
    /// The node.
    pub node: String,
    /// The kinds of edges that are followed; all where nothing is said.
    pub kinds: Option<Vec<String>>,
    /// Hops at most.
    pub max_depth: Option<u64>,
    /// Cycles at most.
    pub limit: Option<u64>,
    /// Edges that may be looked at.
    pub max_visited: Option<u64>,
}

/// The cycles through a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cycles {
    /// Each from the node to itself, no other node in it twice; the shortest first, those of
    /// one length by their ids.
    pub cycles: Vec<Vec<String>>,
    /// Whether `max_rows` cut the list.
    pub truncated: bool,
    /// Whether there was more to look at than may be: there may be more cycles.
    pub bounded: bool,
}

impl Store {
    /// Finds the cycles through a node along edges in their direction.
    pub fn graph_cycles(&self, graph: &str, asked: &CyclesQuestion) -> Result<Operation<Cycles>> {
        check_name("graph", graph)?;
        check_id(&asked.node)?;
        check_kinds(asked.kinds.as_deref())?;
        let search = Search {
            graph: graph.to_owned(),
            node: asked.node.clone(),
            follow: Follow {
                kinds: asked.kinds.clone(),
                direction: Direction::Out,
                ..Follow::default()
            },
            max_depth: depth(asked.max_depth)?,
            most: self.graph_most(asked.limit, self.config().max_rows),
            budget: self.graph_budget(asked.max_visited),
        };
        Ok(exploring(move |outcomes| search.advance(outcomes)))
    }
}

struct Search {
    graph: String,
    node: String,
    follow: Follow,
    max_depth: u64,
    most: Most,
    budget: usize,
}

/// Where each node that was come upon leads, by id; edges of several kinds are one way.
type Ways<'o> = BTreeMap<&'o str, BTreeSet<&'o str>>;

impl Search {
    fn advance<'o>(&'o self, outcomes: &'o [Outcome]) -> Result<Next<Cycles>> {
        let mut told = outcomes.iter();
        let mut ways: Ways<'o> = BTreeMap::new();
        let mut rim: Vec<&str> = vec![&self.node];
        let mut left = self.budget;
        let mut bounded = false;
        for _ in 0..self.max_depth {
            if rim.is_empty() {
                break;
            }
            if left == 0 {
                bounded = true;
                break;
            }
            let Some(read) = told.next() else {
                return Ok(Next::ask(self.follow.read(&self.graph, &rim, left)));
            };
            let found = self.follow.found(read, left);
            left -= found.edges.len();
            for node in &rim {
                ways.entry(node).or_default();
            }
            for (from, to) in &found.edges {
                ways.entry(from).or_default().insert(to);
            }
            let reached = found.edges.iter().map(|(_, to)| *to);
            let reached: BTreeSet<&str> = reached.filter(|to| !ways.contains_key(to)).collect();
            rim = reached.into_iter().collect();
            bounded |= found.cut;
            if found.cut {
                break;
            }
        }
        let mut closing = Closing {
            home: &self.node,
            hops_home: hops_home(&ways, &self.node),
            ways,
            most: self.most.items,
            steps_left: self.budget,
            found: Vec::new(),
        };
        let mut full = false;
        for length in 1..=self.max_depth {
            let mut way = vec![self.node.as_str()];
            if !closing.close(&mut way, length) {
                full = true;
                break;
            }
        }
        bounded |= full && closing.found.len() < self.most.items;
        Ok(Next::Done(Cycles {
            truncated: full && closing.found.len() >= self.most.items && self.most.capped,
            cycles: closing.found,
            bounded,
        }))
    }
}

/// How many hops it is from each node to `home`, at least.
fn hops_home<'o>(ways: &Ways<'o>, home: &'o str) -> HashMap<&'o str, u64> {
    let mut back: HashMap<&str, Vec<&str>> = HashMap::new();
    for (from, all) in ways {
        for to in all {
            back.entry(to).or_default().push(from);
        }
    }
    let mut hops = HashMap::from([(home, 0)]);
    let mut rim = vec![home];
    let mut distance = 0;
    while !rim.is_empty() {
        distance += 1;
        let mut next = Vec::new();
        for node in rim {
            for before in back.get(node).into_iter().flatten() {
                if !hops.contains_key(before) {
                    hops.insert(before, distance);
                    next.push(*before);
                }
            }
        }
        rim = next;
    }
    hops
}

/// Ways that are being closed to cycles.
struct Closing<'o> {
    home: &'o str,
    ways: Ways<'o>,
    hops_home: HashMap<&'o str, u64>,
    most: usize,
    /// Hops that may still be tried.
    steps_left: usize,
    found: Vec<Vec<String>>,
}

impl<'o> Closing<'o> {
    /// Adds the cycles that `way` becomes with exactly `left` hops more; `false` once there
    /// are more than are wanted, or it has taken too many steps.
    fn close(&mut self, way: &mut Vec<&'o str>, left: u64) -> bool {
        let here = way.last().copied().unwrap_or(self.home);
        let next: Vec<&str> = self.ways.get(here).into_iter().flatten().copied().collect();
        for to in next {
            if self.steps_left == 0 {
                return false;
            }
            self.steps_left -= 1;
            if left == 1 {
                if to == self.home {
                    if self.found.len() >= self.most {
                        return false;
                    }
                    let ids = way.iter().copied().chain([to]);
                    self.found.push(ids.map(str::to_owned).collect());
                }
                continue;
            }
            let gets_home = self.hops_home.get(to).is_some_and(|hops| *hops < left);
            if to == self.home || !gets_home || way.contains(&to) {
                continue;
            }
            way.push(to);
            let goes_on = self.close(way, left - 1);
            way.pop();
            if !goes_on {
                return false;
            }
        }
        true
    }
}

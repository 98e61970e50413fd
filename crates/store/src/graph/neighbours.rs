//! Neighbours in common: what some nodes share, and what that recommends.

use super::explore::{Follow, Next, distinct, exploring, nodes, nodes_found};
use super::{Direction, Most, Node, Result, check_id, check_kind};
use crate::kv::check_name;
use crate::operation::Operation;
use crate::refused;
use crate::store::Store;
use pando_model::engine::Outcome;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// Nodes whose neighbours are compared at most.
pub const COMPARED_MAX: usize = 100;
/// How many nodes are recommended where nothing is said.
const RECOMMENDED_DEFAULT: u64 = 10;

/// For whom something is recommended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecommendQuestion {
    /// The node.
    pub node: String,
    /// The kind of edges that make neighbours.
    pub kind: String,
    /// Which way they lead to the node's neighbours.
    pub direction: Direction,
    /// Which way they lead on from there; the same way where nothing is said.
    pub onward: Option<Direction>,
    /// Nodes at most.
    pub limit: Option<u64>,
    /// Edges that may be looked at.
    pub max_visited: Option<u64>,
}

/// What is recommended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recommended {
    /// The nodes, each with the number of neighbours that lead to it; most first, then by id.
    pub nodes: Vec<(Node, u64)>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
    /// Whether there were more edges than may be looked at.
    pub bounded: bool,
}

/// Whose neighbours are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommonQuestion {
    /// The nodes, at least two.
    pub nodes: Vec<String>,
    /// The kind of edges that make neighbours.
    pub kind: String,
    /// Which way they lead there.
    pub direction: Direction,
    /// Nodes at most.
    pub limit: Option<u64>,
    /// Edges that may be looked at.
    pub max_visited: Option<u64>,
}

/// The neighbours that all of them have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// The nodes, by id.
    pub nodes: Vec<Node>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
    /// Whether there were more edges than may be looked at.
    pub bounded: bool,
}

impl Store {
    /// Recommends what a node's neighbours lead to: those that most of them lead to come
    /// first; the node itself and its neighbours are left out.
    pub fn graph_recommend(
        &self,
        graph: &str,
        asked: &RecommendQuestion,
    ) -> Result<Operation<Recommended>> {
        check_name("graph", graph)?;
        check_id(&asked.node)?;
        check_kind(&asked.kind)?;
        let (graph, asked) = (graph.to_owned(), asked.clone());
        let most = self.graph_most(asked.limit, RECOMMENDED_DEFAULT);
        let budget = self.graph_budget(asked.max_visited);
        Ok(exploring(move |outcomes| {
            recommend(&graph, &asked, most, budget, outcomes)
        }))
    }

    /// Finds the neighbours that all of some nodes have.
    pub fn graph_common(&self, graph: &str, asked: &CommonQuestion) -> Result<Operation<Common>> {
        check_name("graph", graph)?;
        check_kind(&asked.kind)?;
        asked.nodes.iter().try_for_each(|id| check_id(id))?;
        let compared = distinct(asked.nodes.iter().map(String::as_str)).len();
        if !(2..=COMPARED_MAX).contains(&compared) {
            let message = format!("nodes are 2 to {COMPARED_MAX} different ids, not {compared}");
            return Err(refused::malformed(message));
        }
        let (graph, asked) = (graph.to_owned(), asked.clone());
        let most = self.graph_most(asked.limit, self.config().max_rows);
        let budget = self.graph_budget(asked.max_visited);
        Ok(exploring(move |outcomes| {
            common(&graph, &asked, most, budget, outcomes)
        }))
    }
}

fn follow(kind: &str, direction: Direction) -> Follow {
    Follow {
        kinds: Some(vec![kind.to_owned()]),
        direction,
        ..Follow::default()
    }
}

fn recommend(
    graph: &str,
    asked: &RecommendQuestion,
    most: Most,
    budget: usize,
    outcomes: &[Outcome],
) -> Result<Next<Recommended>> {
    let mut told = outcomes.iter();
    let near = follow(&asked.kind, asked.direction);
    let Some(read) = told.next() else {
        return Ok(Next::ask(near.read(graph, &[&asked.node], budget)));
    };
    let first = near.found(read, budget);
    let neighbours: Vec<&str> = first.edges.iter().map(|(_, to)| *to).collect();
    let left = budget - neighbours.len();
    if neighbours.is_empty() || left == 0 {
        return Ok(Next::Done(Recommended {
            bounded: !neighbours.is_empty(),
            ..Recommended::default()
        }));
    }
    let onward = follow(&asked.kind, asked.onward.unwrap_or(asked.direction));
    let Some(read) = told.next() else {
        return Ok(Next::ask(onward.read(graph, &neighbours, left)));
    };
    let second = onward.found(read, left);
    let mut known: HashSet<&str> = neighbours.iter().copied().collect();
    known.insert(&asked.node);
    let mut scores: HashMap<&str, u64> = HashMap::new();
    for (_, to) in &second.edges {
        if !known.contains(to) {
            *scores.entry(to).or_default() += 1;
        }
    }
    let mut ranked: Vec<(&str, u64)> = scores.into_iter().collect();
    ranked.sort_unstable_by_key(|(id, score)| (Reverse(*score), *id));
    let bounded = first.cut || second.cut;
    let truncated = ranked.len() > most.items && most.capped && asked.limit.is_some();
    ranked.truncate(most.items);
    let ids: Vec<&str> = ranked.iter().map(|(id, _)| *id).collect();
    let mut recommended = Recommended {
        nodes: Vec::new(),
        truncated,
        bounded,
    };
    if !ids.is_empty() {
        let Some(read) = told.next() else {
            return Ok(Next::ask(nodes(graph, &ids)));
        };
        let scores: HashMap<&str, u64> = ranked.into_iter().collect();
        let scored = nodes_found(read, &ids).into_iter().map(|node| {
            let score = scores.get(node.id.as_str()).copied().unwrap_or(0);
            (node, score)
        });
        recommended.nodes = scored.collect();
    }
    Ok(Next::Done(recommended))
}

fn common(
    graph: &str,
    asked: &CommonQuestion,
    most: Most,
    budget: usize,
    outcomes: &[Outcome],
) -> Result<Next<Common>> {
    let mut told = outcomes.iter();
    let compared = distinct(asked.nodes.iter().map(String::as_str));
    let follow = follow(&asked.kind, asked.direction);
    let Some(read) = told.next() else {
        return Ok(Next::ask(follow.read(graph, &compared, budget)));
    };
    let found = follow.found(read, budget);
    // A node has each neighbour once: one that is met as often as there are nodes is had by all.
    let mut met: HashMap<&str, usize> = HashMap::new();
    for (_, to) in &found.edges {
        *met.entry(to).or_default() += 1;
    }
    let all = met
        .into_iter()
        .filter(|(_, times)| *times == compared.len());
    let mut ids: Vec<&str> = all.map(|(id, _)| id).collect();
    ids.sort_unstable();
    let mut common = Common {
        nodes: Vec::new(),
        truncated: ids.len() > most.items && most.capped,
        bounded: found.cut,
    };
    ids.truncate(most.items);
    if !ids.is_empty() {
        let Some(read) = told.next() else {
            return Ok(Next::ask(nodes(graph, &ids)));
        };
        common.nodes = nodes_found(read, &ids);
    }
    Ok(Next::Done(common))
}

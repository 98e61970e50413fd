//! The graph as anybody would write it down in an hour: what the store is compared with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Nodes by id with their kind, and edges by their names with their time.
#[derive(Debug, Default)]
pub struct Naive {
    pub nodes: BTreeMap<String, String>,
    pub edges: BTreeMap<(String, String, String), i64>,
}

impl Naive {
    pub fn put_node(&mut self, id: &str, kind: &str) -> bool {
        self.nodes.insert(id.into(), kind.into()).is_none()
    }

    pub fn delete_node(&mut self, id: &str) -> bool {
        self.edges.retain(|(from, _, to), _| from != id && to != id);
        self.nodes.remove(id).is_some()
    }

    /// Whether it is new; `None` where a node is missing.
    pub fn put_edge(&mut self, from: &str, kind: &str, to: &str, at: i64) -> Option<bool> {
        if !self.nodes.contains_key(from) || !self.nodes.contains_key(to) {
            return None;
        }
        Some(
            self.edges
                .insert((from.into(), kind.into(), to.into()), at)
                .is_none(),
        )
    }

    pub fn delete_edge(&mut self, from: &str, kind: &str, to: &str) -> bool {
        self.edges
            .remove(&(from.into(), kind.into(), to.into()))
            .is_some()
    }

    /// A node's neighbours, the newest first.
    pub fn neighbours(&self, id: &str, kind: &str, out: bool) -> Vec<(i64, String)> {
        let mut found: Vec<(i64, String)> = self
            .edges
            .iter()
            .filter(|((from, of, to), _)| of == kind && (if out { from } else { to }) == id)
            .map(|((from, _, to), at)| (*at, if out { to.clone() } else { from.clone() }))
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        found
    }

    /// What so many hops of a kind reach, in the order in which it is come upon.
    pub fn reached(&self, from: &str, kind: &str, hops: usize) -> Vec<String> {
        let mut rim = vec![from.to_owned()];
        for _ in 0..hops {
            let mut next: Vec<String> = Vec::new();
            for node in &rim {
                for (_, to) in self.neighbours(node, kind, true) {
                    if !next.contains(&to) {
                        next.push(to);
                    }
                }
            }
            rim = next;
        }
        rim
    }

    /// How many hops a shortest path over all kinds has.
    pub fn distance(&self, from: &str, to: &str, max: u64) -> Option<u64> {
        if !self.nodes.contains_key(from) || !self.nodes.contains_key(to) {
            return None;
        }
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut queue = VecDeque::from([(from.to_owned(), 0)]);
        while let Some((here, hops)) = queue.pop_front() {
            if here == to {
                return (hops <= max).then_some(hops);
            }
            for (start, _, end) in self.edges.keys() {
                if *start == here && seen.insert(end.clone()) {
                    queue.push_back((end.clone(), hops + 1));
                }
            }
        }
        None
    }

    /// Scores of those that neighbours lead to.
    pub fn recommended(&self, id: &str, kind: &str) -> Vec<(String, u64)> {
        let near: BTreeSet<String> = self
            .neighbours(id, kind, true)
            .into_iter()
            .map(|(_, to)| to)
            .collect();
        let mut scores: BTreeMap<String, u64> = BTreeMap::new();
        for node in &near {
            for (_, to) in self.neighbours(node, kind, true) {
                if to != id && !near.contains(&to) {
                    *scores.entry(to).or_default() += 1;
                }
            }
        }
        let mut ranked: Vec<_> = scores.into_iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ranked
    }

    /// All simple cycles over all kinds, the shortest first.
    pub fn cycles(&self, id: &str, max: usize) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        let mut ways = vec![vec![id.to_owned()]];
        for _ in 0..max {
            let mut next = BTreeSet::new();
            for way in &ways {
                for (from, _, to) in self.edges.keys() {
                    if from != way.last().unwrap() {
                        continue;
                    }
                    let mut longer = way.clone();
                    longer.push(to.clone());
                    if to == id || !way.contains(to) {
                        next.insert(longer);
                    }
                }
            }
            let (closed, open): (Vec<_>, Vec<_>) =
                next.into_iter().partition(|way| way.last().unwrap() == id);
            found.extend(closed);
            ways = open;
        }
        found
    }
}

//! Patterns in a trie, one word an edge, walked as a set of nodes.
//!
//! RabbitMQ walks its trie by recursion, and tries each way that a `#` can go; a few `#` in one
//! pattern make that exponential. A set that is stepped word by word, as Thompson's automata are
//! (Regular Expression Search Algorithm, CACM 11(6), 1968), meets a node once for each word.

use std::collections::HashMap;

/// A node's place.
type Ix = usize;

const ROOT: Ix = 0;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    words: HashMap<Box<str>, Ix>,
    one: Option<Ix>,
    any: Option<Ix>,
    /// A node behind `#` takes any word and stays.
    stays: bool,
    /// Whose patterns end here.
    queues: Vec<usize>,
}

/// What a key was found to match.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Queues, perhaps several times.
    pub(super) queues: Vec<usize>,
    /// How many nodes were met.
    pub(super) met: usize,
}

impl Trie {
    pub(super) fn new() -> Trie {
        Trie {
            nodes: vec![Node::default()],
        }
    }

    /// Adds a pattern. Neighbouring wildcards are brought into one order, which means the same:
    /// as many `*`, and then one `#` if there was any.
    pub(super) fn bind<'a>(&mut self, pattern: impl Iterator<Item = &'a str>, queue: usize) {
        let mut at = ROOT;
        let mut is_any_due = false;
        for word in pattern {
            match word {
                "#" => is_any_due = true,
                "*" => at = self.child(at, |node| &mut node.one),
                word => {
                    if std::mem::take(&mut is_any_due) {
                        at = self.any(at);
                    }
                    at = match self.nodes[at].words.get(word) {
                        Some(next) => *next,
                        None => {
                            let next = self.add();
                            self.nodes[at].words.insert(word.into(), next);
                            next
                        }
                    };
                }
            }
        }
        if is_any_due {
            at = self.any(at);
        }
        self.nodes[at].queues.push(queue);
    }

    /// Does something with the queues of each pattern.
    pub(super) fn each_queues(&mut self, with: impl Fn(&mut Vec<usize>)) {
        self.nodes
            .iter_mut()
            .for_each(|node| with(&mut node.queues));
    }

    /// Which patterns a key matches.
    pub(super) fn find<'a>(&self, key: impl Iterator<Item = &'a str>) -> Found {
        let mut found = Found::default();
        let mut now = Vec::new();
        self.enter(ROOT, &mut now);
        let mut next = Vec::new();
        for word in key {
            found.met += now.len();
            for at in now.drain(..) {
                let node = &self.nodes[at];
                if node.stays {
                    next.push(at);
                }
                let children = [node.words.get(word).copied(), node.one];
                for child in children.into_iter().flatten() {
                    self.enter(child, &mut next);
                }
            }
            next.sort_unstable();
            next.dedup();
            std::mem::swap(&mut now, &mut next);
        }
        found.met += now.len();
        for at in now {
            found.queues.extend(&self.nodes[at].queues);
        }
        found
    }

    /// A node, and what is reached from it by no word at all.
    fn enter(&self, at: Ix, set: &mut Vec<Ix>) {
        set.push(at);
        // Behind `#` there is never another one, so there is one step at most.
        set.extend(self.nodes[at].any);
    }

    fn any(&mut self, at: Ix) -> Ix {
        let next = self.child(at, |node| &mut node.any);
        self.nodes[next].stays = true;
        next
    }

    fn child(&mut self, at: Ix, of: impl Fn(&mut Node) -> &mut Option<Ix>) -> Ix {
        if let Some(next) = *of(&mut self.nodes[at]) {
            return next;
        }
        let next = self.add();
        *of(&mut self.nodes[at]) = Some(next);
        next
    }

    fn add(&mut self) -> Ix {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

//! Drawing operations that can be carried out: what is removed or patched is there, and so
//! are the nodes of an edge.

use crate::names::{HUBS, KINDS, Names};
use crate::op::Op;
use crate::state::State;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

/// What share of transactions is one operation of one model.
const SINGLE: f64 = 0.3;
/// Graph operations of one transaction at most.
const GRAPH_MAX: usize = 4;

/// The models.
#[derive(Clone, Copy)]
enum Model {
    Tables,
    Keys,
    Documents,
    Wide,
    Graph,
}

const MODELS: [Model; 5] = [
    Model::Tables,
    Model::Keys,
    Model::Documents,
    Model::Wide,
    Model::Graph,
];

/// Draws the operations of a transaction: something in each model and both counters counted
/// up, in any order; or one operation of one model. What is there is never the same after it.
pub(crate) fn ops(names: Names, state: &State, value: u64, chance: &mut impl Rng) -> Vec<Op> {
    let mut drawn = Draw {
        names,
        state: state.clone(),
        value,
        ops: Vec::new(),
    };
    let mut models = MODELS;
    models.shuffle(chance);
    if chance.random_bool(SINGLE) {
        drawn.add(models[0], chance);
        return drawn.ops;
    }
    for model in models {
        let most = if matches!(model, Model::Graph) {
            GRAPH_MAX
        } else {
            1
        };
        for _ in 0..chance.random_range(1..=most) {
            drawn.add(model, chance);
        }
        if matches!(model, Model::Keys) {
            drawn.push(drawn.count(chance));
            drawn.push(Op::CountAll);
        }
    }
    drawn.ops
}

struct Draw {
    names: Names,
    /// After the operations so far.
    state: State,
    value: u64,
    ops: Vec<Op>,
}

impl Draw {
    fn push(&mut self, op: Op) {
        self.state.apply(&op);
        self.ops.push(op);
    }

    fn add(&mut self, model: Model, chance: &mut impl Rng) {
        let op = match model {
            Model::Tables => self.row(chance),
            Model::Keys => self.key(chance),
            Model::Documents => self.document(chance),
            Model::Wide => self.cells(chance),
            Model::Graph => self.graph(chance),
        };
        self.push(op);
    }

    fn row(&self, chance: &mut impl Rng) -> Op {
        let id = one_of(&self.names.rows(), chance).unwrap_or_default();
        if self.state.has(&format!("row {id}")) && chance.random_bool(0.3) {
            return Op::DeleteRow { id };
        }
        Op::PutRow {
            id,
            writer: self.names.0,
            value: self.value,
        }
    }

    fn count(&self, chance: &mut impl Rng) -> Op {
        Op::Count {
            key: self.names.counter(),
            by: chance.random_range(1..10),
        }
    }

    fn key(&self, chance: &mut impl Rng) -> Op {
        let key = one_of(&self.names.things(), chance).unwrap_or_default();
        let is_there = self.state.has(&format!("key {key}"));
        match chance.random_range(0..10) {
            0..3 if is_there => Op::DeleteKey { key },
            3..6 => self.count(chance),
            _ => Op::PutKey {
                key,
                value: self.value,
            },
        }
    }

    fn document(&self, chance: &mut impl Rng) -> Op {
        let id = one_of(&self.names.things(), chance).unwrap_or_default();
        let value = self.value;
        let is_there = self.state.has(&format!("document {id}"));
        match chance.random_range(0..10) {
            0..2 if is_there => Op::DeleteDocument { id },
            2..6 if is_there => Op::PatchDocument { id, value },
            _ => Op::PutDocument {
                id,
                word: self.names.own(),
                value,
            },
        }
    }

    fn cells(&self, chance: &mut impl Rng) -> Op {
        let partition = self.names.own();
        let row = one_of(&self.names.wide_rows(), chance).unwrap_or_default();
        if self.state.has(&format!("cell {row} f:a")) && chance.random_bool(0.3) {
            return Op::DeleteCells { partition, row };
        }
        Op::PutCells {
            partition,
            row,
            value: self.value,
        }
    }

    fn graph(&self, chance: &mut impl Rng) -> Op {
        let value = self.value;
        let (there, missing): (Vec<String>, Vec<String>) = self
            .names
            .things()
            .into_iter()
            .partition(|id| self.state.has(&format!("node {id}")));
        let Some(id) = one_of(&there, chance) else {
            let id = one_of(&missing, chance).unwrap_or_default();
            return Op::PutNode { id, value };
        };
        let edges: Vec<_> = self.state.edges().collect();
        match chance.random_range(0..20) {
            0..2 => Op::DeleteNode { id },
            2..5 => Op::PatchNode { id, value },
            5..7 => Op::PutNode { id, value },
            7..10 if !missing.is_empty() => {
                let id = one_of(&missing, chance).unwrap_or_default();
                Op::PutNode { id, value }
            }
            10..13 if !edges.is_empty() => {
                let (from, kind, to) = one_of(&edges, chance).unwrap_or_default();
                Op::DeleteEdge {
                    from: from.to_owned(),
                    kind: kind.to_owned(),
                    to: to.to_owned(),
                }
            }
            _ => {
                let hubs = HUBS.map(str::to_owned);
                let to = if chance.random_bool(0.5) {
                    &hubs[..]
                } else {
                    &there
                };
                Op::PutEdge {
                    from: id,
                    kind: one_of(&KINDS, chance).unwrap_or_default(),
                    to: one_of(to, chance).unwrap_or_default(),
                    value,
                }
            }
        }
    }
}

fn one_of<T: Clone>(all: &[T], chance: &mut impl Rng) -> Option<T> {
    all.choose(chance).cloned()
}

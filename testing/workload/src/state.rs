//! What operations leave.

use crate::names::{COUNTER, HUBS, KINDS, Names};
use crate::op::Op;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All that can be read of a writer's things, by what it is and its name:
///
/// | name | value |
/// |---|---|
/// | `row ID` | the column `value` |
/// | `key KEY`, `counter` | the number |
/// | `document ID` | its members, but for `_id` |
/// | `found ID` | `true`: the search for the writer's word gives the document |
/// | `cell ROW COLUMN` | its value |
/// | `node ID` | its body |
/// | `edge FROM KIND TO` | `[at, body]`, as the first node's outgoing edges show it |
/// | `inverse FROM KIND TO` | the same, as the second node's incoming edges show it |
/// | `degree out ID KIND`, `degree in ID KIND` | its count where it is not 0; of own nodes only |
pub type View = BTreeMap<String, Value>;

/// What a writer's transactions leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    things: View,
    counted: u64,
}

/// What all writers together leave in what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The counter of all.
    pub counted: u64,
    /// The edges into each hub, by hub and kind; 0 where there are none.
    pub degrees: BTreeMap<(String, String), u64>,
}

impl State {
    /// Does what an operation does.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::PutRow { id, value, .. } => self.put(format!("row {id}"), json!(value)),
            Op::DeleteRow { id } => self.remove(&format!("row {id}")),
            Op::PutKey { key, value } => self.put(format!("key {key}"), json!(value)),
            Op::DeleteKey { key } => self.remove(&format!("key {key}")),
            Op::Count { by, .. } => {
                let counted = self.things.get(COUNTER).and_then(Value::as_u64);
                self.put(COUNTER.to_owned(), json!(counted.unwrap_or(0) + by));
            }
            Op::CountAll => self.counted += 1,
            Op::PutDocument { id, word, value } => {
                let words = format!("{word} {value}");
                let document = json!({ "value": value, "words": words });
                self.put(format!("document {id}"), document);
            }
            Op::PatchDocument { id, value } => self.patch(&format!("document {id}"), *value),
            Op::DeleteDocument { id } => self.remove(&format!("document {id}")),
            Op::PutCells { row, value, .. } => {
                for column in ["f:a", "g:b"] {
                    self.put(format!("cell {row} {column}"), json!(value));
                }
            }
            Op::DeleteCells { row, .. } => {
                for column in ["f:a", "g:b"] {
                    self.remove(&format!("cell {row} {column}"));
                }
            }
            Op::PutNode { id, value } => self.put(format!("node {id}"), json!({ "value": value })),
            Op::PatchNode { id, value } => self.patch(&format!("node {id}"), *value),
            Op::DeleteNode { id } => {
                self.remove(&format!("node {id}"));
                self.things.retain(|name, _| {
                    ends(name).is_none_or(|(from, _, to)| from != id && to != id)
                });
            }
            Op::PutEdge {
                from,
                kind,
                to,
                value,
            } => {
                let edge = json!([value, { "value": value }]);
                self.put(format!("edge {from} {kind} {to}"), edge);
            }
            Op::DeleteEdge { from, kind, to } => self.remove(&format!("edge {from} {kind} {to}")),
        }
    }

    /// What is to be read of it.
    pub fn view(&self, names: Names) -> View {
        let mut view = self.things.clone();
        let mut degrees: BTreeMap<String, u64> = BTreeMap::new();
        for (name, value) in &self.things {
            if let Some(id) = name.strip_prefix("document ") {
                view.insert(format!("found {id}"), json!(true));
            }
            if let Some((from, kind, to)) = ends(name) {
                view.insert(format!("inverse {from} {kind} {to}"), value.clone());
                *degrees
                    .entry(format!("degree out {from} {kind}"))
                    .or_default() += 1;
                if names.owns(to) {
                    *degrees.entry(format!("degree in {to} {kind}")).or_default() += 1;
                }
            }
        }
        let degrees = degrees.into_iter();
        view.extend(degrees.map(|(name, count)| (name, json!(count))));
        view
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.things.contains_key(name)
    }

    /// The edges that are there: from, kind, to.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.things.keys().filter_map(|name| ends(name))
    }

    fn put(&mut self, name: String, value: Value) {
        self.things.insert(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.things.remove(name);
    }

    fn patch(&mut self, name: &str, value: u64) {
        if let Some(thing) = self.things.get_mut(name) {
            thing["patched"] = json!(value);
        }
    }
}

impl Shared {
    /// The sum of what writers leave.
    pub fn of<'s>(states: impl IntoIterator<Item = &'s State>) -> Shared {
        let mut shared = Shared::default();
        for hub in HUBS {
            for kind in KINDS {
                shared.degrees.insert((hub.to_owned(), kind.to_owned()), 0);
            }
        }
        for state in states {
            shared.counted += state.counted;
            for (_, kind, to) in state.edges() {
                if let Some(degree) = shared.degrees.get_mut(&(to.to_owned(), kind.to_owned())) {
                    *degree += 1;
                }
            }
        }
        shared
    }
}

/// From, kind and to of what is an edge.
fn ends(name: &str) -> Option<(&str, &str, &str)> {
    let mut words = name.strip_prefix("edge ")?.split(' ');
    Some((words.next()?, words.next()?, words.next()?))
}

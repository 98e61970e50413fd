//! Which of a child's rows belong to which parent: an index over the answer of
//! a keyed select.

use super::{ChildLayout, Layout};
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::plan::{Row, RowSet};
use pando_model::value::Value;
use std::collections::HashMap;

/// A level of an answer, with its children indexed.
pub(crate) struct Level<'a> {
    /// How it is written.
    pub layout: &'a Layout,
    /// Its rows.
    pub rows: &'a [Row],
    /// What is embedded in them, in the order of the layout's children.
    pub children: Vec<Indexed<'a>>,
}

/// A child's rows by their parent's key.
pub(crate) struct Indexed<'a> {
    /// How the child hangs on its parent.
    pub child: &'a ChildLayout,
    /// Its rows and their own children.
    pub level: Level<'a>,
    first: Heads,
    /// The next row with the same key; its own place at the end of a chain.
    next: Vec<usize>,
}

/// The first and last row of each key.
enum Heads {
    /// Keys of one integer.
    Int(HashMap<i64, (usize, usize)>),
    /// All others, by their canonical bytes.
    Bytes(HashMap<Vec<u8>, (usize, usize)>),
}

impl<'a> Level<'a> {
    /// Indexes an answer.
    pub(crate) fn new(layout: &'a Layout, rows: &'a RowSet) -> Level<'a> {
        let children = layout
            .children
            .iter()
            .zip(&rows.children)
            .map(|(child, set)| Indexed::new(child, set))
            .collect();
        Level {
            layout,
            rows: &rows.rows,
            children,
        }
    }
}

impl<'a> Indexed<'a> {
    fn new(child: &'a ChildLayout, set: &'a RowSet) -> Indexed<'a> {
        let mut next: Vec<usize> = (0..set.rows.len()).collect();
        let first = if child.key_types.len() == 1 && is_integer(&child.key_types[0]) {
            let mut heads = HashMap::with_capacity(set.rows.len());
            for (at, row) in set.rows.iter().enumerate() {
                if let Some(Value::Int(key)) = row.get(child.key_at) {
                    chain(&mut heads, &mut next, *key, at);
                }
            }
            Heads::Int(heads)
        } else {
            let mut heads = HashMap::with_capacity(set.rows.len());
            for (at, row) in set.rows.iter().enumerate() {
                let values = row.iter().skip(child.key_at);
                if let Some(key) = key_bytes(child.key_types.iter().zip(values)) {
                    chain(&mut heads, &mut next, key, at);
                }
            }
            Heads::Bytes(heads)
        };
        Indexed {
            child,
            level: Level::new(&child.layout, set),
            first,
            next,
        }
    }

    /// The rows that belong to a parent, in their order; at most `cut` of them.
    pub(crate) fn rows_of(&self, parent: &Row) -> RowsOf<'_> {
        let range = match &self.first {
            Heads::Int(heads) => match self.child.parent.first() {
                Some((ix, _)) => match parent.get(*ix) {
                    Some(Value::Int(key)) => heads.get(key),
                    _ => None,
                },
                None => None,
            },
            Heads::Bytes(heads) => {
                let parts = self.child.parent.iter();
                let parts = parts.map(|(ix, ty)| (ty, parent.get(*ix).unwrap_or(&Value::Null)));
                key_bytes(parts).and_then(|key| heads.get(&key))
            }
        };
        RowsOf {
            rows: self.level.rows,
            next: &self.next,
            at: range.map(|(first, _)| *first),
            left: self.child.cut.unwrap_or(u64::MAX),
            lone: if range.is_none() {
                self.child.lone.as_ref()
            } else {
                None
            },
        }
    }

    /// Whether some parent has more rows than are written.
    pub(crate) fn is_cut(&self) -> bool {
        let longer = |(first, _): &(usize, usize), cut: u64| {
            let mut at = *first;
            for _ in 0..cut {
                if self.next[at] == at {
                    return false;
                }
                at = self.next[at];
            }
            true
        };
        let here = self.child.cut.is_some_and(|cut| match &self.first {
            Heads::Int(heads) => heads.values().any(|head| longer(head, cut)),
            Heads::Bytes(heads) => heads.values().any(|head| longer(head, cut)),
        });
        here || self.level.children.iter().any(Indexed::is_cut)
    }
}

/// The rows of one parent.
pub(crate) struct RowsOf<'a> {
    rows: &'a [Row],
    next: &'a [usize],
    at: Option<usize>,
    left: u64,
    lone: Option<&'a Row>,
}

impl<'a> Iterator for RowsOf<'a> {
    type Item = &'a Row;

    fn next(&mut self) -> Option<&'a Row> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let Some(at) = self.at else {
            return self.lone.take();
        };
        let following = self.next[at];
        self.at = (following != at).then_some(following);
        if self.at.is_none() {
            self.left = 0;
        }
        Some(&self.rows[at])
    }
}

fn chain<K: std::hash::Hash + Eq>(
    heads: &mut HashMap<K, (usize, usize)>,
    next: &mut [usize],
    key: K,
    at: usize,
) {
    heads
        .entry(key)
        .and_modify(|(_, last)| {
            next[*last] = at;
            *last = at;
        })
        .or_insert((at, at));
}

/// A key's bytes; `None` when it holds a NULL, which equals nothing.
fn key_bytes<'v>(parts: impl Iterator<Item = (&'v ColumnType, &'v Value)>) -> Option<Vec<u8>> {
    let parts: Vec<(&ColumnType, &Value)> = parts.collect();
    if parts.iter().any(|(_, value)| value.is_null()) {
        return None;
    }
    Some(canonical::bytes_of(&parts))
}

fn is_integer(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Integer | ColumnType::Bigint)
}

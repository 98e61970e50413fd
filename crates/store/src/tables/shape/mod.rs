//! How rows are written down: straight from values to bytes.
//!
//! A [`Layout`] is worked out with the plan. Its [`Leaf`]s are the fields of one
//! written row, in order; a field lies in the row itself or, for a spread, in
//! the rows that a path of look-ups leads to. Children are found by an index
//! over their key's bytes, built once for each answer.

pub(crate) mod children;
pub(crate) mod csv;
pub(crate) mod fold;
pub(crate) mod json;
pub(crate) mod page;

use fold::Fold;
use pando_model::column::ColumnType;
use pando_model::plan::Row;
use std::sync::Arc;

/// How the rows of one select, and what is embedded in them, are written down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// The fields of a written row.
    pub leaves: Arc<[Leaf]>,
    /// What is embedded, in the order of the plan's children.
    pub children: Vec<ChildLayout>,
    /// Groups the rows before they are written.
    pub fold: Option<Fold>,
}

/// How an embedded resource hangs on its parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChildLayout {
    /// How its rows are written.
    pub layout: Layout,
    /// Which outputs of the parent make the key, and their types.
    pub parent: Vec<(usize, ColumnType)>,
    /// Where the key begins in the child's rows, and its types.
    pub key_at: usize,
    /// The types of the key's columns on the child's side.
    pub key_types: Vec<ColumnType>,
    /// The row that stands where there is none: an aggregate over nothing.
    pub lone: Option<Row>,
    /// How many rows of one parent are written at most, if that is less than was asked for.
    pub cut: Option<u64>,
}

/// One field of a written row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    /// Its name, escaped, with quotes and colon.
    pub key: Arc<[u8]>,
    /// The look-ups that lead to the row it is in; empty for the row itself.
    pub path: Vec<Step>,
    /// What is written there.
    pub end: End,
}

/// A look-up on the way to a spread field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which child.
    pub child: usize,
    /// Whether all its rows are written, as an array.
    pub many: bool,
}

/// What is written of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// An output.
    Value(usize, ColumnType),
    /// An output of one type, written as another.
    Cast(usize, ColumnType, ColumnType),
    /// A child's rows: one object or null, or an array of objects.
    Embed(Step),
    /// An aggregate of the fold, by its place.
    Folded(usize),
}

/// A field's name as it stands before its value in JSON.
pub(crate) fn key_of(name: &str) -> Arc<[u8]> {
    let mut key = serde_json::Value::from(name).to_string().into_bytes();
    key.push(b':');
    key.into()
}

/// A field's name out of [`key_of`].
pub(crate) fn name_of(key: &[u8]) -> String {
    let quoted = key.strip_suffix(b":").unwrap_or(key);
    serde_json::from_slice(quoted).unwrap_or_default()
}

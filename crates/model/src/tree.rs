//! How a tree is read: a select, and what is embedded in its rows.
//!
//! A child is one select for all its parents, by their keys; never one for each row. What is
//! answered of a tree is taken from its request's budget; rows that a write looks at are not.

use crate::canonical;
use crate::error::{EngineError, Refusal};
use crate::plan::{Child, Filter, KeySource, Output, Row, RowSet, Scalar, Select, Tree, Via};
use crate::schema::{ColumnIx, Table};
use crate::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Something that carries selects out, on one snapshot.
pub trait Source {
    /// Its error.
    type Fault: From<EngineError> + From<Refusal>;

    /// The rows of a select, which are answered; with `keyed`, those that belong to parents,
    /// each with the key's values behind its outputs.
    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Result<Vec<Row>, Self::Fault>;

    /// How many rows a select would give without limit and offset.
    fn count(&self, select: &Select) -> Result<u64, Self::Fault>;
}

/// The keys of a keyed select.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<'a> {
    /// The junction between the parent and the table.
    pub via: Option<&'a Via>,
    /// Where the key's columns lie.
    pub key: &'a [KeySource],
    /// The parents' keys, without NULLs.
    pub keys: &'a [Vec<Value>],
}

/// Reads a tree. The caller sees to the snapshot.
pub fn read_tree<S: Source>(source: &S, tree: &Tree) -> Result<RowSet, S::Fault> {
    let rows = source.select(&tree.select, None)?;
    with_children(source, tree, rows)
}

/// The same, and how many rows there are without limit and offset, where that is asked.
pub fn read_counted<S: Source>(source: &S, tree: &Tree, count: bool) -> Result<RowSet, S::Fault> {
    let mut rows = read_tree(source, tree)?;
    if count {
        rows.total = Some(source.count(&tree.select)?);
    }
    Ok(rows)
}

/// The row set of rows that were read already.
pub fn with_children<S: Source>(
    source: &S,
    tree: &Tree,
    rows: Vec<Row>,
) -> Result<RowSet, S::Fault> {
    let children = tree
        .children
        .iter()
        .map(|child| read_child(source, child, &rows))
        .collect::<Result<_, _>>()?;
    Ok(RowSet {
        rows,
        children,
        total: None,
    })
}

/// A select of some columns of the rows that pass, by primary key, behind a row.
pub fn by_key(
    table: &Arc<Table>,
    columns: &[ColumnIx],
    filter: &Filter,
    after: Option<&Row>,
) -> Select {
    let key = &table.primary_key.columns;
    let filter = match after {
        Some(row) => Filter::And(vec![
            filter.clone(),
            Filter::After {
                columns: key.clone(),
                values: key.iter().map(|ix| row[*ix].clone()).collect(),
            },
        ]),
        None => filter.clone(),
    };
    Select {
        table: table.clone(),
        output: columns
            .iter()
            .map(|ix| Output::Scalar(Scalar::Column(*ix)))
            .collect(),
        filter,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

fn read_child<S: Source>(source: &S, child: &Child, parents: &[Row]) -> Result<RowSet, S::Fault> {
    let select = &child.tree.select;
    let keys = distinct_keys(child, parents);
    if let (None, [key]) = (&child.via, keys.as_slice())
        && select.limit.is_some()
        && !select.is_aggregate()
    {
        let rows = source.select(&of_one_parent(child, key), None)?;
        return with_children(source, &child.tree, rows);
    }
    let keyed = Keyed {
        via: child.via.as_ref(),
        key: &child.key,
        keys: &keys,
    };
    let rows = source.select(select, Some(keyed))?;
    with_children(source, &child.tree, rows)
}

/// A limited child of one parent, as a select of its own, which ends where the limit is met:
/// among several parents all rows of each are numbered first.
fn of_one_parent(child: &Child, key: &[Value]) -> Select {
    let mut own = child.tree.select.clone();
    let columns: Vec<ColumnIx> = child
        .key
        .iter()
        .map(|source| match source {
            KeySource::Via(ix) | KeySource::Table(ix) => *ix,
        })
        .collect();
    // As for several parents, the key comes behind what is selected.
    let outputs = columns.iter().copied();
    own.output
        .extend(outputs.map(|ix| Output::Scalar(Scalar::Column(ix))));
    own.filter = Filter::And(vec![
        Filter::Keys {
            columns,
            keys: vec![key.to_vec()],
        },
        own.filter,
    ]);
    own
}

/// The parents' keys, each once, those with a NULL left out.
fn distinct_keys(child: &Child, parents: &[Row]) -> Vec<Vec<Value>> {
    let types: Vec<_> = child
        .key
        .iter()
        .map(|source| match (source, &child.via) {
            (KeySource::Via(ix), Some(via)) => &via.table.columns[*ix].ty,
            (KeySource::Via(ix) | KeySource::Table(ix), _) => {
                &child.tree.select.table.columns[*ix].ty
            }
        })
        .collect();
    let mut seen = HashSet::with_capacity(parents.len());
    let mut keys = Vec::new();
    for parent in parents {
        let parts: Vec<_> = types
            .iter()
            .copied()
            .zip(child.parent.iter().map(|place| &parent[*place]))
            .collect();
        if parts.iter().any(|(_, value)| value.is_null()) {
            continue;
        }
        if seen.insert(canonical::bytes_of(&parts)) {
            keys.push(parts.into_iter().map(|(_, value)| value.clone()).collect());
        }
    }
    keys
}

//! A node as a select and the layout of its rows.
//!
//! A node's rows are a table's rows, or groups of them. Groups over the table
//! alone are the engine's work; where resources are embedded in a node that
//! aggregates, or its aggregates lie in a spread to-one resource, rows are read
//! and folded afterwards ([`crate::tables::shape::fold`]).

use super::partial;
use super::rows::{Rows, value_leaf};
use super::selected::{Selected, has_aggregates, is_lone_aggregate, is_rendered};
use super::{Node, Resolver, filter, order};
use crate::request::SelectItem;
use crate::tables::refusals;
use crate::tables::shape::fold::{Fold, FoldAggregate};
use crate::tables::shape::{End, Layout, Leaf, key_of};
use pando_model::aggregate::AggregateFn;
use pando_model::error::Refusal;
use pando_model::plan::{Order, OrderBy, Output, Row, Scalar, Select, Tree};
use pando_model::value::Value;
use std::sync::Arc;

/// A node, built.
pub(crate) struct Built {
    /// What is read.
    pub tree: Tree,
    /// How it is written.
    pub layout: Layout,
    /// Whether its rows are written as groups.
    pub grouped: bool,
    /// The row that stands for no rows: an aggregate over nothing.
    pub(super) lone: Option<Row>,
    /// Aggregates that the parent folds, of a to-one resource that is spread.
    pub(super) aggregates: Vec<FoldAggregate>,
}

/// Builds the root and all below it. Its limit and offset are the caller's to set.
pub(crate) fn build(resolver: &Resolver<'_>, root: &Node<'_>) -> Result<Built, Refusal> {
    build_node(resolver, root, false)
}

/// `lifted`: a to-one resource whose fields and aggregates are its parent's.
pub(super) fn build_node(
    resolver: &Resolver<'_>,
    node: &Node<'_>,
    lifted: bool,
) -> Result<Built, Refusal> {
    let aggregates = has_aggregates(node);
    let rendered = node.children.iter().any(is_rendered);
    if aggregates && !rendered && !lifted {
        return build_groups(resolver, node);
    }
    let plain_star = matches!(node.items, [] | [SelectItem::Star]) && !rendered;
    if plain_star && (node.embed.is_none() || !node.items.is_empty()) {
        return build_star(resolver, node);
    }
    let mut rows = Rows::new(&node.entry.table);
    rows.add_items(node)?;
    for child in node.children.iter().filter(|child| is_rendered(child)) {
        rows.add_child(resolver, child)?;
    }
    rows.add_something();
    let mut built = Built {
        tree: Tree {
            select: Select {
                table: Arc::clone(&node.entry.table),
                output: rows.output,
                filter: filter::of_node(resolver, node)?,
                order: order::of_rows(node)?,
                limit: None,
                offset: 0,
            },
            children: rows.children,
        },
        layout: Layout {
            leaves: rows.leaves.into(),
            children: rows.layouts,
            fold: None,
        },
        grouped: aggregates,
        lone: None,
        aggregates: rows.aggregates,
    };
    if aggregates && !lifted {
        check_grouped(&built)?;
        built.layout.fold = Some(Fold {
            aggregates: std::mem::take(&mut built.aggregates),
            ..Fold::default()
        });
        partial::aggregate_early(&mut built.tree.select, &mut built.layout);
    }
    Ok(built)
}

/// All columns of a table and nothing else: what most requests are, so nothing is worked out.
fn build_star(resolver: &Resolver<'_>, node: &Node<'_>) -> Result<Built, Refusal> {
    Ok(Built {
        tree: Tree {
            select: Select {
                table: Arc::clone(&node.entry.table),
                output: node.entry.star_outputs.clone(),
                filter: filter::of_node(resolver, node)?,
                order: order::of_rows(node)?,
                limit: None,
                offset: 0,
            },
            children: Vec::new(),
        },
        layout: Layout {
            leaves: Arc::clone(&node.entry.star_leaves),
            children: Vec::new(),
            fold: None,
        },
        grouped: false,
        lone: None,
        aggregates: Vec::new(),
    })
}

/// Groups over a table's own columns.
fn build_groups(resolver: &Resolver<'_>, node: &Node<'_>) -> Result<Built, Refusal> {
    let table = &node.entry.table;
    let mut output = Vec::new();
    let mut names = Vec::new();
    let mut leaves = Vec::new();
    for item in node.items {
        if let SelectItem::Star = item {
            for (ix, column) in table.columns.iter().enumerate() {
                leaves.push(value_leaf(&column.name, output.len(), column.ty.clone()));
                names.push(column.name.clone());
                output.push(Output::Scalar(Scalar::Column(ix)));
            }
        }
        let Some(selected) = Selected::of(node, item)? else {
            continue;
        };
        let place = output.len();
        let end = match &selected.aggregate {
            None => End::Value(place, selected.ty.clone()),
            Some((_, cast)) => match cast {
                Some(cast) if *cast != selected.ty => {
                    End::Cast(place, selected.ty.clone(), cast.clone())
                }
                _ => End::Value(place, selected.ty.clone()),
            },
        };
        leaves.push(Leaf {
            key: key_of(&selected.name),
            path: Vec::new(),
            end,
        });
        names.push(selected.name);
        output.push(match (selected.aggregate, selected.scalar) {
            (Some((function, _)), input) => Output::Aggregate(function, input),
            (None, Some(scalar)) => Output::Scalar(scalar),
            (None, None) => continue,
        });
    }
    let lone = is_lone_aggregate(node).then(|| output.iter().map(over_nothing).collect());
    Ok(Built {
        tree: Tree {
            select: Select {
                table: Arc::clone(table),
                filter: filter::of_node(resolver, node)?,
                order: order::of_groups(node, &output, &names)?,
                output,
                limit: None,
                offset: 0,
            },
            children: Vec::new(),
        },
        layout: Layout {
            leaves: leaves.into(),
            children: Vec::new(),
            fold: None,
        },
        grouped: true,
        lone,
        aggregates: Vec::new(),
    })
}

/// A fold's order looks only at what it groups by.
fn check_grouped(built: &Built) -> Result<(), Refusal> {
    let select = &built.tree.select;
    let is_grouped = |wanted: &Scalar| {
        built.layout.leaves.iter().any(|leaf| match leaf.end {
            End::Value(place, _) if leaf.path.is_empty() => {
                matches!(&select.output[place], Output::Scalar(scalar) if scalar == wanted)
            }
            _ => false,
        })
    };
    for Order { by, .. } in &select.order {
        if let OrderBy::Scalar(scalar) = by
            && !is_grouped(scalar)
        {
            let column = match scalar {
                Scalar::Column(ix) | Scalar::Json { column: ix, .. } => *ix,
                Scalar::Cast(..) => continue,
            };
            let table = &select.table;
            return Err(refusals::not_grouped(
                &table.name,
                &table.columns[column].name,
            ));
        }
    }
    Ok(())
}

fn over_nothing(output: &Output) -> Value {
    match output {
        Output::Aggregate(AggregateFn::Count, _) => Value::Int(0),
        _ => Value::Null,
    }
}

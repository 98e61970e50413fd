//! A node as a select and the layout of its rows.
//!
//! A node's rows are a table's rows, or groups of them. Groups over the table
//! alone are the engine's work; where resources are embedded in a node that
//! aggregates, or its aggregates lie in a spread to-one resource, rows are read
//! and folded afterwards ([`crate::tables::shape::fold`]).

use super::partial;
use super::selected::{Selected, has_aggregates, is_lone_aggregate, is_rendered};
use super::{Node, Resolver, filter, order};
use crate::request::{RowRange, SelectItem};
use crate::tables::refusals;
use crate::tables::relationships::Relationship;
use crate::tables::shape::fold::{Fold, FoldAggregate};
use crate::tables::shape::{ChildLayout, End, Layout, Leaf, Step, key_of};
use pando_model::aggregate::AggregateFn;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Child, KeySource, Order, OrderBy, Output, Row, Scalar, Select, Tree};
use pando_model::schema::{ColumnIx, Table};
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
    lone: Option<Row>,
    /// Aggregates that the parent folds, of a to-one resource that is spread.
    aggregates: Vec<FoldAggregate>,
}

/// Builds the root and all below it. Its limit and offset are the caller's to set.
pub(crate) fn build(resolver: &Resolver<'_>, root: &Node<'_>) -> Result<Built, Refusal> {
    build_node(resolver, root, false)
}

/// `lifted`: a to-one resource whose fields and aggregates are its parent's.
fn build_node(resolver: &Resolver<'_>, node: &Node<'_>, lifted: bool) -> Result<Built, Refusal> {
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

/// The outputs, fields and children of a node whose rows are a table's.
struct Rows<'a> {
    table: &'a Arc<Table>,
    output: Vec<Output>,
    leaves: Vec<Leaf>,
    aggregates: Vec<FoldAggregate>,
    children: Vec<Child>,
    layouts: Vec<ChildLayout>,
}

impl<'a> Rows<'a> {
    fn new(table: &'a Arc<Table>) -> Rows<'a> {
        Rows {
            table,
            output: Vec::new(),
            leaves: Vec::new(),
            aggregates: Vec::new(),
            children: Vec::new(),
            layouts: Vec::new(),
        }
    }

    fn add_items(&mut self, node: &Node<'_>) -> Result<(), Refusal> {
        if node.items.is_empty() && node.embed.is_none() {
            self.add_star();
        }
        for item in node.items {
            if let SelectItem::Star = item {
                self.add_star();
            }
            let Some(selected) = Selected::of(node, item)? else {
                continue;
            };
            let place = self.output.len();
            let input = selected.scalar.map(|scalar| {
                self.output.push(Output::Scalar(scalar));
                place
            });
            let end = match (selected.aggregate, input) {
                (None, Some(place)) => End::Value(place, selected.ty),
                (None, None) => continue,
                (Some((function, cast)), input) => {
                    self.aggregates.push(FoldAggregate {
                        path: Vec::new(),
                        function,
                        input: input.map(|place| (place, self.output[place].ty(self.table))),
                        cast,
                        result: selected.ty,
                    });
                    End::Folded(self.aggregates.len() - 1)
                }
            };
            self.leaves.push(Leaf {
                key: key_of(&selected.name),
                path: Vec::new(),
                end,
            });
        }
        Ok(())
    }

    fn add_star(&mut self) {
        for (ix, column) in self.table.columns.iter().enumerate() {
            let place = self.output.len();
            self.output.push(Output::Scalar(Scalar::Column(ix)));
            self.leaves
                .push(value_leaf(&column.name, place, column.ty.clone()));
        }
    }

    fn add_child(&mut self, resolver: &Resolver<'_>, child: &Node<'_>) -> Result<(), Refusal> {
        let Some((embed, relationship)) = child.embed else {
            return Ok(());
        };
        let to_one = relationship.is_to_one();
        if embed.spread && !to_one && has_aggregates(child) {
            return Err(refusals::not_implemented(
                "Aggregates are not implemented for one-to-many or many-to-many spreads.",
            ));
        }
        let step = Step {
            child: self.children.len(),
            many: !to_one,
        };
        let mut built = build_node(resolver, child, embed.spread && to_one)?;
        if embed.spread {
            self.lift(step, &mut built);
        } else {
            self.leaves.push(Leaf {
                key: key_of(child.name()),
                path: Vec::new(),
                end: End::Embed(step),
            });
        }
        let cut = apply_range(resolver, child.range, to_one, &mut built);
        let parent: Vec<(usize, ColumnType)> = relationship
            .columns
            .iter()
            .map(|(near, _)| (self.column(*near), self.table.columns[*near].ty.clone()))
            .collect();
        self.layouts.push(ChildLayout {
            key_at: built.tree.select.output.len(),
            key_types: key_types(relationship),
            lone: built.lone,
            layout: built.layout,
            cut,
            parent: parent.clone(),
        });
        self.children.push(Child {
            parent: parent.into_iter().map(|(place, _)| place).collect(),
            via: relationship.via(),
            key: relationship.keys(),
            tree: built.tree,
        });
        Ok(())
    }

    /// A spread child's fields and aggregates become this node's.
    fn lift(&mut self, step: Step, built: &mut Built) {
        let along = |path: &[Step]| -> Vec<Step> {
            std::iter::once(step).chain(path.iter().copied()).collect()
        };
        let before = self.aggregates.len();
        for aggregate in std::mem::take(&mut built.aggregates) {
            self.aggregates.push(FoldAggregate {
                path: along(&aggregate.path),
                ..aggregate
            });
        }
        for leaf in built.layout.leaves.iter() {
            self.leaves.push(match leaf.end {
                End::Folded(place) => Leaf {
                    end: End::Folded(before + place),
                    ..leaf.clone()
                },
                _ => Leaf {
                    path: along(&leaf.path),
                    ..leaf.clone()
                },
            });
        }
    }

    /// The place of a column among the outputs; added if it is not there.
    fn column(&mut self, ix: ColumnIx) -> usize {
        place_of(&mut self.output, Scalar::Column(ix))
    }

    /// An engine is always asked for at least one output.
    fn add_something(&mut self) {
        if self.output.is_empty() {
            self.column(self.table.primary_key.columns[0]);
        }
    }
}

/// Limits an embedded resource; what it is cut at, where that is less than was asked for.
fn apply_range(
    resolver: &Resolver<'_>,
    range: RowRange,
    to_one: bool,
    built: &mut Built,
) -> Option<u64> {
    if let Some(fold) = &mut built.layout.fold {
        fold.offset = range.offset;
        fold.limit = range.limit;
        return None;
    }
    let max = resolver.config.max_rows;
    let select = &mut built.tree.select;
    select.offset = range.offset;
    if range.limit == Some(0) || range.offset > 0 {
        built.lone = None;
    }
    let over = resolver.cut && !to_one && range.limit.is_none_or(|limit| limit > max);
    select.limit = if over {
        Some(max.saturating_add(1))
    } else {
        range.limit
    };
    over.then_some(max)
}

fn key_types(relationship: &Relationship) -> Vec<ColumnType> {
    let ty = |source: &KeySource| match (source, &relationship.junction) {
        (KeySource::Via(ix), Some(junction)) => junction.table.columns[*ix].ty.clone(),
        (KeySource::Table(ix) | KeySource::Via(ix), _) => {
            relationship.target.columns[*ix].ty.clone()
        }
    };
    relationship.keys().iter().map(ty).collect()
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

/// The place of a value among outputs; added at their end if it is not there.
pub(crate) fn place_of(output: &mut Vec<Output>, wanted: Scalar) -> usize {
    let known = output
        .iter()
        .position(|output| matches!(output, Output::Scalar(scalar) if *scalar == wanted));
    known.unwrap_or_else(|| {
        output.push(Output::Scalar(wanted));
        output.len() - 1
    })
}

fn value_leaf(name: &str, place: usize, ty: ColumnType) -> Leaf {
    Leaf {
        key: key_of(name),
        path: Vec::new(),
        end: End::Value(place, ty),
    }
}

fn over_nothing(output: &Output) -> Value {
    match output {
        Output::Aggregate(AggregateFn::Count, _) => Value::Int(0),
        _ => Value::Null,
    }
}

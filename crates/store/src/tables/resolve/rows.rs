//! The rows of a node that are a table's rows: what is read for them, the fields they have, and
//! the resources that are embedded in them or spread into them.

use super::select::{Built, build_node};
use super::selected::{Selected, has_aggregates};
use super::{Node, Resolver};
use crate::request::{RowRange, SelectItem};
use crate::tables::refusals;
use crate::tables::relationships::Relationship;
use crate::tables::shape::fold::FoldAggregate;
use crate::tables::shape::{ChildLayout, End, Leaf, Step, key_of};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Child, KeySource, Output, Scalar};
use pando_model::schema::{ColumnIx, Table};
use std::sync::Arc;

/// The outputs, fields and children of a node whose rows are a table's.
pub(super) struct Rows<'a> {
    table: &'a Arc<Table>,
    pub(super) output: Vec<Output>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) aggregates: Vec<FoldAggregate>,
    pub(super) children: Vec<Child>,
    pub(super) layouts: Vec<ChildLayout>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(table: &'a Arc<Table>) -> Rows<'a> {
        Rows {
            table,
            output: Vec::new(),
            leaves: Vec::new(),
            aggregates: Vec::new(),
            children: Vec::new(),
            layouts: Vec::new(),
        }
    }

    pub(super) fn add_items(&mut self, node: &Node<'_>) -> Result<(), Refusal> {
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

    pub(super) fn add_child(
        &mut self,
        resolver: &Resolver<'_>,
        child: &Node<'_>,
    ) -> Result<(), Refusal> {
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
    pub(super) fn add_something(&mut self) {
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

/// A field that is a value as it was read.
pub(super) fn value_leaf(name: &str, place: usize, ty: ColumnType) -> Leaf {
    Leaf {
        key: key_of(name),
        path: Vec::new(),
        end: End::Value(place, ty),
    }
}

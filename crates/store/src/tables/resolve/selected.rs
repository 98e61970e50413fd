//! The items of `select=`: which are fields, which aggregate, and what they are called.

use super::types::type_named;
use super::{Node, field};
use crate::request::{Field, SelectItem};
use pando_model::aggregate::AggregateFn;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::Scalar;

/// One field of `select=`, resolved.
pub(super) struct Selected {
    /// The field's name in the answer.
    pub name: String,
    /// What is read of a row; `None` counts rows.
    pub scalar: Option<Scalar>,
    /// With the type that its result is cast to.
    pub aggregate: Option<(AggregateFn, Option<ColumnType>)>,
    /// Of the scalar; of an aggregate, its result before the cast.
    pub ty: ColumnType,
}

impl Selected {
    /// Resolves an item; `None` for one that is no field.
    pub(super) fn of(node: &Node<'_>, item: &SelectItem) -> Result<Option<Selected>, Refusal> {
        let SelectItem::Field {
            alias,
            field,
            cast,
            aggregate,
            aggregate_cast,
        } = item
        else {
            return Ok(None);
        };
        let table = &node.entry.table;
        let named = |own: &str| alias.as_deref().unwrap_or(own).to_owned();
        if is_bare_count(node, item) {
            let function = AggregateFn::Count;
            return Ok(Some(Selected {
                name: named("count"),
                scalar: None,
                aggregate: Some((function, cast_to(aggregate_cast.as_deref())?)),
                ty: function.result_type(None),
            }));
        }
        let Some(field) = field else {
            return Err(Refusal::new(
                "PGRST100",
                "only count() stands without a column",
            ));
        };
        let (scalar, ty) = field::cast(table, field, cast.as_deref())?;
        Ok(Some(match aggregate {
            None => Selected {
                name: named(field::name_of(field)),
                scalar: Some(scalar),
                aggregate: None,
                ty,
            },
            Some(function) => {
                function.check(Some(&ty))?;
                Selected {
                    name: named(function_name(*function)),
                    scalar: Some(scalar),
                    aggregate: Some((*function, cast_to(aggregate_cast.as_deref())?)),
                    ty: function.result_type(Some(&ty)),
                }
            }
        }))
    }
}

/// Whether a node has one row even over nothing: it only aggregates.
pub(super) fn is_lone_aggregate(node: &Node<'_>) -> bool {
    has_aggregates(node)
        && !node.children.iter().any(is_rendered)
        && node
            .items
            .iter()
            .all(|item| matches!(item, SelectItem::Embed(_)) || is_aggregate(node, item))
}

/// Whether a node's rows are groups: it aggregates, or a to-one resource spread into it does.
pub(super) fn has_aggregates(node: &Node<'_>) -> bool {
    let lifted = |child: &Node<'_>| {
        child
            .embed
            .is_some_and(|(embed, relationship)| embed.spread && relationship.is_to_one())
    };
    node.items.iter().any(|item| is_aggregate(node, item))
        || node
            .children
            .iter()
            .any(|child| lifted(child) && has_aggregates(child))
}

fn is_aggregate(node: &Node<'_>, item: &SelectItem) -> bool {
    match item {
        SelectItem::Field { aggregate, .. } => aggregate.is_some() || is_bare_count(node, item),
        _ => false,
    }
}

/// `count()`; or `count` alone where there is no such column, as older clients write it.
fn is_bare_count(node: &Node<'_>, item: &SelectItem) -> bool {
    let SelectItem::Field {
        field,
        cast: None,
        aggregate,
        ..
    } = item
    else {
        return false;
    };
    match (field, aggregate) {
        (None, Some(AggregateFn::Count)) => true,
        (Some(Field { name, path, .. }), None) => {
            name == "count" && path.is_empty() && node.entry.table.column_ix("count").is_none()
        }
        _ => false,
    }
}

/// Whether anything of a resource is written; if not, it only filters.
pub(super) fn is_rendered(node: &Node<'_>) -> bool {
    let fields = |item: &SelectItem| !matches!(item, SelectItem::Embed(_));
    node.items.iter().any(fields) || node.children.iter().any(is_rendered)
}

fn cast_to(name: Option<&str>) -> Result<Option<ColumnType>, Refusal> {
    name.map(type_named).transpose()
}

fn function_name(function: AggregateFn) -> &'static str {
    match function {
        AggregateFn::Count => "count",
        AggregateFn::Sum => "sum",
        AggregateFn::Avg => "avg",
        AggregateFn::Min => "min",
        AggregateFn::Max => "max",
    }
}

//! `order=`, resolved.

use super::Node;
use super::field;
use crate::request::OrderTerm;
use crate::tables::refusals;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Order, OrderBy, Output, Scalar};
use pando_model::schema::Table;

/// The order of a node whose rows are a table's.
pub(crate) fn of_rows(node: &Node<'_>) -> Result<Vec<Order>, Refusal> {
    let resolve = |term: &OrderTerm| -> Result<Order, Refusal> {
        let by = match &term.relation {
            None => OrderBy::Scalar(orderable(&node.entry.table, term)?),
            Some(relation) => related(node, relation, term)?,
        };
        Ok(directed(by, term))
    };
    node.order.iter().map(resolve).collect()
}

/// The order of a node whose rows are groups, made by the engine from these outputs: each term
/// names what is grouped by, or an output by its name.
pub(crate) fn of_groups(
    node: &Node<'_>,
    outputs: &[Output],
    names: &[String],
) -> Result<Vec<Order>, Refusal> {
    let table = &node.entry.table;
    let mut order = Vec::with_capacity(node.order.len());
    for term in node.order {
        if let Some(relation) = &term.relation {
            related(node, relation, term)?;
            return Err(refusals::not_grouped(relation, &term.field.name));
        }
        let place = group_output(table, term, outputs, names)?;
        order.push(directed(OrderBy::Output(place), term));
    }
    Ok(order)
}

fn group_output(
    table: &Table,
    term: &OrderTerm,
    outputs: &[Output],
    names: &[String],
) -> Result<usize, Refusal> {
    if table.column_ix(&term.field.name).is_none() && term.field.path.is_empty() {
        let by_name = names.iter().position(|name| *name == term.field.name);
        return by_name.ok_or_else(|| refusals::unknown_column(&table.name, &term.field.name));
    }
    let wanted = orderable(table, term)?;
    outputs
        .iter()
        .position(|output| matches!(output, Output::Scalar(scalar) if *scalar == wanted))
        .ok_or_else(|| refusals::not_grouped(&table.name, &term.field.name))
}

fn related(node: &Node<'_>, relation: &str, term: &OrderTerm) -> Result<OrderBy, Refusal> {
    let child = node
        .child(relation)
        .ok_or_else(|| refusals::not_embedded(relation))?;
    match child.embed {
        Some((_, relationship)) if relationship.is_to_one() => Ok(OrderBy::Related(
            relationship.join(),
            orderable(&child.entry.table, term)?,
        )),
        _ => Err(refusals::order_not_to_one(&node.entry.table.name, relation)),
    }
}

fn orderable(table: &Table, term: &OrderTerm) -> Result<Scalar, Refusal> {
    let scalar = field::scalar(table, &term.field)?;
    match scalar.ty(table) {
        ColumnType::Json => Err(refusals::no_order(&ColumnType::Json)),
        _ => Ok(scalar),
    }
}

fn directed(by: OrderBy, term: &OrderTerm) -> Order {
    Order {
        by,
        descending: term.descending,
        nulls_first: term.nulls_first.unwrap_or(term.descending),
    }
}

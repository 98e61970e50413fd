//! Aggregates of a fold that the engine can begin with.
//!
//! `flights?select=airlines(name),count()` reads a row for each airline and not
//! for each flight: the engine groups by what is selected of the table and by the
//! keys of what is embedded, and the fold merges the groups that turn out to be
//! written alike. A mean cannot be merged from means, so a fold with one reads rows.

use crate::tables::shape::fold::FoldAggregate;
use crate::tables::shape::{ChildLayout, End, Layout, Leaf};
use pando_model::aggregate::AggregateFn;
use pando_model::plan::{Order, OrderBy, Output, Scalar, Select};

/// Lets the engine group first, where the fold can go on from its groups.
pub(crate) fn aggregate_early(select: &mut Select, layout: &mut Layout) {
    let Some(fold) = &mut layout.fold else {
        return;
    };
    let mergeable = |aggregate: &FoldAggregate| {
        aggregate.path.is_empty() && aggregate.function != AggregateFn::Avg
    };
    let by_row = |order: &Order| matches!(order.by, OrderBy::Scalar(_));
    if !fold.aggregates.iter().all(mergeable) || !select.order.iter().all(by_row) {
        return;
    }
    // An input that is also written, or a key, stays an output of its own.
    let mut order = Vec::new();
    for term in &select.order {
        let place = select.output.iter().position(|output| {
            matches!((output, &term.by), (Output::Scalar(a), OrderBy::Scalar(b)) if a == b)
        });
        match place {
            Some(place) => order.push((place, term.descending, term.nulls_first)),
            None => return,
        }
    }
    for aggregate in &mut fold.aggregates {
        let input = aggregate.input.as_ref().map(|(place, _)| *place);
        let scalar = input.and_then(|place| scalar_of(&select.output[place]));
        let partial = Output::Aggregate(aggregate.function, scalar);
        let place = match input {
            Some(place) if !is_needed(place, &layout.leaves, &layout.children, &order) => {
                select.output[place] = partial;
                place
            }
            _ => {
                select.output.push(partial);
                select.output.len() - 1
            }
        };
        merge(aggregate, place);
    }
    let by_output = |(place, descending, nulls_first)| Order {
        by: OrderBy::Output(place),
        descending,
        nulls_first,
    };
    select.order = order.into_iter().map(by_output).collect();
}

/// Turns an aggregate of rows into one of the engine's results for them.
fn merge(aggregate: &mut FoldAggregate, place: usize) {
    let partial = aggregate.result.clone();
    if aggregate.cast.is_none() {
        aggregate.cast = Some(partial.clone());
    }
    if aggregate.function == AggregateFn::Count {
        aggregate.function = AggregateFn::Sum;
    }
    aggregate.result = aggregate.function.result_type(Some(&partial));
    if aggregate.cast.as_ref() == Some(&aggregate.result) {
        aggregate.cast = None;
    }
    aggregate.input = Some((place, partial));
}

/// Whether an output is read for more than an aggregate.
fn is_needed(
    place: usize,
    leaves: &[Leaf],
    children: &[ChildLayout],
    order: &[(usize, bool, bool)],
) -> bool {
    let written = leaves
        .iter()
        .any(|leaf| leaf.path.is_empty() && matches!(leaf.end, End::Value(at, _) if at == place));
    let key = |child: &ChildLayout| child.parent.iter().any(|(at, _)| *at == place);
    written || children.iter().any(key) || order.iter().any(|(at, ..)| *at == place)
}

fn scalar_of(output: &Output) -> Option<Scalar> {
    match output {
        Output::Scalar(scalar) => Some(scalar.clone()),
        Output::Aggregate(..) => None,
    }
}

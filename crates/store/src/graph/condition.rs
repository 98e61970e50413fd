//! Conditions on nodes and edges, in the grammar of tables.
//!
//! A node's `id` and `kind`, and an edge's `kind` and `at`, are columns; every other name is
//! a member of the body, with `->` and `->>` into it: `since=gt.5`, `address->>city=eq.Seoul`,
//! `"kind"` of the body as `body->kind`. A bare path compares as JSON (`5` is a number, what is
//! not JSON a string), `->>` as text.

use super::relation::{edge, node};
use super::{EDGE, NODE, Result};
use crate::refused;
use crate::request::{Condition, Field, Test};
use crate::tables::filter_of_test;
use pando_model::plan::{Filter, JsonStep, Scalar};
use pando_model::schema::{ColumnIx, Table};

/// What an edge has to pass; `None` without conditions.
pub(super) fn of_edge(conditions: &[Condition], max: usize) -> Result<Option<Filter>> {
    Subject {
        table: &EDGE,
        columns: &[("kind", edge::KIND), ("at", edge::AT)],
        body: edge::BODY,
    }
    .all(conditions, max)
}

/// What a node has to pass; `None` without conditions.
pub(super) fn of_node(conditions: &[Condition], max: usize) -> Result<Option<Filter>> {
    Subject {
        table: &NODE,
        columns: &[("id", node::ID), ("kind", node::KIND)],
        body: node::BODY,
    }
    .all(conditions, max)
}

struct Subject<'a> {
    table: &'a Table,
    columns: &'a [(&'a str, ColumnIx)],
    body: ColumnIx,
}

impl Subject<'_> {
    fn all(&self, conditions: &[Condition], max: usize) -> Result<Option<Filter>> {
        if conditions.is_empty() {
            return Ok(None);
        }
        let mut left = max;
        Ok(Some(Filter::And(self.each(conditions, &mut left)?)))
    }

    fn each(&self, conditions: &[Condition], left: &mut usize) -> Result<Vec<Filter>> {
        let each = conditions.iter();
        each.map(|condition| self.filter(condition, left)).collect()
    }

    fn filter(&self, condition: &Condition, left: &mut usize) -> Result<Filter> {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| refused::malformed("a step has too many conditions"))?;
        let (negated, filter) = match condition {
            Condition::And(negated, inner) => (*negated, Filter::And(self.each(inner, left)?)),
            Condition::Or(negated, inner) => (*negated, Filter::Or(self.each(inner, left)?)),
            Condition::Test {
                field,
                negated,
                test,
            } => (*negated, self.test(field, test)?),
        };
        Ok(if negated {
            Filter::Not(Box::new(filter))
        } else {
            filter
        })
    }

    fn test(&self, field: &Field, test: &Test) -> Result<Filter> {
        let column = self.columns.iter().find(|(name, _)| *name == field.name);
        let (scalar, as_json) = match column {
            Some((_, ix)) if field.path.is_empty() => (Scalar::Column(*ix), false),
            Some((name, _)) => {
                let message = format!("{name} is no JSON, and has no parts");
                return Err(refused::malformed(message)
                    .hint(format!("A member of the body is body->{name}.")));
            }
            None => {
                let own = (field.name != "body" || field.path.is_empty())
                    .then(|| JsonStep::Key(field.name.clone()));
                let path = own.into_iter().chain(field.path.iter().cloned());
                let scalar = Scalar::Json {
                    column: self.body,
                    path: path.collect(),
                    as_text: field.as_text,
                };
                (scalar, !field.as_text)
            }
        };
        if as_json {
            filter_of_test(self.table, scalar, &test.in_json())
        } else {
            filter_of_test(self.table, scalar, test)
        }
    }
}

//! Which relationship an embedded resource goes by.
//!
//! The names that lead to one are PostgREST's: the target may be a table, a
//! foreign key, or the origin's referring column; a hint may be a foreign key,
//! a column of it on either side, or a junction. Between a table and itself the
//! table's name leads to the rows that refer, the column's to the one referred to.

use super::{Node, Resolver};
use crate::request::{Embed, RowRange, SelectItem};
use crate::tables::directory::{Directory, Entry};
use crate::tables::refusals;
use crate::tables::relationships::{Cardinality, Relationship};
use pando_model::error::Refusal;
use pando_model::schema::Table;
use std::sync::Arc;

/// The tree of a request's resources.
pub(crate) fn root<'a>(
    resolver: &Resolver<'a>,
    entry: &'a Entry,
    items: &'a [SelectItem],
) -> Result<Node<'a>, Refusal> {
    let mut size = Size::default();
    node(resolver, entry, None, items, 0, &mut size)
}

/// The tables that a `select=` looks into besides its own, junctions included. An embedded
/// resource that leads nowhere is left out: a request for it is refused.
pub(crate) fn tables_of(
    directory: &Directory,
    entry: &Entry,
    items: &[SelectItem],
    found: &mut Vec<Arc<Table>>,
) {
    for item in items {
        if let SelectItem::Embed(embed) = item
            && let Ok(relationship) = choose(entry, embed)
            && let Ok(target) = directory.entry(&relationship.target.name)
        {
            found.push(Arc::clone(&target.table));
            let junction = relationship.junction.as_ref();
            found.extend(junction.map(|junction| Arc::clone(&junction.table)));
            tables_of(directory, target, &embed.items, found);
        }
    }
}

/// What a request embeds and selects so far.
#[derive(Default)]
struct Size {
    embeds: usize,
    columns: usize,
}

fn node<'a>(
    resolver: &Resolver<'a>,
    entry: &'a Entry,
    embed: Option<(&'a Embed, &'a Relationship)>,
    items: &'a [SelectItem],
    depth: usize,
    size: &mut Size,
) -> Result<Node<'a>, Refusal> {
    let config = resolver.config;
    if depth > config.max_embed_depth {
        return Err(refusals::over_limit(
            "levels of embedding",
            config.max_embed_depth,
            Some("max_embed_depth"),
        ));
    }
    let mut children = Vec::new();
    for item in items {
        let SelectItem::Embed(embed) = item else {
            size.columns += match item {
                SelectItem::Star => entry.table.columns.len(),
                _ => 1,
            };
            continue;
        };
        size.embeds += 1;
        let relationship = choose(entry, embed)?;
        let target = resolver.directory.entry(&relationship.target.name)?;
        children.push(node(
            resolver,
            target,
            Some((embed, relationship)),
            &embed.items,
            depth + 1,
            size,
        )?);
    }
    if size.embeds > config.max_embeds {
        return Err(refusals::over_limit(
            "embedded resources",
            config.max_embeds,
            None,
        ));
    }
    if size.columns > config.max_columns {
        return Err(refusals::over_limit(
            "selected columns",
            config.max_columns,
            Some("max_columns"),
        ));
    }
    Ok(Node {
        entry,
        embed,
        items,
        filters: Vec::new(),
        order: &[],
        range: RowRange::default(),
        children,
    })
}

/// The one relationship that an embed can mean; refused when there is none
/// (`PGRST200`) or more than one (`PGRST201`).
fn choose<'a>(origin: &'a Entry, embed: &Embed) -> Result<&'a Relationship, Refusal> {
    let hint = embed.hint.as_deref();
    let fits = |relationship: &&Relationship| fits(relationship, &embed.target, hint);
    let mut found = origin.relationships.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let known = origin.relationships.iter();
            Err(refusals::no_relationship(
                &origin.table.name,
                &embed.target,
                hint,
                known.map(|relationship| relationship.target.name.as_str()),
            ))
        }
        (Some(_), Some(_)) => {
            let all: Vec<&Relationship> = origin.relationships.iter().filter(fits).collect();
            Err(refusals::ambiguous(&origin.table.name, &embed.target, &all))
        }
    }
}

fn fits(relationship: &Relationship, target: &str, hint: Option<&str>) -> bool {
    let by_table = relationship.target.name == target;
    if relationship.is_self() {
        if relationship.cardinality == Cardinality::ManyToMany {
            return by_table && hint.is_some_and(|hint| is_junction(relationship, hint));
        }
        return match hint {
            None => {
                by_table && !relationship.origin_refers()
                    || relationship.origin_refers() && is_near_column(relationship, target)
            }
            Some(hint) => {
                by_table
                    && (!relationship.origin_refers() && is_far_column(relationship, hint)
                        || is_constraint(relationship, hint) && !relationship.origin_refers())
            }
        };
    }
    match hint {
        None => {
            by_table || is_constraint(relationship, target) || is_near_column(relationship, target)
        }
        Some(hint) => {
            by_table
                && (is_constraint(relationship, hint)
                    || is_near_column(relationship, hint)
                    || is_far_column(relationship, hint)
                    || is_junction(relationship, hint))
        }
    }
}

fn is_constraint(relationship: &Relationship, name: &str) -> bool {
    relationship.junction.is_none() && relationship.constraint == name
}

fn is_junction(relationship: &Relationship, name: &str) -> bool {
    relationship
        .junction
        .as_ref()
        .is_some_and(|junction| junction.table.name == name)
}

fn is_near_column(relationship: &Relationship, name: &str) -> bool {
    match (&relationship.junction, relationship.columns.as_slice()) {
        (None, [(near, _)]) => relationship.origin.columns[*near].name == name,
        _ => false,
    }
}

fn is_far_column(relationship: &Relationship, name: &str) -> bool {
    match (&relationship.junction, relationship.columns.as_slice()) {
        (None, [(_, far)]) => relationship.target.columns[*far].name == name,
        _ => false,
    }
}

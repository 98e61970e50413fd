//! `CREATE INDEX` and `DROP INDEX`.

use super::constraint;
use super::create_table::comparable;
use super::draft::Draft;
use super::fault::{Fault, Place, Result};
use super::names::{fold, listed, made_up, new_name, quoted, unqualified};
use super::options;
use super::placement;
use pando_model::schema::{ColumnIx, Index, Table, Unique};
use sqlparser::ast::{self, Expr, IndexType, ObjectName, OrderBySort};

/// Takes a new index into the draft.
pub(super) fn create(draft: &mut Draft, create: &ast::CreateIndex, near: Place) -> Result<()> {
    let at = Place::of_name(&create.table_name, near);
    let made = draft.find(&create.table_name, near)?;
    refuse_other_forms(create, at)?;
    let global = options::of_index(&create.with, create.unique, at)?;
    let columns = if create.unique {
        constraint::key_columns(made, &create.columns, at)?
            .into_iter()
            .map(|ix| (ix, false))
            .collect()
    } else {
        index_columns(draft, create, near)?
    };
    let plain: Vec<ColumnIx> = columns.iter().map(|(ix, _)| *ix).collect();
    let name = match &create.name {
        Some(name) => {
            let ident = unqualified(name, near)?;
            let at = Place::of_ident(ident, near);
            let name = new_name(ident, "index", near)?;
            if create.if_not_exists && draft.is_relation(&name) {
                return Ok(());
            }
            draft.free_relation(&name, at)?;
            name
        }
        None => {
            let names = made.names(&plain);
            made_up(&made.table.name, &names, "idx", |name| {
                draft.is_relation(name)
            })
        }
    };
    let made = draft.find_mut(&create.table_name, near)?;
    if create.unique {
        made.places.insert(name.clone(), at);
        made.table.uniques.push(Unique {
            name,
            columns: plain,
            global,
        });
    } else {
        made.table.indexes.push(Index {
            name,
            columns,
            ..Index::default()
        });
    }
    Ok(())
}

/// Takes an index away.
pub(super) fn drop(
    draft: &mut Draft,
    name: &ObjectName,
    if_exists: bool,
    near: Place,
) -> Result<()> {
    let at = Place::of_name(name, near);
    let name = fold(unqualified(name, near)?);
    for made in draft.tables.values_mut() {
        if let Some(place) = made
            .table
            .indexes
            .iter()
            .position(|index| index.name == name)
        {
            made.table.indexes.remove(place);
            return Ok(());
        }
        if made.table.primary_key.name == name {
            return Err(Fault::new(
                at,
                format!("cannot drop {}: it is a primary key", quoted(&name)),
            ));
        }
    }
    let owner = draft
        .tables
        .values()
        .find(|made| made.table.uniques.iter().any(|unique| unique.name == name))
        .map(|made| made.table.name.clone());
    match owner {
        Some(table) => drop_unique(draft, &table, &name, at),
        None if if_exists => Ok(()),
        None => Err(Fault::new(
            at,
            format!("index {} does not exist", quoted(&name)),
        )),
    }
}

/// Takes a unique constraint or index away, unless a foreign key needs it.
pub(super) fn drop_unique(draft: &mut Draft, table: &str, name: &str, at: Place) -> Result<()> {
    let Some(made) = draft.tables.get(table) else {
        return Ok(());
    };
    let mut without = made.table.clone();
    without.uniques.retain(|unique| unique.name != name);
    if let Some(key) = unsupported_key(draft, &without) {
        return Err(Fault::new(
            at,
            format!(
                "cannot drop {}: the foreign key {} refers to its columns",
                quoted(name),
                quoted(&key)
            ),
        )
        .hint("drop the foreign key first"));
    }
    if let Some(made) = draft.tables.get_mut(table) {
        made.places.remove(name);
        made.table = without;
    }
    Ok(())
}

/// A foreign key to the table whose columns are not unique in it.
fn unsupported_key(draft: &Draft, target: &Table) -> Option<String> {
    draft
        .tables
        .values()
        .flat_map(|made| &made.table.foreign_keys)
        .filter(|key| key.target == target.name && !key.target_columns.is_empty())
        .find(|key| {
            let columns: Option<Vec<ColumnIx>> = key
                .target_columns
                .iter()
                .map(|name| target.column_ix(name))
                .collect();
            columns.is_none_or(|columns| !placement::is_unique(target, &columns))
        })
        .map(|key| key.name.clone())
}

fn refuse_other_forms(create: &ast::CreateIndex, at: Place) -> Result<()> {
    if create.concurrently || create.r#async {
        return Err(Fault::new(at, "CONCURRENTLY is not supported")
            .hint("leave it out: a migration is one transaction"));
    }
    if create.predicate.is_some() {
        return Err(Fault::new(
            at,
            "an index with WHERE is not supported: engines use such indexes differently",
        )
        .hint("leave out WHERE, and let the index begin with the columns it names"));
    }
    if !create.include.is_empty() {
        return Err(Fault::new(at, "INCLUDE is not supported")
            .hint("add the columns to the end of the index"));
    }
    if create.nulls_distinct == Some(false) {
        return Err(
            Fault::new(at, "NULLS NOT DISTINCT is not supported").hint("make the columns NOT NULL")
        );
    }
    if !matches!(create.using, None | Some(IndexType::BTree)) || !create.index_options.is_empty() {
        return Err(
            Fault::new(at, "indexes are B-trees; others are not supported")
                .hint("leave out USING; full-text search and containment need no index to work"),
        );
    }
    if !create.alter_options.is_empty() {
        return Err(Fault::new(at, "ALGORITHM and LOCK are not supported").hint("leave it out"));
    }
    Ok(())
}

/// An index's columns; `true` is descending.
fn index_columns(
    draft: &Draft,
    create: &ast::CreateIndex,
    near: Place,
) -> Result<Vec<(ColumnIx, bool)>> {
    let made = draft.find(&create.table_name, near)?;
    let mut columns: Vec<(ColumnIx, bool)> = Vec::with_capacity(create.columns.len());
    for column in &create.columns {
        let written = &column.column;
        let at = Place::of_expr(&written.expr, near);
        let Expr::Identifier(ident) = &written.expr else {
            return Err(Fault::new(
                at,
                format!(
                    "an index over the expression {} is not supported",
                    written.expr
                ),
            )
            .hint("add a column GENERATED ALWAYS AS (…) STORED and index that"));
        };
        if let Some(class) = &column.operator_class {
            return Err(
                Fault::new(at, format!("the operator class {class} is not supported"))
                    .hint("leave it out"),
            );
        }
        let descending = match &written.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => {
                return Err(Fault::new(at, "USING is not supported").hint("write ASC or DESC"));
            }
        };
        if written
            .options
            .nulls_first
            .is_some_and(|first| first != descending)
        {
            return Err(
                Fault::new(at, "an index has NULLs last ascending and first descending")
                    .hint("leave out NULLS: requests can order NULLs either way"),
            );
        }
        let ix = made.column(ident, near)?;
        if columns.iter().any(|(known, _)| *known == ix) {
            return Err(Fault::new(
                at,
                format!("column {} appears twice in an index", quoted(&fold(ident))),
            ));
        }
        let column = &made.table.columns[ix];
        if !comparable(&column.ty) {
            return Err(Fault::new(
                at,
                format!(
                    "column {} of type {} cannot be indexed: its values have no order",
                    listed([column.name.as_str()]),
                    column.ty
                ),
            )
            .hint("use jsonb, or index a GENERATED column"));
        }
        columns.push((ix, descending));
    }
    if columns.len() > 32 {
        return Err(Fault::new(near, "an index has at most 32 columns"));
    }
    Ok(columns)
}

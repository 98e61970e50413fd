//! What it takes to change a table's shape under its rows, on every engine.

use crate::constraint::{duplicate_key, missing_target};
use crate::error::Refusal;
use crate::layout::Physical;
use crate::plan::{Filter, Is, Join, KeySource, Output, Row, Scalar, Select, Tree};
use crate::schema::{ColumnIx, ColumnSource, Table};
use crate::statement::{Storage, target_exists};
use crate::tree::read_tree;

/// Whether rows have to pass the rules again, or to find another slot.
pub fn needs_rules(from: &Table, to: &Table, columns: &[ColumnSource]) -> bool {
    let null_in_source = |source: &ColumnSource| match source {
        ColumnSource::Column(ix) => from.columns[*ix].nullable && !from.is_key(*ix),
        ColumnSource::Value(value) => value.is_null(),
    };
    let narrowed = to
        .columns
        .iter()
        .zip(columns)
        .any(|(column, source)| !column.nullable && null_in_source(source));
    let generated = to.columns.iter().zip(columns).any(|(column, source)| {
        column.generated.is_some()
            && match source {
                ColumnSource::Column(ix) => from.columns[*ix].generated != column.generated,
                ColumnSource::Value(_) => true,
            }
    });
    let retyped = to.columns.iter().zip(columns).any(|(column, source)| {
        matches!(source, ColumnSource::Column(ix) if from.columns[*ix].ty != column.ty)
    });
    let same = |old: &[usize], new: &[usize]| {
        let sources = new.iter().map(|ix| &columns[*ix]);
        old.len() == new.len()
            && old
                .iter()
                .zip(sources)
                .all(|(old, source)| matches!(source, ColumnSource::Column(ix) if ix == old))
    };
    narrowed
        || generated
        || retyped
        || to.checks.iter().any(|check| !from.checks.contains(check))
        || to.reference != from.reference
        || !same(&from.primary_key.columns, &to.primary_key.columns)
        || !same(&from.shard_key, &to.shard_key)
}

/// A row under its new shape, before its rules are asked.
pub fn recast(row: &Row, columns: &[ColumnSource]) -> Row {
    let sources = columns.iter().map(|source| match source {
        ColumnSource::Column(ix) => row[*ix].clone(),
        ColumnSource::Value(value) => value.clone(),
    });
    sources.collect()
}

/// The keys of a table in the order in which PostgreSQL meets them, with their names.
pub fn keys_of(table: &Table) -> impl Iterator<Item = (&str, &[ColumnIx])> {
    let key = &table.primary_key;
    std::iter::once((key.name.as_str(), key.columns.as_slice())).chain(
        table
            .uniques
            .iter()
            .map(|one| (one.name.as_str(), one.columns.as_slice())),
    )
}

/// 23505: `could not create unique index "…"`, `Key (a)=(1) is duplicated.` of a row that has the
/// same values in `columns` as another.
pub fn not_unique(table: &Table, name: &str, columns: &[ColumnIx], row: &Row) -> Refusal {
    let refusal = duplicate_key(table, name, columns, row);
    Refusal {
        message: format!("could not create unique index \"{name}\""),
        details: refusal
            .details
            .map(|details| details.replace(" already exists.", " is duplicated.")),
        ..Refusal::new("23505", "")
    }
}

/// Refuses a table of which a row refers to nothing.
pub fn check_references<S: Storage>(storage: &S, name: &str) -> Result<(), S::Fault> {
    let physical = storage.physical(name)?;
    let Some(select) = first_dangling(&physical) else {
        return Ok(());
    };
    let tree = Tree {
        select,
        children: Vec::new(),
    };
    let found = read_tree(storage, &tree)?;
    let Some(row) = found.rows.first() else {
        return Ok(());
    };
    for reference in &physical.outgoing {
        let key = reference.foreign_key();
        let known = key.columns.iter().all(|ix| !row[*ix].is_null());
        if known && !target_exists(storage, reference, row)? {
            return Err(missing_target(&physical.table, key, row).into());
        }
    }
    Ok(())
}

/// The first row, by primary key, with an enforced foreign key that leads nowhere.
pub fn first_dangling(physical: &Physical) -> Option<Select> {
    let dangling: Vec<Filter> = physical
        .outgoing
        .iter()
        .map(|reference| {
            let columns = &reference.foreign_key().columns;
            let mut parts: Vec<Filter> = columns
                .iter()
                .map(|ix| {
                    Filter::Not(Box::new(Filter::Is {
                        left: Scalar::Column(*ix),
                        what: Is::Null,
                    }))
                })
                .collect();
            let targets = reference.target_columns.iter().copied();
            parts.push(Filter::Not(Box::new(Filter::Exists {
                join: Join {
                    table: reference.target.clone(),
                    via: None,
                    on: columns
                        .iter()
                        .copied()
                        .zip(targets.map(KeySource::Table))
                        .collect(),
                },
                filter: Box::new(Filter::Const(true)),
            })));
            Filter::And(parts)
        })
        .collect();
    if dangling.is_empty() {
        return None;
    }
    Some(Select {
        table: physical.table.clone(),
        output: (0..physical.table.columns.len())
            .map(|ix| Output::Scalar(Scalar::Column(ix)))
            .collect(),
        filter: Filter::Or(dangling),
        order: Vec::new(),
        limit: Some(1),
        offset: 0,
    })
}

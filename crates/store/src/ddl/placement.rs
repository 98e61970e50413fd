//! The rules that shards impose, held from the first day so that no application
//! breaks when a second shard comes.
//!
//! - Primary and unique keys contain the shard key, or the unique index is global.
//! - A foreign key is enforced when both ends share the shard key, or the target
//!   is a reference table; else it says `NOT ENFORCED` and serves joins only.
//!
//! What breaks a rule is refused with the text that would keep it.

use super::draft::{Draft, DraftTable};
use super::fault::{Fault, Place, Result};
use super::names::{listed, quoted};
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, ForeignKey, Table};

/// Checks every table that the migration touched, once the whole file is known.
pub(super) fn check(draft: &mut Draft) -> Result<()> {
    complete_targets(draft)?;
    for made in draft.tables.values() {
        if made.origin.is_none() {
            shard_key(made)?;
        }
        for unique in &made.table.uniques {
            if let Some(at) = made.places.get(&unique.name) {
                unique_key(made, &unique.name, &unique.columns, unique.global, *at)?;
            }
        }
        for key in &made.table.foreign_keys {
            if let Some(at) = made.places.get(&key.name) {
                foreign_key(draft, made, key, *at)?;
            }
        }
    }
    Ok(())
}

/// A foreign key that names no columns means its target's primary key.
fn complete_targets(draft: &mut Draft) -> Result<()> {
    let keys: Vec<(String, Vec<String>)> = draft
        .tables
        .values()
        .map(|made| {
            let names = made.names(&made.table.primary_key.columns);
            let names = names.into_iter().map(str::to_owned).collect();
            (made.table.name.clone(), names)
        })
        .collect();
    for made in draft.tables.values_mut() {
        for key in &mut made.table.foreign_keys {
            if !key.target_columns.is_empty() {
                continue;
            }
            let at = made.places.get(&key.name).copied().unwrap_or(made.at);
            match keys.iter().find(|(name, _)| *name == key.target) {
                None => return Err(no_target(key, at)),
                Some((_, columns)) if columns.len() != key.columns.len() => {
                    return Err(Fault::new(
                        at,
                        "number of referencing and referenced columns for foreign key disagree",
                    )
                    .hint(format!(
                        "the primary key of {} is ({})",
                        quoted(&key.target),
                        listed(columns.iter().map(String::as_str))
                    )));
                }
                Some((_, columns)) => key.target_columns.clone_from(columns),
            }
        }
    }
    Ok(())
}

fn shard_key(made: &DraftTable) -> Result<()> {
    let table = &made.table;
    for ix in &table.shard_key {
        let column = &table.columns[*ix];
        if !table.is_key(*ix) {
            return Err(Fault::new(
                made.at,
                format!(
                    "the primary key ({}) does not contain the shard key ({}): uniqueness \
                     could not be kept within one shard",
                    listed(made.names(&table.primary_key.columns)),
                    listed(made.names(&table.shard_key)),
                ),
            )
            .hint(format!(
                "write PRIMARY KEY ({}, {})",
                quoted(&column.name),
                listed(made.names(&table.primary_key.columns))
            )));
        }
        if column.generated.is_some() {
            return Err(Fault::new(
                made.at,
                format!(
                    "the generated column {} cannot be part of the shard key",
                    quoted(&column.name)
                ),
            )
            .hint("place rows by the columns that it is made of"));
        }
        if matches!(
            column.ty,
            ColumnType::Json | ColumnType::Jsonb | ColumnType::Array(_)
        ) {
            return Err(Fault::new(
                made.at,
                format!(
                    "column {} of type {} cannot be part of the shard key",
                    quoted(&column.name),
                    column.ty
                ),
            )
            .hint("place rows by a plain value, such as a uuid, a number or a text"));
        }
    }
    Ok(())
}

fn unique_key(
    made: &DraftTable,
    name: &str,
    columns: &[ColumnIx],
    global: bool,
    at: Place,
) -> Result<()> {
    let table = &made.table;
    let contained = table.shard_key.iter().all(|ix| columns.contains(ix));
    if global || contained {
        return Ok(());
    }
    let columns = listed(made.names(columns));
    let shard_key = listed(made.names(&table.shard_key));
    Err(Fault::new(
        at,
        format!(
            "unique ({columns}) does not contain the shard key ({shard_key}) of {}: rows with \
             equal values may lie on different shards",
            quoted(&table.name)
        ),
    )
    .hint(format!(
        "write it behind the table: CREATE UNIQUE INDEX {} ON {} ({columns}) \
         WITH (global = true); or add the shard key to it",
        quoted(name),
        quoted(&table.name)
    )))
}

fn foreign_key(draft: &Draft, made: &DraftTable, key: &ForeignKey, at: Place) -> Result<()> {
    let Some(target) = draft.tables.get(&key.target) else {
        return Err(no_target(key, at));
    };
    let target = &target.table;
    let referred = referred_columns(target, key, at)?;
    if !is_unique(target, &referred) {
        return Err(Fault::new(
            at,
            format!(
                "there is no unique constraint matching given keys for referenced table {}",
                quoted(&target.name)
            ),
        )
        .hint(format!(
            "refer to its primary key ({})",
            names_of(target, &target.primary_key.columns)
        )));
    }
    for (own, other) in key.columns.iter().zip(&referred) {
        let (own, other) = (&made.table.columns[*own], &target.columns[*other]);
        if !alike(&own.ty, &other.ty) {
            return Err(Fault::new(
                at,
                format!(
                    "foreign key constraint {} cannot be implemented: key columns {} and {} \
                     are of incompatible types: {} and {}",
                    quoted(&key.name),
                    quoted(&own.name),
                    quoted(&other.name),
                    own.ty,
                    other.ty
                ),
            )
            .hint(format!("make {} {}", quoted(&own.name), other.ty)));
        }
    }
    if !key.enforced || target.reference || share_shard_key(&made.table, target, key, &referred) {
        return Ok(());
    }
    Err(not_enforceable(made, target, key, at))
}

fn referred_columns(target: &Table, key: &ForeignKey, at: Place) -> Result<Vec<ColumnIx>> {
    key.target_columns
        .iter()
        .map(|name| {
            target.column_ix(name).ok_or_else(|| {
                Fault::new(
                    at,
                    format!(
                        "column {} referenced in foreign key constraint does not exist",
                        quoted(name)
                    ),
                )
            })
        })
        .collect()
}

/// Whether a key of the table has exactly these columns, in any order.
pub(super) fn is_unique(table: &Table, columns: &[ColumnIx]) -> bool {
    let same =
        |key: &[ColumnIx]| key.len() == columns.len() && columns.iter().all(|ix| key.contains(ix));
    same(&table.primary_key.columns) || table.uniques.iter().any(|unique| same(&unique.columns))
}

/// Both ends are placed by the same values: each column of the one shard key refers to the
/// one of the other, in its order.
fn share_shard_key(own: &Table, target: &Table, key: &ForeignKey, referred: &[ColumnIx]) -> bool {
    !own.reference
        && own.shard_key.len() == target.shard_key.len()
        && own.shard_key.iter().zip(&target.shard_key).all(|(a, b)| {
            key.columns
                .iter()
                .zip(referred)
                .any(|(from, to)| from == a && to == b)
        })
}

/// Types whose equal values have the same canonical bytes.
fn alike(a: &ColumnType, b: &ColumnType) -> bool {
    use ColumnType::{Bigint, Double, Integer, Numeric, Real};
    match (a, b) {
        (Integer | Bigint, Integer | Bigint)
        | (Numeric { .. }, Numeric { .. })
        | (Real | Double, Real | Double) => true,
        _ => a == b,
    }
}

fn not_enforceable(made: &DraftTable, target: &Table, key: &ForeignKey, at: Place) -> Fault {
    let own = &made.table;
    let columns = listed(made.names(&key.columns));
    let referred = listed(key.target_columns.iter().map(String::as_str));
    let placed = |table: &Table| match table.reference {
        true => format!("{} lies on every shard", quoted(&table.name)),
        false => format!(
            "{} is placed by ({})",
            quoted(&table.name),
            names_of(table, &table.shard_key)
        ),
    };
    let what = if own.name == target.name {
        format!(
            "{}, and a row and the one it refers to may lie on different shards",
            placed(own)
        )
    } else {
        format!(
            "{}, {}: the two rows may lie on different shards",
            placed(own),
            placed(target)
        )
    };
    let mut hint = format!(
        "write REFERENCES {} ({referred}) NOT ENFORCED: joins and embedding work all the same",
        quoted(&target.name)
    );
    let can_follow = own.name != target.name
        && !own.reference
        && key.columns.len() == target.shard_key.len()
        && target
            .shard_key
            .iter()
            .all(|ix| key.target_columns.contains(&target.columns[*ix].name));
    if can_follow {
        hint.push_str(&format!(
            "; or place the rows together: PARTITION BY HASH ({columns}), with ({columns}) \
             in the primary key"
        ));
    }
    Fault::new(
        at,
        format!(
            "the foreign key {} cannot be enforced: {what}",
            quoted(&key.name)
        ),
    )
    .hint(hint)
}

fn no_target(key: &ForeignKey, at: Place) -> Fault {
    Fault::new(
        at,
        format!("relation {} does not exist", quoted(&key.target)),
    )
    .hint("a foreign key refers to a table of an earlier migration, or of this file")
}

fn names_of(table: &Table, columns: &[ColumnIx]) -> String {
    listed(columns.iter().map(|ix| table.columns[*ix].name.as_str()))
}

//! `DROP COLUMN`: with the column go the indexes and constraints that name it, as
//! in PostgreSQL; what others depend on stays.

use super::draft::Draft;
use super::fault::{Fault, Place, Result};
use super::names::{fold, quoted};
use pando_model::expr::Expr;
use pando_model::schema::{ColumnIx, Table};
use sqlparser::ast::Ident;

/// Takes a column away.
pub(super) fn drop(
    draft: &mut Draft,
    table: &str,
    ident: &Ident,
    if_exists: bool,
    near: Place,
) -> Result<()> {
    let at = Place::of_ident(ident, near);
    let Some(made) = draft.tables.get(table) else {
        return Ok(());
    };
    if if_exists && made.table.column_ix(&fold(ident)).is_none() {
        return Ok(());
    }
    let gone = made.column(ident, near)?;
    refuse_if_needed(draft, &made.table, gone, at)?;
    if let Some(made) = draft.tables.get_mut(table) {
        made.sources.remove(gone);
        remove(&mut made.table, gone);
        let places = std::mem::take(&mut made.places);
        made.places = places
            .into_iter()
            .filter(|(name, _)| made.has_constraint(name))
            .collect();
    }
    Ok(())
}

fn refuse_if_needed(draft: &Draft, table: &Table, gone: ColumnIx, at: Place) -> Result<()> {
    let name = quoted(&table.columns[gone].name);
    let needed = |what: &str, hint: &str| {
        Err(Fault::new(at, format!("cannot drop column {name}: {what}")).hint(hint))
    };
    if table.is_key(gone) {
        return needed(
            "it is part of the primary key",
            "make a new table and copy the rows",
        );
    }
    if table.shard_key.contains(&gone) {
        return needed(
            "it is part of the shard key",
            "make a new table and copy the rows",
        );
    }
    for column in &table.columns {
        if let Some(generated) = &column.generated
            && generated.columns().contains(&gone)
        {
            return needed(
                &format!(
                    "the generated column {} is made of it",
                    quoted(&column.name)
                ),
                "drop the generated column first",
            );
        }
    }
    let referrer = draft
        .tables
        .values()
        .flat_map(|made| &made.table.foreign_keys)
        .find(|key| {
            key.target == table.name && key.target_columns.contains(&table.columns[gone].name)
        });
    if let Some(key) = referrer {
        return needed(
            &format!("the foreign key {} refers to it", quoted(&key.name)),
            "drop the foreign key first",
        );
    }
    if table.columns.len() == 1 {
        return needed("it is the only one", "write DROP TABLE");
    }
    Ok(())
}

fn remove(table: &mut Table, gone: ColumnIx) {
    table.columns.remove(gone);
    table
        .uniques
        .retain(|unique| !unique.columns.contains(&gone));
    table
        .indexes
        .retain(|index| index.columns.iter().all(|(ix, _)| *ix != gone));
    table
        .checks
        .retain(|check| !check.expr.columns().contains(&gone));
    table
        .foreign_keys
        .retain(|key| !key.columns.contains(&gone));
    let shift = |ix: &mut ColumnIx| {
        if *ix > gone {
            *ix -= 1;
        }
    };
    table.primary_key.columns.iter_mut().for_each(shift);
    table.shard_key.iter_mut().for_each(shift);
    for unique in &mut table.uniques {
        unique.columns.iter_mut().for_each(shift);
    }
    for index in &mut table.indexes {
        index.columns.iter_mut().for_each(|(ix, _)| shift(ix));
    }
    for key in &mut table.foreign_keys {
        key.columns.iter_mut().for_each(shift);
    }
    for check in &mut table.checks {
        renumber(&mut check.expr, &shift);
    }
    for column in &mut table.columns {
        for expr in column.generated.iter_mut().chain(column.default.iter_mut()) {
            renumber(expr, &shift);
        }
    }
}

fn renumber(expr: &mut Expr, shift: &impl Fn(&mut ColumnIx)) {
    match expr {
        Expr::Literal(..) => {}
        Expr::Column(ix) => shift(ix),
        Expr::Not(inner) | Expr::Negate(inner) | Expr::IsNull(inner) | Expr::Cast(inner, _) => {
            renumber(inner, shift);
        }
        Expr::Binary(_, left, right) => {
            renumber(left, shift);
            renumber(right, shift);
        }
        Expr::In(inner, list) => {
            renumber(inner, shift);
            list.iter_mut().for_each(|item| renumber(item, shift));
        }
        Expr::Call(_, arguments) => arguments.iter_mut().for_each(|item| renumber(item, shift)),
        Expr::Case(branches, otherwise) => {
            for (test, result) in branches {
                renumber(test, shift);
                renumber(result, shift);
            }
            if let Some(otherwise) = otherwise {
                renumber(otherwise, shift);
            }
        }
    }
}

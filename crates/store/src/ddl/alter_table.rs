//! `ALTER TABLE` and `DROP TABLE`.

use super::add_column;
use super::constraint;
use super::draft::{Draft, DraftTable};
use super::drop_column;
use super::expression;
use super::fault::{Fault, Place, Result};
use super::index;
use super::names::{fold, new_name, quoted, unqualified};
use super::options;
use sqlparser::ast::{
    self, AlterColumnOperation, AlterTableOperation, CreateTableOptions, DropBehavior, Ident,
    ObjectName, RenameTableNameKind, TableConstraint,
};

/// Applies the operations of an ALTER TABLE in their order.
pub(super) fn alter(draft: &mut Draft, alter: &ast::AlterTable, near: Place) -> Result<()> {
    let at = Place::of_name(&alter.name, near);
    if alter.location.is_some() || alter.on_cluster.is_some() || alter.table_type.is_some() {
        return Err(Fault::new(
            at,
            "a clause of this ALTER TABLE is not supported",
        ));
    }
    if !draft.has(&alter.name, near)? && alter.if_exists {
        return Ok(());
    }
    let mut name = draft.find(&alter.name, near)?.table.name.clone();
    draft.not_seeded(&name, at)?;
    for operation in &alter.operations {
        if let AlterTableOperation::RenameTable { table_name } = operation {
            name = rename(draft, &name, table_name, at)?;
        } else {
            one(draft, &name, operation, at)?;
        }
    }
    Ok(())
}

/// Takes a table away.
pub(super) fn drop(
    draft: &mut Draft,
    name: &ObjectName,
    if_exists: bool,
    near: Place,
) -> Result<()> {
    let at = Place::of_name(name, near);
    if if_exists && !draft.has(name, near)? {
        return Ok(());
    }
    let name = draft.find(name, near)?.table.name.clone();
    draft.not_seeded(&name, at)?;
    if let Some((table, key)) = draft.referrers(&name).next() {
        return Err(Fault::new(
            at,
            format!(
                "cannot drop table {}: the foreign key {} of {} refers to it",
                quoted(&name),
                quoted(key),
                quoted(&table.name)
            ),
        )
        .hint(format!(
            "write ALTER TABLE {} DROP CONSTRAINT {} first",
            quoted(&table.name),
            quoted(key)
        )));
    }
    if let Some(made) = draft.tables.remove(&name) {
        draft.dropped.extend(made.origin);
    }
    Ok(())
}

fn one(draft: &mut Draft, table: &str, operation: &AlterTableOperation, at: Place) -> Result<()> {
    match operation {
        AlterTableOperation::AddColumn {
            if_not_exists,
            column_def,
            column_position: None,
            ..
        } => add_column::add(draft, table, column_def, *if_not_exists, at),
        AlterTableOperation::DropColumn {
            column_names,
            if_exists,
            drop_behavior,
            ..
        } => {
            refuse_cascade(drop_behavior.as_ref(), at)?;
            for ident in column_names {
                drop_column::drop(draft, table, ident, *if_exists, at)?;
            }
            Ok(())
        }
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => rename_column(draft, table, old_column_name, new_column_name, at),
        AlterTableOperation::AddConstraint {
            constraint,
            not_valid: false,
        } => add_constraint(draft, table, constraint, at),
        AlterTableOperation::AddConstraint { .. } => Err(Fault::new(at, "NOT VALID is not supported")
            .hint("a rule holds for every row: mend the rows first")),
        AlterTableOperation::DropConstraint {
            if_exists,
            name,
            drop_behavior,
        } => {
            refuse_cascade(drop_behavior.as_ref(), at)?;
            drop_constraint(draft, table, name, *if_exists, at)
        }
        AlterTableOperation::RenameConstraint { old_name, new_name } => {
            rename_constraint(draft, table, old_name, new_name, at)
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            let made = table_of(draft, table, at)?;
            alter_column(made, column_name, op, at)
        }
        AlterTableOperation::SetOptionsParens { options } => {
            let given = options::of_table(&CreateTableOptions::With(options.clone()), at)?;
            if given.reference {
                return Err(Fault::new(at, "a table cannot become a reference table")
                    .hint("make a new table WITH (reference = true) and copy the rows"));
            }
            table_of(draft, table, at)?.table.options.extend(given.others);
            Ok(())
        }
        other => Err(Fault::new(at, format!("ALTER TABLE … {other} is not supported")).hint(
            "there are ADD, DROP and RENAME COLUMN, RENAME TO, ADD, DROP and RENAME CONSTRAINT, \
             ALTER COLUMN … SET or DROP DEFAULT or NOT NULL, SET (option = value)",
        )),
    }
}

fn rename(draft: &mut Draft, table: &str, to: &RenameTableNameKind, near: Place) -> Result<String> {
    let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = to;
    let ident = unqualified(to, near)?;
    let at = Place::of_ident(ident, near);
    let name = new_name(ident, "table", near)?;
    draft.free_relation(&name, at)?;
    let in_force = |table: &str| {
        draft.dropped.iter().any(|dropped| dropped.name == table)
            || draft.tables.values().any(|made| {
                made.origin
                    .as_ref()
                    .is_some_and(|origin| origin.name == table)
            })
    };
    if in_force(&name) {
        return Err(Fault::new(
            at,
            format!(
                "{} is still the name of another table while this migration runs",
                quoted(&name)
            ),
        )
        .hint("divide the migration: first drop or rename the other table"));
    }
    if let Some(mut made) = draft.tables.remove(table) {
        made.table.name.clone_from(&name);
        draft.tables.insert(name.clone(), made);
    }
    for made in draft.tables.values_mut() {
        for key in &mut made.table.foreign_keys {
            if key.target == table {
                key.target.clone_from(&name);
            }
        }
    }
    Ok(name)
}

fn rename_column(
    draft: &mut Draft,
    table: &str,
    old: &Ident,
    new: &Ident,
    near: Place,
) -> Result<()> {
    let made = table_of(draft, table, near)?;
    let ix = made.column(old, near)?;
    let name = new_name(new, "column", near)?;
    made.free_column(&name, Place::of_ident(new, near))?;
    let old = std::mem::replace(&mut made.table.columns[ix].name, name.clone());
    for made in draft.tables.values_mut() {
        for key in &mut made.table.foreign_keys {
            if key.target == table {
                for column in &mut key.target_columns {
                    if *column == old {
                        column.clone_from(&name);
                    }
                }
            }
        }
    }
    Ok(())
}

fn add_constraint(
    draft: &mut Draft,
    table: &str,
    constraint: &TableConstraint,
    at: Place,
) -> Result<()> {
    if matches!(constraint, TableConstraint::PrimaryKey(_)) {
        return Err(Fault::new(
            at,
            format!("the table {} has a primary key already", quoted(table)),
        )
        .hint("make a new table and copy the rows"));
    }
    let mut made = table_of(draft, table, at)?.clone();
    constraint::add(draft, &mut made, constraint, at)?;
    draft.tables.insert(table.to_owned(), made);
    Ok(())
}

fn drop_constraint(
    draft: &mut Draft,
    table: &str,
    ident: &Ident,
    if_exists: bool,
    near: Place,
) -> Result<()> {
    let at = Place::of_ident(ident, near);
    let name = fold(ident);
    let made = table_of(draft, table, near)?;
    if made.table.primary_key.name == name {
        return Err(Fault::new(
            at,
            format!("the table {} needs its primary key", quoted(table)),
        )
        .hint("make a new table and copy the rows"));
    }
    if made.table.uniques.iter().any(|unique| unique.name == name) {
        return index::drop_unique(draft, table, &name, at);
    }
    if !made.has_constraint(&name) {
        if if_exists {
            return Ok(());
        }
        return Err(Fault::new(
            at,
            format!(
                "constraint {} of relation {} does not exist",
                quoted(&name),
                quoted(table)
            ),
        ));
    }
    made.places.remove(&name);
    made.table.checks.retain(|check| check.name != name);
    made.table.foreign_keys.retain(|key| key.name != name);
    Ok(())
}

fn rename_constraint(
    draft: &mut Draft,
    table: &str,
    old: &Ident,
    new: &Ident,
    near: Place,
) -> Result<()> {
    let at = Place::of_ident(old, near);
    let (old, made) = (fold(old), table_of(draft, table, near)?);
    if !made.has_constraint(&old) {
        return Err(Fault::new(
            at,
            format!(
                "constraint {} of relation {} does not exist",
                quoted(&old),
                quoted(table)
            ),
        ));
    }
    let name = constraint::constraint_name(made, new, near)?;
    draft.free_relation(&name, Place::of_ident(new, near))?;
    let made = table_of(draft, table, near)?;
    if let Some(place) = made.places.remove(&old) {
        made.places.insert(name.clone(), place);
    }
    let shape = &mut made.table;
    let names = std::iter::once(&mut shape.primary_key.name)
        .chain(shape.uniques.iter_mut().map(|unique| &mut unique.name))
        .chain(shape.checks.iter_mut().map(|check| &mut check.name))
        .chain(shape.foreign_keys.iter_mut().map(|key| &mut key.name));
    for known in names {
        if *known == old {
            known.clone_from(&name);
        }
    }
    Ok(())
}

fn alter_column(
    made: &mut DraftTable,
    ident: &Ident,
    operation: &AlterColumnOperation,
    near: Place,
) -> Result<()> {
    let at = Place::of_ident(ident, near);
    let ix = made.column(ident, near)?;
    let name = quoted(&made.table.columns[ix].name);
    match operation {
        AlterColumnOperation::SetNotNull => made.table.columns[ix].nullable = false,
        AlterColumnOperation::DropNotNull if made.table.is_key(ix) => {
            return Err(Fault::new(at, format!("column {name} is in a primary key")));
        }
        AlterColumnOperation::DropNotNull if made.table.columns[ix].identity.is_some() => {
            return Err(Fault::new(
                at,
                format!("column {name} is an identity column"),
            ));
        }
        AlterColumnOperation::DropNotNull => made.table.columns[ix].nullable = true,
        AlterColumnOperation::SetDefault { value } => {
            let column = &made.table.columns[ix];
            if column.generated.is_some() || column.identity.is_some() {
                return Err(Fault::new(at, format!("column {name} is made by Pando"))
                    .hint("it has no default"));
            }
            let default = expression::default(value, &made.table, ix, at)?;
            made.table.columns[ix].default = Some(default);
        }
        AlterColumnOperation::DropDefault => made.table.columns[ix].default = None,
        AlterColumnOperation::SetDataType { .. } => {
            return Err(Fault::new(at, "a column's type cannot be changed").hint(
                "add a column of the new type, copy the values over HTTP, drop the old one",
            ));
        }
        AlterColumnOperation::AddGenerated { .. } => {
            return Err(Fault::new(at, "a column cannot become an identity column")
                .hint("make a new table and copy the rows"));
        }
    }
    Ok(())
}

fn refuse_cascade(behavior: Option<&DropBehavior>, at: Place) -> Result<()> {
    if matches!(behavior, Some(DropBehavior::Cascade)) {
        return Err(Fault::new(at, "CASCADE is not supported")
            .hint("drop what depends on it first, by name"));
    }
    Ok(())
}

fn table_of<'a>(draft: &'a mut Draft, table: &str, at: Place) -> Result<&'a mut DraftTable> {
    draft
        .tables
        .get_mut(table)
        .ok_or_else(|| Fault::new(at, format!("relation {} does not exist", quoted(table))))
}

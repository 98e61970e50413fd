//! Constraints: UNIQUE, CHECK and FOREIGN KEY, at a column or by themselves.
//! Whether shards can keep them is [`super::placement`]'s business.

use super::create_table::comparable;
use super::draft::{Draft, DraftTable};
use super::expression;
use super::fault::{Fault, Place, Result};
use super::names::{fold, made_up, new_name, quoted, unqualified};
use pando_model::schema::{Check, ColumnIx, ForeignKey, ReferentialAction, Unique};
use sqlparser::ast::{
    self, ConstraintCharacteristics, ConstraintReferenceMatchKind, DeferrableInitial, Ident,
    IndexColumn, IndexOption, IndexType, NullsDistinctOption, TableConstraint,
};

/// PostgreSQL's limit.
const KEY_COLUMNS_MAX: usize = 32;

/// Takes a constraint of a table; primary keys are read before ([`super::create_table`]).
pub(super) fn add(
    draft: &Draft,
    made: &mut DraftTable,
    constraint: &TableConstraint,
    near: Place,
) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(_) => Ok(()),
        TableConstraint::Unique(unique) => {
            let at = first_place(&unique.columns, near);
            refuse_key_forms(&unique.include, unique.characteristics.as_ref(), at)?;
            refuse_index_forms(
                unique.index_name.as_ref(),
                unique.index_type.as_ref(),
                &unique.index_options,
                at,
            )?;
            if matches!(unique.nulls_distinct, NullsDistinctOption::NotDistinct) {
                return Err(Fault::new(at, "NULLS NOT DISTINCT is not supported")
                    .hint("make the columns NOT NULL"));
            }
            let columns = key_columns(made, &unique.columns, at)?;
            add_unique(draft, made, unique.name.as_ref(), columns, at)
        }
        TableConstraint::Check(check) => {
            let at = Place::of_expr(&check.expr, near);
            add_check(made, check.name.as_ref(), check, None, at)
        }
        TableConstraint::ForeignKey(key) => {
            let at = key
                .columns
                .first()
                .map_or(near, |ident| Place::of_ident(ident, near));
            refuse_index_forms(key.index_name.as_ref(), None, &[], at)?;
            let columns = key
                .columns
                .iter()
                .map(|ident| made.column(ident, near))
                .collect::<Result<Vec<ColumnIx>>>()?;
            distinct(made, &columns, at)?;
            add_foreign_key(made, key.name.as_ref(), key, columns, at)
        }
        TableConstraint::Exclude(_) => Err(Fault::new(near, "EXCLUDE is not supported")
            .hint("UNIQUE keeps equal values apart; ranges are the application's business")),
        other => Err(Fault::new(near, format!("{other} is not supported"))
            .hint("write CREATE INDEX behind the table")),
    }
}

/// Adds a UNIQUE constraint.
pub(super) fn add_unique(
    draft: &Draft,
    made: &mut DraftTable,
    given: Option<&Ident>,
    columns: Vec<ColumnIx>,
    at: Place,
) -> Result<()> {
    comparable_columns(made, &columns, at)?;
    let name = match given {
        Some(ident) => {
            let name = constraint_name(made, ident, at)?;
            draft.free_relation(&name, at)?;
            name
        }
        None => made_up(&made.table.name, &made.names(&columns), "key", |name| {
            made.has_constraint(name) || made.table.name == name || draft.is_relation(name)
        }),
    };
    made.places.insert(name.clone(), at);
    made.table.uniques.push(Unique {
        name,
        columns,
        global: false,
    });
    Ok(())
}

/// Adds a CHECK constraint, of a column or of the table.
pub(super) fn add_check(
    made: &mut DraftTable,
    given: Option<&Ident>,
    check: &ast::CheckConstraint,
    column: Option<ColumnIx>,
    at: Place,
) -> Result<()> {
    if check.no_inherit {
        return Err(Fault::new(at, "NO INHERIT is not supported").hint("leave it out"));
    }
    if check.enforced == Some(false) {
        return Err(Fault::new(at, "a CHECK that is not enforced says nothing")
            .hint("leave out the CHECK, or NOT ENFORCED"));
    }
    let expr = expression::check(&check.expr, &made.table, at)?;
    let name = match given {
        Some(ident) => constraint_name(made, ident, at)?,
        None => {
            let mut columns = expr.columns();
            columns.sort_unstable();
            columns.dedup();
            // PostgreSQL names a check after its column if it is of one only.
            let named_after = match (column, columns.as_slice()) {
                (Some(own), _) => vec![own],
                (None, [only]) => vec![*only],
                (None, _) => Vec::new(),
            };
            made_up(
                &made.table.name,
                &made.names(&named_after),
                "check",
                |name| made.has_constraint(name),
            )
        }
    };
    made.table.checks.push(Check { name, expr });
    Ok(())
}

/// Adds a foreign key. Its target may come later in the file: it is looked at in the end.
pub(super) fn add_foreign_key(
    made: &mut DraftTable,
    given: Option<&Ident>,
    key: &ast::ForeignKeyConstraint,
    columns: Vec<ColumnIx>,
    at: Place,
) -> Result<()> {
    if matches!(
        key.match_kind,
        Some(ConstraintReferenceMatchKind::Full | ConstraintReferenceMatchKind::Partial)
    ) {
        return Err(
            Fault::new(at, "MATCH FULL and MATCH PARTIAL are not supported")
                .hint("leave it out, and make the columns NOT NULL"),
        );
    }
    refuse_deferral(key.characteristics.as_ref(), at)?;
    let enforced = key
        .characteristics
        .as_ref()
        .and_then(|characteristics| characteristics.enforced)
        .unwrap_or(true);
    if !enforced && (key.on_delete.is_some() || key.on_update.is_some()) {
        return Err(
            Fault::new(at, "a foreign key that is NOT ENFORCED has no actions")
                .hint("leave out ON DELETE and ON UPDATE"),
        );
    }
    if !key.referred_columns.is_empty() && key.referred_columns.len() != columns.len() {
        return Err(Fault::new(
            at,
            "number of referencing and referenced columns for foreign key disagree",
        ));
    }
    let name = match given {
        Some(ident) => constraint_name(made, ident, at)?,
        None => made_up(&made.table.name, &made.names(&columns), "fkey", |name| {
            made.has_constraint(name)
        }),
    };
    made.places.insert(name.clone(), at);
    made.table.foreign_keys.push(ForeignKey {
        name,
        columns,
        target: fold(unqualified(&key.foreign_table, at)?),
        target_columns: key.referred_columns.iter().map(fold).collect(),
        enforced,
        on_delete: action(key.on_delete, at)?,
        on_update: action(key.on_update, at)?,
    });
    Ok(())
}

/// The columns of a key, each once and of a type that can be compared.
pub(super) fn key_columns(
    made: &DraftTable,
    columns: &[IndexColumn],
    near: Place,
) -> Result<Vec<ColumnIx>> {
    let mut found = Vec::with_capacity(columns.len());
    for column in columns {
        let at = Place::of_expr(&column.column.expr, near);
        let ast::Expr::Identifier(ident) = &column.column.expr else {
            return Err(
                Fault::new(at, format!("{} is not a column", column.column.expr))
                    .hint("a key is made of columns as they are; GENERATED columns may help"),
            );
        };
        if column.operator_class.is_some()
            || column.column.options.sort.is_some()
            || column.column.options.nulls_first.is_some()
        {
            return Err(Fault::new(at, "a key's columns have no order")
                .hint("write the column's name alone"));
        }
        found.push(made.column(ident, near)?);
    }
    distinct(made, &found, near)?;
    comparable_columns(made, &found, near)?;
    Ok(found)
}

/// Refuses columns whose values cannot be compared.
pub(super) fn comparable_columns(made: &DraftTable, columns: &[ColumnIx], at: Place) -> Result<()> {
    for ix in columns {
        let column = &made.table.columns[*ix];
        if !comparable(&column.ty) {
            return Err(Fault::new(
                at,
                format!(
                    "column {} of type {} cannot stand in a key: its values have no order",
                    quoted(&column.name),
                    column.ty
                ),
            )
            .hint("use jsonb, whose values can be compared"));
        }
    }
    Ok(())
}

/// Refuses what keys can say in PostgreSQL and cannot here.
pub(super) fn refuse_key_forms(
    include: &[Ident],
    characteristics: Option<&ConstraintCharacteristics>,
    at: Place,
) -> Result<()> {
    if !include.is_empty() {
        return Err(Fault::new(at, "INCLUDE is not supported").hint("leave it out"));
    }
    if characteristics.is_some_and(|given| given.enforced == Some(false)) {
        return Err(Fault::new(at, "a key is always enforced").hint("leave out NOT ENFORCED"));
    }
    refuse_deferral(characteristics, at)
}

/// Refuses what other databases let keys say about their indexes.
pub(super) fn refuse_index_forms(
    name: Option<&Ident>,
    kind: Option<&IndexType>,
    options: &[IndexOption],
    at: Place,
) -> Result<()> {
    if name.is_some() || kind.is_some() || !options.is_empty() {
        return Err(
            Fault::new(at, "a key does not say how its index is made, or named")
                .hint("write CONSTRAINT name PRIMARY KEY (columns), or UNIQUE (columns)"),
        );
    }
    Ok(())
}

/// A constraint's own name, which no other constraint of the table has.
pub(super) fn constraint_name(made: &DraftTable, ident: &Ident, near: Place) -> Result<String> {
    let name = new_name(ident, "constraint", near)?;
    if made.has_constraint(&name) {
        return Err(Fault::new(
            Place::of_ident(ident, near),
            format!(
                "constraint {} for relation {} already exists",
                quoted(&name),
                quoted(&made.table.name)
            ),
        ));
    }
    Ok(name)
}

fn refuse_deferral(characteristics: Option<&ConstraintCharacteristics>, at: Place) -> Result<()> {
    let deferred = characteristics.is_some_and(|given| {
        given.deferrable == Some(true) || given.initially == Some(DeferrableInitial::Deferred)
    });
    if deferred {
        return Err(Fault::new(at, "DEFERRABLE is not supported")
            .hint("leave it out: a request is checked when its statement ends"));
    }
    Ok(())
}

fn action(action: Option<ast::ReferentialAction>, at: Place) -> Result<ReferentialAction> {
    Ok(match action {
        None | Some(ast::ReferentialAction::NoAction) => ReferentialAction::NoAction,
        Some(ast::ReferentialAction::Restrict) => ReferentialAction::Restrict,
        Some(ast::ReferentialAction::Cascade) => ReferentialAction::Cascade,
        Some(ast::ReferentialAction::SetNull) => ReferentialAction::SetNull,
        Some(ast::ReferentialAction::SetDefault) => {
            return Err(Fault::new(at, "SET DEFAULT is not supported")
                .hint("write SET NULL, CASCADE or RESTRICT"));
        }
    })
}

fn distinct(made: &DraftTable, columns: &[ColumnIx], at: Place) -> Result<()> {
    if columns.len() > KEY_COLUMNS_MAX {
        return Err(Fault::new(
            at,
            format!("a key has at most {KEY_COLUMNS_MAX} columns"),
        ));
    }
    for (place, ix) in columns.iter().enumerate() {
        if columns[..place].contains(ix) {
            let name = quoted(&made.table.columns[*ix].name);
            return Err(Fault::new(
                at,
                format!("column {name} appears twice in a constraint"),
            ));
        }
    }
    Ok(())
}

fn first_place(columns: &[IndexColumn], near: Place) -> Place {
    columns
        .first()
        .map_or(near, |column| Place::of_expr(&column.column.expr, near))
}

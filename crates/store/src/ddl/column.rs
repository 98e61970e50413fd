//! Columns of `CREATE TABLE` and `ADD COLUMN`.

use super::constraint;
use super::draft::{Draft, DraftTable};
use super::expression;
use super::fault::{Fault, Place, Result};
use super::names::{new_name, quoted};
use super::types::column_type;
use pando_model::column::ColumnType;
use pando_model::schema::{Column, ColumnIx, ColumnSource, Identity};
use pando_model::value::Value;
use sqlparser::ast::{self, ColumnOption, GeneratedAs};

/// A column as it is written; its expressions and constraints are read when all columns are
/// known.
pub(super) struct Declared<'a> {
    options: &'a [ast::ColumnOptionDef],
    at: Place,
}

impl<'a> Declared<'a> {
    /// `PRIMARY KEY` at the column: the constraint's name and the place.
    pub(super) fn primary_key(&self) -> Option<(Option<&'a ast::Ident>, Place)> {
        self.options
            .iter()
            .find(|option| matches!(option.option, ColumnOption::PrimaryKey(_)))
            .map(|option| (option.name.as_ref(), self.at))
    }

    /// `NULL`, said in so many words.
    pub(super) fn is_declared_null(&self) -> bool {
        self.options
            .iter()
            .any(|option| matches!(option.option, ColumnOption::Null))
    }
}

/// Adds a column with its name, type and whether it may be NULL.
pub(super) fn declare<'a>(
    made: &mut DraftTable,
    column: &'a ast::ColumnDef,
    near: Place,
) -> Result<Declared<'a>> {
    let at = Place::of_ident(&column.name, near);
    let name = new_name(&column.name, "column", near)?;
    made.free_column(&name, at)?;
    let ty = column_type(&column.data_type, at)?;
    let mut nullable: Option<bool> = None;
    let mut identity = None;
    for option in &column.options {
        let says = match &option.option {
            ColumnOption::Null => true,
            ColumnOption::NotNull => false,
            ColumnOption::Generated {
                generated_as: generated_as @ (GeneratedAs::Always | GeneratedAs::ByDefault),
                generation_expr: None,
                sequence_options,
                ..
            } => {
                let plain = sequence_options.as_ref().is_none_or(Vec::is_empty);
                identity = Some(identity_of(*generated_as, plain, &ty, at)?);
                false
            }
            _ => continue,
        };
        if nullable.is_some_and(|said| said != says) {
            return Err(Fault::new(
                at,
                format!(
                    "conflicting NULL/NOT NULL declarations for column {} of table {}",
                    quoted(&name),
                    quoted(&made.table.name)
                ),
            ));
        }
        nullable = Some(says);
    }
    made.table.columns.push(Column {
        name,
        ty,
        nullable: nullable.unwrap_or(true),
        default: None,
        identity,
        generated: None,
    });
    made.sources.push(ColumnSource::Value(Value::Null));
    Ok(Declared {
        options: &column.options,
        at,
    })
}

/// Reads a column's expressions and constraints.
pub(super) fn describe(
    draft: &Draft,
    made: &mut DraftTable,
    ix: ColumnIx,
    declared: &Declared<'_>,
) -> Result<()> {
    let at = declared.at;
    let name = quoted(&made.table.columns[ix].name);
    for option in declared.options {
        let given = option.name.as_ref();
        match &option.option {
            ColumnOption::Null | ColumnOption::NotNull => {}
            ColumnOption::PrimaryKey(key) => {
                constraint::refuse_key_forms(&key.include, key.characteristics.as_ref(), at)?;
            }
            ColumnOption::Default(expr) => {
                let column = &made.table.columns[ix];
                if column.default.is_some() {
                    return Err(Fault::new(
                        at,
                        format!("multiple default values specified for column {name}"),
                    ));
                }
                let default = expression::default(expr, &made.table, ix, at)?;
                made.table.columns[ix].default = Some(default);
            }
            ColumnOption::Generated {
                generation_expr: Some(expr),
                ..
            } => {
                let generated = expression::generated(expr, &made.table, ix, at)?;
                made.table.columns[ix].generated = Some(generated);
            }
            ColumnOption::Generated { .. } => {}
            ColumnOption::Unique(unique) => {
                constraint::refuse_key_forms(&unique.include, unique.characteristics.as_ref(), at)?;
                constraint::add_unique(draft, made, given, vec![ix], at)?;
            }
            ColumnOption::Check(check) => {
                constraint::add_check(made, given, check, Some(ix), at)?;
            }
            ColumnOption::ForeignKey(key) => {
                constraint::add_foreign_key(made, given, key, vec![ix], at)?;
            }
            ColumnOption::Collation(collation) => collation_of(made, ix, collation, at)?,
            other => {
                let (what, hint) = refused(other);
                return Err(Fault::new(at, format!("{what} is not supported")).hint(hint));
            }
        }
    }
    let column = &made.table.columns[ix];
    if column.generated.is_some() && (column.default.is_some() || column.identity.is_some()) {
        return Err(Fault::new(
            at,
            format!("both default and generation expression specified for column {name}"),
        ));
    }
    if column.identity.is_some() && column.default.is_some() {
        return Err(Fault::new(
            at,
            format!("both default and identity specified for column {name}"),
        ));
    }
    Ok(())
}

/// Refuses a generated column that is made of a generated one, once all are known.
pub(super) fn check_generated(made: &DraftTable, near: Place) -> Result<()> {
    let columns = &made.table.columns;
    for column in columns {
        let Some(expr) = &column.generated else {
            continue;
        };
        if let Some(used) = expr
            .columns()
            .into_iter()
            .find(|ix| columns[*ix].generated.is_some())
        {
            return Err(Fault::new(
                near,
                format!(
                    "cannot use generated column {} in the generation expression of {}",
                    quoted(&columns[used].name),
                    quoted(&column.name)
                ),
            )
            .hint("write what the other column is made of"));
        }
    }
    Ok(())
}

fn identity_of(
    generated_as: GeneratedAs,
    plain: bool,
    ty: &ColumnType,
    at: Place,
) -> Result<Identity> {
    if *ty != ColumnType::Bigint {
        return Err(
            Fault::new(at, format!("an identity column must be bigint, not {ty}"))
                .hint("ids are made from the time and the node, in 53 bits: write bigint"),
        );
    }
    if !plain {
        return Err(Fault::new(
            at,
            "an identity column has no sequence and no options of one",
        )
        .hint("leave out the parentheses: ids rise with time, and are not gapless"));
    }
    Ok(match generated_as {
        GeneratedAs::Always => Identity::Always,
        _ => Identity::ByDefault,
    })
}

fn collation_of(
    made: &DraftTable,
    ix: ColumnIx,
    collation: &ast::ObjectName,
    at: Place,
) -> Result<()> {
    let name = collation.to_string();
    if made.table.columns[ix].ty != ColumnType::Text {
        return Err(Fault::new(
            at,
            format!(
                "collations are not supported by type {}",
                made.table.columns[ix].ty
            ),
        ));
    }
    match name.trim_matches('"') {
        "C" | "POSIX" | "ucs_basic" => Ok(()),
        _ => Err(
            Fault::new(at, format!("the collation {name} is not supported"))
                .hint("leave it out: text sorts by its bytes, as with COLLATE \"C\""),
        ),
    }
}

fn refused(option: &ColumnOption) -> (&'static str, &'static str) {
    match option {
        ColumnOption::Comment(_) => ("COMMENT", "write it as an SQL comment, after --"),
        ColumnOption::CharacterSet(_) => ("CHARACTER SET", "leave it out: text is UTF-8"),
        ColumnOption::DialectSpecific(_) | ColumnOption::Identity(_) => (
            "this way of counting",
            "write bigint GENERATED BY DEFAULT AS IDENTITY",
        ),
        ColumnOption::OnUpdate(_) => ("ON UPDATE with a value", "set it in the application"),
        ColumnOption::Materialized(_) | ColumnOption::Alias(_) | ColumnOption::Ephemeral(_) => (
            "this way of generating",
            "write GENERATED ALWAYS AS (…) STORED",
        ),
        _ => ("this option of a column", "leave it out"),
    }
}

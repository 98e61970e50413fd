//! A column, or a path into one, as a value of a plan.

use super::types::type_named;
use crate::request::Field;
use crate::tables::refusals;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{JsonStep, Scalar};
use pando_model::schema::Table;

/// Resolves a field of a table; refused (42703) if there is no such column.
pub(crate) fn scalar(table: &Table, field: &Field) -> Result<Scalar, Refusal> {
    let column = table
        .column_ix(&field.name)
        .ok_or_else(|| refusals::unknown_column(&table.name, &field.name))?;
    if field.path.is_empty() {
        return Ok(Scalar::Column(column));
    }
    let ty = &table.columns[column].ty;
    if !matches!(ty, ColumnType::Json | ColumnType::Jsonb) {
        let operator = match (field.path.len(), field.as_text) {
            (1, true) => "->>",
            _ => "->",
        };
        return Err(refusals::no_operator(ty, operator, "unknown"));
    }
    Ok(Scalar::Json {
        column,
        path: field.path.clone(),
        as_text: field.as_text,
    })
}

/// Resolves a field with a cast.
pub(crate) fn cast(
    table: &Table,
    field: &Field,
    to: Option<&str>,
) -> Result<(Scalar, ColumnType), Refusal> {
    let plain = scalar(table, field)?;
    let from = plain.ty(table);
    match to {
        None => Ok((plain, from)),
        Some(name) => {
            let to = type_named(name)?;
            if to == from {
                return Ok((plain, from));
            }
            Ok((Scalar::Cast(Box::new(plain), to.clone()), to))
        }
    }
}

/// The name that a field has in the answer when it is given none: of a path, the last key,
/// or the column where it has only places of arrays.
pub(crate) fn name_of(field: &Field) -> &str {
    let last_key = field.path.iter().rev().find_map(|step| match step {
        JsonStep::Key(key) => Some(key.as_str()),
        JsonStep::Index(_) => None,
    });
    last_key.unwrap_or(&field.name)
}

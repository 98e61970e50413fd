//! `ADD COLUMN`: the rows that are there get its default, one value for all.

use super::column;
use super::draft::Draft;
use super::fault::{Fault, Place, Result};
use super::names::{fold, quoted};
use pando_model::expr::{Expr, Function};
use pando_model::schema::ColumnSource;
use pando_model::value::Value;
use sqlparser::ast;

/// Adds a column, with the value that each row gets.
pub(super) fn add(
    draft: &mut Draft,
    table: &str,
    column: &ast::ColumnDef,
    if_not_exists: bool,
    near: Place,
) -> Result<()> {
    let at = Place::of_ident(&column.name, near);
    let mut made = draft
        .tables
        .get(table)
        .cloned()
        .ok_or_else(|| Fault::new(at, format!("relation {} does not exist", quoted(table))))?;
    if if_not_exists && made.table.column_ix(&fold(&column.name)).is_some() {
        return Ok(());
    }
    let declared = column::declare(&mut made, column, near)?;
    if declared.primary_key().is_some() {
        return Err(Fault::new(
            at,
            format!("the table {} has a primary key already", quoted(table)),
        )
        .hint("make a new table and copy the rows"));
    }
    let ix = made.table.columns.len() - 1;
    column::describe(draft, &mut made, ix, &declared)?;
    column::check_generated(&made, at)?;
    if made.origin.is_some() {
        let added = &made.table.columns[ix];
        let name = quoted(&added.name);
        if added.identity.is_some() {
            return Err(Fault::new(
                at,
                format!("the rows that are there already would have no id in {name}"),
            )
            .hint("make a new table and copy the rows"));
        }
        let value = match &added.default {
            None => Value::Null,
            Some(default) if default.is_volatile() && !is_of_the_moment(default) => {
                return Err(Fault::new(
                    at,
                    format!("the default of {name} is another one for each row"),
                )
                .hint(format!(
                    "add the column without a default, then ALTER COLUMN {name} SET DEFAULT …: \
                     it holds for new rows"
                )));
            }
            Some(default) => default
                .evaluate(&made.table, &[], draft.moment)
                .and_then(|value| value.fit(&added.ty))
                .map_err(|refusal| Fault::refused(at, refusal))?,
        };
        made.sources[ix] = ColumnSource::Value(value);
    }
    draft.tables.insert(table.to_owned(), made);
    Ok(())
}

/// Whether all rows of one statement get the same value, as of `now()`.
fn is_of_the_moment(expr: &Expr) -> bool {
    match expr {
        Expr::Call(Function::GenRandomUuid | Function::UuidV7, _) => false,
        Expr::Literal(..) | Expr::Column(_) => true,
        Expr::Not(inner) | Expr::Negate(inner) | Expr::IsNull(inner) | Expr::Cast(inner, _) => {
            is_of_the_moment(inner)
        }
        Expr::Binary(_, left, right) => is_of_the_moment(left) && is_of_the_moment(right),
        Expr::In(inner, list) => is_of_the_moment(inner) && list.iter().all(is_of_the_moment),
        Expr::Call(_, arguments) => arguments.iter().all(is_of_the_moment),
        Expr::Case(branches, otherwise) => {
            branches
                .iter()
                .all(|(a, b)| is_of_the_moment(a) && is_of_the_moment(b))
                && otherwise.as_deref().is_none_or(is_of_the_moment)
        }
    }
}

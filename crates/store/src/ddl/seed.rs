//! `INSERT … VALUES` with constants: the first rows of a table, of reference
//! tables above all. They are written with the migration, in its transaction.

use super::draft::{Draft, DraftTable, Seed};
use super::expression;
use super::fault::{Fault, Place, Result};
use super::names::{fold, quoted, unqualified};
use pando_model::expr::Moment;
use pando_model::plan::Row;
use pando_model::schema::{ColumnIx, Identity};
use pando_model::value::Value;
use sqlparser::ast::{self, Expr, SetExpr, TableObject};

/// Rows of one migration at most; more are data, and data is imported.
const ROWS_MAX: usize = 10_000;

/// Takes the rows of an INSERT into the draft.
pub(super) fn insert(draft: &mut Draft, insert: &ast::Insert, near: Place) -> Result<()> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(Fault::new(near, "an INSERT names a table"));
    };
    let at = Place::of_name(name, near);
    if insert.on.is_some() || insert.returning.is_some() || insert.or.is_some() {
        return Err(Fault::new(
            at,
            "ON CONFLICT and RETURNING are not supported in a migration",
        )
        .hint("leave them out: a migration is applied once"));
    }
    let alien = [
        insert.ignore,
        insert.overwrite,
        insert.replace_into,
        insert.has_table_keyword,
        insert.partitioned.is_some(),
        insert.output.is_some(),
        insert.priority.is_some(),
        insert.insert_alias.is_some(),
        insert.settings.is_some(),
        insert.format_clause.is_some(),
        insert.multi_table_insert_type.is_some(),
        !insert.assignments.is_empty(),
        !insert.after_columns.is_empty(),
    ];
    let only_rows = Fault::new(at, "an INSERT of a migration holds rows of constants")
        .hint("write INSERT INTO table (columns) VALUES (…), (…)");
    let Some(source) = insert.source.as_deref().filter(|query| is_bare(query)) else {
        return Err(only_rows);
    };
    if alien.contains(&true) {
        return Err(only_rows);
    }
    let SetExpr::Values(values) = &*source.body else {
        return Err(only_rows);
    };
    let made = draft.find(name, near)?;
    let columns = columns_of(made, insert, at)?;
    let moment = draft.moment;
    let rows = values
        .rows
        .iter()
        .map(|row| row_of(made, &columns, &row.content, moment, at))
        .collect::<Result<Vec<Row>>>()?;
    let table = made.table.name.clone();
    let so_far: usize = draft.seeds.iter().map(|seed| seed.rows.len()).sum();
    if so_far + rows.len() > ROWS_MAX {
        return Err(
            Fault::new(at, format!("a migration inserts at most {ROWS_MAX} rows"))
                .hint(format!("load them with `pando import tables/{table} FILE`")),
        );
    }
    draft.seeds.push(Seed { table, rows });
    Ok(())
}

/// Nothing around the rows that would change them.
fn is_bare(query: &ast::Query) -> bool {
    query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty()
}

fn columns_of(made: &DraftTable, insert: &ast::Insert, at: Place) -> Result<Vec<ColumnIx>> {
    if insert.columns.is_empty() {
        return Ok((0..made.table.columns.len())
            .filter(|ix| made.table.columns[*ix].generated.is_none())
            .collect());
    }
    let mut columns = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let ident = unqualified(name, at)?;
        let at = Place::of_ident(ident, at);
        let ix = made.column(ident, at)?;
        let column = &made.table.columns[ix];
        let name = quoted(&column.name);
        if columns.contains(&ix) {
            return Err(Fault::new(
                at,
                format!("column {name} specified more than once"),
            ));
        }
        if column.generated.is_some() || column.identity == Some(Identity::Always) {
            return Err(Fault::new(
                at,
                format!("cannot insert a non-DEFAULT value into column {name}"),
            )
            .hint("leave the column out"));
        }
        columns.push(ix);
    }
    Ok(columns)
}

fn row_of(
    made: &DraftTable,
    columns: &[ColumnIx],
    values: &[Expr],
    moment: Moment,
    near: Place,
) -> Result<Row> {
    let at = values
        .first()
        .map_or(near, |value| Place::of_expr(value, near));
    if values.len() != columns.len() {
        return Err(Fault::new(
            at,
            format!(
                "the row has {} values for {} columns",
                values.len(),
                columns.len()
            ),
        ));
    }
    let table = &made.table;
    let mut row: Vec<Option<Value>> = vec![None; table.columns.len()];
    for (ix, value) in columns.iter().zip(values) {
        if !is_default(value) {
            row[*ix] = Some(expression::constant(value, table, *ix, moment, at)?);
        }
    }
    row.into_iter()
        .enumerate()
        .map(|(ix, given)| match given {
            Some(value) => Ok(value),
            None => default_of(made, ix, moment, at),
        })
        .collect()
}

fn default_of(made: &DraftTable, ix: ColumnIx, moment: Moment, at: Place) -> Result<Value> {
    let column = &made.table.columns[ix];
    if column.identity.is_some() {
        return Err(Fault::new(
            at,
            format!("a row of a migration needs its {}", quoted(&column.name)),
        )
        .hint("give the id: a migration is the same wherever it is applied"));
    }
    match &column.default {
        None => Ok(Value::Null),
        Some(default) => default
            .evaluate(&made.table, &[], moment)
            .and_then(|value| value.fit(&column.ty))
            .map_err(|refusal| Fault::refused(at, refusal)),
    }
}

fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(ident) if ident.quote_style.is_none() && fold(ident) == "default")
}

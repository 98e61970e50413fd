//! The rules of a row, and the words in which a breach is refused.
//!
//! What a row must be by itself is checked here (generated columns, NOT NULL, CHECK);
//! whether another row stands in its way is the engines' to find out, and only worded here.

use crate::error::Refusal;
use crate::expr::Moment;
use crate::plan::Row;
use crate::schema::{Check, ColumnIx, ForeignKey, Table};
use crate::value::Value;

/// How many bytes of a value are shown before it is cut (PostgreSQL's limit for rows).
const SHOWN_BYTES_MAX: usize = 64;
/// Rules look at nothing volatile.
const ANY_MOMENT: Moment = Moment { now_us: 0 };

/// Computes generated columns, then checks NOT NULL and CHECK, in PostgreSQL's order and words
/// (23502, 23514, with `Failing row contains (…)` as details).
pub fn complete_row(table: &Table, row: &mut Row) -> Result<(), Refusal> {
    debug_assert_eq!(row.len(), table.columns.len());
    for (ix, column) in table.columns.iter().enumerate() {
        if let Some(expr) = &column.generated {
            row[ix] = expr.evaluate_as(table, row, ANY_MOMENT, &column.ty)?;
        }
    }
    check_row(table, row)
}

/// Checks NOT NULL and CHECK of a row whose generated columns are computed.
pub fn check_row(table: &Table, row: &Row) -> Result<(), Refusal> {
    for (column, value) in table.columns.iter().zip(row.iter()) {
        if !column.nullable && value.is_null() {
            return Err(not_null_failed(table, &column.name, row));
        }
    }
    let mut checks: Vec<&Check> = table.checks.iter().collect();
    // By name, as PostgreSQL has them.
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    for check in checks {
        // Unknown passes.
        if check.expr.evaluate(table, row, ANY_MOMENT)? == Value::Bool(false) {
            return Err(check_failed(table, check, row));
        }
    }
    Ok(())
}

/// 23502 for one row and one column.
pub fn not_null_failed(table: &Table, column: &str, row: &[Value]) -> Refusal {
    Refusal::new(
        "23502",
        format!(
            "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
            table.name
        ),
    )
    .details(failing_row(table, row))
}

/// 23505: `duplicate key value violates unique constraint "…"`, `Key (a, b)=(1, x) already exists.`
pub fn duplicate_key(table: &Table, constraint: &str, columns: &[usize], row: &[Value]) -> Refusal {
    let names = columns
        .iter()
        .filter_map(|&ix| table.columns.get(ix))
        .map(|column| quoted(&column.name));
    Refusal::new(
        "23505",
        format!("duplicate key value violates unique constraint \"{constraint}\""),
    )
    .details(format!(
        "Key ({})=({}) already exists.",
        joined(names),
        joined(texts(table, columns, row))
    ))
}

/// 23503 on the referring side: `insert or update on table …`.
pub fn missing_target(table: &Table, key: &ForeignKey, row: &[Value]) -> Refusal {
    Refusal::new(
        "23503",
        format!(
            "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
            table.name, key.name
        ),
    )
    .details(format!(
        "Key ({})=({}) is not present in table \"{}\".",
        joined(names(table, &key.columns)),
        joined(texts(table, &key.columns, row)),
        key.target
    ))
}

/// 23503 on the target's side: `update or delete on table … violates foreign key constraint … on table …`.
pub fn still_referenced(target: &Table, row: &[Value], table: &Table, key: &ForeignKey) -> Refusal {
    let columns: Vec<ColumnIx> = key
        .target_columns
        .iter()
        .filter_map(|name| target.column_ix(name))
        .collect();
    Refusal::new(
        "23503",
        format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
            target.name, key.name, table.name
        ),
    )
    .details(format!(
        "Key ({})=({}) is still referenced from table \"{}\".",
        joined(names(target, &columns)),
        joined(texts(target, &columns, row)),
        table.name
    ))
}

/// 23514 for one row and one constraint.
pub fn check_failed(table: &Table, check: &Check, row: &[Value]) -> Refusal {
    Refusal::new(
        "23514",
        format!(
            "new row for relation \"{}\" violates check constraint \"{}\"",
            table.name, check.name
        ),
    )
    .details(failing_row(table, row))
}

/// PGRST124: more rows than `Prefer: max-affected` allows.
pub fn too_many_affected(affected: u64) -> Refusal {
    Refusal::new(
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
    )
    .details(format!("The query affects {affected} rows"))
}

/// 21000: `ON CONFLICT DO UPDATE command cannot affect row a second time`.
pub fn merged_twice() -> Refusal {
    Refusal::new(
        "21000",
        "ON CONFLICT DO UPDATE command cannot affect row a second time",
    )
    .hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate \
         constrained values.",
    )
}

fn failing_row(table: &Table, row: &[Value]) -> String {
    let values = table.columns.iter().zip(row).map(|(column, value)| {
        let mut text = value.to_text(&column.ty).unwrap_or_else(|| "null".into());
        if text.len() > SHOWN_BYTES_MAX {
            text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
            text.push_str("...");
        }
        text
    });
    format!("Failing row contains ({}).", joined(values))
}

fn names(table: &Table, columns: &[ColumnIx]) -> impl Iterator<Item = String> {
    columns
        .iter()
        .filter_map(|&ix| table.columns.get(ix))
        .map(|column| column.name.clone())
}

fn texts(table: &Table, columns: &[ColumnIx], row: &[Value]) -> impl Iterator<Item = String> {
    columns.iter().filter_map(|&ix| {
        let (column, value) = (table.columns.get(ix)?, row.get(ix)?);
        Some(value.to_text(&column.ty).unwrap_or_else(|| "null".into()))
    })
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// An identifier as PostgreSQL quotes it: in quotes where it would not be read back without.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain && !KEYWORDS.split_ascii_whitespace().any(|word| word == name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// PostgreSQL 15's key words that are not unreserved.
const KEYWORDS: &str = "
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema
    current_time current_timestamp current_user dec decimal default deferrable desc distinct do
    else end except exists extract false fetch float for foreign freeze from full grant greatest
    group grouping having ilike in initially inner inout int integer intersect interval into is
    isnull join lateral leading least left like limit localtime localtimestamp national natural
    nchar none normalize not notnull null nullif numeric offset on only or order out outer
    overlaps overlay placing position precision primary real references returning right row
    select session_user setof similar smallint some substring symmetric table tablesample then
    time timestamp to trailing treat trim true union unique user using values varchar variadic
    verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

#[cfg(test)]
mod tests;

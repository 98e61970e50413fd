//! The rules of a row, and the words in which a breach is refused.

use crate::error::Refusal;
use crate::plan::Row;
use crate::schema::{Check, ForeignKey, Table};
use crate::value::Value;

/// Computes generated columns, then checks NOT NULL and CHECK, in PostgreSQL's order and words
/// (23502, 23514, with `Failing row contains (…)` as details).
pub fn complete_row(table: &Table, row: &mut Row) -> Result<(), Refusal> {
    let _ = (table, row);
    todo!()
}

/// 23505: `duplicate key value violates unique constraint "…"`, `Key (a, b)=(1, x) already exists.`
pub fn duplicate_key(table: &Table, constraint: &str, columns: &[usize], row: &[Value]) -> Refusal {
    let _ = (table, constraint, columns, row);
    todo!()
}

/// 23503 on the referring side: `insert or update on table …`.
pub fn missing_target(table: &Table, key: &ForeignKey, row: &[Value]) -> Refusal {
    let _ = (table, key, row);
    todo!()
}

/// 23503 on the target's side: `update or delete on table … violates foreign key constraint … on table …`.
pub fn still_referenced(target: &Table, row: &[Value], table: &Table, key: &ForeignKey) -> Refusal {
    let _ = (target, row, table, key);
    todo!()
}

/// 23514 for one row and one constraint.
pub fn check_failed(table: &Table, check: &Check, row: &[Value]) -> Refusal {
    let _ = (table, check, row);
    todo!()
}

/// PGRST124: more rows than `Prefer: max-affected` allows.
pub fn too_many_affected(affected: u64) -> Refusal {
    let _ = affected;
    todo!()
}

/// 21000: `ON CONFLICT DO UPDATE command cannot affect row a second time`.
pub fn merged_twice() -> Refusal {
    todo!()
}

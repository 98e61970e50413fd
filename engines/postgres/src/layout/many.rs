//! Statements for any number of rows, which are given as arrays.

use super::names;
use crate::sql::quoted;
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};

/// `INSERT` of any number of whole rows, given as arrays: the slots, then the columns; none of
/// them may be an array itself. Rows whose keys are there already are left out.
pub(crate) fn insert_many_sql(table: &Table) -> String {
    let all: Vec<_> = (0..table.columns.len()).collect();
    format!(
        "INSERT INTO {} ({SLOT_COLUMN}, {}) SELECT * FROM {} \
         ON CONFLICT DO NOTHING",
        quoted(&table.name),
        names(table, &all),
        unnest_sql(table, &all)
    )
}

/// `DELETE` of any number of rows by their keys, given as arrays: the slots, then the key's columns;
/// none of them may be an array itself. A row that another writer changes meanwhile stays. Each is
/// looked up by itself: a join may be carried out from the wrong end.
pub(crate) fn delete_many_sql(table: &Table) -> String {
    let key = &table.primary_key.columns;
    let at_key = key.iter().enumerate().map(|(place, ix)| {
        let name = quoted(&table.columns[*ix].name);
        format!(" AND t.{name} = u.u{}", place + 1)
    });
    let list: Vec<String> = (0..=key.len()).map(|place| format!("u{place}")).collect();
    format!(
        "DELETE FROM {table_name} WHERE ctid = ANY (ARRAY( \
         SELECT found.ctid FROM {} AS u ({}) CROSS JOIN LATERAL ( \
         SELECT t.ctid FROM {table_name} AS t WHERE t.{SLOT_COLUMN} = u.u0{} OFFSET 0) AS found))",
        unnest_sql(table, key),
        list.join(", "),
        at_key.collect::<String>(),
        table_name = quoted(&table.name),
    )
}

/// Slots and columns, given as arrays, as rows.
fn unnest_sql(table: &Table, columns: &[ColumnIx]) -> String {
    let arrays = columns.iter().zip(2..).map(|(ix, place)| {
        let ty = match &table.columns[*ix].ty {
            // A declared precision would round, and is kept already.
            ColumnType::Numeric { .. } => "numeric".to_owned(),
            ty => ty.to_string(),
        };
        format!(", ${place}::{ty}[]")
    });
    format!("unnest($1::integer[]{})", arrays.collect::<String>())
}

//! Writes of a key that may not read their table. As in PostgreSQL, whose `WHERE` needs `SELECT`:
//! what a condition finds, and what an error tells of a row, is read. So such a key names rows by
//! their primary key, and is not told what they hold.

use crate::error::ApiError;
use crate::gate::{self, Caller};
use http::StatusCode;
use pando_model::plan::Comparison;
use pando_model::schema::Table;
use pando_store::Store;
use pando_store::keys::Surface;
use pando_store::request::{Condition, Operand, SelectItem, TableWrite, Test};

/// 403 for a write that asks more of rows than which one has a key.
pub(super) fn permit(store: &Store, write: &TableWrite) -> Result<(), ApiError> {
    let schema = store.schema();
    let Some(table) = schema.table(&write.table) else {
        return Ok(()); // refused where it is planned
    };
    let query = &write.query;
    let mut filters = query.filters.iter();
    let by_key = filters.all(|(path, condition)| path.is_empty() && names_rows(table, condition));
    let embeds = query
        .select
        .iter()
        .any(|item| matches!(item, SelectItem::Embed(_)));
    if by_key && !embeds && query.order.is_empty() {
        return Ok(());
    }
    let name = &table.name;
    let key = table.primary_key.columns.iter();
    let key: Vec<&str> = key.map(|ix| table.columns[*ix].name.as_str()).collect();
    let message = format!("permission denied for table {name}");
    Err(
        ApiError::new(StatusCode::FORBIDDEN, "42501", message).hint(format!(
            "Filters, orders and embedded resources read: the key needs the scope rest:read:{name}. \
             Without it a write names rows by eq or in of the primary key ({}).",
            key.join(", ")
        )),
    )
}

/// An error of a write, without the stored values that PostgreSQL puts into the details of a
/// constraint's (`Failing row contains …`, `Key (…)=(…) …`), where the caller may not read them.
pub(crate) fn withhold(error: ApiError, caller: &Caller, table: &str) -> ApiError {
    if error.code().starts_with("23") && !gate::may_read(caller, Surface::Rest, table) {
        return error.without_details();
    }
    error
}

/// Whether a condition is the equality of columns of the primary key.
fn names_rows(table: &Table, condition: &Condition) -> bool {
    match condition {
        Condition::And(false, parts) => parts.iter().all(|part| names_rows(table, part)),
        Condition::Test {
            field,
            negated: false,
            test: Test::Compare(Comparison::Eq, Operand::One(_) | Operand::Any(_)) | Test::In(_),
        } if field.path.is_empty() => {
            let column = table.column_ix(&field.name);
            column.is_some_and(|ix| table.primary_key.columns.contains(&ix))
        }
        _ => false,
    }
}

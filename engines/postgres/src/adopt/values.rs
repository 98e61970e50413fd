//! Values that PostgreSQL has and Pando has not: found by reading every row of the columns that
//! may hold one, as they would be read when they are served.

use crate::cell::{Raw, column_of};
use crate::fault::Step;
use crate::session::Session;
use pando_model::column::ColumnType;
use pando_model::found::{Finding, FoundColumn, FoundTable};

/// How often it is told how many rows were read.
const ROWS_BETWEEN: u64 = 10_000;

/// Reads a table's rows, and tells the columns whose values could not be served.
pub(super) fn check(
    session: &Session,
    table: &FoundTable,
    progress: &dyn Fn(u64),
) -> Step<Vec<Finding>> {
    let doubtful: Vec<(&FoundColumn, &ColumnType)> = table
        .columns
        .iter()
        .filter_map(|column| Some((column, column.ty.as_ref()?)))
        .filter(|(_, ty)| is_doubtful(ty))
        .collect();
    if doubtful.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = doubtful.iter().map(|(column, _)| &column.name).collect();
    let sql = format!("SELECT {} FROM {}", super::listed(names), table.written);
    let mut odd = vec![0_u64; doubtful.len()];
    let mut rows = 0;
    session.select_all(&sql, &[], |row| {
        for (place, (_, ty)) in doubtful.iter().enumerate() {
            if column_of(row.try_get::<_, Option<Raw<'_>>>(place)?, ty).is_err() {
                odd[place] += 1;
            }
        }
        rows += 1;
        if rows % ROWS_BETWEEN == 0 {
            progress(rows);
        }
        Ok(())
    })?;
    progress(rows);
    let counted = doubtful.iter().zip(odd).filter(|(_, odd)| *odd > 0);
    Ok(counted
        .map(|((column, ty), odd)| {
            let what = format!(
                "{}: {odd} of {rows} rows hold a value of type {} that Pando does not have; \
                 reading such a row is refused",
                column.written, column.declared
            );
            let finding = Finding::new(what);
            match odd_where(&column.written, ty) {
                Some(odd) => finding.mend(format!("SELECT * FROM {} WHERE {odd};", table.written)),
                None => finding,
            }
        })
        .collect())
}

fn is_doubtful(ty: &ColumnType) -> bool {
    match ty {
        ColumnType::Real
        | ColumnType::Double
        | ColumnType::Numeric { .. }
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::Jsonb
        | ColumnType::Array(_) => true,
        ColumnType::Text
        | ColumnType::Integer
        | ColumnType::Bigint
        | ColumnType::Boolean
        | ColumnType::Uuid
        | ColumnType::Json
        | ColumnType::Bytea => false,
    }
}

/// Which rows those are, in SQL.
fn odd_where(column: &str, ty: &ColumnType) -> Option<String> {
    Some(match ty {
        ColumnType::Real | ColumnType::Double | ColumnType::Numeric { .. } => {
            format!("{column} IN ('NaN', 'Infinity', '-Infinity')")
        }
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => format!(
            "NOT isfinite({column}) OR {column} < '0001-01-01' OR {column} >= '10000-01-01'"
        ),
        ColumnType::Array(_) => format!("array_ndims({column}) > 1"),
        _ => return None,
    })
}

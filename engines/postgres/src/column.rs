//! Columns of several rows, as arrays that a statement takes apart.

use crate::cell::{Fallible, encode_array};
use bytes::BytesMut;
use pando_model::plan::Row;
use pando_model::slot::Slot;
use pando_model::value::Value;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A column of several rows, as one array.
#[derive(Debug)]
pub(crate) struct RowsColumn<'r> {
    rows: &'r [(Slot, Row)],
    /// The slots' own where it is `None`.
    column: Option<usize>,
}

impl<'r> RowsColumn<'r> {
    /// The slots, and then the columns of rows that have so many.
    pub(crate) fn all(
        columns: usize,
        rows: &'r [(Slot, Row)],
    ) -> impl Iterator<Item = RowsColumn<'r>> {
        let columns = std::iter::once(None).chain((0..columns).map(Some));
        columns.map(move |column| RowsColumn { rows, column })
    }
}

impl ToSql for RowsColumn<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        match self.column {
            None => {
                let slot = |(slot, _): &(Slot, Row)| Value::Int(i64::from(slot.number()));
                let slots: Vec<Value> = self.rows.iter().map(slot).collect();
                encode_array(slots.iter(), ty, out)?;
            }
            Some(ix) => encode_array(self.rows.iter().map(|(_, row)| &row[ix]), ty, out)?,
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

//! Columns of several rows, as arrays that a statement takes apart.

use crate::cell::{Fallible, encode_array};
use bytes::BytesMut;
use pando_model::plan::Row;
use pando_model::schema::ColumnIx;
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::borrow::Borrow;
use std::fmt::Debug;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A column of several rows, as one array.
#[derive(Debug)]
pub(crate) struct RowsColumn<'r, R> {
    rows: &'r [(Slot, R)],
    /// The slots' own where it is `None`.
    column: Option<ColumnIx>,
}

impl<'r, R: Borrow<Row> + Debug> RowsColumn<'r, R> {
    /// The slots, and then these columns.
    pub(crate) fn some(
        columns: &'r [ColumnIx],
        rows: &'r [(Slot, R)],
    ) -> impl Iterator<Item = RowsColumn<'r, R>> {
        let columns = columns.iter().map(|ix| Some(*ix));
        let columns = std::iter::once(None).chain(columns);
        columns.map(move |column| RowsColumn { rows, column })
    }
}

impl<R: Borrow<Row> + Debug> ToSql for RowsColumn<'_, R> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        match self.column {
            None => {
                let slot = |(slot, _): &(Slot, R)| Value::Int(i64::from(slot.number()));
                let slots: Vec<Value> = self.rows.iter().map(slot).collect();
                encode_array(slots.iter(), ty, out)?;
            }
            Some(ix) => encode_array(self.rows.iter().map(|(_, row)| &row.borrow()[ix]), ty, out)?,
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

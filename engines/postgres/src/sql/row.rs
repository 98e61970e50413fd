//! Rows of a statement, as PostgreSQL sends them.

use super::select::{Decode, Statement};
use crate::cell::{Raw, column_of, value_of};
use crate::fault::Step;
use pando_model::plan::Row;
use pando_model::schema::Table;
use pando_model::value::Value;

impl Statement<'_> {
    /// The values of a row from the place `first` on, each shown to `see`.
    pub(crate) fn row(
        &self,
        raw: &tokio_postgres::Row,
        table: &Table,
        first: usize,
        see: &mut impl FnMut(&Value) -> Step<()>,
    ) -> Step<Row> {
        let mut row = Vec::with_capacity(self.decode.len());
        for (place, decode) in self.decode.iter().enumerate() {
            let cell = raw.try_get::<_, Option<Raw<'_>>>(first + place)?;
            let value = match decode {
                Decode::Column(ty) => column_of(cell, ty)?,
                Decode::Scalar(scalar, ty) => scalar.evaluate(table, column_of(cell, ty)?)?,
                Decode::Result(ty) => value_of(cell, ty)?,
            };
            see(&value)?;
            row.push(value);
        }
        Ok(row)
    }
}

//! Short reads: one select, and the shard's row with it, in one statement and one round trip.
//!
//! A single statement takes its snapshot once its tables are locked, so that a table which is
//! built anew meanwhile is found as it was before or as it is after, and the shard's row says
//! which of the two.

use crate::cell::Param;
use crate::fault::Step;
use crate::shard::{ShardRow, check_schema};
use crate::sql;
use crate::wire::Wire;
use futures_util::TryStreamExt;
use pando_model::budget::RowBudget;
use pando_model::engine::Read;
use pando_model::plan::RowSet;
use std::pin::pin;
use tokio_postgres::types::ToSql;

/// Whether a read is one statement.
pub(crate) fn is_short(read: &Read) -> bool {
    // What comes and goes is planned with settings of a transaction of its own.
    read.tree.children.is_empty() && !read.tree.select.table.churns()
}

/// Carries out a read [`is_short`] says to be one statement.
pub(crate) async fn carry_out(wire: &Wire, read: &Read) -> Step<(RowSet, ShardRow)> {
    let select = &read.tree.select;
    let statement = sql::select_with_shard(select, read.count);
    let prepared = wire.prepare(&statement.sql.text).await?;
    let params = statement.sql.params.iter();
    let params: Vec<_> = params
        .map(|param: &Param<'_>| param as &(dyn ToSql + Sync))
        .collect();
    let found = wire.client.query_raw(&prepared, params).await?;
    let mut found = pin!(found);
    let budget = RowBudget::default();
    let mut shard = None;
    let mut rows = RowSet::default();
    while let Some(raw) = found.try_next().await? {
        if shard.is_none() {
            let row = ShardRow::of(Some(&raw))?;
            wire.meet_schema(row.schema_version);
            check_schema(&row, read.schema_version)?;
            shard = Some(row);
            rows.total = match read.count {
                true => Some(raw.try_get::<_, i64>(sql::TOTAL)?.unsigned_abs()),
                false => None,
            };
        }
        // Without rows there is one with the shard alone.
        if raw.try_get::<_, Option<bool>>(sql::FOUND)?.is_some() {
            let row = statement.row(&raw, &select.table, sql::FIRST, &mut |value| {
                Ok(budget.take(value)?)
            })?;
            rows.rows.push(row);
        }
    }
    Ok((rows, shard.map_or_else(|| ShardRow::of(None), Ok)?))
}

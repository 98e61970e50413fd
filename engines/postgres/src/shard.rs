//! The shard's own row: how far its history and its schema have got.

use crate::fault::{Step, corrupt};
use crate::session::Session;
use pando_model::error::EngineError;
use pando_model::stamp::{Fork, History, Position};
use tokio_postgres::Row;

/// Reads the row; its columns are those of [`ShardRow::of`].
pub(crate) const READ: &str =
    "SELECT timeline, position, schema_version, followed, forks FROM _pando_shard";
/// The same, and lets nobody else write until the transaction ends.
pub(crate) const LOCK: &str =
    "SELECT timeline, position, schema_version, followed, forks FROM _pando_shard FOR UPDATE";
/// A snapshot for several statements.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Each statement sees what was committed before it: once the shard is locked, all there is.
pub(crate) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// What the one row says.
#[derive(Clone, Debug)]
pub(crate) struct ShardRow {
    pub(crate) at: Position,
    pub(crate) schema_version: u64,
    /// Whether somebody follows the feed.
    pub(crate) followed: bool,
    pub(crate) history: History,
}

impl ShardRow {
    /// Reads what [`READ`] gave.
    pub(crate) fn of(row: Option<&Row>) -> Step<ShardRow> {
        let row = row.ok_or_else(|| corrupt("the shard's own row is missing"))?;
        let forks: Vec<Fork> = serde_json::from_str(row.try_get(4)?)
            .map_err(|error| corrupt(format!("the forks of the history: {error}")))?;
        Ok(ShardRow {
            at: Position {
                timeline: row.try_get::<_, i32>(0)?.unsigned_abs(),
                p: row.try_get::<_, i64>(1)?.unsigned_abs(),
            },
            schema_version: row.try_get::<_, i64>(2)?.unsigned_abs(),
            followed: row.try_get(3)?,
            history: History::new(forks),
        })
    }
}

/// Refuses a plan for another schema than the one that is in force.
pub(crate) fn check_schema(shard: &ShardRow, planned_for: u64) -> Step<()> {
    if shard.schema_version == planned_for {
        return Ok(());
    }
    Err(EngineError::SchemaChanged {
        current: shard.schema_version,
    }
    .into())
}

/// Runs several statements on one snapshot; they are given the shard's row in it.
///
/// A snapshot does not hold tables still: one whose shape changes meanwhile looks empty in it. So
/// the schema is looked at again behind it, and where it has changed `work` counts for nothing.
pub(crate) fn in_snapshot<T>(
    session: &Session,
    work: impl FnOnce(&ShardRow) -> Step<T>,
) -> Step<(T, ShardRow)> {
    let begun = session
        .begin(BEGIN_READ, READ)
        .and_then(|row| ShardRow::of(row.as_ref()));
    let shard = match begun {
        Ok(shard) => shard,
        Err(fault) => {
            session.rollback();
            return Err(fault);
        }
    };
    session.meet_schema(shard.schema_version);
    let done = work(&shard);
    let how = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let now = session
        .end_and(how, READ)
        .and_then(|row| ShardRow::of(row.as_ref()));
    match now {
        Ok(now) if now.schema_version != shard.schema_version => Err(EngineError::SchemaChanged {
            current: now.schema_version,
        }
        .into()),
        Err(fault) if done.is_ok() => Err(fault),
        _ => Ok((done?, shard)),
    }
}

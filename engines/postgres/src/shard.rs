//! The shard's own row, which says what schema is in force and how its history has forked, and
//! the commits, of which the newest says how far it has got.
//!
//! The row is what writers lock, and is rarely written. The position is not in it: each version of
//! a row is walked over by whoever looks at it, for as long as somebody holds a snapshot that is
//! older. A commit is inserted instead, and the newest is read from the index's end.

use crate::cell::Param;
use crate::fault::{Step, corrupt};
use crate::plans::{Plans, by_index};
use crate::session::Session;
use pando_model::error::EngineError;
use pando_model::stamp::{Fork, History, Position};
use tokio_postgres::Row;

/// A statement that reads the row's columns, those of [`ShardRow::of`], and more behind them.
macro_rules! of_the_shard {
    ($($more:literal),*) => {
        concat!(
            "SELECT s.timeline, c.p, s.schema_version, s.followed, s.forks" $(, $more)*,
            " FROM _pando_shard AS s, (SELECT n, p FROM _pando_commit ORDER BY n DESC LIMIT 1) AS c ",
            "WHERE s.one = 1"
        )
    };
}

/// Reads the row.
pub(crate) const READ: &str = of_the_shard!();
/// How many columns these are.
pub(crate) const COLUMNS: usize = 5;
/// The same, and behind them the server's own timeline where it is a primary, the number of its
/// cluster, and which standbys a commit waits for. A database that is a copy of another one has an
/// oid of its own, or a cluster.
pub(crate) const LOOK: &str = of_the_shard!(
    ", CASE WHEN pg_is_in_recovery() THEN NULL ELSE ",
    "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END, ",
    "(SELECT system_identifier # oid::bigint FROM pg_control_system(), pg_database ",
    "WHERE datname = current_database()), ",
    "current_setting('synchronous_standby_names')"
);
/// The same, of a primary; whose reign is written down comes behind, and the newest commit.
pub(crate) const REIGN: &str = of_the_shard!(
    ", ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer, ",
    "(SELECT system_identifier # oid::bigint FROM pg_control_system(), pg_database ",
    "WHERE datname = current_database()), s.reign_timeline, s.reign_system, c.n"
);
/// Lets nobody else write until the transaction ends. What the one before has left is seen by a
/// statement that begins behind it, and not by this one.
const LOCK: &str = "SELECT FROM _pando_shard WHERE one = 1 FOR UPDATE";
/// A snapshot for several statements.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Each statement sees what was committed before it: once the shard is locked, all there is. What
/// is looked at first, in Pando's own tables, is looked at [`Plans::ByIndex`].
const BEGIN_WRITE: &str = concat!("BEGIN ISOLATION LEVEL READ COMMITTED; ", by_index!());

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

    /// From here on a new timeline goes on. It is not below the server's own, so that two servers
    /// which were promoted one after the other without having met do not begin the same.
    fn fork(&mut self, servers: u32) {
        let timeline = (self.at.timeline + 1).max(servers);
        let mut forks = self.history.forks().to_vec();
        forks.push(Fork {
            timeline,
            at: self.at.p,
        });
        self.history = History::new(forks);
        self.at.timeline = timeline;
    }
}

/// What [`REIGN`] gave: the shard, on the timeline of the primary that reigns.
#[derive(Clone, Debug)]
pub(crate) struct Locked {
    pub(crate) shard: ShardRow,
    /// Another primary reigns than the one that is written down, with this timeline and cluster.
    pub(crate) new_reign: Option<(i32, i64)>,
    /// The newest commit's number.
    pub(crate) commits: i64,
}

impl Locked {
    /// Begins a transaction that writes, once nobody else does.
    pub(crate) fn begin(session: &Session) -> Step<Locked> {
        let row = session.begin(BEGIN_WRITE, &[LOCK, REIGN])?;
        session.plans_were(Some(Plans::ByIndex));
        Locked::of(row.as_ref())
    }

    /// Reads it. Where another primary has come to reign the history forks: what the last one
    /// had and this one has not is lost.
    pub(crate) fn of(row: Option<&Row>) -> Step<Locked> {
        let mut shard = ShardRow::of(row)?;
        let row = row.ok_or_else(|| corrupt("the shard's own row is missing"))?;
        let at = |ix| row.try_get::<_, i32>(ix);
        let (reigns, written) = (
            (at(COLUMNS)?, row.try_get::<_, i64>(COLUMNS + 1)?),
            (at(COLUMNS + 2)?, row.try_get::<_, i64>(COLUMNS + 3)?),
        );
        let new_reign = (reigns != written).then_some(reigns);
        if new_reign.is_some() {
            shard.fork(reigns.0.unsigned_abs());
        }
        Ok(Locked {
            shard,
            new_reign,
            commits: row.try_get(COLUMNS + 4)?,
        })
    }

    /// Writes the fork down, where there is one.
    pub(crate) fn write_reign(&self, session: &Session) -> Step<()> {
        let Some((timeline, system)) = self.new_reign else {
            return Ok(());
        };
        let forks = serde_json::to_string(self.shard.history.forks())
            .map_err(|error| EngineError::internal("write down the forks", error))?;
        session.execute(
            "UPDATE _pando_shard SET timeline = $1, forks = $2, reign_timeline = $3, \
             reign_system = $4",
            &[
                Param::int(i64::from(self.shard.at.timeline)),
                Param::text(forks),
                Param::int(i64::from(timeline)),
                Param::int(system),
            ],
        )?;
        Ok(())
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
        .begin(BEGIN_READ, &[READ])
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

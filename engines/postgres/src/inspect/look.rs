//! One look at a server: facts, and no judgement.

use crate::fault::Step;
use crate::open::{IS_UP_TO_DATE, Unfit, find_unfit, read_shard};
use crate::session::Session;
use pando_model::stamp::Position;
use std::time::Duration;

/// What a look at a server has shown.
pub(super) struct Sight {
    /// When it was started, to the microsecond: one server may be known by several names.
    pub(super) started: String,
    pub(super) is_in_recovery: bool,
    /// PostgreSQL's own timeline.
    pub(super) timeline: u32,
    /// The number of its cluster and the database's.
    pub(super) system: i64,
    /// How far its store has got, where it holds one that may be read.
    pub(super) at: Option<Position>,
    /// Whether something comes from the primary.
    pub(super) is_receiving: bool,
    /// How long ago the last transaction was committed that it has replayed.
    pub(super) replayed: Option<Duration>,
    pub(super) unfit: Option<Unfit>,
    pub(super) settings: Vec<Setting>,
    pub(super) standbys: Standbys,
    pub(super) room: Room,
    pub(super) rights: Rights,
}

/// A setting, and where its value is from.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) source: String,
}

/// Who copies it.
#[derive(Default)]
pub(super) struct Standbys {
    pub(super) all: i64,
    /// Those of which this role may not see how they do.
    pub(super) hidden: i64,
    pub(super) synchronous: i64,
}

/// Its connections.
#[derive(Default)]
pub(super) struct Room {
    pub(super) max: i64,
    /// Kept for superusers.
    pub(super) kept: i64,
    pub(super) used: i64,
}

/// What this role may do.
#[derive(Default)]
pub(super) struct Rights {
    pub(super) role: String,
    pub(super) database: String,
    /// Where tables are made; empty where it may use none of its search path.
    pub(super) schema: String,
    pub(super) search_path: String,
    pub(super) may_create: bool,
    /// Pando's own tables that it may not read and write.
    pub(super) closed_tables: String,
}

/// Looks at a server.
pub(super) fn look(session: &Session) -> Step<Sight> {
    let rights = rights(session)?;
    let is_readable = rights.closed_tables.is_empty();
    let at = match is_readable && session.exists(IS_UP_TO_DATE, &[])? {
        true => Some(read_shard(session)?.at),
        false => None,
    };
    let mut sight = Sight {
        started: String::new(),
        is_in_recovery: false,
        timeline: 0,
        system: 0,
        at,
        is_receiving: false,
        replayed: None,
        unfit: find_unfit(session)?,
        settings: settings(session)?,
        standbys: standbys(session)?,
        room: room(session)?,
        rights,
    };
    session.select_all(
        "SELECT pg_postmaster_start_time()::text, pg_is_in_recovery(), \
         CASE WHEN pg_is_in_recovery() \
         THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), \
         (SELECT timeline_id FROM pg_control_checkpoint())) \
         ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END, \
         (SELECT system_identifier # oid::bigint FROM pg_control_system(), pg_database \
         WHERE datname = current_database()), EXISTS (SELECT 1 FROM pg_stat_wal_receiver), \
         extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())\
         ::double precision",
        &[],
        |row| {
            sight.started = row.try_get(0)?;
            sight.is_in_recovery = row.try_get(1)?;
            sight.timeline = row.try_get::<_, i32>(2)?.unsigned_abs();
            sight.system = row.try_get(3)?;
            sight.is_receiving = row.try_get(4)?;
            let replayed: Option<f64> = row.try_get(5)?;
            sight.replayed =
                replayed.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
            Ok(())
        },
    )?;
    Ok(sight)
}

fn settings(session: &Session) -> Step<Vec<Setting>> {
    let mut settings = Vec::new();
    session.select_all(
        "SELECT name, setting, source FROM pg_settings WHERE name IN ('fsync', \
         'full_page_writes', 'synchronous_commit', 'max_prepared_transactions', \
         'hot_standby_feedback', 'max_standby_streaming_delay')",
        &[],
        |row| {
            settings.push(Setting {
                name: row.try_get(0)?,
                value: row.try_get(1)?,
                source: row.try_get(2)?,
            });
            Ok(())
        },
    )?;
    Ok(settings)
}

fn standbys(session: &Session) -> Step<Standbys> {
    let mut found = Standbys::default();
    session.select_all(
        "SELECT count(*), count(*) FILTER (WHERE sync_state IS NULL), \
         count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication",
        &[],
        |row| {
            found = Standbys {
                all: row.try_get(0)?,
                hidden: row.try_get(1)?,
                synchronous: row.try_get(2)?,
            };
            Ok(())
        },
    )?;
    Ok(found)
}

fn room(session: &Session) -> Step<Room> {
    let mut found = Room::default();
    session.select_all(
        "SELECT current_setting('max_connections')::bigint, \
         current_setting('superuser_reserved_connections')::bigint \
         + coalesce(current_setting('reserved_connections', true), '0')::bigint, \
         (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL \
          AND pid <> pg_backend_pid())",
        &[],
        |row| {
            found = Room {
                max: row.try_get(0)?,
                kept: row.try_get(1)?,
                used: row.try_get(2)?,
            };
            Ok(())
        },
    )?;
    Ok(found)
}

fn rights(session: &Session) -> Step<Rights> {
    let mut found = Rights::default();
    session.select_all(
        "SELECT current_user::text, current_database()::text, coalesce(current_schema()::text, ''), \
         current_setting('search_path'), \
         coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false), \
         coalesce((SELECT string_agg(c.relname::text, ', ' ORDER BY c.relname) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname LIKE '\\_pando%' \
         AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
         AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))), '')",
        &[],
        |row| {
            found = Rights {
                role: row.try_get(0)?,
                database: row.try_get(1)?,
                schema: row.try_get(2)?,
                search_path: row.try_get(3)?,
                may_create: row.try_get(4)?,
                closed_tables: row.try_get(5)?,
            };
            Ok(())
        },
    )?;
    Ok(found)
}

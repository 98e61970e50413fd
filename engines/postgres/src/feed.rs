//! The feed as its followers see it: where they stand, and what lies behind that.
//!
//! Where a follower stands, and below which floor nothing is kept, are rows that are inserted and
//! deleted, and not updated; the last is read from the end of the index, and events are looked for
//! from the floor on. So nothing that died is walked over, whatever snapshot is held.

use crate::cell::Param;
use crate::fault::{Step, corrupt};
use crate::plans::Plans;
use crate::session::Session;
use crate::shard::ShardRow;
use crate::writer::Transaction;
use pando_model::engine::{FeedCursor, FeedEvent, FeedKind, FeedPage};
use pando_model::slot::Slot;
use pando_model::stamp::{Position, Reach};
use tokio_postgres::Row;

/// Who stands furthest back: the last stand of each follower, one name after the other.
const FURTHEST_BACK: &str = "WITH RECURSIVE stands AS ( \
    (SELECT name, timeline, p, ordinal FROM _pando_follower \
    ORDER BY name DESC, p DESC, ordinal DESC LIMIT 1) UNION ALL \
    SELECT n.* FROM stands AS s CROSS JOIN LATERAL ( \
    SELECT name, timeline, p, ordinal FROM _pando_follower WHERE name < s.name \
    ORDER BY name DESC, p DESC, ordinal DESC LIMIT 1) AS n) \
    SELECT timeline, p, ordinal FROM stands ORDER BY p, ordinal LIMIT 1";
/// Transactions whose events are kept for followers at most.
const POSITIONS_MAX: i64 = 200_000;

/// What lies behind a cursor.
pub(crate) fn read_page(
    session: &Session,
    shard: &ShardRow,
    after: FeedCursor,
    max: usize,
) -> Step<FeedPage> {
    session.plan(Plans::ByIndex);
    let floor = read_floor(session)?;
    let lost = shard.history.reach(after.at, shard.at) != Reach::Contained;
    let behind = (after.at.p, after.ordinal) < (floor.at.p, floor.ordinal);
    let gap = !shard.followed || lost || behind;
    let from = match (gap, shard.followed) {
        (false, _) => after,
        (true, true) => floor,
        (true, false) => end(session, shard.at)?,
    };
    let mut events = read_events(session, from, max.saturating_add(1))?;
    let more = events.split_off(max.min(events.len()));
    let consumed = match more.first() {
        Some(next) => Position {
            p: next.cursor.at.p - 1,
            ..next.cursor.at
        },
        None => shard.at,
    };
    Ok(FeedPage {
        next: events.last().map_or(from, |event| event.cursor),
        events,
        consumed,
        schema_version: shard.schema_version,
        gap,
    })
}

/// How many events are kept. They are counted: the more there are, the longer it takes.
pub(crate) fn read_depth(session: &Session) -> Step<u64> {
    let depth = session.first_int("SELECT count(*) FROM _pando_feed", &[])?;
    Ok(depth.unwrap_or(0).unsigned_abs())
}

/// Registers a follower behind all that is committed, or says where a known one stands.
pub(crate) fn follow(transaction: &Transaction<'_>, name: &str) -> Step<FeedCursor> {
    let session = transaction.session;
    if let Some(cursor) = stand(session, name)? {
        return Ok(cursor);
    }
    let shard = transaction.shard();
    let cursor = end(session, shard.at)?;
    if !shard.followed {
        session.execute("DELETE FROM _pando_feed", &[])?;
        raise_floor(session, cursor)?;
        session.execute("UPDATE _pando_shard SET followed = TRUE", &[])?;
    }
    put(session, name, cursor, None)?;
    Ok(cursor)
}

/// Moves a follower on, and forgets what all have dealt with.
pub(crate) fn acknowledge(
    transaction: &Transaction<'_>,
    name: &str,
    cursor: FeedCursor,
) -> Step<()> {
    let session = transaction.session;
    let Some(stood) = stand(session, name)? else {
        return Ok(());
    };
    let last = end(session, transaction.shard().at)?;
    let stands = by_place(stood, by_place(cursor, last, false), true);
    if stands != stood {
        put(session, name, stands, Some(stood))?;
        trim(session)?;
    }
    Ok(())
}

/// Whether more is kept than [`bound`] lets stay.
pub(crate) fn is_too_long(session: &Session) -> Step<bool> {
    session.plan(Plans::ByIndex);
    let floor = read_floor(session)?.at.p as i64;
    let first = span_end(session, floor, "p, ordinal")?;
    let last = span_end(session, floor, "p DESC, ordinal DESC")?;
    Ok(first
        .zip(last)
        .is_some_and(|(first, last)| last - first >= POSITIONS_MAX))
}

/// Forgets what lies further back than [`POSITIONS_MAX`], whoever has not dealt with it: followers
/// that have gone for good leave nothing behind that grows.
pub(crate) fn bound(session: &Session) -> Step<()> {
    if !is_too_long(session)? {
        return Ok(());
    }
    let mut last = None;
    session.select_while(
        "SELECT timeline, p, ordinal FROM _pando_feed WHERE p >= $2 AND p <= \
         (SELECT p FROM _pando_feed WHERE p >= $2 ORDER BY p DESC LIMIT 1) - $1 \
         ORDER BY p DESC, ordinal DESC LIMIT 1",
        &[
            Param::int(POSITIONS_MAX),
            Param::int(read_floor(session)?.at.p as i64),
        ],
        |row| {
            last = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    match last {
        Some(floor) => raise_floor(session, floor),
        None => Ok(()),
    }
}

/// The position of the first event, in an order, of those from a floor on.
fn span_end(session: &Session, floor: i64, order: &str) -> Step<Option<i64>> {
    let sql = format!("SELECT p FROM _pando_feed WHERE p >= $1 ORDER BY {order} LIMIT 1");
    session.first_int(&sql, &[Param::int(floor)])
}

/// Removes a follower.
pub(crate) fn unfollow(transaction: &Transaction<'_>, name: &str) -> Step<()> {
    let session = transaction.session;
    let name = [Param::text(name)];
    if session.execute("DELETE FROM _pando_follower WHERE name = $1", &name)? > 0 {
        trim(session)?;
    }
    Ok(())
}

/// The greater or the lesser of two cursors. Positions go on over forks, so that the place in
/// the shard's own history is `p` alone.
fn by_place(a: FeedCursor, b: FeedCursor, greater: bool) -> FeedCursor {
    let a_first = (a.at.p, a.ordinal) < (b.at.p, b.ordinal);
    if a_first == greater { b } else { a }
}

fn trim(session: &Session) -> Step<()> {
    let mut least = None;
    session.select_while(FURTHEST_BACK, &[], |row| {
        least = Some(cursor_of(row)?);
        Ok(false)
    })?;
    match least {
        Some(floor) => raise_floor(session, floor),
        None => {
            session.execute("DELETE FROM _pando_feed", &[])?;
            session.execute("UPDATE _pando_shard SET followed = FALSE", &[])?;
            Ok(())
        }
    }
}

fn stand(session: &Session, name: &str) -> Step<Option<FeedCursor>> {
    let mut found = None;
    session.select_while(
        "SELECT timeline, p, ordinal FROM _pando_follower WHERE name = $1 \
         ORDER BY p DESC, ordinal DESC LIMIT 1",
        &[Param::text(name)],
        |row| {
            found = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    Ok(found)
}

/// Writes down where a follower stands; where it stood is forgotten.
fn put(session: &Session, name: &str, cursor: FeedCursor, stood: Option<FeedCursor>) -> Step<()> {
    if let Some(stood) = stood {
        session.execute(
            "DELETE FROM _pando_follower WHERE name = $1 AND p = $2 AND ordinal = $3",
            &[
                Param::text(name),
                Param::int(stood.at.p as i64),
                Param::int(i64::from(stood.ordinal)),
            ],
        )?;
    }
    session.execute(
        "INSERT INTO _pando_follower (name, timeline, p, ordinal) VALUES ($1, $2, $3, $4)",
        &[
            Param::text(name),
            Param::int(i64::from(cursor.at.timeline)),
            Param::int(cursor.at.p as i64),
            Param::int(i64::from(cursor.ordinal)),
        ],
    )?;
    Ok(())
}

/// Behind everything that is recorded up to `at`.
fn end(session: &Session, at: Position) -> Step<FeedCursor> {
    let ordinal = session.first_int(
        "SELECT max(ordinal) FROM _pando_feed WHERE p = $1",
        &[Param::int(at.p as i64)],
    )?;
    let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
    Ok(FeedCursor {
        at,
        ordinal: ordinal.unwrap_or(0),
    })
}

fn read_floor(session: &Session) -> Step<FeedCursor> {
    let mut floor = None;
    session.select_while(
        "SELECT s.timeline, f.p, f.ordinal FROM _pando_shard AS s, \
         (SELECT p, ordinal FROM _pando_feed_floor ORDER BY p DESC, ordinal DESC LIMIT 1) AS f \
         WHERE s.one = 1",
        &[],
        |row| {
            floor = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    floor.ok_or_else(|| corrupt("the feed has no floor").into())
}

/// Forgets what lies up to a floor, where that is above the one that there is.
fn raise_floor(session: &Session, floor: FeedCursor) -> Step<()> {
    let old = read_floor(session)?;
    if (floor.at.p, floor.ordinal) <= (old.at.p, old.ordinal) {
        return Ok(());
    }
    let params = [
        Param::int(floor.at.p as i64),
        Param::int(i64::from(floor.ordinal)),
        Param::int(old.at.p as i64),
        Param::int(i64::from(old.ordinal)),
    ];
    for sql in [
        "DELETE FROM _pando_feed WHERE (p, ordinal) <= ($1, $2) AND (p, ordinal) > ($3, $4)",
        "WITH gone AS (DELETE FROM _pando_feed_floor WHERE p = $3 AND ordinal = $4) \
         INSERT INTO _pando_feed_floor (p, ordinal) VALUES ($1, $2)",
    ] {
        session.execute(sql, &params)?;
    }
    Ok(())
}

fn read_events(session: &Session, after: FeedCursor, max: usize) -> Step<Vec<FeedEvent>> {
    let mut events = Vec::new();
    session.select_all(
        "SELECT timeline, p, ordinal, slot, epoch, seq, tbl, kind, key FROM _pando_feed \
         WHERE (p, ordinal) > ($1, $2) ORDER BY p, ordinal LIMIT $3",
        &[
            Param::int(after.at.p as i64),
            Param::int(i64::from(after.ordinal)),
            Param::int(i64::try_from(max).unwrap_or(i64::MAX)),
        ],
        |row| {
            let slot = Slot::new(row.try_get::<_, i32>(3)?.unsigned_abs());
            let kind = match row.try_get::<_, i32>(7)? {
                0 => FeedKind::Insert,
                1 => FeedKind::Update,
                _ => FeedKind::Delete,
            };
            events.push(FeedEvent {
                cursor: cursor_of(row)?,
                slot: slot.ok_or_else(|| corrupt("an event of a slot that cannot be"))?,
                epoch: row.try_get::<_, i64>(4)?.unsigned_abs(),
                seq: row.try_get::<_, i64>(5)?.unsigned_abs(),
                table: row.try_get(6)?,
                kind,
                key: row.try_get(8)?,
            });
            Ok(())
        },
    )?;
    Ok(events)
}

fn cursor_of(row: &Row) -> Step<FeedCursor> {
    let ordinal: i64 = row.try_get(2)?;
    Ok(FeedCursor {
        at: Position {
            timeline: row.try_get::<_, i32>(0)?.unsigned_abs(),
            p: row.try_get::<_, i64>(1)?.unsigned_abs(),
        },
        ordinal: u32::try_from(ordinal).map_err(|_| corrupt("an event without a place"))?,
    })
}

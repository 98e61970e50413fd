//! The feed as its followers see it: where they stand, and what lies behind that.

use crate::cell::Param;
use crate::fault::{Step, corrupt};
use crate::session::Session;
use crate::shard::ShardRow;
use crate::writer::Transaction;
use pando_model::engine::{FeedCursor, FeedEvent, FeedKind, FeedPage};
use pando_model::slot::Slot;
use pando_model::stamp::{Position, Reach};
use tokio_postgres::Row;

/// Transactions whose events are kept for followers at most.
const POSITIONS_MAX: i64 = 200_000;

/// What lies behind a cursor.
pub(crate) fn read_page(
    session: &Session,
    shard: &ShardRow,
    after: FeedCursor,
    max: usize,
) -> Step<FeedPage> {
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
    put(session, name, cursor)?;
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
        put(session, name, stands)?;
        trim(session)?;
    }
    Ok(())
}

/// Whether more is kept than [`bound`] lets stay.
pub(crate) fn is_too_long(session: &Session) -> Step<bool> {
    let span = session.first_int("SELECT max(p) - min(p) FROM _pando_feed", &[])?;
    Ok(span.is_some_and(|span| span >= POSITIONS_MAX))
}

/// Forgets what lies further back than [`POSITIONS_MAX`], whoever has not dealt with it: followers
/// that have gone for good leave nothing behind that grows.
pub(crate) fn bound(session: &Session) -> Step<()> {
    if !is_too_long(session)? {
        return Ok(());
    }
    let mut last = None;
    session.select_while(
        "SELECT timeline, p, ordinal FROM _pando_feed WHERE p <= (SELECT max(p) FROM _pando_feed) - $1 \
         ORDER BY p DESC, ordinal DESC LIMIT 1",
        &[Param::int(POSITIONS_MAX)],
        |row| {
            last = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    let Some(floor) = last else {
        return Ok(());
    };
    session.execute(
        "DELETE FROM _pando_feed WHERE (p, ordinal) <= ($1, $2)",
        &[
            Param::int(floor.at.p as i64),
            Param::int(i64::from(floor.ordinal)),
        ],
    )?;
    raise_floor(session, floor)
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
    session.select_while(
        "SELECT timeline, p, ordinal FROM _pando_follower ORDER BY p, ordinal LIMIT 1",
        &[],
        |row| {
            least = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    match least {
        Some(floor) => {
            session.execute(
                "DELETE FROM _pando_feed WHERE (p, ordinal) <= ($1, $2)",
                &[
                    Param::int(floor.at.p as i64),
                    Param::int(i64::from(floor.ordinal)),
                ],
            )?;
            raise_floor(session, floor)
        }
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
        "SELECT timeline, p, ordinal FROM _pando_follower WHERE name = $1",
        &[Param::text(name)],
        |row| {
            found = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    Ok(found)
}

fn put(session: &Session, name: &str, cursor: FeedCursor) -> Step<()> {
    session.execute(
        "INSERT INTO _pando_follower (name, timeline, p, ordinal) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET timeline = $2, p = $3, ordinal = $4",
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
        "SELECT timeline, feed_floor_p, feed_floor_ordinal FROM _pando_shard",
        &[],
        |row| {
            floor = Some(cursor_of(row)?);
            Ok(false)
        },
    )?;
    floor.ok_or_else(|| corrupt("the shard's own row is missing").into())
}

fn raise_floor(session: &Session, floor: FeedCursor) -> Step<()> {
    session.execute(
        "UPDATE _pando_shard SET feed_floor_p = $1, feed_floor_ordinal = $2",
        &[
            Param::int(floor.at.p as i64),
            Param::int(i64::from(floor.ordinal)),
        ],
    )?;
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

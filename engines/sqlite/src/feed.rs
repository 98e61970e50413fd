//! The feed as its followers see it: where they stand, and what lies behind that.

use crate::cell::Param;
use crate::connection::Conn;
use crate::fault::{Step, corrupt};
use crate::open::{read_history, read_shard};
use crate::writer::Transaction;
use pando_model::engine::{FeedCursor, FeedEvent, FeedKind, FeedPage};
use pando_model::slot::Slot;
use pando_model::stamp::{Position, Reach};
use std::borrow::Cow;

/// What lies behind a cursor.
pub(crate) fn read_page(conn: &Conn, after: FeedCursor, max: usize) -> Step<FeedPage> {
    let shard = read_shard(conn)?;
    let floor = read_floor(conn)?;
    let lost = read_history(conn)?.reach(after.at, shard.at) != Reach::Contained;
    let behind = (after.at.p, after.ordinal) < (floor.at.p, floor.ordinal);
    let gap = !shard.followed || lost || behind;
    let from = match (gap, shard.followed) {
        (false, _) => after,
        (true, true) => floor,
        (true, false) => end(conn, shard.at)?,
    };
    let mut events = read_events(conn, from, max.saturating_add(1))?;
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
pub(crate) fn read_depth(conn: &Conn) -> Step<u64> {
    let depth = conn.first_int("SELECT count(*) FROM _pando_feed", &[])?;
    Ok(depth.unwrap_or(0).unsigned_abs())
}

/// Registers a follower behind all that is committed, or says where a known one stands.
pub(crate) fn follow(transaction: &Transaction<'_>, name: &str) -> Step<FeedCursor> {
    let conn = transaction.conn;
    if let Some(cursor) = stand(conn, name)? {
        return Ok(cursor);
    }
    let shard = read_shard(conn)?;
    let cursor = end(conn, shard.at)?;
    if !shard.followed {
        empty(transaction)?;
        raise_floor(conn, cursor)?;
        conn.execute("UPDATE _pando_shard SET followed = 1", &[])?;
    }
    put(conn, name, cursor)?;
    Ok(cursor)
}

/// Moves a follower on, and forgets what all have dealt with.
pub(crate) fn acknowledge(
    transaction: &Transaction<'_>,
    name: &str,
    cursor: FeedCursor,
) -> Step<()> {
    let conn = transaction.conn;
    let Some(stood) = stand(conn, name)? else {
        return Ok(());
    };
    let last = end(conn, read_shard(conn)?.at)?;
    let stands = by_place(stood, by_place(cursor, last, false), true);
    if stands != stood {
        put(conn, name, stands)?;
        trim(transaction)?;
    }
    Ok(())
}

/// Removes a follower.
pub(crate) fn unfollow(transaction: &Transaction<'_>, name: &str) -> Step<()> {
    let conn = transaction.conn;
    let name = [Param::Text(Cow::Borrowed(name))];
    if conn.execute("DELETE FROM _pando_follower WHERE name = ?", &name)? > 0 {
        trim(transaction)?;
    }
    Ok(())
}

/// The greater or the lesser of two cursors. Positions go on over forks, so that the place in
/// the file's own history is `p` alone.
fn by_place(a: FeedCursor, b: FeedCursor, greater: bool) -> FeedCursor {
    let a_first = (a.at.p, a.ordinal) < (b.at.p, b.ordinal);
    if a_first == greater { b } else { a }
}

fn trim(transaction: &Transaction<'_>) -> Step<()> {
    let conn = transaction.conn;
    let mut least = None;
    conn.select(
        "SELECT timeline, p, ordinal FROM _pando_follower ORDER BY p, ordinal LIMIT 1",
        &[],
        |row| {
            least = Some(cursor_of(row)?);
            Ok(())
        },
    )?;
    match least {
        Some(floor) => {
            let trimmed = conn.execute(
                "DELETE FROM _pando_feed WHERE (p, ordinal) <= (?, ?)",
                &[
                    Param::Int(floor.at.p as i64),
                    Param::Int(i64::from(floor.ordinal)),
                ],
            )?;
            transaction.note_trimmed(trimmed);
            raise_floor(conn, floor)
        }
        None => {
            empty(transaction)?;
            conn.execute("UPDATE _pando_shard SET followed = 0", &[])?;
            Ok(())
        }
    }
}

fn empty(transaction: &Transaction<'_>) -> Step<()> {
    let trimmed = transaction.conn.execute("DELETE FROM _pando_feed", &[])?;
    transaction.note_trimmed(trimmed);
    Ok(())
}

fn stand(conn: &Conn, name: &str) -> Step<Option<FeedCursor>> {
    let mut found = None;
    conn.select(
        "SELECT timeline, p, ordinal FROM _pando_follower WHERE name = ?",
        &[Param::Text(Cow::Borrowed(name))],
        |row| {
            found = Some(cursor_of(row)?);
            Ok(())
        },
    )?;
    Ok(found)
}

fn put(conn: &Conn, name: &str, cursor: FeedCursor) -> Step<()> {
    conn.execute(
        "INSERT OR REPLACE INTO _pando_follower VALUES (?, ?, ?, ?)",
        &[
            Param::Text(Cow::Borrowed(name)),
            Param::Int(i64::from(cursor.at.timeline)),
            Param::Int(cursor.at.p as i64),
            Param::Int(i64::from(cursor.ordinal)),
        ],
    )?;
    Ok(())
}

/// Behind everything that is recorded up to `at`.
fn end(conn: &Conn, at: Position) -> Step<FeedCursor> {
    let ordinal = conn.first_int(
        "SELECT max(ordinal) FROM _pando_feed WHERE p = ?",
        &[Param::Int(at.p as i64)],
    )?;
    let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
    Ok(FeedCursor {
        at,
        ordinal: ordinal.unwrap_or(0),
    })
}

fn read_floor(conn: &Conn) -> Step<FeedCursor> {
    let mut floor = None;
    conn.select(
        "SELECT timeline, feed_floor_p, feed_floor_ordinal FROM _pando_shard",
        &[],
        |row| {
            floor = Some(cursor_of(row)?);
            Ok(())
        },
    )?;
    floor.ok_or_else(|| corrupt("the shard's own row is missing").into())
}

fn raise_floor(conn: &Conn, floor: FeedCursor) -> Step<()> {
    conn.execute(
        "UPDATE _pando_shard SET feed_floor_p = ?, feed_floor_ordinal = ?",
        &[
            Param::Int(floor.at.p as i64),
            Param::Int(i64::from(floor.ordinal)),
        ],
    )?;
    Ok(())
}

fn read_events(conn: &Conn, after: FeedCursor, max: usize) -> Step<Vec<FeedEvent>> {
    let mut events = Vec::new();
    conn.select(
        "SELECT timeline, p, ordinal, slot, epoch, seq, tbl, kind, key FROM _pando_feed \
         WHERE (p, ordinal) > (?, ?) ORDER BY p, ordinal LIMIT ?",
        &[
            Param::Int(after.at.p as i64),
            Param::Int(i64::from(after.ordinal)),
            Param::Int(i64::try_from(max).unwrap_or(i64::MAX)),
        ],
        |row| {
            let slot = Slot::new(row.get(3)?);
            let kind = match row.get::<_, i64>(7)? {
                0 => FeedKind::Insert,
                1 => FeedKind::Update,
                _ => FeedKind::Delete,
            };
            events.push(FeedEvent {
                cursor: cursor_of(row)?,
                slot: slot.ok_or_else(|| corrupt("an event of a slot that cannot be"))?,
                epoch: row.get::<_, i64>(4)?.unsigned_abs(),
                seq: row.get::<_, i64>(5)?.unsigned_abs(),
                table: row.get(6)?,
                kind,
                key: row.get(8)?,
            });
            Ok(())
        },
    )?;
    Ok(events)
}

fn cursor_of(row: &rusqlite::Row<'_>) -> Step<FeedCursor> {
    Ok(FeedCursor {
        at: Position {
            timeline: row.get(0)?,
            p: row.get::<_, i64>(1)?.unsigned_abs(),
        },
        ordinal: row.get(2)?,
    })
}

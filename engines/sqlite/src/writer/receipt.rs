//! Receipts: what was answered under an idempotency key.

use super::Transaction;
use crate::cell::Param;
use crate::connection::Conn;
use crate::fault::{Fault, Step};
use pando_model::engine::{Receipt, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::stamp::Position;
use std::borrow::Cow;

/// Receipts that ran out and are removed with each new one: more than one, so that they
/// become fewer; few, so that nobody waits for it.
const REMOVED_IN_PASSING: i64 = 4;

/// The answer that was given under this key, where there is one still. It is looked for
/// on the whole shard: another body under the same key may name another slot.
pub(super) fn look_up(
    transaction: &mut Transaction<'_>,
    receipt: &Receipt,
) -> Step<Option<WriteAnswer>> {
    transaction.fence(receipt.slot)?;
    let mut found = None;
    transaction.conn.select(
        "SELECT request = ?, answer, timeline, p FROM _pando_receipt \
         WHERE scope = ? AND key = ? AND expires_at_us > ?",
        &[
            Param::Blob(Cow::Borrowed(&receipt.request)),
            Param::Blob(Cow::Borrowed(&receipt.scope)),
            Param::Text(Cow::Borrowed(&receipt.key)),
            Param::Int(receipt.now_us),
        ],
        |row| {
            let at = Position {
                timeline: row.get(2)?,
                p: row.get::<_, i64>(3)?.unsigned_abs(),
            };
            let answer = row.get(1)?;
            found = Some((row.get::<_, bool>(0)?, WriteAnswer::Replayed { at, answer }));
            Ok(())
        },
    )?;
    match found {
        Some((true, answer)) => Ok(Some(answer)),
        Some((false, _)) => Err(Fault::Engine(EngineError::KeyReused)),
        None => Ok(None),
    }
}

/// Keeps an answer, in the place of one that ran out.
pub(super) fn keep(transaction: &Transaction<'_>, receipt: &Receipt, answer: &[u8]) -> Step<()> {
    let conn = transaction.conn;
    remove_expired(conn, receipt.now_us, REMOVED_IN_PASSING)?;
    let at = transaction.next_position();
    conn.execute(
        "INSERT OR REPLACE INTO _pando_receipt VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            Param::Int(i64::from(receipt.slot.number())),
            Param::Blob(Cow::Borrowed(&receipt.scope)),
            Param::Text(Cow::Borrowed(&receipt.key)),
            Param::Blob(Cow::Borrowed(&receipt.request)),
            Param::Blob(Cow::Borrowed(answer)),
            Param::Int(i64::from(at.timeline)),
            Param::Int(at.p as i64),
            Param::Int(receipt.expires_at_us),
        ],
    )?;
    Ok(())
}

/// Whether a receipt has run out.
pub(crate) fn is_any_expired(conn: &Conn, now_us: i64) -> Step<bool> {
    conn.exists(
        "SELECT 1 FROM _pando_receipt WHERE expires_at_us <= ? LIMIT 1",
        &[Param::Int(now_us)],
    )
}

/// Removes receipts that ran out, the oldest first; gives how many.
pub(crate) fn remove_expired(conn: &Conn, now_us: i64, max: i64) -> Step<usize> {
    conn.execute(
        "DELETE FROM _pando_receipt WHERE (slot, scope, key) IN (SELECT slot, scope, key \
         FROM _pando_receipt WHERE expires_at_us <= ? ORDER BY expires_at_us LIMIT ?)",
        &[Param::Int(now_us), Param::Int(max)],
    )
}

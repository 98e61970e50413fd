//! Receipts: what was answered under an idempotency key.

use super::Transaction;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::Session;
use pando_model::engine::{Receipt, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::stamp::Position;

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
    transaction.session.select_while(
        "SELECT request = $1, answer, timeline, p FROM _pando_receipt \
         WHERE scope = $2 AND key = $3 AND expires_at_us > $4",
        &[
            Param::bytes(&receipt.request),
            Param::bytes(&receipt.scope),
            Param::text(receipt.key.as_str()),
            Param::int(receipt.now_us),
        ],
        |row| {
            let at = Position {
                timeline: row.try_get::<_, i32>(2)?.unsigned_abs(),
                p: row.try_get::<_, i64>(3)?.unsigned_abs(),
            };
            let answer = row.try_get(1)?;
            let is_same: bool = row.try_get(0)?;
            found = Some((is_same, WriteAnswer::Replayed { at, answer }));
            Ok(false)
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
    let session = transaction.session;
    remove_expired(session, receipt.now_us, REMOVED_IN_PASSING)?;
    let at = transaction.next_position();
    session.execute(
        "INSERT INTO _pando_receipt (slot, scope, key, request, answer, timeline, p, expires_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (scope, key) DO UPDATE SET \
         slot = $1, request = $4, answer = $5, timeline = $6, p = $7, expires_at_us = $8",
        &[
            Param::int(i64::from(receipt.slot.number())),
            Param::bytes(&receipt.scope),
            Param::text(receipt.key.as_str()),
            Param::bytes(&receipt.request),
            Param::bytes(answer),
            Param::int(i64::from(at.timeline)),
            Param::int(at.p as i64),
            Param::int(receipt.expires_at_us),
        ],
    )?;
    Ok(())
}

/// Whether a receipt has run out.
pub(crate) fn is_any_expired(session: &Session, now_us: i64) -> Step<bool> {
    session.exists(
        "SELECT 1 FROM _pando_receipt WHERE expires_at_us <= $1 LIMIT 1",
        &[Param::int(now_us)],
    )
}

/// Removes receipts that ran out, the oldest first; gives how many.
pub(crate) fn remove_expired(session: &Session, now_us: i64, max: i64) -> Step<u64> {
    session.execute(
        "DELETE FROM _pando_receipt WHERE (slot, scope, key) IN (SELECT slot, scope, key \
         FROM _pando_receipt WHERE expires_at_us <= $1 ORDER BY expires_at_us LIMIT $2)",
        &[Param::int(now_us), Param::int(max)],
    )
}

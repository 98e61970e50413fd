//! Receipts: what was answered under an idempotency key.

use super::Transaction;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::{Call, Session};
use pando_model::engine::{Receipt, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Receipts that ran out and are removed with each new one: more than one, so that they
/// become fewer; few, so that nobody waits for it.
const REMOVED_IN_PASSING: i64 = 4;

/// Whose key, and the key.
type Key = ([u8; 16], String);

/// What a transaction knows of receipts.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// What was looked for, and found or not.
    known: HashMap<Key, Option<Known>>,
    /// What its members have left.
    kept: Vec<(Receipt, Vec<u8>, Position)>,
    floor: Floor,
    /// When the first of these runs out.
    lowest: Option<i64>,
}

/// Receipts that ran out before are gone, as far as this process knows. Those that were removed
/// would be walked over for as long as somebody holds an older snapshot, so nobody looks below.
/// What another process stores there, its clock a receipt's whole life behind, is for that process
/// to remove; till then it is of no meaning, as each is believed by its own time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floor {
    /// A failover may bring back what was removed.
    timeline: u32,
    expires_at_us: i64,
}

impl Floor {
    /// From where on receipts are looked for.
    pub(crate) fn on(self, timeline: u32) -> i64 {
        match self.timeline == timeline {
            true => self.expires_at_us,
            false => i64::MIN,
        }
    }
}

#[derive(Clone, Debug)]
struct Known {
    request: Vec<u8>,
    answer: Vec<u8>,
    at: Position,
    expires_at_us: i64,
}

fn key_of(receipt: &Receipt) -> Key {
    (receipt.scope, receipt.key.clone())
}

impl Receipts {
    /// Nothing is known but the floor.
    pub(super) fn above(floor: Floor) -> Receipts {
        Receipts {
            floor,
            ..Receipts::default()
        }
    }

    /// Where the floor is behind the transaction, if it is committed: `removed_to` as a removal gave
    /// it, and not above what its members have left.
    pub(super) fn floor(&self, timeline: u32, removed_to: Option<i64>) -> Floor {
        let floor = self.floor.on(timeline);
        let raised = removed_to.map_or(floor, |to| to.max(floor));
        Floor {
            timeline,
            expires_at_us: self.lowest.map_or(raised, |lowest| lowest.min(raised)),
        }
    }

    /// Whether it is known that nothing was answered under this key.
    pub(super) fn is_new(&self, receipt: &Receipt) -> bool {
        let known = self.known.get(&key_of(receipt));
        known.is_some_and(|known| {
            known
                .as_ref()
                .is_none_or(|known| known.has_run_out(receipt))
        })
    }

    /// An answer that is kept with the transaction, in the place of one that ran out.
    pub(super) fn keep(&mut self, receipt: &Receipt, answer: &[u8], at: Position) {
        let known = Known {
            request: receipt.request.to_vec(),
            answer: answer.to_vec(),
            at,
            expires_at_us: receipt.expires_at_us,
        };
        self.known.insert(key_of(receipt), Some(known));
        self.kept
            .retain(|(kept, ..)| key_of(kept) != key_of(receipt));
        self.kept.push((receipt.clone(), answer.to_vec(), at));
    }

    /// What writes them down.
    pub(super) fn keep_all(&mut self, timeline: u32, calls: &mut Vec<Call<'static>>) {
        let kept = std::mem::take(&mut self.kept);
        let Some(now_us) = kept.iter().map(|(receipt, ..)| receipt.now_us).min() else {
            return;
        };
        let expiries = kept.iter().map(|(receipt, ..)| receipt.expires_at_us);
        self.lowest = expiries.min();
        let floor = self.floor.on(timeline);
        let max = REMOVED_IN_PASSING * kept.len() as i64;
        calls.push(removal(floor, now_us, max));
        let mut columns: [Vec<Value>; 8] = Default::default();
        for (receipt, answer, at) in kept {
            let cells = [
                Value::Int(i64::from(receipt.slot.number())),
                Value::Bytes(receipt.scope.to_vec()),
                Value::Text(receipt.key),
                Value::Bytes(receipt.request.to_vec()),
                Value::Bytes(answer),
                Value::Int(i64::from(at.timeline)),
                Value::Int(at.p as i64),
                Value::Int(receipt.expires_at_us),
            ];
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.push(cell);
            }
        }
        calls.push(Call {
            sql: "INSERT INTO _pando_receipt \
                  (slot, scope, key, request, answer, timeline, p, expires_at_us) \
                  SELECT * FROM unnest($1::integer[], $2::bytea[], $3::text[], $4::bytea[], \
                  $5::bytea[], $6::integer[], $7::bigint[], $8::bigint[]) \
                  ON CONFLICT (scope, key) DO UPDATE SET slot = excluded.slot, \
                  request = excluded.request, answer = excluded.answer, \
                  timeline = excluded.timeline, p = excluded.p, \
                  expires_at_us = excluded.expires_at_us"
                .to_owned(),
            params: columns.into_iter().map(Param::list).collect(),
        });
    }
}

impl Known {
    fn has_run_out(&self, receipt: &Receipt) -> bool {
        self.expires_at_us <= receipt.now_us
    }
}

/// Looks for the receipts of several requests at once. They are looked for on the whole shard:
/// another body under the same key may name another slot.
pub(super) fn look_for<'r>(
    transaction: &mut Transaction<'_>,
    receipts: impl Iterator<Item = &'r Receipt>,
) -> Step<()> {
    let known = &mut transaction.receipts.known;
    let mut columns: [Vec<Value>; 2] = Default::default();
    for receipt in receipts {
        if let Entry::Vacant(unknown) = known.entry(key_of(receipt)) {
            columns[0].push(Value::Bytes(receipt.scope.to_vec()));
            columns[1].push(Value::Text(receipt.key.clone()));
            unknown.insert(None);
        }
    }
    if columns[0].is_empty() {
        return Ok(());
    }
    // One look at the index for each: a join of what seems to be a few rows reads the whole of it.
    transaction.session.select_all(
        "SELECT r.scope, r.key, r.request, r.answer, r.timeline, r.p, r.expires_at_us \
         FROM unnest($1::bytea[], $2::text[]) AS k (scope, key) CROSS JOIN LATERAL ( \
         SELECT * FROM _pando_receipt AS r \
         WHERE r.scope = k.scope AND r.key = k.key COLLATE \"C\" OFFSET 0) AS r",
        &columns.map(Param::list),
        |row| {
            let scope: &[u8] = row.try_get(0)?;
            let Ok(scope) = scope.try_into() else {
                return Ok(());
            };
            let at = Position {
                timeline: row.try_get::<_, i32>(4)?.unsigned_abs(),
                p: row.try_get::<_, i64>(5)?.unsigned_abs(),
            };
            let found = Known {
                request: row.try_get(2)?,
                answer: row.try_get(3)?,
                at,
                expires_at_us: row.try_get(6)?,
            };
            known.insert((scope, row.try_get(1)?), Some(found));
            Ok(())
        },
    )
}

/// The answer that was given under this key, where there is one still.
pub(super) fn look_up(
    transaction: &mut Transaction<'_>,
    receipt: &Receipt,
) -> Step<Option<WriteAnswer>> {
    transaction.fence(receipt.slot)?;
    look_for(transaction, std::iter::once(receipt))?;
    match transaction.receipts.known.get(&key_of(receipt)) {
        Some(Some(known)) if !known.has_run_out(receipt) => {
            if known.request != receipt.request {
                return Err(Fault::Engine(EngineError::KeyReused));
            }
            Ok(Some(WriteAnswer::Replayed {
                at: known.at,
                answer: known.answer.clone(),
            }))
        }
        _ => Ok(None),
    }
}

/// Whether a receipt has run out, of those that do so from the floor on.
pub(crate) fn is_any_expired(session: &Session, floor: i64, now_us: i64) -> Step<bool> {
    session.exists(
        "SELECT 1 FROM _pando_receipt WHERE expires_at_us >= $1 AND expires_at_us <= $2 LIMIT 1",
        &[Param::int(floor), Param::int(now_us)],
    )
}

/// Removes receipts that ran out, the oldest first; gives how many.
pub(crate) fn remove_expired(
    transaction: &mut Transaction<'_>,
    now_us: i64,
    max: i64,
) -> Step<u64> {
    let (session, timeline) = (transaction.session, transaction.position().timeline);
    let removal = removal(transaction.receipts.floor.on(timeline), now_us, max);
    let mut removed = 0;
    session.select_while(&removal.sql, &removal.params, |row| {
        let floor = transaction.receipts.floor(timeline, row.try_get(0)?);
        transaction.receipts.floor = floor;
        removed = row.try_get::<_, i64>(1)?.unsigned_abs();
        Ok(false)
    })?;
    session.add_changes(removed);
    Ok(removed)
}

/// Removes and gives up to when those that ran out are gone, and how many went.
fn removal(floor: i64, now_us: i64, max: i64) -> Call<'static> {
    Call {
        sql: "WITH gone AS (DELETE FROM _pando_receipt WHERE ctid = ANY (ARRAY( \
              SELECT ctid FROM _pando_receipt WHERE expires_at_us >= $1 AND expires_at_us <= $2 \
              ORDER BY expires_at_us LIMIT $3)) RETURNING expires_at_us) \
              SELECT CASE WHEN count(*) < $3 THEN $2 ELSE max(expires_at_us) END, count(*) FROM gone"
            .to_owned(),
        params: vec![Param::int(floor), Param::int(now_us), Param::int(max)],
    }
}

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
    pub(super) fn keep_all(&mut self, calls: &mut Vec<Call<'static>>) {
        let kept = std::mem::take(&mut self.kept);
        let Some(now_us) = kept.iter().map(|(receipt, ..)| receipt.now_us).min() else {
            return;
        };
        calls.push(removal(now_us, REMOVED_IN_PASSING * kept.len() as i64));
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
    transaction.session.select_all(
        "SELECT r.scope, r.key, r.request, r.answer, r.timeline, r.p, r.expires_at_us \
         FROM unnest($1::bytea[], $2::text[]) AS k (scope, key) JOIN _pando_receipt AS r \
         ON r.scope = k.scope AND r.key = k.key COLLATE \"C\"",
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

/// Whether a receipt has run out.
pub(crate) fn is_any_expired(session: &Session, now_us: i64) -> Step<bool> {
    session.exists(
        "SELECT 1 FROM _pando_receipt WHERE expires_at_us <= $1 LIMIT 1",
        &[Param::int(now_us)],
    )
}

/// Removes receipts that ran out, the oldest first; gives how many.
pub(crate) fn remove_expired(session: &Session, now_us: i64, max: i64) -> Step<u64> {
    let removal = removal(now_us, max);
    session.execute(&removal.sql, &removal.params)
}

fn removal(now_us: i64, max: i64) -> Call<'static> {
    Call {
        sql: "DELETE FROM _pando_receipt WHERE (slot, scope, key) IN (SELECT slot, scope, key \
              FROM _pando_receipt WHERE expires_at_us <= $1 ORDER BY expires_at_us LIMIT $2)"
            .to_owned(),
        params: vec![Param::int(now_us), Param::int(max)],
    }
}

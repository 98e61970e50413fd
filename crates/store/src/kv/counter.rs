//! Counters: values that are whole numbers, counted up in one transaction.

use super::relation::{EXPIRES_AT, KV, VALUE, VERSION};
use super::{Entry, Key, State, Stored, after_journal, current, expiry, put};
use crate::operation::Operation;
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use bytes::Bytes;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::value::Value;
use std::time::Duration;

/// What a counter is written as.
const COUNTER_TYPE: &str = "text/plain; charset=utf-8";

/// A counter after it was counted up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What it counts now.
    pub value: i64,
    /// What was stored.
    pub stored: Stored,
}

impl Store {
    /// Counts a counter up, or down; one that is not there begins at 0. It keeps its time to
    /// live where none is given.
    pub async fn kv_incr(
        &self,
        key: &Key,
        by: i64,
        ttl: Option<Duration>,
        precondition: Precondition,
    ) -> Result<Operation<Counted>> {
        let now_us = self.clock().now_us();
        let version = self.new_version().await?;
        let given = expiry(now_us, ttl)?;
        let (way, schema_version) = self.way_of(&key.space);
        let columns = [VALUE, VERSION, EXPIRES_AT];
        let read = Step::read(tree(select(&KV, &columns, key.filter())));
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            // What another has written meanwhile need not be a number.
            precondition.check(current(outcomes, now_us).map(|found| found.version))?;
            let (counted, before) = count(outcomes, by, now_us)?;
            let kept = before.and_then(|found| found.expires_at_us);
            Ok(vec![put(own.row(Entry {
                value: Bytes::from(counted.to_string()),
                content_type: COUNTER_TYPE.to_owned(),
                version,
                expires_at_us: given.or(kept),
            }))])
        });
        let incr = Operation::writing(key.reach(), vec![read, decide], move |outcomes| {
            let (value, before) = count(&outcomes, by, now_us)?;
            let created = before.is_none();
            let stored = Stored { created, version };
            Ok(Counted { value, stored })
        });
        let incr = incr.laying_down(&self.kv_get(key));
        Ok(after_journal(incr, key, way).planned_for(schema_version))
    }
}

/// What a counter counts after it was counted up, and what was there before.
fn count(
    outcomes: &[Outcome],
    by: i64,
    now_us: i64,
) -> std::result::Result<(i64, Option<State>), Refusal> {
    let Some(found) = current(outcomes, now_us) else {
        return Ok((by, None));
    };
    let value = outcomes
        .first()
        .and_then(|read| rows_of(read).first()?.first());
    let number = match value {
        Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let number: Option<i64> = number.and_then(|text| text.parse().ok());
    let Some(number) = number else {
        let message = "the value is not a whole number of 64 bits, and cannot be counted up";
        return Err(refused::conflict(message));
    };
    let counted = number
        .checked_add(by)
        .ok_or_else(|| refused::conflict(format!("{number} + {by} is out of range")))?;
    Ok((counted, Some(found)))
}

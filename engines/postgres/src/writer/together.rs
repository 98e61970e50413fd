//! Members of a group that are alike: new rows of one table, stored by one statement.

use super::queue::Pending;
use super::{Transaction, receipt};
use crate::fault::Step;
use pando_model::canonical;
use pando_model::constraint::complete_row;
use pando_model::engine::{self, FeedKind, Outcome, Write, WriteAnswer};
use pando_model::layout::Physical;
use pando_model::plan::{Change, Insert, Row};
use pando_model::slot::Slot;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Rows of a write at most that is stored together with others.
const ROWS_TOGETHER_MAX: usize = 64;

/// Looks at what is known to be needed, for all members at once.
pub(super) fn look_ahead(transaction: &mut Transaction<'_>, group: &[Pending]) -> Step<()> {
    let receipts = || {
        group
            .iter()
            .filter_map(|member| member.write.receipt.as_ref())
    };
    receipt::look_for(transaction, receipts())?;
    let mut slots: Vec<Slot> = receipts().map(|receipt| receipt.slot).collect();
    for insert in group.iter().filter_map(|member| insert_of(&member.write)) {
        let table = &insert.table;
        // Many rows are looked at by themselves. A row that is not whole yet may lie elsewhere;
        // that is found out when it is stored.
        if insert.rows.len() <= ROWS_TOGETHER_MAX {
            let rows = insert.rows.iter();
            slots.extend(rows.map(|row| canonical::slot_of_row(table, row)));
        }
    }
    slots.sort_unstable();
    slots.dedup();
    transaction.look_at_fences(&slots)
}

/// The new rows that are all there is to a write.
fn insert_of(write: &Write) -> Option<&Insert> {
    match write.steps.as_slice() {
        [engine::Step::Change(change)] => match &**change {
            Change::Insert(insert) => Some(insert),
            _ => None,
        },
        _ => None,
    }
}

/// How many members from the first on are new rows of one table that do not look at each other.
pub(super) fn alike(transaction: &Transaction<'_>, members: &[Pending]) -> usize {
    let Some(first) = members.first().and_then(|member| insert_of(&member.write)) else {
        return 0;
    };
    let table = &first.table.name;
    let mut keys = Vec::new();
    for (count, Pending { write, .. }) in members.iter().enumerate() {
        let is_plain = transaction.check_schema(write.schema_version).is_ok()
            && insert_of(write).is_some_and(|insert| {
                insert.table.name == *table
                    && !insert.table.adopted
                    && insert.conflict.is_none()
                    && insert.returning.is_none()
                    && (1..=ROWS_TOGETHER_MAX).contains(&insert.rows.len())
            });
        let is_new = write.receipt.as_ref().is_none_or(|receipt| {
            let key = (receipt.scope, &receipt.key);
            let is_new = transaction.receipts.is_new(receipt) && !keys.contains(&key);
            keys.push(key);
            is_new
        });
        if !is_plain || !is_new {
            return count;
        }
    }
    members.len()
}

/// Stores the rows of several members by one statement; `None` where one of them is refused, and
/// then nothing was done.
pub(super) fn store_together(
    transaction: &mut Transaction<'_>,
    members: &mut [Pending],
) -> Step<Option<Vec<WriteAnswer>>> {
    let Some(first) = members.first().and_then(|member| insert_of(&member.write)) else {
        return Ok(None);
    };
    let physical = transaction.layout.table(&first.table.name)?;
    let refers_to_itself = physical
        .outgoing
        .iter()
        .any(|reference| reference.target.name == physical.table.name);
    if members.len() < 2 || refers_to_itself {
        return Ok(None);
    }
    transaction.session.defer("SAVEPOINT together;", None);
    let done = catch_unwind(AssertUnwindSafe(|| {
        together(transaction, &physical, members)
    }));
    match done {
        Ok(Ok(answers)) => {
            let session = transaction.session;
            session.defer("RELEASE together;", Some("SAVEPOINT together;"));
            Ok(Some(answers))
        }
        Ok(Err(fault)) if !fault.is_about_one_request() => Err(fault),
        // Whose fault it was is found out one by one, and who panics.
        Ok(Err(_)) | Err(_) => {
            transaction.session.undo("together");
            transaction.forget();
            Ok(None)
        }
    }
}

fn together(
    transaction: &mut Transaction<'_>,
    physical: &Arc<Physical>,
    members: &mut [Pending],
) -> Step<Vec<WriteAnswer>> {
    let table = &*physical.table;
    let mut rows: Vec<(Slot, Row)> = Vec::with_capacity(members.len());
    let mut ends = Vec::with_capacity(members.len());
    let mut at = transaction.next_position();
    for insert in members.iter().filter_map(|member| insert_of(&member.write)) {
        for row in &insert.rows {
            let mut row = row.clone();
            table.position_row(&mut row, at);
            complete_row(table, &mut row)?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        ends.push(rows.len());
        // Each takes one, in their order.
        at.p += 1;
    }
    for receipt in members
        .iter()
        .filter_map(|member| member.write.receipt.as_ref())
    {
        transaction.fence(receipt.slot)?;
    }
    transaction.store_rows(physical, &rows)?;
    let mut answers = Vec::with_capacity(members.len());
    let mut concluded = Vec::with_capacity(members.len());
    let mut from = 0;
    for (member, end) in members.iter_mut().zip(&ends) {
        let count = (end - from) as u64;
        let outcome = Outcome {
            affected: count,
            inserted: count,
            ..Outcome::default()
        };
        concluded.push((from..*end, (member.write.finish)(vec![outcome])?));
        from = *end;
    }
    // From here on nothing is refused.
    for (member, (range, answer)) in members.iter().zip(concluded) {
        for (slot, row) in &rows[range] {
            transaction
                .recorder
                .note(table, FeedKind::Insert, *slot, row);
        }
        transaction.record_events()?;
        let at = transaction.next_position();
        if let Some(receipt) = &member.write.receipt {
            transaction.receipts.keep(receipt, &answer, at);
        }
        transaction.advance();
        answers.push(WriteAnswer::Done { at, answer });
    }
    Ok(answers)
}

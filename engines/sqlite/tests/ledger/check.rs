//! The three invariants, looked at after whatever has killed something.
//!
//! - Ownership: every fence stands as it was made, and no position was given twice.
//! - Coverage: no position that was handed out lies beyond the history (what a read shows is
//!   looked at as it is answered).
//! - Accounting: what the answers said of a write is true of its rows and of its events,
//!   and the same key gives the first answer again.

use super::{FOLLOWER, Follower, Ledger, ROWS, Verdict, attempt, reading};
use pando_engine_sqlite::SqliteEngine;
use pando_model::engine::{Engine, FeedEvent, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::Filter;
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// Events of one page.
const PAGE: usize = 500;

impl Ledger {
    /// What contradicts the answers, one line each.
    pub async fn check(&self, engine: &SqliteEngine) -> Vec<String> {
        let mut wrong = engine.verify().await.unwrap();
        self.check_rows(engine, &mut wrong).await;
        self.check_positions(engine, &mut wrong);
        self.check_feed(engine, &mut wrong).await;
        self.repeat(engine, &mut wrong).await;
        self.check_rows(engine, &mut wrong).await;
        wrong
    }

    async fn check_rows(&self, engine: &SqliteEngine, wrong: &mut Vec<String>) {
        let mut found: HashMap<i64, i64> = HashMap::new();
        match engine.read(reading(Filter::Const(true))).await {
            Ok(answer) => {
                for row in answer.rows.rows {
                    if let Value::Int(number) = row[0] {
                        *found.entry(number).or_default() += 1;
                    }
                }
            }
            // A file that lost its table has lost everything.
            Err(error) => wrong.push(format!("lost: {error}")),
        }
        for (number, verdict) in self.verdicts.lock().unwrap().iter() {
            let rows = found.get(number).copied().unwrap_or(0);
            match (verdict, rows) {
                (Verdict::Done, ROWS) | (Verdict::Refused, 0) | (Verdict::Unknown, 0 | ROWS) => {}
                (Verdict::Done, 0) => wrong.push(format!("write {number} was lost")),
                (verdict, rows) => wrong.push(format!("{verdict:?} {number} has {rows} rows")),
            }
        }
    }

    fn check_positions(&self, engine: &SqliteEngine, wrong: &mut Vec<String>) {
        let reached = engine.progress().low;
        if let Some((last, _)) = self.positions.lock().unwrap().last_key_value()
            && *last > reached
        {
            wrong.push(format!(
                "position {last:?} was lost, {reached:?} is reached"
            ));
        }
    }

    /// The feed goes on where the follower stood, in commit order, each slot counted without
    /// gaps; a write has all of its events, at its position, or none.
    async fn check_feed(&self, engine: &SqliteEngine, wrong: &mut Vec<String>) {
        let mut cursor = match engine.follow(FOLLOWER).await {
            Ok(cursor) => cursor,
            // A disk that is full: the next check looks further back.
            Err(EngineError::Unavailable { .. }) => return,
            Err(error) => return wrong.push(format!("the follower is lost: {error}")),
        };
        let mut events: Vec<FeedEvent> = Vec::new();
        let consumed = loop {
            let page = engine.fetch_feed(cursor, PAGE).await.unwrap();
            if page.gap {
                wrong.push(format!("the feed has a gap behind {cursor:?}"));
            }
            let is_last = page.events.len() < PAGE;
            events.extend(page.events);
            cursor = page.next;
            if is_last {
                break page.consumed.p;
            }
        };
        if !events.is_sorted_by(|a, b| a.cursor < b.cursor) {
            wrong.push("the feed is not in commit order".to_owned());
        }
        let dealt_with = self.check_events(&events, consumed, wrong);
        if engine.acknowledge_feed(FOLLOWER, cursor).await.is_ok() {
            *self.follower.lock().unwrap() = dealt_with;
        }
    }

    /// Looks at what the follower was told; gives how far it has got with that.
    fn check_events(
        &self,
        events: &[FeedEvent],
        consumed: u64,
        wrong: &mut Vec<String>,
    ) -> Follower {
        let mut follower = self.follower.lock().unwrap().clone();
        let mut told: HashMap<u64, i64> = HashMap::new();
        for event in events {
            let seq = follower.seqs.entry(event.slot).or_default();
            if event.seq != *seq + 1 {
                wrong.push(format!("behind {seq} comes {event:?}"));
            }
            *seq = event.seq;
            *told.entry(event.cursor.at.p).or_default() += 1;
        }
        if let Some((p, count)) = told.iter().find(|(_, count)| **count != ROWS) {
            wrong.push(format!("the write at {p} has {count} events"));
        }
        let news = follower.consumed + 1..=consumed;
        for (at, number) in self.positions.lock().unwrap().iter() {
            if news.contains(&at.p) && !told.contains_key(&at.p) {
                wrong.push(format!("the events of write {number} were lost"));
            }
        }
        follower.consumed = consumed;
        follower
    }

    /// Sends every write again that was not yet: done ones get their first answer, refused
    /// ones are done now, unknown ones either, and none is done twice.
    async fn repeat(&self, engine: &SqliteEngine, wrong: &mut Vec<String>) {
        let numbers = self.repeated.load(Relaxed)..self.next.load(Relaxed);
        self.repeated.store(numbers.end, Relaxed);
        let attempts = numbers.map(|number| async move { (number, attempt(engine, number).await) });
        for (number, answer) in futures_util::future::join_all(attempts).await {
            let verdict = self.verdicts.lock().unwrap().get(&number).copied();
            let Some(verdict) = verdict else {
                continue; // nobody waited for its answer
            };
            let (at, text, is_first) = match answer {
                Ok(WriteAnswer::Done { at, answer }) => (at, answer, true),
                Ok(WriteAnswer::Replayed { at, answer }) => (at, answer, false),
                // A disk that is full, or was not found well yet: nothing was done or said.
                Err(EngineError::Unavailable { .. }) => continue,
                Err(error) => {
                    wrong.push(format!("{verdict:?} {number} sent again: {error}"));
                    continue;
                }
            };
            if is_first == (verdict == Verdict::Done) && verdict != Verdict::Unknown {
                wrong.push(format!("{verdict:?} {number} sent again: first {is_first}"));
            }
            if text != number.to_le_bytes() {
                wrong.push(format!("write {number} has the answer of another"));
            }
            let known = self.positions.lock().unwrap().insert(at, number);
            let is_new = verdict != Verdict::Done;
            if known.is_some_and(|known| known != number) || known.is_none() != is_new {
                wrong.push(format!(
                    "{verdict:?} {number} is at {at:?}, where {known:?} was"
                ));
            }
            self.verdicts.lock().unwrap().insert(number, Verdict::Done);
        }
    }
}

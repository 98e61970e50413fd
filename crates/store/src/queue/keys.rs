//! Ordering keys: of each, one message is leased or waits for its time, and the others that a group has
//! out are held behind it.
//!
//! A key may have very many held. What matters of them is the first, which is found at the beginning
//! of an index in which the states of a key come one after the other, and the held in order: a page of
//! it is read, and another one only for keys of which the page told nothing.

use super::Lane;
use super::cursor;
use super::relation::{OUT, out};
use super::row::{COLUMNS, Out, State, outs};
use crate::relation::{compare, equals, select, tree};
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter, Scalar, Select};
use pando_model::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows of a key that a page has room for, where several keys share it.
const ROWS_OF_KEY: usize = 8;
/// By how much the page grows for keys of which it told nothing.
const GROWTH: u64 = 4;

/// What is looked for.
struct Look {
    lane: Lane,
    group: String,
    /// Messages that are out no more in a moment: behind them it is looked on.
    passed: HashSet<i64>,
}

/// Reads what a group has out of some ordering keys, but for the dead: of each key the first ones, up to
/// one at least that is not among `passed`, if there is one. What is leased or waits comes before what
/// is held. The outcomes that follow tell it, to [`found`].
pub(super) fn read(
    lane: &Lane,
    group: &str,
    keys: Vec<String>,
    passed: impl Iterator<Item = i64>,
) -> Vec<Step> {
    if keys.is_empty() {
        return Vec::new();
    }
    let look = Look {
        lane: lane.clone(),
        group: group.to_owned(),
        passed: passed.collect(),
    };
    // The one that is passed, and the next.
    let limit = match keys.len() {
        1 => 1 + look.passed.len().clamp(1, ROWS_OF_KEY),
        several => several * ROWS_OF_KEY,
    };
    Arc::new(look).page(keys, limit as u64)
}

/// What [`read`] has found, each once.
pub(super) fn found<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Vec<Out> {
    let mut seen = HashSet::new();
    let all = outcomes.flat_map(|read| outs(Some(read)));
    all.filter(|out| seen.insert(out.id)).collect()
}

impl Look {
    fn page(self: Arc<Look>, keys: Vec<String>, limit: u64) -> Vec<Step> {
        let read = Step::read(tree(self.first(&keys, limit)));
        let more = Step::decide(move |outcomes: &[Outcome]| {
            let page = outs(outcomes.last());
            if (page.len() as u64) < limit {
                return Ok(Vec::new());
            }
            let told = page.iter().filter(|out| !self.passed.contains(&out.id));
            let told: HashSet<&String> = told.filter_map(|out| out.ordering_key.as_ref()).collect();
            let left = keys.iter().filter(|key| !told.contains(key));
            let left: Vec<String> = left.cloned().collect();
            Ok(match left.is_empty() {
                true => Vec::new(),
                false => Arc::clone(&self).page(left, limit.saturating_mul(GROWTH)),
            })
        });
        vec![read, more]
    }

    /// The first rows of keys, in the order of the index.
    fn first(&self, keys: &[String], limit: u64) -> Select {
        let mut filters = cursor::of_group(&self.lane, out::GROUP, &self.group);
        filters.push(match keys {
            [key] => equals(out::ORDERING_KEY, Value::Text(key.clone())),
            keys => Filter::In {
                left: Scalar::Column(out::ORDERING_KEY),
                values: keys.iter().cloned().map(Value::Text).collect(),
            },
        });
        let dead = State::Dead.value();
        filters.push(compare(out::STATE, Comparison::Lt, dead));
        let mut first = select(&OUT, &COLUMNS, Filter::And(filters));
        let order = [
            out::ORDERING_KEY,
            out::STATE,
            out::RANK,
            out::POSITION,
            out::PLACE,
        ];
        first.order = order.map(cursor::ascending).to_vec();
        first.limit = Some(limit);
        first
    }
}

/// Of keys whose first message is done or dead, the next one that was held: it is due.
pub(super) fn next_of(freed: Vec<String>, out: &[Out], due_us: i64, now_us: i64) -> Vec<Out> {
    let freed: HashSet<String> = freed.into_iter().collect();
    let each = freed.into_iter().filter_map(|key| {
        let held = out.iter().filter(|out| {
            out.state == State::Held && out.ordering_key.as_deref() == Some(key.as_str())
        });
        held.min_by_key(|out| out.spot)
    });
    let mut next: Vec<Out> = each
        .map(|out| out.clone().waiting(due_us, now_us))
        .collect();
    next.sort_by_key(|out| out.spot);
    next
}

/// The keys that have messages alive, and those of them that have none but such as are held: what
/// they were held behind has just died, or a replay took it back.
pub(super) fn busy<'a>(alive: impl Iterator<Item = &'a Out>) -> (HashSet<String>, Vec<String>) {
    let (mut busy, mut first) = (HashSet::new(), HashSet::new());
    for out in alive {
        let Some(key) = &out.ordering_key else {
            continue;
        };
        busy.insert(key.clone());
        if out.state != State::Held {
            first.insert(key);
        }
    }
    let freed = busy.iter().filter(|key| !first.contains(key));
    let freed = freed.cloned().collect();
    (busy, freed)
}

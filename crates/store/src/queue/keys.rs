//! Ordering keys: of each, one message is leased or waits for its time, and the others that a group has
//! out are held behind it.

use super::Lane;
use super::cursor;
use super::relation::{OUT, out};
use super::row::{COLUMNS, Out, State};
use crate::relation::{select, tree};
use pando_model::engine::Step;
use pando_model::plan::{Filter, Scalar};
use pando_model::value::Value;
use std::collections::HashSet;

/// Reads what a group has out of some ordering keys.
pub(super) fn read(lane: &Lane, group: &str, keys: Vec<Value>) -> Step {
    let mut filters = cursor::of_group(lane, out::GROUP, group);
    filters.push(Filter::In {
        left: Scalar::Column(out::ORDERING_KEY),
        values: keys,
    });
    Step::read(tree(select(&OUT, &COLUMNS, Filter::And(filters))))
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

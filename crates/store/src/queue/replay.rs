//! Setting a group back, where the log is kept.

use super::cursor;
use super::relation::{LOG, OUT, log, out};
use super::row::delete;
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Comparison, Filter};
use pando_model::value::Value;
use std::collections::BTreeMap;

/// So many groups are named to whoever asks for another one.
const GROUPS_SHOWN: usize = 20;

impl Store {
    /// Sets a group back to the first message that was published at `from_us` or later, as far
    /// as the log is kept. What it has out from there on is leased anew.
    pub async fn queue_replay(
        &self,
        queue: &str,
        group: Option<&str>,
        from_us: i64,
    ) -> Result<Operation<()>> {
        let lane = Lane::of(queue)?;
        let group = group.unwrap_or(DEFAULT_GROUP).to_owned();
        check_key("a group", &group)?;
        if self.queue_rules(queue).retention.is_none() {
            let message = format!("the queue {queue:?} keeps no messages to replay");
            let hint = format!("Set retention of [queues.{queue}], such as \"7d\".");
            return Err(refused::unprocessable(message).hint(hint).into());
        }
        let mut first = BTreeMap::new();
        self.look_above(queue).await?;
        for rank in self.ranks(queue) {
            first.extend(self.first_since(&lane, rank, from_us).await?);
        }
        let declared = self
            .queue_rules(queue)
            .groups()
            .map(str::to_owned)
            .collect();
        let reach = lane.reach();
        let steps = vec![
            cursor::read(&lane, &group),
            cursor::read_groups(&lane),
            refuse_unknown(queue.to_owned(), group.clone(), declared),
            set_back(lane, group, first),
        ];
        Ok(Operation::writing(reach, steps, |_| Ok(())))
    }

    /// Where a group stands that is to read a rank from a time on: behind the message before.
    async fn first_since(
        &self,
        lane: &Lane,
        rank: i64,
        from_us: i64,
    ) -> Result<Option<(i64, (i64, i64))>> {
        let mut filters = lane.filters();
        let published = Value::Timestamp(from_us);
        filters.push(equals(log::RANK, Value::Int(rank)));
        filters.push(compare(log::PUBLISHED_AT, Comparison::Ge, published));
        let mut first = select(&LOG, &[log::POSITION, log::PLACE], Filter::And(filters));
        first.limit = Some(1);
        let read = Operation::reading(
            lane.reach(),
            vec![Step::read(tree(first))],
            move |outcomes| {
                let row = outcomes.first().and_then(|read| rows_of(read).first());
                Ok(match row.map(Vec::as_slice) {
                    Some([Value::Int(position), Value::Int(place)]) => {
                        Some((rank, (*position, place - 1)))
                    }
                    _ => None,
                })
            },
        );
        Ok(self.answer(&read, &Session::default()).await?.0)
    }
}

/// Refuses a group that nobody has declared, and that has never leased: it stands nowhere.
fn refuse_unknown(queue: String, group: String, declared: Vec<String>) -> Step {
    Step::decide(move |outcomes| {
        let known = cursor::groups(outcomes.get(1), &declared);
        if known.contains(&group) {
            return Ok(Vec::new());
        }
        let message = format!("the queue {queue:?} has no group {group:?}");
        let some: Vec<&str> = known
            .iter()
            .take(GROUPS_SHOWN)
            .map(String::as_str)
            .collect();
        let (some, more) = (some.join(", "), known.len().saturating_sub(GROUPS_SHOWN));
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(refused::unprocessable(message)
            .hint(format!("Its groups are {some}{more}: say one as group.")))
    })
}

/// Sets a group's cursor back, and takes back what it has out from there on.
fn set_back(lane: Lane, group: String, first: BTreeMap<i64, (i64, i64)>) -> Step {
    Step::decide(move |outcomes| {
        let found = cursor::found(outcomes.first());
        let mut standing = found.standing.clone();
        let mut steps = Vec::new();
        for (rank, behind) in &first {
            if standing.read.get(rank).is_none_or(|read| read <= behind) {
                continue;
            }
            standing.read.insert(*rank, *behind);
            let mut out = cursor::of_group(&lane, out::GROUP, &group);
            out.push(equals(out::RANK, Value::Int(*rank)));
            out.push(Filter::After {
                columns: vec![out::POSITION, out::PLACE],
                values: [behind.0, behind.1].map(Value::Int).to_vec(),
            });
            steps.push(delete(&OUT, Filter::And(out)));
        }
        steps.extend(cursor::moved(&lane, &group, &found, &standing));
        Ok(steps)
    })
}

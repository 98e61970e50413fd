//! Schedules: messages that the clock publishes. Which occurrence was the last is written in the
//! transaction that publishes it, so that each comes once, however many processes look.

use super::message::Message;
use super::relation::{LOG, SCHEDULE, schedule};
use super::row::{insert, timestamp};
use super::{Lane, Scheduled};
use crate::operation::Operation;
use crate::relation::{equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Change, Conflict, Filter, Insert, Row};
use pando_model::value::Value;
use pando_queue::CatchUp;
use std::sync::Arc;

impl Store {
    /// Publishes what schedules of declared queues say; gives the queues that have new messages,
    /// and when the next occurrence is. `tell` hears of the queue of each message once it is committed,
    /// whatever fails behind it.
    pub async fn queue_run_schedules(&self, mut tell: impl FnMut(&str)) -> Result<super::Released> {
        let mut released = super::Released::default();
        for (queue, rules) in &self.config().queues.declared {
            for (name, scheduled) in &rules.schedules {
                let (published, next_us) = self.run_schedule(queue, name, scheduled).await?;
                if published {
                    tell(queue);
                    released.queues.insert(queue.clone());
                }
                let known = released.next_us.into_iter().chain(next_us);
                released.next_us = known.min();
            }
        }
        Ok(released)
    }

    /// Whether it published, and when the next occurrence is.
    async fn run_schedule(
        &self,
        queue: &str,
        name: &str,
        scheduled: &Scheduled,
    ) -> Result<(bool, Option<i64>)> {
        let lane = Lane::of(queue)?;
        let now_us = self.clock().now_us();
        let last_us = self.fetch_last(&lane, name).await?;
        let due = match last_us {
            Some(last_us) => scheduled.schedule.due(last_us, now_us, CatchUp::default()),
            None => None,
        };
        let (at_us, message) = match (last_us, due) {
            // It is new: its first occurrence lies ahead.
            (None, _) => (now_us, None),
            (Some(last_us), None) => return Ok((false, scheduled.schedule.next_after(last_us))),
            (Some(_), Some(due)) => (due.at_us, Some(self.occurrence(scheduled, now_us).await?)),
        };
        let published = self.record(&lane, name, last_us, at_us, message).await?;
        Ok((published, scheduled.schedule.next_after(at_us)))
    }

    async fn occurrence(&self, scheduled: &Scheduled, now_us: i64) -> Result<Message> {
        Ok(Message {
            id: self.new_version().await?,
            body: scheduled.body.clone().into(),
            content_type: "application/json".to_owned(),
            attributes: None,
            priority: scheduled.priority,
            ordering_key: scheduled.ordering_key.clone(),
            published_at_us: now_us,
        })
    }

    async fn fetch_last(&self, lane: &Lane, name: &str) -> Result<Option<i64>> {
        let read = Operation::reading(lane.reach(), vec![read_last(lane, name)], |outcomes| {
            Ok(last_of(&outcomes))
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    /// Records an occurrence and publishes its message, unless another process did.
    async fn record(
        &self,
        lane: &Lane,
        name: &str,
        last_us: Option<i64>,
        at_us: i64,
        message: Option<Message>,
    ) -> Result<bool> {
        let mut row = own_key(lane, name);
        row.push(Value::Timestamp(at_us));
        let (own, publishes) = (lane.clone(), message.is_some());
        let decide = Step::decide(move |outcomes: &[Outcome]| {
            if last_of(outcomes) != last_us {
                return Ok(Vec::new());
            }
            let message = message.clone().map(|message| message.into_row(&own, 0));
            let mut steps: Vec<Step> = message
                .map(|row| insert(&LOG, vec![row]))
                .into_iter()
                .collect();
            steps.push(Step::from(Change::Insert(Insert {
                table: Arc::clone(&SCHEDULE),
                rows: vec![row.clone()],
                conflict: Some(Conflict {
                    target: SCHEDULE.primary_key.columns.clone(),
                    merge: Some(vec![schedule::LAST]),
                }),
                returning: None,
            })));
            Ok(steps)
        });
        let steps = vec![read_last(lane, name), decide];
        let write = Operation::writing(lane.reach(), steps, move |outcomes| {
            Ok(vec![u8::from(publishes && last_of(&outcomes) == last_us)])
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        Ok(done.answer == [1])
    }
}

fn own_key(lane: &Lane, name: &str) -> Row {
    let mut key = lane.key();
    key.push(Value::Text(name.to_owned()));
    key
}

fn read_last(lane: &Lane, name: &str) -> Step {
    let mut filters = lane.filters();
    filters.push(equals(schedule::NAME, Value::Text(name.to_owned())));
    Step::read(tree(select(
        &SCHEDULE,
        &[schedule::LAST],
        Filter::And(filters),
    )))
}

fn last_of(outcomes: &[Outcome]) -> Option<i64> {
    let row = outcomes.first().and_then(|read| rows_of(read).first());
    row.and_then(|row| timestamp(row.first()?))
}

//! Where queues are wanted: where the configuration says, unless an operator said otherwise while
//! they run. What the configuration says of one queue by name stands above the operator's word, as
//! whoever reads the file has to find it true.

use super::Lane;
use super::home::{Home, homes, read_homes};
use super::relation::{QUEUE, WANTED, wanted};
use super::row::insert_over;
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::Filter;
use pando_model::value::Value;
use std::collections::BTreeMap;

/// Where queues are, and where operators want them.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Of those that were ever moved.
    pub(super) homes: BTreeMap<String, Home>,
    /// Of those that somebody asked to move: whether to the broker.
    pub(super) wanted: BTreeMap<String, bool>,
}

impl Store {
    /// Has a queue kept on the broker, or in the store, from now on; the move begins at once, or
    /// when what its last one left behind is done. Gives where it is now.
    ///
    /// Refused without a broker, where the configuration says where this queue is, and where the
    /// broker cannot keep what the queue declares.
    pub async fn queue_ask_to_move(&self, queue: &str, to_broker: bool) -> Result<Home> {
        let lane = Lane::of(queue)?;
        self.check_move(queue, to_broker)?;
        self.declare(queue).await?;
        let mut row = lane.key();
        row.extend([
            Value::Bool(to_broker),
            Value::Timestamp(self.clock().now_us()),
        ]);
        let steps = vec![insert_over(&WANTED, vec![row])];
        let write = Operation::writing(lane.reach(), steps, |_| Ok(Vec::new()));
        self.carry_out(&write, None, &Session::default()).await?;
        self.queue_reload_homes().await?;
        self.tend_move(queue).await?;
        self.queue_reload_homes().await?;
        let homes = self.fetch_queue_homes().await?;
        Ok(homes.get(queue).copied().unwrap_or_default())
    }

    /// Whether what is published to a queue has to go to the broker, now or once it can move.
    /// Memory only.
    pub fn queue_is_wanted_on_broker(&self, queue: &str) -> bool {
        let rules = self.queue_rules(queue);
        if rules.stays {
            return rules.on_broker;
        }
        let brokered = self.brokered().get();
        let asked = brokered.and_then(|brokered| brokered.places().wanted.get(queue).copied());
        asked.unwrap_or(rules.on_broker)
    }

    /// Where queues are, and where they are wanted: both of one moment, so that whoever sees a move
    /// sees what it was for.
    pub(super) async fn fetch_places(&self) -> Result<Places> {
        let columns = [wanted::ON_BROKER, QUEUE];
        let asked = select(&WANTED, &columns, Filter::Const(true));
        let steps = vec![read_homes(), Step::read(tree(asked))];
        let read = Operation::reading(Reach::Many, steps, |outcomes| {
            Ok(Places {
                homes: homes(outcomes.first()),
                wanted: asked_of(outcomes.get(1)),
            })
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    fn check_move(&self, queue: &str, to_broker: bool) -> std::result::Result<(), Refusal> {
        let rules = self.queue_rules(queue);
        if self.brokered().get().is_none() {
            let hint =
                "Name one as [queue] engine, such as \"nats://127.0.0.1:4222\", and start again.";
            return Err(refused::conflict("there is no broker to move queues to").hint(hint));
        }
        if rules.stays && rules.on_broker != to_broker {
            let message = format!("the configuration says where the queue {queue:?} is kept");
            return Err(refused::conflict(message).hint(format!(
                "Change engine of [queues.{queue}] and start again, or leave it out so that the \
                 queue can be moved."
            )));
        }
        let mut schedules = rules.schedules.values();
        if to_broker && !rules.ordered && schedules.any(|one| one.ordering_key.is_some()) {
            let message = "a schedule of the queue has an ordering_key, which needs ordered = true";
            let hint = format!("Set ordered = true of [queues.{queue}], and start again.");
            return Err(refused::unprocessable(message).hint(hint));
        }
        Ok(())
    }
}

fn asked_of(outcome: Option<&Outcome>) -> BTreeMap<String, bool> {
    let rows = outcome.map_or(&[][..], rows_of);
    let each = rows.iter().filter_map(|row| match row.as_slice() {
        [Value::Bool(on_broker), Value::Text(queue)] => Some((queue.clone(), *on_broker)),
        _ => None,
    });
    each.collect()
}

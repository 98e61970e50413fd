//! Leases of queues that are or were on a broker: whose turn it is, and what they give.

use super::broker_words::leased;
use super::lease::{Lease, Leased, checked_visibility};
use super::{DEFAULT_GROUP, check_key};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::broker::LeaseAsk;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Who has what a group gets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Store,
    Broker,
    /// The broker, which has what is older, and gets nothing new; nobody waits there, as the
    /// queue may have moved once more meanwhile.
    RestOfBroker,
    /// The store, and the broker where that has nothing.
    Both,
    /// The broker, and the store where that has nothing.
    BrokerThenStore,
}

impl Store {
    /// Leases messages of a queue that is, or was, on a broker, from where the group's next ones
    /// are; waits for the broker for so long.
    pub async fn queue_lease_anywhere(
        &self,
        queue: &str,
        lease: &Lease,
        wait: Duration,
    ) -> Result<Vec<Leased>> {
        let group = lease.group.as_deref().unwrap_or(DEFAULT_GROUP);
        check_key("a group", group)?;
        self.queue_admit_lease(queue, Some(group))?;
        let turn = self.turn(queue, group).await?;
        let first = match turn {
            Turn::Store | Turn::Both => self.lease_here(queue, lease).await?,
            Turn::Broker => return self.lease_there(queue, group, lease, wait).await,
            Turn::RestOfBroker => {
                let none = Duration::ZERO;
                return self.lease_there(queue, group, lease, none).await;
            }
            Turn::BrokerThenStore => {
                let none = Duration::ZERO;
                self.lease_there(queue, group, lease, none).await?
            }
        };
        if !first.is_empty() {
            return Ok(first);
        }
        match turn {
            Turn::Both => self.lease_there(queue, group, lease, wait).await,
            Turn::BrokerThenStore => self.lease_here(queue, lease).await,
            Turn::Store | Turn::Broker | Turn::RestOfBroker => Ok(first),
        }
    }

    /// Whose turn it is: what a queue had where it was before comes first.
    async fn turn(&self, queue: &str, group: &str) -> Result<Turn> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(Turn::Store);
        };
        let home = brokered.home(queue);
        let Some((home, since)) = home.and_then(|home| Some((home, home.since?))) else {
            return Ok(Turn::Store);
        };
        if brokered.is_settled(queue, group, since) {
            return Ok(if home.on_broker {
                Turn::Broker
            } else {
                Turn::Store
            });
        }
        // Behind a start with fewer priorities it is not known yet what lies above them.
        self.look_above(queue).await?;
        let turn = match home.on_broker {
            true => {
                let left = self.queue_left(queue, Some(group))?;
                let (left, _) = self.answer(&left, &Session::default()).await?;
                match (left.comes_first, left.any) {
                    (true, _) => Turn::Store,
                    (false, true) => Turn::Both,
                    (false, false) => Turn::Broker,
                }
            }
            // The last that was handed over may not be there yet.
            false if self.is_on_its_way(&home) => return Ok(Turn::RestOfBroker),
            false => {
                self.declare(queue).await?;
                let counts = brokered.broker().counts(queue, group).await;
                let counts = counts.map_err(|error| brokered.told(queue, error))?;
                // What is out may come back there; a broker that does not tell is always asked.
                let none_out = counts.in_flight == Some(0);
                match (counts.depth, none_out, self.queue_rules(queue).ordered) {
                    (0, true, _) => Turn::Store,
                    (0, _, false) => Turn::BrokerThenStore,
                    _ => Turn::RestOfBroker,
                }
            }
        };
        if turn
            == (if home.on_broker {
                Turn::Broker
            } else {
                Turn::Store
            })
        {
            brokered.settle(queue, group, since);
        }
        Ok(turn)
    }

    async fn lease_here(&self, queue: &str, lease: &Lease) -> Result<Vec<Leased>> {
        let has_some = self.queue_has_some(queue, lease)?;
        if !self.answer(&has_some, &Session::default()).await?.0 {
            return Ok(Vec::new());
        }
        let kept = Arc::new(Mutex::new(Vec::new()));
        let place = Arc::clone(&kept);
        let write = self.queue_lease(queue, lease)?.map(move |leased| {
            *place.lock() = leased;
            Ok(Vec::new())
        });
        self.carry_out(&write, None, &Session::default()).await?;
        let leased = std::mem::take(&mut *kept.lock());
        Ok(leased)
    }

    async fn lease_there(
        &self,
        queue: &str,
        group: &str,
        lease: &Lease,
        wait: Duration,
    ) -> Result<Vec<Leased>> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(Vec::new());
        };
        self.declare(queue).await?;
        let rules = self.queue_rules(queue);
        let visibility = lease.visibility.unwrap_or(rules.visibility);
        checked_visibility(visibility)?;
        let max = lease.max.unwrap_or(1).clamp(1, rules.lease_max());
        let ask = LeaseAsk {
            max: usize::try_from(max).unwrap_or(1),
            visibility,
            wait,
        };
        let given = brokered.broker().lease(queue, group, &ask).await;
        let given = given
            .map_err(|error| brokered.told(queue, error))?
            .into_iter();
        Ok(given.map(|delivery| leased(delivery, group)).collect())
    }
}

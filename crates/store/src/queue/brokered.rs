//! Queues on a broker, as the store sees them: which ones they are, whose turn it is where a queue
//! moves, and what becomes of the broker's answers.

use super::broker_words::{leased, missing, spec, told};
use super::extended::ExtendedLeases;
use super::lease::{Lease, Leased, checked_visibility};
use super::wanted::Places;
use super::{DEFAULT_GROUP, Home, check_key};
use crate::error::StoreError;
use crate::session::{Result, Session};
use crate::store::Store;
use arc_swap::ArcSwap;
use pando_model::broker::{Broker, BrokerError, LeaseAsk};
use pando_model::engine::Durability;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it is believed that a group has nothing left where its queue was before.
const SETTLED: Duration = Duration::from_secs(5);

/// A broker beside the store, and what is known of the queues on it.
#[derive(Debug)]
pub(crate) struct Brokered {
    broker: Arc<dyn Broker>,
    /// Where queues are that were ever moved, and where they are wanted, as it was last read.
    places: ArcSwap<Places>,
    /// Queues that this process has declared, with these groups, and no answer says are gone.
    declared: Mutex<HashMap<String, Vec<String>>>,
    /// Leases that were extended, by what they were first: some brokers call them otherwise then.
    extended: ExtendedLeases,
    /// Groups that have nothing left where the queue was before, by the position of the move, and
    /// when that was looked at: a redrive brings something back, in whichever process.
    settled: Mutex<HashMap<(String, String, i64), Instant>>,
}

impl Brokered {
    pub(super) fn broker(&self) -> &Arc<dyn Broker> {
        &self.broker
    }

    /// A queue that this process has declared, if there is one.
    pub(super) fn any_declared(&self) -> Option<String> {
        self.declared.lock().keys().next().cloned()
    }

    /// What a broker did not do with a queue, in the store's words. Where a group that is declared is
    /// not there any more, whoever comes next declares it again.
    pub(super) fn told(&self, queue: &str, error: BrokerError) -> StoreError {
        let BrokerError::NoSuchQueue { group, .. } = &error else {
            return told(error);
        };
        let mut declared = self.declared.lock();
        let groups = declared.get(queue);
        if groups.is_some_and(|groups| group != "*" && !groups.contains(group)) {
            return told(error);
        }
        declared.remove(queue);
        missing(queue, self.broker.info().engine)
    }

    /// The queues that are there.
    pub(super) fn queues(&self) -> Vec<String> {
        let places = self.places.load();
        let there = places.homes.iter().filter(|(_, home)| home.on_broker);
        there.map(|(queue, _)| queue.clone()).collect()
    }

    pub(super) fn places(&self) -> Arc<Places> {
        self.places.load_full()
    }

    fn home(&self, queue: &str) -> Option<Home> {
        self.places.load().homes.get(queue).copied()
    }

    pub(super) fn extended(&self) -> &ExtendedLeases {
        &self.extended
    }
}

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
    /// Puts queues on a broker whose rules say so, and has those come back whose rules say so no
    /// more. Refused where the broker cannot keep what a queue declares.
    pub async fn queue_use_broker(&self, broker: Arc<dyn Broker>) -> Result<()> {
        let places = self.fetch_places().await?;
        let brokered = Brokered {
            broker,
            places: ArcSwap::from_pointee(places),
            declared: Mutex::default(),
            extended: ExtendedLeases::default(),
            settled: Mutex::default(),
        };
        if self.brokered().set(brokered).is_err() {
            let message = "the store has a broker already";
            return Err(StoreError::Catalog(message.to_owned()));
        }
        let declared = self.config().queues.declared.keys();
        for queue in declared.filter(|queue| self.queue_is_wanted_on_broker(queue)) {
            self.declare(queue).await?;
        }
        self.queue_tend_moves().await
    }

    /// Makes sure that the broker knows a queue whose rules want it there, before something is
    /// published or leased.
    pub async fn queue_ensure(&self, queue: &str) -> Result<()> {
        self.queue_reach(queue)?;
        let Some(brokered) = self.brokered().get() else {
            return Ok(());
        };
        if !self.queue_is_wanted_on_broker(queue) || brokered.declared.lock().contains_key(queue) {
            return Ok(());
        }
        self.declare(queue).await?;
        self.tend_move(queue).await?;
        self.queue_reload_homes().await
    }

    /// Moves queues to where their rules want them, each once what its last move left behind is
    /// done. Call it about once a second.
    pub async fn queue_tend_moves(&self) -> Result<()> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(());
        };
        self.queue_reload_homes().await?;
        let places = brokered.places();
        let declared = self.config().queues.declared.keys();
        let known = places.homes.keys().chain(places.wanted.keys());
        let mut queues: Vec<&String> = declared.chain(known).collect();
        queues.sort();
        queues.dedup();
        for queue in queues {
            self.tend_move(queue).await?;
        }
        self.queue_reload_homes().await
    }

    pub(super) async fn tend_move(&self, queue: &str) -> Result<()> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(());
        };
        let home = brokered.home(queue).unwrap_or_default();
        let to_broker = self.queue_is_wanted_on_broker(queue);
        if home.on_broker == to_broker || !self.is_settled(queue, home).await? {
            return Ok(());
        }
        self.declare(queue).await?;
        self.queue_move(queue, to_broker).await?;
        let place = if to_broker {
            "on the broker"
        } else {
            "in the store"
        };
        tracing::info!(queue, "what is published from now on is kept {place}");
        Ok(())
    }

    /// Whether no group has anything before it where the queue was before its last move. Moves
    /// do not overtake each other: else older messages would lie on both sides of newer ones.
    async fn is_settled(&self, queue: &str, home: Home) -> Result<bool> {
        let (Some(brokered), Some(_)) = (self.brokered().get(), home.since) else {
            return Ok(true);
        };
        for group in spec(queue, self.queue_rules(queue), brokered.broker.abilities()).groups {
            let is_settled = match home.on_broker {
                true => {
                    let left = self.queue_left(queue, Some(&group))?;
                    !self.answer(&left, &Session::default()).await?.0.comes_first
                }
                false => {
                    self.declare(queue).await?;
                    let counts = brokered.broker.counts(queue, &group).await;
                    let counts = counts.map_err(|error| brokered.told(queue, error))?;
                    // Who is not told keeps no order either, so nothing is overtaken.
                    counts.depth == 0 && counts.in_flight.unwrap_or(0) == 0
                }
            };
            if !is_settled {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads again where queues are. Call it about once a second.
    pub async fn queue_reload_homes(&self) -> Result<()> {
        if let Some(brokered) = self.brokered().get() {
            brokered.places.store(Arc::new(self.fetch_places().await?));
        }
        Ok(())
    }

    /// Whether messages of a queue may be on a broker: leases go by [`Store::queue_lease_anywhere`]
    /// then. Memory only.
    pub fn queue_is_brokered(&self, queue: &str) -> bool {
        let brokered = self.brokered().get();
        brokered.is_some_and(|brokered| brokered.home(queue).is_some())
    }

    /// What an answered publish means for a queue: the least of what it comes to.
    pub fn queue_durability(&self, queue: &str) -> Durability {
        let own = self.engine().info().durability;
        let Some(brokered) = self
            .brokered()
            .get()
            .filter(|_| self.queue_is_wanted_on_broker(queue))
        else {
            return own;
        };
        let there = brokered.broker.info().durability;
        Durability {
            synced: own.synced && there.synced,
            copies: own.copies.min(there.copies),
        }
    }

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

    /// The broker, if a queue is or was there.
    pub(super) async fn brokered_of(&self, queue: &str) -> Result<Option<&Brokered>> {
        self.queue_ensure(queue).await?;
        if !self.queue_is_brokered(queue) {
            return Ok(None);
        }
        self.declare(queue).await?;
        Ok(self.brokered().get())
    }

    /// Has the broker know a queue, once for this process.
    pub(super) async fn declare(&self, queue: &str) -> Result<()> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(());
        };
        if brokered.declared.lock().contains_key(queue) {
            return Ok(());
        }
        let spec = spec(queue, self.queue_rules(queue), brokered.broker.abilities());
        brokered.broker.declare(&spec).await.map_err(told)?;
        let groups = spec.groups;
        brokered.declared.lock().insert(queue.to_owned(), groups);
        Ok(())
    }

    /// Whether somebody may not have heard yet that a queue has moved.
    pub(super) fn is_on_its_way(&self, home: &Home) -> bool {
        let handover = self.config().queues.handover;
        let handover_us = i64::try_from(handover.as_micros()).unwrap_or(i64::MAX);
        home.moved_at_us > self.clock().now_us().saturating_sub(handover_us)
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
        let key = (queue.to_owned(), group.to_owned(), since);
        let settled = brokered.settled.lock().get(&key).copied();
        if settled.is_some_and(|at| at.elapsed() < SETTLED) {
            return Ok(if home.on_broker {
                Turn::Broker
            } else {
                Turn::Store
            });
        }
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
                let counts = brokered.broker.counts(queue, group).await;
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
            brokered.settled.lock().insert(key, Instant::now());
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
        let given = brokered.broker.lease(queue, group, &ask).await;
        let given = given
            .map_err(|error| brokered.told(queue, error))?
            .into_iter();
        Ok(given.map(|delivery| leased(delivery, group)).collect())
    }
}

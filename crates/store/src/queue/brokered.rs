//! Queues on a broker, as the store sees them: which ones they are, whose turn it is where a queue
//! moves, and what becomes of the broker's answers.

use super::Home;
use super::broker_words::{missing, spec, told};
use super::extended::ExtendedLeases;
use super::wanted::Places;
use crate::error::StoreError;
use crate::session::{Result, Session};
use crate::store::Store;
use arc_swap::ArcSwap;
use pando_model::broker::{Broker, BrokerError};
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

    /// Something has come back where a queue was before.
    pub(super) fn unsettle(&self, queue: &str) {
        self.settled.lock().retain(|(name, _, _), _| name != queue);
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

    pub(super) fn home(&self, queue: &str) -> Option<Home> {
        self.places.load().homes.get(queue).copied()
    }

    /// Whether a group was found to have nothing left, just now, where its queue was before a move.
    pub(super) fn is_settled(&self, queue: &str, group: &str, since: i64) -> bool {
        let key = (queue.to_owned(), group.to_owned(), since);
        let settled = self.settled.lock().get(&key).copied();
        settled.is_some_and(|at| at.elapsed() < SETTLED)
    }

    pub(super) fn settle(&self, queue: &str, group: &str, since: i64) {
        let key = (queue.to_owned(), group.to_owned(), since);
        self.settled.lock().insert(key, Instant::now());
    }

    pub(super) fn extended(&self) -> &ExtendedLeases {
        &self.extended
    }
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
        // Once for each queue: whoever publishes need not have room for it.
        Box::pin(async {
            self.declare(queue).await?;
            self.tend_move(queue).await?;
            self.queue_reload_homes().await
        })
        .await
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
}

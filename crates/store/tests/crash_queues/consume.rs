//! Consumers: they lease, acknowledge, give back and extend, and some never answer.

use crate::world::{GROUPS, QUEUE, Seen, VISIBILITY_US, concluded};
use pando_powercut::Disk;
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::queue::{Lease, LeaseToken, Leased, Nack};
use pando_workload::{Delivery, Held};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// A message in a consumer's hands, as the store gave it and as the history knows it.
#[derive(Clone)]
pub struct InHand {
    group: usize,
    held: Held,
    token: LeaseToken,
}

/// Messages of one lease at most.
const LEASED_MAX: u64 = 12;

/// A consumer at work.
pub struct Consuming {
    pub store: Arc<Store>,
    pub seen: Seen,
    /// Which of [`GROUPS`].
    pub group: usize,
    pub chance: StdRng,
    pub in_hand: Vec<InHand>,
}

impl Consuming {
    /// Works until the power goes; gives what it has then.
    pub async fn go_on(mut self, disk: Disk) -> Vec<InHand> {
        while !disk.is_off() {
            // What nobody answers tells nothing.
            let _ = match self.chance.random_range(0..10) {
                0..4 => self.lease(LEASED_MAX).await.map(drop),
                4..8 => self.ack().await.map(drop),
                8 => self.nack().await,
                _ => self.extend().await,
            };
            tokio::task::yield_now().await;
        }
        self.in_hand
    }

    /// Leases some; gives how many.
    async fn lease(&mut self, max: u64) -> Result<usize, StoreError> {
        let delivery = Delivery {
            asked: self.seen.of(self.group).moment(),
            at_us: 0,
            until_us: self.seen.now_us() + VISIBILITY_US,
        };
        let lease = Lease {
            max: Some(max),
            visibility: None,
            group: Some(GROUPS[self.group].into()),
        };
        let leased = self.store.queue_lease(QUEUE, &lease)?;
        let leased: Vec<Leased> = concluded(&self.store, leased).await?;
        let delivery = Delivery {
            at_us: self.seen.now_us(),
            ..delivery
        };
        let mut history = self.seen.of(self.group);
        for one in &leased {
            let held = Held {
                body: String::from_utf8(one.message.body.to_vec()).unwrap(),
                lease: one.lease.to_text(),
            };
            history.delivered(&held, delivery);
            self.in_hand.push(InHand {
                group: self.group,
                held,
                token: one.lease.clone(),
            });
        }
        Ok(leased.len())
    }

    fn some(&mut self) -> Vec<InHand> {
        self.in_hand.shuffle(&mut self.chance);
        let most = self.chance.random_range(1..8);
        let left = self.in_hand.len().saturating_sub(most);
        self.in_hand.split_off(left)
    }

    /// Acknowledges some; gives how many of them held.
    async fn ack(&mut self) -> Result<u64, StoreError> {
        let some = self.some();
        if some.is_empty() {
            return Ok(0);
        }
        let all: Vec<Held> = some.iter().map(|one| one.held.clone()).collect();
        {
            let mut history = self.seen.of(self.group);
            all.iter().for_each(|one| history.acking(one));
        }
        let ack = self.store.queue_ack(QUEUE, tokens(&some))?;
        let done = concluded(&self.store, ack).await?;
        let mut history = self.seen.of(self.group);
        history.ack_answered(&all, done.acked, self.seen.now_us());
        Ok(done.acked)
    }

    async fn nack(&mut self) -> Result<(), StoreError> {
        for one in self.some() {
            let tokens = tokens(std::slice::from_ref(&one));
            self.seen.of(self.group).giving_back(&one.held);
            let nack = self.store.queue_nack(QUEUE, tokens, Nack::default())?;
            concluded(&self.store, nack).await?;
        }
        Ok(())
    }

    async fn extend(&mut self) -> Result<(), StoreError> {
        for one in self.some() {
            let visibility = Duration::from_secs(self.chance.random_range(1..60));
            let us = i64::try_from(visibility.as_micros()).unwrap();
            let until_us = self.seen.now_us() + us;
            self.seen.of(self.group).extending(&one.held, until_us);
            let tokens = tokens(std::slice::from_ref(&one));
            let extend = self.store.queue_extend(QUEUE, tokens, Some(visibility))?;
            let done = concluded(&self.store, extend).await?;
            let mut history = self.seen.of(self.group);
            match done.acked {
                1 => history.extended(&one.held, until_us),
                _ => history.gone(&one.held, self.seen.now_us()),
            }
            drop(history);
            self.in_hand.push(one);
        }
        Ok(())
    }
}

fn tokens(some: &[InHand]) -> Vec<LeaseToken> {
    some.iter().map(|one| one.token.clone()).collect()
}

/// Consumers of all groups come back with what they had.
pub fn come_back(
    store: &Arc<Store>,
    seen: &Seen,
    held: Vec<InHand>,
    chance: &mut StdRng,
) -> Vec<Consuming> {
    let each = (0..GROUPS.len()).map(|group| Consuming {
        store: Arc::clone(store),
        seen: seen.clone(),
        group,
        chance: StdRng::seed_from_u64(chance.random()),
        in_hand: held
            .iter()
            .filter(|one| one.group == group)
            .cloned()
            .collect(),
    });
    each.collect()
}

/// Acknowledges what is in hand; gives how many leases held.
pub async fn finish(consumers: &mut [Consuming]) -> u64 {
    let mut held = 0;
    for consumer in consumers {
        while !consumer.in_hand.is_empty() {
            held += consumer.ack().await.unwrap();
        }
    }
    held
}

/// Works on everything until nothing comes any more.
pub async fn drain(store: &Arc<Store>, seen: &Seen, consumers: &mut [Consuming]) {
    let mut in_vain = 0;
    while in_vain < 2 {
        // Beyond all leases, delays and backoffs.
        seen.clock_on(VISIBILITY_US * 200);
        store.queue_release(0).await.unwrap();
        let mut leased = 0;
        for consumer in consumers.iter_mut() {
            leased += consumer.lease(1_000).await.unwrap();
        }
        finish(consumers).await;
        in_vain = if leased == 0 { in_vain + 1 } else { 0 };
    }
}

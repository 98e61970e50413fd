//! Settling leases of a broker.

use super::lease::checked_visibility;
use super::token::{LeaseToken, Of, OfBroker};
use super::{Acked, Brokered, Nack};
use crate::session::Result;
use crate::store::Store;
use pando_model::broker::{self, Ability};
use pando_queue::{Failure, Next};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is done to leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The messages are done.
    Ack,
    /// They are given back.
    Nack(Nack),
    /// They are kept for longer; the queue's visibility if it is not said.
    Extend(Option<Duration>),
}

impl Settle {
    /// The same, within the bounds that hold for leases of the store.
    fn checked(&self) -> Result<Settle> {
        Ok(match self {
            Settle::Nack(nack) => Settle::Nack(nack.clone().checked()?),
            other => other.clone(),
        })
    }
}

impl Store {
    /// Settles leases that the broker gave ([`LeaseToken::is_of_broker`]).
    pub async fn queue_settle_brokered(
        &self,
        queue: &str,
        leases: &[LeaseToken],
        how: &Settle,
    ) -> Result<Acked> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(Acked {
                acked: 0,
                gone: leases.len() as u64,
            });
        };
        let how = &how.checked()?;
        self.declare(queue).await?;
        let mut settled = Acked::default();
        for (attempt, leases) in apart(leases, how) {
            for some in leases.chunks(broker::MESSAGES_MAX) {
                let how = self.backed_off(queue, brokered, how, attempt);
                let done = self.settle_some(brokered, queue, some, &how).await?;
                settled.acked += done.acked;
                settled.gone += done.gone;
            }
        }
        Ok(settled)
    }

    /// What is done after so many attempts, with the queue's backoff where no delay is said and the
    /// broker can wait. Whether it was the last attempt is the broker's engine to judge.
    fn backed_off(&self, queue: &str, brokered: &Brokered, how: &Settle, attempt: u32) -> Settle {
        let Settle::Nack(nack) = how else {
            return how.clone();
        };
        let mut nack = nack.clone();
        if nack.delay.is_none() && brokered.broker().abilities().has(Ability::NackDelay) {
            let failure = Failure::Nacked { delay: None };
            let backoff = &self.queue_rules(queue).backoff;
            let next = backoff.after(failure, attempt.max(1), 0, &mut rand::rng());
            nack.delay = match next {
                Next::Visible { at_us } => u64::try_from(at_us).ok().map(Duration::from_micros),
                Next::Dead(_) => None,
            };
        }
        Settle::Nack(nack)
    }

    async fn settle_some(
        &self,
        brokered: &Brokered,
        queue: &str,
        first: &[broker::Lease],
        how: &Settle,
    ) -> Result<Acked> {
        let of = |settled: broker::Settled| Acked {
            acked: settled.done as u64,
            gone: settled.gone.len() as u64,
        };
        let said = |error| brokered.told(queue, error);
        let broker = brokered.broker();
        // As they are called by now.
        let leases: Vec<_> = first
            .iter()
            .map(|lease| brokered.extended().newest(lease))
            .collect();
        let leases = leases.as_slice();
        match how {
            Settle::Ack => Ok(of(broker.ack(queue, leases).await.map_err(said)?)),
            Settle::Nack(nack) => {
                let delay = nack.delay.unwrap_or_default();
                let error = nack.error.as_deref().unwrap_or("the worker gave it back");
                let nacked = broker.nack(queue, leases, delay, error).await;
                Ok(of(nacked.map_err(said)?))
            }
            Settle::Extend(visibility) => {
                let visibility = visibility.unwrap_or(self.queue_rules(queue).visibility);
                let now_us = self.clock().now_us();
                let until_us = now_us.saturating_add(checked_visibility(visibility)?);
                let kept = broker.extend(queue, leases, visibility).await;
                let kept = kept.map_err(said)?;
                for (first, kept) in first.iter().zip(&kept) {
                    if let Some(kept) = kept {
                        brokered.extended().extend(first, kept, now_us, until_us);
                    }
                }
                let acked = kept.iter().flatten().count() as u64;
                Ok(Acked {
                    acked,
                    gone: leases.len() as u64 - acked,
                })
            }
        }
    }
}

/// Leases by how they are settled: those that are given back wait the longer the more attempts
/// there were.
fn apart(leases: &[LeaseToken], how: &Settle) -> BTreeMap<u32, Vec<broker::Lease>> {
    let backs_off = matches!(how, Settle::Nack(Nack { delay: None, .. }));
    let mut apart: BTreeMap<u32, Vec<broker::Lease>> = BTreeMap::new();
    for token in leases {
        if let Of::Broker(OfBroker { lease, attempt }) = &token.of {
            let attempt = if backs_off { *attempt } else { 1 };
            apart.entry(attempt).or_default().push(lease.clone());
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nack_has_the_bounds_of_the_stores_own() {
        let nack = |days: u64, bytes: usize| {
            Settle::Nack(Nack {
                delay: Some(Duration::from_secs(days * 86_400)),
                error: Some("x".repeat(bytes)),
            })
        };
        assert_eq!(nack(366, 5_000).checked().unwrap(), nack(366, 4_096));
        let refused = nack(367, 1).checked().unwrap_err();
        assert!(refused.to_string().contains("366 days"), "{refused}");
    }
}

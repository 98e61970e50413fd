//! Leases that are done with: acknowledged, given back, made longer.

use crate::lease::{self, Shown};
use crate::queue::Queue;
use crate::{fault, now_us};
use async_nats::Request;
use async_nats::jetstream::AckKind;
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use pando_model::broker::{Lease, Result, Settled};
use std::time::Duration;

/// Of an error that is kept with a dead message.
const ERROR_BYTES_MAX: usize = 4_096;

impl Queue {
    /// Tells NATS of each lease that has not run out.
    pub(crate) async fn ack(&self, leases: &[Lease]) -> Result<Settled> {
        let (shown, gone) = self.read(leases);
        let told = shown.iter().map(|shown| self.ack_one(shown));
        try_join_all(told).await?;
        Ok(Settled {
            done: shown.len(),
            gone,
        })
    }

    pub(crate) async fn nack(
        &self,
        leases: &[Lease],
        delay: Duration,
        error: &str,
    ) -> Result<Settled> {
        let (shown, gone) = self.read(leases);
        let error = cut(error);
        let each = shown.iter().map(|shown| async move {
            if shown.attempt < self.spec.attempts_max {
                let delay = (!delay.is_zero()).then_some(delay);
                return self.tell(shown, AckKind::Nak(delay)).await;
            }
            self.bury_kept(shown, error).await?;
            self.ack_one(shown).await
        });
        for done in join_all(each).await {
            done?;
        }
        Ok(Settled {
            done: shown.len(),
            gone,
        })
    }

    /// The time begins anew; so the lease is another text.
    pub(crate) async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Lease>>> {
        let each = leases.iter().map(|lease| async {
            let Some(shown) = lease::read(lease, &self.names, now_us()) else {
                return Ok(None);
            };
            let until_us = self.until_us();
            self.tell(&shown, AckKind::Progress).await?;
            Ok(Some(lease::write(&shown.subject, until_us)))
        });
        try_join_all(each).await
    }

    fn read(&self, leases: &[Lease]) -> (Vec<Shown>, Vec<Lease>) {
        let now_us = now_us();
        let (mut shown, mut gone) = (Vec::new(), Vec::new());
        for lease in leases {
            match lease::read(lease, &self.names, now_us) {
                Some(one) => shown.push(one),
                None => gone.push(lease.clone()),
            }
        }
        (shown, gone)
    }

    async fn ack_one(&self, shown: &Shown) -> Result<()> {
        self.tell(shown, AckKind::Ack).await?;
        if let Some(way) = self.way_of(&shown.consumer) {
            way.recent.lock().acked(shown.sequence);
        }
        Ok(())
    }

    /// Tells, and waits until it was heard.
    async fn tell(&self, shown: &Shown, kind: AckKind) -> Result<()> {
        let request = Request::new()
            .payload(Bytes::from(kind))
            .timeout(Some(self.bound));
        let client = self.context.client();
        let heard = client.send_request(shown.subject.clone(), request).await;
        heard
            .map(drop)
            .map_err(|error| fault::unknown("settle", &error))
    }
}

fn cut(error: &str) -> &str {
    let mut end = error.len().min(ERROR_BYTES_MAX);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    &error[..end]
}

//! A load by way of the second level: what the steps of an errand are, carried out.

use super::count::Count;
use super::load::{Aim, Load};
use super::{Answer, Cache, Found};
use crate::entry::Entry;
use crate::replica::Refused;
use crate::sharing::{Errand, Heard, Sharing, Step};
use futures_util::future::{Either, select};
use pando_model::engine::Freshness;
use pando_model::error::EngineError;
use pando_model::level2::{Lease, Record};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A lease that is held; given back when it is dropped, after what was loaded was laid down.
struct Held {
    sharing: Arc<Sharing>,
    name: Arc<[u8]>,
    /// `None` where the load is nobody's but this process's own.
    holder: Option<u128>,
    loaded: Option<(Record, Duration)>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (name, loaded) = (Arc::clone(&self.name), self.loaded.take());
        self.sharing.lay_down(name, loaded, self.holder);
    }
}

impl Held {
    /// Prolongs the lease for as long as it is this one's.
    async fn prolong(&self) -> Infallible {
        if let Some(holder) = self.holder {
            let every = self.sharing.config().lease / 3;
            loop {
                tokio::time::sleep(every).await;
                // Unheard, it may hold on: the next time may be in time.
                match self.sharing.prolong(&self.name, holder).await {
                    Some(Lease::Granted) | None => {}
                    Some(Lease::Held(_) | Lease::Newer(_)) => break,
                }
            }
        }
        std::future::pending().await
    }
}

impl Cache {
    /// Comes by an answer: another process's, or the store's, which the others are given too.
    pub(super) async fn run_errand(
        self: &Arc<Self>,
        sharing: &Arc<Sharing>,
        key: &Arc<[u8]>,
        freshness: Freshness,
        load: &Load,
        aim: Aim,
    ) -> Result<Answer, Arc<EngineError>> {
        let name = self.name(key);
        let holder = rand::random::<u128>();
        let (mut errand, mut step) = Errand::begin(sharing.config(), self.clock.now_us());
        let mut taken = None;
        let has_leases = self.config.load().leases;
        let is_leased = loop {
            let heard = match step {
                Step::Fetch => sharing.fetch(&name).await.map_or(Heard::Away, Heard::There),
                Step::Take(record) => {
                    taken = self.take_for(key, &record, &freshness, aim);
                    Heard::Taken(taken.is_some())
                }
                Step::Lease(_) if !has_leases => Heard::Leased(Lease::Granted),
                Step::Lease(past) => {
                    let lease = sharing.lease(&name, holder, past).await;
                    lease.map_or(Heard::Away, Heard::Leased)
                }
                Step::Wait(span) => {
                    tokio::time::sleep(span).await;
                    Heard::Waited
                }
                Step::Load { is_leased } => break is_leased,
                Step::Done => match taken {
                    Some(answer) => {
                        self.counts.add(Count::Shared);
                        if errand.has_waited() {
                            self.counts.add(Count::SharedWait);
                        }
                        return Ok(answer);
                    }
                    None => break false,
                },
            };
            step = errand.next(heard, self.clock.now_us(), &*self.random);
        };
        if !is_leased {
            self.counts.add(Count::Unshared);
        }
        let mut held = Held {
            sharing: Arc::clone(sharing),
            name,
            holder: (is_leased && has_leases).then_some(holder),
            loaded: None,
        };
        let (loaded, took) = {
            let loading = pin!(self.ask_store(freshness, load, aim));
            match select(loading, pin!(held.prolong())).await {
                Either::Left((loaded, _)) => loaded?,
                Either::Right((never, _)) => match never {},
            }
        };
        let record = self.share(&loaded, took);
        let answer = Answer::loaded(&loaded);
        // What this process would refuse, others would too.
        if matches!(
            self.fill(key, loaded, took),
            Ok(()) | Err(Refused::TooHeavy)
        ) {
            held.loaded = record;
        }
        Ok(answer)
    }

    /// What a record is to a caller: an answer, or of no use. One who wants to load anew has no use
    /// for what is to be loaded anew itself.
    fn take_for(
        &self,
        key: &[u8],
        record: &Record,
        freshness: &Freshness,
        aim: Aim,
    ) -> Option<Answer> {
        match self.take(key, record, freshness) {
            Found::Hit { answer, is_due } if !is_due || aim != Aim::Refresh => Some(answer),
            _ => None,
        }
    }

    /// Lays an entry that was asked for down again, if it is time.
    pub(super) fn restamp_in_time(&self, key: &[u8], entry: &Entry, now_us: i64) {
        let Some((sharing, _)) = &self.backing.sharing else {
            return;
        };
        let Some(every) = sharing.config().restamp else {
            return;
        };
        let every_us = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
        if entry.is_to_be_shared(now_us, every_us)
            && sharing.restamp(self.name(key), || self.share_again(key))
        {
            self.counts.add(Count::Restamp);
        }
    }

    /// What a key is called at the second level.
    fn name(&self, key: &[u8]) -> Arc<[u8]> {
        match &*self.prefix.load() {
            Some(prefix) => prefix.name(key),
            None => key.into(),
        }
    }
}

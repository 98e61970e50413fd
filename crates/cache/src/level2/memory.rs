//! A second level that the test holds in its hand, and that does all that one may.

use super::{Lease, Level2, Record, Unreachable};
use async_trait::async_trait;
use pando_model::clock::{Clock, ManualClock};
use pando_model::stamp::Position;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Records = BTreeMap<Vec<u8>, (Record, i64)>;

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) clock: Arc<ManualClock>,
    pub(super) records: Mutex<Records>,
    leases: Mutex<BTreeMap<Vec<u8>, (u128, i64)>>,
    pub(super) is_away: Mutex<bool>,
}

fn us(span: Duration) -> i64 {
    span.as_micros() as i64
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory {
            clock: Arc::new(ManualClock::new(0)),
            records: Mutex::default(),
            leases: Mutex::default(),
            is_away: Mutex::default(),
        }
    }

    /// It comes up again with what it had then, and without leases.
    pub(super) fn restart(&self, with: Records) {
        *self.records.lock() = with;
        self.leases.lock().clear();
    }

    fn reach(&self) -> Result<(), Unreachable> {
        match *self.is_away.lock() {
            true => Err(Unreachable {
                reason: "the test wants it so".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn there(&self, key: &[u8]) -> Option<Record> {
        let records = self.records.lock();
        let (record, until_us) = records.get(key)?;
        (self.clock.now_us() < *until_us).then(|| record.clone())
    }
}

#[async_trait]
impl Level2 for Memory {
    async fn fetch(&self, key: &[u8]) -> Result<Option<Record>, Unreachable> {
        self.reach()?;
        Ok(self.there(key))
    }

    async fn put(&self, key: &[u8], record: Record, keep: Duration) -> Result<bool, Unreachable> {
        self.reach()?;
        if self.there(key).is_some_and(|there| there.at > record.at) {
            return Ok(false);
        }
        let until_us = self.clock.now_us() + us(keep);
        self.records.lock().insert(key.to_vec(), (record, until_us));
        Ok(true)
    }

    async fn invalidate(&self, key: &[u8], at: Position) -> Result<(), Unreachable> {
        self.reach()?;
        if self.there(key).is_some_and(|there| there.at < at) {
            self.records.lock().remove(key);
        }
        Ok(())
    }

    async fn lease(
        &self,
        key: &[u8],
        holder: u128,
        span: Duration,
        past: Option<Position>,
    ) -> Result<Lease, Unreachable> {
        self.reach()?;
        if let Some(there) = self.there(key)
            && Some(there.at) > past
        {
            return Ok(Lease::Newer(there));
        }
        let now_us = self.clock.now_us();
        let mut leases = self.leases.lock();
        match leases.get(key) {
            Some((other, until_us)) if *other != holder && now_us < *until_us => Ok(Lease::Held(
                Duration::from_micros((until_us - now_us) as u64),
            )),
            _ => {
                leases.insert(key.to_vec(), (holder, now_us + us(span)));
                Ok(Lease::Granted)
            }
        }
    }

    async fn release(&self, key: &[u8], holder: u128) -> Result<(), Unreachable> {
        self.reach()?;
        let mut leases = self.leases.lock();
        if leases.get(key).is_some_and(|(of, _)| *of == holder) {
            leases.remove(key);
        }
        Ok(())
    }
}

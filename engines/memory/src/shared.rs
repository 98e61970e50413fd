//! A second level of the cache in this process: the double that tests hold in their hand, and that
//! does all that a shared cache may do: forget, come back with what it had long ago, be away.

use async_trait::async_trait;
use pando_model::clock::Clock;
use pando_model::level2::{Lease, Level2, Record, Unreachable};
use pando_model::stamp::Position;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Records by key, each with when it is gone, in microseconds since 1970.
pub type Records = BTreeMap<Vec<u8>, (Record, i64)>;

/// A second level in memory. Every call is answered at once.
#[derive(Debug)]
pub struct MemoryLevel2 {
    clock: Arc<dyn Clock>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    records: Records,
    /// By key: who holds it, and until when.
    leases: BTreeMap<Vec<u8>, (u128, i64)>,
    is_away: bool,
}

impl MemoryLevel2 {
    /// An empty one, whose records and leases run out by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryLevel2 {
        MemoryLevel2 {
            clock,
            inside: Mutex::default(),
        }
    }

    /// What lies there.
    pub fn records(&self) -> Records {
        self.inside.lock().records.clone()
    }

    /// It comes up again with these records, and without leases.
    pub fn restart(&self, with: Records) {
        let mut inside = self.inside.lock();
        inside.records = with;
        inside.leases.clear();
    }

    /// It answers nobody, or does again.
    pub fn set_away(&self, is_away: bool) {
        self.inside.lock().is_away = is_away;
    }

    fn at_once<T>(&self, act: impl FnOnce(&mut Inside, i64) -> T) -> Result<T, Unreachable> {
        let now_us = self.clock.now_us();
        let mut inside = self.inside.lock();
        match inside.is_away {
            true => Err(Unreachable {
                reason: "it was told to be away".to_owned(),
            }),
            false => Ok(act(&mut inside, now_us)),
        }
    }
}

impl Inside {
    fn there(&self, key: &[u8], now_us: i64) -> Option<&Record> {
        let (record, until_us) = self.records.get(key)?;
        (now_us < *until_us).then_some(record)
    }
}

#[async_trait]
impl Level2 for MemoryLevel2 {
    async fn fetch(&self, key: &[u8]) -> Result<Option<Record>, Unreachable> {
        self.at_once(|inside, now_us| inside.there(key, now_us).cloned())
    }

    async fn put(&self, key: &[u8], record: Record, keep: Duration) -> Result<bool, Unreachable> {
        self.at_once(|inside, now_us| {
            let there = inside.there(key, now_us);
            if there.is_some_and(|there| there.at > record.at) {
                return false;
            }
            let until_us = now_us.saturating_add(micros(keep));
            inside.records.insert(key.to_vec(), (record, until_us));
            true
        })
    }

    async fn invalidate(&self, key: &[u8], at: Position) -> Result<(), Unreachable> {
        self.at_once(|inside, now_us| {
            let there = inside.there(key, now_us);
            if there.is_some_and(|there| there.at < at) {
                inside.records.remove(key);
            }
        })
    }

    async fn lease(
        &self,
        key: &[u8],
        holder: u128,
        span: Duration,
        past: Option<Position>,
    ) -> Result<Lease, Unreachable> {
        self.at_once(|inside, now_us| {
            if let Some(there) = inside.there(key, now_us)
                && Some(there.at) > past
            {
                return Lease::Newer(there.clone());
            }
            match inside.leases.get(key) {
                Some((other, until_us)) if *other != holder && now_us < *until_us => {
                    let left_us = u64::try_from(until_us - now_us).unwrap_or(0);
                    Lease::Held(Duration::from_micros(left_us))
                }
                _ => {
                    let until_us = now_us.saturating_add(micros(span));
                    inside.leases.insert(key.to_vec(), (holder, until_us));
                    Lease::Granted
                }
            }
        })
    }

    async fn release(&self, key: &[u8], holder: u128) -> Result<(), Unreachable> {
        self.at_once(|inside, _| {
            if inside.leases.get(key).is_some_and(|(of, _)| *of == holder) {
                inside.leases.remove(key);
            }
        })
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

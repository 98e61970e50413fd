//! What a cache takes from the second level, and lays down there.

use super::{Cache, Found, Loaded};
use crate::entry::{Times, Value};
use crate::level2::Shared;
use crate::replica::{Fill, Refused, TAGS_MAX};
use pando_model::engine::{Copies, Freshness};
use pando_model::level2::Record;
use pando_model::stamp::Reach;
use std::time::Duration;

impl Cache {
    /// Takes a record of the second level in, as if this process had read it just now but long
    /// ago: kept and given if nothing that was consumed since touched it, by the rule of the stamp.
    /// The store is to be asked where this gives no hit.
    pub fn take(&self, key: &[u8], record: &Record, freshness: &Freshness) -> Found {
        if matches!(freshness.copies, Copies::Owner | Copies::Latest) {
            return Found::Past;
        }
        let Some(shared) = Shared::decode(record) else {
            return Found::Miss;
        };
        // Before the floors are looked at: they hold all up to it, see `replica`.
        let consumed = self.replica.before();
        // Of a timeline that is over, or that the follower has not heard of.
        if shared.low.timeline != consumed.at.timeline {
            return Found::Miss;
        }
        let (now_us, of) = (self.clock.now_us(), shared.times);
        let is_absent = shared.value == Value::Absent;
        let config = self.config.load();
        let Some(own) = Times::new(&config, is_absent, now_us, of.load_us, &*self.random) else {
            return Found::Miss;
        };
        // Another process's clock may go before this one's: no longer than if it were filled now.
        let times = Times {
            filled_at_us: of.filled_at_us.min(now_us),
            load_us: of.load_us,
            fresh_until_us: of.fresh_until_us.min(own.fresh_until_us),
            stale_until_us: of.stale_until_us.min(own.stale_until_us),
            error_until_us: of.error_until_us.min(own.error_until_us),
        };
        let fill = Fill {
            key: key.into(),
            value: shared.value,
            low: shared.low,
            high: shared.high,
            tags: shared.tags,
            times,
            now_us,
        };
        match self.replica.fill(self.collection, fill) {
            Ok(entry) => self.judge(&entry, &consumed, freshness, now_us),
            Err(Refused::Superseded) => self.get(key, freshness),
            Err(_) => Found::Miss,
        }
    }

    /// What was loaded, in so long, for other processes; `None` where it is not to be kept.
    pub fn record(&self, loaded: &Loaded, took: Duration) -> Option<Record> {
        self.share(loaded, took).map(|(record, _)| record)
    }

    /// The same, with how long it is of use to anybody.
    pub(super) fn share(&self, loaded: &Loaded, took: Duration) -> Option<(Record, Duration)> {
        if loaded.lost || loaded.tags.len() > TAGS_MAX {
            return None;
        }
        let load_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let is_absent = loaded.value == Value::Absent;
        let (config, now_us) = (self.config.load(), self.clock.now_us());
        let times = Times::new(&config, is_absent, now_us, load_us, &*self.random)?;
        let shared = Shared {
            value: loaded.value.clone(),
            low: loaded.low,
            high: loaded.high,
            tags: loaded.tags.clone(),
            times: times.until(loaded.until_us),
        };
        Some((shared.encode(), keep(&shared.times, now_us)?))
    }

    /// What lies in memory, as true as it is known to be by now: laid down again, it is of use to
    /// a process whose follower began after it was read. `get_or_load` does so by itself, every
    /// [`SharingConfig::restamp`](crate::SharingConfig::restamp) for what is asked for.
    pub fn restamp(&self, key: &[u8]) -> Option<Record> {
        self.share_again(key).map(|(record, _)| record)
    }

    /// The same, with how long it is of use to anybody.
    pub(super) fn share_again(&self, key: &[u8]) -> Option<(Record, Duration)> {
        // Before the entry, see `replica`.
        let consumed = self.replica.before();
        let entry = self.entries.get(key)?;
        let low = match consumed.history.reach(entry.low, consumed.at) {
            Reach::Contained => consumed.at,
            Reach::Ahead | Reach::Lost => entry.low,
        };
        let shared = Shared {
            value: entry.value.clone(),
            low,
            high: entry.high,
            tags: entry.tags.to_vec(),
            times: entry.times,
        };
        Some((shared.encode(), keep(&shared.times, self.clock.now_us())?))
    }
}

/// How long something is of use to anybody; `None` where it is not any more.
fn keep(times: &Times, now_us: i64) -> Option<Duration> {
    let left_us = times.dead_from_us().saturating_sub(now_us);
    let left_us = u64::try_from(left_us).ok().filter(|left_us| *left_us > 0)?;
    Some(Duration::from_micros(left_us))
}

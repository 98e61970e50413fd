//! The envelope: an answer, with what says whether it may still be given.

use crate::config::Config;
use crate::random::Random;
use crate::resident::Weighed;
use crate::tag::Tag;
use bytes::Bytes;
use pando_model::stamp::Position;
use std::sync::atomic::{AtomicI64, Ordering};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An answer, in whichever form the caller of the cache gives it.
    Found(Bytes),
    /// That there is nothing.
    Absent,
}

impl Value {
    fn bytes(&self) -> &[u8] {
        match self {
            Value::Found(bytes) => bytes,
            Value::Absent => &[],
        }
    }

    /// Tells it from what it was before.
    pub(crate) fn digest(&self) -> u64 {
        let seed = u64::from(*self == Value::Absent);
        xxhash_rust::xxh3::xxh3_64_with_seed(self.bytes(), seed)
    }
}

/// An entry. It is true as of [`Entry::low`], and from there as of everything that the replica
/// has consumed while the entry was in the cache.
#[derive(Debug)]
pub struct Entry {
    pub(crate) id: u64,
    pub(crate) value: Value,
    pub(crate) low: Position,
    pub(crate) high: Position,
    pub(crate) tags: Box<[Tag]>,
    pub(crate) times: Times,
    /// When it was last laid down at the second level, or taken from there, in microseconds since
    /// 1970.
    pub(crate) shared_at_us: AtomicI64,
    pub(crate) weight_bytes: usize,
}

/// When an entry came, and how old it may get, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) filled_at_us: i64,
    /// How long its load took.
    pub(crate) load_us: i64,
    pub(crate) fresh_until_us: i64,
    /// Until when it may be given while it is loaded anew.
    pub(crate) stale_until_us: i64,
    /// Until when it may be given where the store fails.
    pub(crate) error_until_us: i64,
}

/// How old an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// Within its TTL.
    Fresh,
    /// Past it: it may be given while it is loaded anew.
    Stale,
    /// It may be given where the store fails.
    OnError,
    /// It may not be given any more.
    Dead,
}

impl Entry {
    /// What was found.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// All up to it is in the entry: `low` of the read that filled it.
    pub fn low(&self) -> Position {
        self.low
    }

    /// Nothing beyond it is in the entry: `high` of the read that filled it.
    pub fn high(&self) -> Position {
        self.high
    }

    /// When it was filled, in microseconds since 1970.
    pub fn filled_at_us(&self) -> i64 {
        self.times.filled_at_us
    }

    /// How old it is.
    pub fn age(&self, now_us: i64) -> Age {
        let times = &self.times;
        if now_us < times.fresh_until_us {
            Age::Fresh
        } else if now_us < times.stale_until_us {
            Age::Stale
        } else if now_us < times.error_until_us {
            Age::OnError
        } else {
            Age::Dead
        }
    }

    /// Whether a fresh entry is in the last part of its TTL.
    pub(crate) fn is_late(&self, now_us: i64, share: f64) -> bool {
        let times = &self.times;
        if share <= 0.0 || times.fresh_until_us == i64::MAX {
            return false;
        }
        let whole_us = times.fresh_until_us.saturating_sub(times.filled_at_us);
        let left_us = times.fresh_until_us.saturating_sub(now_us);
        (left_us as f64) < whole_us as f64 * share
    }

    /// Whether a fresh entry is to be loaded anew before it is stale: XFetch. Vattani, Chierichetti,
    /// Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015. What takes long to
    /// load is loaded earlier; `beta` above 1 loads earlier, 0 never.
    pub(crate) fn is_due(&self, now_us: i64, beta: f64, random: &dyn Random) -> bool {
        let times = &self.times;
        if beta <= 0.0 || times.fresh_until_us == i64::MAX {
            return false;
        }
        let left_us = times.fresh_until_us.saturating_sub(now_us) as f64;
        let scale_us = times.load_us as f64 * beta;
        // Beyond that -ln(u) comes up less than once in 1e13: nothing need be drawn.
        if left_us > scale_us * 30.0 {
            return false;
        }
        // In (0, 1], so that its logarithm is finite.
        let drawn = 1.0 - random.unit();
        -drawn.ln() * scale_us >= left_us
    }
}

impl Entry {
    /// Whether it is to be laid down again now; true for one of all who ask at once. Entries that
    /// came together do not go there together: each has a time of its own, up to twice `every_us`.
    pub(crate) fn is_to_be_shared(&self, now_us: i64, every_us: i64) -> bool {
        let last_us = self.shared_at_us.load(Ordering::Relaxed);
        // In [0, 1), and different for ids that follow on one another: the golden ratio.
        let spread =
            (self.id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1_u64 << 53) as f64;
        let every_us = every_us.saturating_add((every_us as f64 * spread) as i64);
        now_us.saturating_sub(last_us) >= every_us
            && self
                .shared_at_us
                .compare_exchange(last_us, now_us, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Times {
    /// From when on it may not be given any more, whatever happens.
    pub(crate) fn dead_from_us(&self) -> i64 {
        self.stale_until_us.max(self.error_until_us)
    }

    /// Of an entry that is filled now; `None` where what was found is not to be kept.
    pub(crate) fn new(
        config: &Config,
        is_absent: bool,
        now_us: i64,
        load_us: i64,
        random: &dyn Random,
    ) -> Option<Times> {
        let ttl = match (is_absent, config.negative_ttl, config.ttl) {
            (true, None, _) => return None,
            (true, Some(negative), Some(ttl)) => Some(negative.min(ttl)),
            (true, Some(negative), None) => Some(negative),
            (false, _, ttl) => ttl,
        };
        let micros =
            |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let fresh_until_us = ttl.map_or(i64::MAX, |ttl| {
            let whole = micros(ttl);
            let jitter = (whole as f64 * config.ttl_jitter * random.unit()) as i64;
            now_us.saturating_add(whole - jitter)
        });
        let stale_until_us = fresh_until_us.saturating_add(micros(config.stale_while_revalidate));
        let error_until_us = fresh_until_us.saturating_add(micros(config.stale_if_error));
        Some(Times {
            filled_at_us: now_us,
            load_us,
            fresh_until_us,
            stale_until_us,
            error_until_us,
        })
    }

    /// The same, but dead at a time: what has run out by itself is not even an old answer.
    pub(crate) fn until(self, end_us: Option<i64>) -> Times {
        let end_us = end_us.unwrap_or(i64::MAX);
        Times {
            fresh_until_us: self.fresh_until_us.min(end_us),
            stale_until_us: self.stale_until_us.min(end_us),
            error_until_us: self.error_until_us.min(end_us),
            ..self
        }
    }
}

impl Weighed for std::sync::Arc<Entry> {
    fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// How much an entry takes: its key, its value, what it touched, and the bookkeeping of them.
pub fn weight_bytes(key: usize, value: usize, tags: usize) -> usize {
    ENTRY_BYTES + key + value + tags * TAG_BYTES
}

/// The envelope, foyer's record, its place in foyer's table and the counts of the `Arc`s, as
/// they add up on 64 bits.
const ENTRY_BYTES: usize = 320;
/// A tag in the entry and in the index of what was touched, B-tree nodes three quarters full.
const TAG_BYTES: usize = 8 + 72;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;
    use std::time::Duration;

    fn config() -> Config {
        Config {
            ttl: Some(Duration::from_secs(10)),
            ttl_jitter: 0.0,
            stale_while_revalidate: Duration::from_secs(5),
            stale_if_error: Duration::from_secs(60),
            negative_ttl: Some(Duration::from_secs(1)),
            ..Config::default()
        }
    }

    fn entry(config: &Config, value: Value, load_us: i64) -> Option<Entry> {
        let random = SeededRandom::new(1);
        let at = Position { timeline: 1, p: 1 };
        let is_absent = value == Value::Absent;
        Times::new(config, is_absent, 0, load_us, &random).map(|times| Entry {
            id: 1,
            value,
            low: at,
            high: at,
            tags: Box::default(),
            times,
            shared_at_us: AtomicI64::new(0),
            weight_bytes: 1,
        })
    }

    #[test]
    fn an_entry_is_fresh_then_stale_then_kept_for_errors_then_dead() {
        let found = entry(&config(), Value::Found(Bytes::new()), 0).unwrap();
        let absent = entry(&config(), Value::Absent, 0).unwrap();
        for (seconds, of_found, of_absent) in [
            (0, Age::Fresh, Age::Fresh),
            (1, Age::Fresh, Age::Stale),
            (9, Age::Fresh, Age::OnError),
            (10, Age::Stale, Age::OnError),
            (14, Age::Stale, Age::OnError),
            (15, Age::OnError, Age::OnError),
            (61, Age::OnError, Age::Dead),
            (70, Age::Dead, Age::Dead),
        ] {
            assert_eq!(found.age(seconds * 1_000_000), of_found, "{seconds} s");
            assert_eq!(absent.age(seconds * 1_000_000), of_absent, "{seconds} s");
        }
    }

    #[test]
    fn what_runs_out_by_itself_is_dead_then_and_not_stale() {
        let mut entry = entry(&config(), Value::Found(Bytes::new()), 0).unwrap();
        entry.times = entry.times.until(Some(3_000_000));
        assert_eq!(entry.age(2_999_999), Age::Fresh);
        assert_eq!(entry.age(3_000_000), Age::Dead);
        entry.times = entry.times.until(Some(60_000_000));
        assert_eq!(entry.age(3_000_000), Age::Dead, "the earlier end counts");
    }

    #[test]
    fn without_a_ttl_nothing_grows_old_and_without_a_negative_one_nothing_absent_is_kept() {
        let config = Config {
            ttl: None,
            negative_ttl: None,
            ..config()
        };
        let found = entry(&config, Value::Found(Bytes::new()), 1_000).unwrap();
        assert_eq!(found.age(i64::MAX - 1), Age::Fresh);
        assert!(!found.is_due(i64::MAX - 1, 1.0, &SeededRandom::new(1)));
        assert!(entry(&config, Value::Absent, 0).is_none());
    }

    #[test]
    fn entries_that_came_together_are_laid_down_again_one_by_one_and_each_once() {
        let mut one = entry(&config(), Value::Found(Bytes::new()), 0).unwrap();
        let mut dues = Vec::new();
        for id in 0..1_000 {
            one.id = id;
            one.shared_at_us = AtomicI64::new(0);
            let due = (0..=20).find(|tenths| one.is_to_be_shared(tenths * 100, 1_000));
            let due = due.unwrap();
            assert!(due >= 10, "{due}");
            assert!(!one.is_to_be_shared(due * 100, 1_000), "once");
            dues.push(due);
        }
        for tenth in 11..=20 {
            let count = dues.iter().filter(|due| **due == tenth).count();
            assert!((80..120).contains(&count), "{tenth}: {count}");
        }
    }

    #[test]
    fn jitter_takes_from_a_ttl_up_to_its_share() {
        let config = Config {
            ttl_jitter: 0.2,
            ..config()
        };
        let random = SeededRandom::new(7);
        let ends: Vec<i64> = (0..1_000)
            .filter_map(|_| Times::new(&config, false, 0, 0, &random))
            .map(|times| times.fresh_until_us)
            .collect();
        let (least, most) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
        assert!((8_000_000..8_050_000).contains(least), "{least}");
        assert!((9_950_000..=10_000_000).contains(most), "{most}");
    }

    #[test]
    fn the_last_part_of_a_ttl_is_counted_from_its_end() {
        let entry = entry(&config(), Value::Found(Bytes::new()), 0).unwrap();
        for (seconds, share, is_late) in [
            (7, 0.25, false),
            (8, 0.25, true),
            (0, 1.0, false),
            (9, 0.0, false),
        ] {
            let found = entry.is_late(seconds * 1_000_000, share);
            assert_eq!(found, is_late, "{seconds} s, {share}");
        }
    }

    #[test]
    fn an_early_refresh_is_as_likely_as_the_paper_says() {
        // P(due) = P(-Δβ ln u ≥ left) = exp(-left ÷ Δβ).
        let loaded_in_100_ms = entry(&config(), Value::Found(Bytes::new()), 100_000).unwrap();
        let random = SeededRandom::new(11);
        for (left_ms, beta) in [(10, 1.0), (100, 1.0), (200, 1.0), (200, 2.0), (100, 0.0)] {
            let now_us = 10_000_000 - left_ms * 1_000;
            let draws = 20_000;
            let due = (0..draws)
                .filter(|_| loaded_in_100_ms.is_due(now_us, beta, &random))
                .count();
            let expected = (-(left_ms as f64) / (100.0 * beta)).exp();
            let share = due as f64 / f64::from(draws);
            assert!(
                (share - expected).abs() < 0.015,
                "{left_ms} ms left, beta {beta}: {share}, not {expected}"
            );
        }
    }
}

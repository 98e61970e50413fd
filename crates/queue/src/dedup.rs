//! What a deduplication window means: an id that was published names one message until the
//! window has passed, and whoever publishes it again is answered as if for the first time.
//!
//! - The window begins with the **first** publish, and a repetition does not lengthen it, as in
//!   Amazon SQS ("deduplication interval") and NATS JetStream (`duplicate_window`). Were it
//!   lengthened, one who repeats would keep a message from ever being published again.
//! - It holds whether the message is still there or has been acknowledged: what was done is not
//!   done again.
//! - The **id alone** decides; the body of a repetition is not looked at, as with both of them.
//!   A broker behind the queue could not look, and the meaning must not depend on the engine.
//!   Who wants another body refused sends an `Idempotency-Key`.
//! - An id counts within its queue. Ids in one publish are looked at in their order.
//!
//! This is the rule. Where what was seen is kept, and that it is read and written in the
//! transaction of the publish, is the engine's.

use crate::config::{ConfigError, micros};
use std::collections::HashMap;
use std::time::Duration;

/// How long an id names the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupConfig {
    /// From the first publish on. What was seen under a shorter window is not seen for longer
    /// when the window grows.
    pub window: Duration,
}

impl Default for DedupConfig {
    /// That of Amazon SQS.
    fn default() -> DedupConfig {
        DedupConfig {
            window: Duration::from_secs(5 * 60),
        }
    }
}

/// A longer window is a table of all messages ever; a key of the application's own data does
/// that better.
const WINDOW_BOUND: Duration = Duration::from_secs(7 * 86_400);
/// An id is a name, not a body. That of Amazon SQS.
pub const ID_BYTES_MAX: usize = 128;

impl DedupConfig {
    /// Refuses what cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.window < Duration::from_secs(1) || self.window > WINDOW_BOUND {
            let value = format!("{:?}", self.window);
            return ConfigError::refuse("dedup_window", value, "between 1 s and 7 days");
        }
        Ok(())
    }

    /// When what was seen at `first_us` may be forgotten, in microseconds since 1970.
    pub fn forgets_at_us(&self, first_us: i64) -> i64 {
        first_us.saturating_add(micros(self.window))
    }

    /// Whether an id that was first published at `first_us` still names that message. A clock
    /// that was set back does not open the window: what lies ahead was seen.
    pub fn holds(&self, first_us: i64, now_us: i64) -> bool {
        now_us < self.forgets_at_us(first_us)
    }
}

/// An id of a message, chosen by who publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DedupId(Box<str>);

/// An id that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// It says nothing.
    #[error("dedup_id is empty: leave it out, or give it 1 to 128 bytes")]
    Empty,
    /// It says too much.
    #[error("dedup_id has {bytes} bytes: it must have 1 to 128; a digest of what it names does")]
    TooLong {
        /// So many.
        bytes: usize,
    },
    /// A text with a NUL cannot be stored.
    #[error("dedup_id has a NUL byte at {at}: leave it out")]
    Nul {
        /// At which byte.
        at: usize,
    },
}

impl DedupId {
    /// Checks it.
    pub fn new(id: &str) -> Result<DedupId, DedupError> {
        if id.is_empty() {
            return Err(DedupError::Empty);
        }
        if id.len() > ID_BYTES_MAX {
            return Err(DedupError::TooLong { bytes: id.len() });
        }
        match id.find('\0') {
            Some(at) => Err(DedupError::Nul { at }),
            None => Ok(DedupId(id.into())),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is remembered of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The message that it names.
    pub message: i64,
    /// When it was published, in microseconds since 1970.
    pub first_us: i64,
}

/// What becomes of one message of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sifted {
    /// It is published.
    New,
    /// It was published before: the answer names this message.
    Repeats(i64),
    /// It is the same as an earlier one of this publish: the answer names that one's message.
    RepeatsHere(usize),
}

/// A publish of several, sifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sifting {
    /// One for each message, in their order.
    pub each: Vec<Sifted>,
}

impl Sifting {
    /// Sifts a publish: the ids of its messages, and what is remembered of those.
    pub fn of(
        ids: &[Option<DedupId>],
        seen: impl Fn(&DedupId) -> Option<Seen>,
        config: &DedupConfig,
        now_us: i64,
    ) -> Sifting {
        let mut here: HashMap<&DedupId, usize> = HashMap::new();
        let mut each = Vec::with_capacity(ids.len());
        for (place, id) in ids.iter().enumerate() {
            let Some(id) = id else {
                each.push(Sifted::New);
                continue;
            };
            let known = seen(id).filter(|seen| config.holds(seen.first_us, now_us));
            each.push(match (known, here.get(id)) {
                (Some(seen), _) => Sifted::Repeats(seen.message),
                (None, Some(first)) => Sifted::RepeatsHere(*first),
                (None, None) => {
                    here.insert(id, place);
                    Sifted::New
                }
            });
        }
        Sifting { each }
    }

    /// How many are published.
    pub fn new_ones(&self) -> usize {
        let new = |sifted: &&Sifted| **sifted == Sifted::New;
        self.each.iter().filter(new).count()
    }

    /// The id that each message is answered with, from those of the published ones, in order;
    /// `None` if they are not as many as [`Sifting::new_ones`].
    pub fn answers(&self, published: &[i64]) -> Option<Vec<i64>> {
        if published.len() != self.new_ones() {
            return None;
        }
        let mut published = published.iter();
        let mut answers = Vec::with_capacity(self.each.len());
        for sifted in &self.each {
            answers.push(match sifted {
                Sifted::New => *published.next()?,
                Sifted::Repeats(message) => *message,
                Sifted::RepeatsHere(first) => *answers.get(*first)?,
            });
        }
        Some(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE_US: i64 = 60_000_000;

    fn id(id: &str) -> DedupId {
        DedupId::new(id).unwrap()
    }

    #[test]
    fn an_id_names_its_message_until_the_window_that_began_with_the_first_has_passed() {
        let config = DedupConfig::default();
        let first_us = 1_000;
        for (now_us, holds) in [
            (first_us, true),
            (first_us + 5 * MINUTE_US - 1, true),
            (first_us + 5 * MINUTE_US, false),
            (i64::MAX, false),
            // The clock was set back.
            (first_us - 1, true),
            (i64::MIN, true),
        ] {
            assert_eq!(config.holds(first_us, now_us), holds, "{now_us}");
        }
    }

    #[test]
    fn a_publish_is_sifted_in_its_order_and_each_repetition_is_answered_with_the_first() {
        let remembered = |id: &DedupId| match id.as_str() {
            "done" => Some(Seen {
                message: 7,
                first_us: 0,
            }),
            "old" => Some(Seen {
                message: 8,
                first_us: -10 * MINUTE_US,
            }),
            _ => None,
        };
        let ids = [
            Some(id("done")),
            None,
            Some(id("a")),
            Some(id("old")),
            Some(id("a")),
            None,
            Some(id("old")),
        ];
        let sifting = Sifting::of(&ids, remembered, &DedupConfig::default(), 1);
        let expected = [
            Sifted::Repeats(7),
            Sifted::New,
            Sifted::New,
            Sifted::New,
            Sifted::RepeatsHere(2),
            Sifted::New,
            Sifted::RepeatsHere(3),
        ];
        assert_eq!(sifting.each, expected);
        assert_eq!(
            sifting.answers(&[20, 21, 22, 23]),
            Some(vec![7, 20, 21, 22, 21, 23, 22])
        );
        assert_eq!(sifting.answers(&[20, 21, 22]), None);
        assert_eq!(sifting.answers(&[20, 21, 22, 23, 24]), None);
    }

    #[test]
    fn an_id_that_cannot_be_one_is_refused_with_what_may_be() {
        let long = "x".repeat(129);
        for (given, expected) in [
            (
                "",
                "dedup_id is empty: leave it out, or give it 1 to 128 bytes",
            ),
            (
                long.as_str(),
                "dedup_id has 129 bytes: it must have 1 to 128; a digest of what it names does",
            ),
            ("a\0", "dedup_id has a NUL byte at 1: leave it out"),
        ] {
            assert_eq!(DedupId::new(given).unwrap_err().to_string(), expected);
        }
        assert!(DedupId::new(&long[1..]).is_ok());
    }

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        for seconds in [0, 7 * 86_400 + 1] {
            let window = Duration::from_secs(seconds);
            let refused = DedupConfig { window }.validate().unwrap_err().to_string();
            assert!(refused.ends_with("between 1 s and 7 days"), "{refused}");
        }
        assert_eq!(DedupConfig::default().validate(), Ok(()));
    }

    proptest! {
        /// A queue that goes by the rule, message by message, and in batches cut anyhow.
        #[test]
        fn within_a_window_an_id_is_published_once_however_it_is_repeated_and_cut_into_batches(
            publishes in prop::collection::vec((0_u8..4, 0_i64..90_000_000), 1..200),
            cuts in prop::collection::vec(1_usize..6, 1..100),
        ) {
            let config = DedupConfig { window: Duration::from_secs(60) };
            let mut memory: HashMap<DedupId, Seen> = HashMap::new();
            let mut first: HashMap<u8, (i64, i64)> = HashMap::new();
            let (mut now_us, mut next, mut rest) = (0, 0, publishes.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (batch, later) = rest.split_at((*cut).min(rest.len()));
                rest = later;
                now_us += batch[0].1;
                let ids: Vec<_> = batch.iter().map(|(n, _)| Some(id(&n.to_string()))).collect();
                let sifting = Sifting::of(&ids, |id| memory.get(id).copied(), &config, now_us);
                let published: Vec<i64> = (next..next + sifting.new_ones() as i64).collect();
                next += published.len() as i64;
                let answers = sifting.answers(&published).unwrap();
                for (place, (n, _)) in batch.iter().enumerate() {
                    let (message, since_us) = *first
                        .entry(*n)
                        .and_modify(|known| if now_us - known.1 >= 60_000_000 {
                            *known = (answers[place], now_us);
                        })
                        .or_insert((answers[place], now_us));
                    prop_assert_eq!(answers[place], message);
                    if sifting.each[place] == Sifted::New {
                        prop_assert_eq!(since_us, now_us);
                        let seen = Seen { message, first_us: now_us };
                        memory.insert(ids[place].clone().unwrap(), seen);
                    }
                }
            }
        }
    }
}

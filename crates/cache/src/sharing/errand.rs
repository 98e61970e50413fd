//! How a process comes by what it does not have in memory: step by step, without doing any of
//! them, so that a test can walk through every order of several.
//!
//! | step | then |
//! |---|---|
//! | fetch | take what lies there; a lease where nothing does |
//! | take | done, where it is of use; else a lease, past what was of none |
//! | lease | load, where it is granted; wait, where another has it; take what was laid down meanwhile |
//! | wait | look again |
//! | load | done, whatever comes of it |
//!
//! Where the second level does not answer, or time is up, the next step is to load without a lease.

use super::SharingConfig;
use crate::random::Random;
use pando_model::level2::{Lease, Record};
use pando_model::stamp::Position;
use std::time::Duration;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// To fetch what lies there.
    Fetch,
    /// To see whether a record is of use.
    Take(Record),
    /// To ask to be the one who loads, past what was of no use.
    Lease(Option<Position>),
    /// To do nothing for so long.
    Wait(Duration),
    /// To load.
    Load {
        /// As the one who does it for all.
        is_leased: bool,
    },
    /// Nothing: what was taken is the answer.
    Done,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// Of a fetch.
    There(Option<Record>),
    /// Of taking: whether it was of use.
    Taken(bool),
    /// Of asking for a lease.
    Leased(Lease),
    /// The wait is over.
    Waited,
    /// The second level did not answer, or is left alone.
    Away,
}

/// One process's way to an answer.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    began_us: i64,
    patience_us: i64,
    look_min_us: i64,
    look_max_us: i64,
    /// What lay there and was of no use.
    past: Option<Position>,
    looks: u32,
    waited_us: i64,
}

/// Doubled more often, a look is as seldom as it gets.
const LOOKS_DOUBLED_MAX: u32 = 16;

impl Errand {
    /// An errand that begins now, with its first step.
    pub(crate) fn begin(config: &SharingConfig, now_us: i64) -> (Errand, Step) {
        let errand = Errand {
            began_us: now_us,
            patience_us: micros(config.patience),
            look_min_us: micros(config.look_min),
            look_max_us: micros(config.look_max),
            past: None,
            looks: 0,
            waited_us: 0,
        };
        (errand, Step::Fetch)
    }

    /// The next step, now that this was heard.
    pub(crate) fn next(&mut self, heard: Heard, now_us: i64, random: &dyn Random) -> Step {
        let left_us = self.left_us(now_us);
        match heard {
            Heard::Taken(true) => Step::Done,
            Heard::Leased(Lease::Granted) => Step::Load { is_leased: true },
            // What is there already is looked at, however late it is.
            Heard::There(Some(record)) | Heard::Leased(Lease::Newer(record)) => self.take(record),
            _ if left_us <= 0 => Step::Load { is_leased: false },
            Heard::There(None) | Heard::Taken(false) => Step::Lease(self.past),
            Heard::Leased(Lease::Held(lease)) => self.wait(micros(lease), left_us, random),
            // What was loaded anew may be of the same position as what was of no use.
            Heard::Waited if self.past.is_some() => Step::Fetch,
            Heard::Waited => Step::Lease(None),
            Heard::Away => Step::Load { is_leased: false },
        }
    }

    /// Whether it has waited for another.
    pub(crate) fn has_waited(&self) -> bool {
        self.looks > 0
    }

    fn take(&mut self, record: Record) -> Step {
        self.past = self.past.max(Some(record.at));
        Step::Take(record)
    }

    /// Until the next look: not all at once, not beyond the other's lease, never beyond one's own
    /// patience.
    fn wait(&mut self, lease_us: i64, left_us: i64, random: &dyn Random) -> Step {
        let doubled = self.look_min_us << self.looks.min(LOOKS_DOUBLED_MAX);
        let span_us = doubled.min(self.look_max_us);
        let jittered_us = (span_us as f64 * (0.5 + random.unit() / 2.0)) as i64;
        let span_us = jittered_us.min(lease_us.max(1)).clamp(1, left_us);
        self.looks += 1;
        self.waited_us = self.waited_us.saturating_add(span_us);
        Step::Wait(Duration::from_micros(span_us.unsigned_abs()))
    }

    /// What is left of its patience. A clock that is set back does not make it wait longer.
    fn left_us(&self, now_us: i64) -> i64 {
        let elapsed_us = now_us.saturating_sub(self.began_us);
        self.patience_us - elapsed_us.max(self.waited_us)
    }
}

fn micros(span: Duration) -> i64 {
    // Doubled sixteen times it does not overflow.
    i64::try_from(span.as_micros()).map_or(i64::MAX >> 20, |us| us.min(i64::MAX >> 20))
}

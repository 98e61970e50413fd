//! Schedules: cron expressions in a time zone, their next occurrence, and what is made up for
//! after a stop.
//!
//! An expression has five fields (minute, hour, day of month, month, day of week) or six with
//! seconds in front, as POSIX `crontab` and Vixie cron have them: `*`, lists, ranges, steps,
//! names of months and weekdays, Sunday as 0 and 7, and either day where both are restricted;
//! besides `L` (last), `W` (nearest weekday), `#` (n-th weekday), and `@hourly`, `@daily`,
//! `@weekly`, `@monthly`, `@yearly`. The `croner` crate reads them and finds the wall-clock times
//! that match; what these are as instants is decided here.
//!
//! # Where the clocks change
//!
//! The rule is Vixie cron's (`cron(8)`), which tells two kinds apart:
//!
//! | minute and hour | clocks go forward | clocks go back |
//! |---|---|---|
//! | neither has a `*` (`30 2 * * *`, `0 9-17 * * *`): wall-clock times | what falls into the gap occurs once, at the first instant behind it | once, the first time |
//! | one has a `*` (`*/15 * * * *`, `0 * * * *`): every so often | what falls into the gap is left out: no time passes in it | both times: time does pass |
//!
//! So a daily job runs once on each day, and an hourly one every hour of real time. croner's own
//! rule is not used, as it takes `30 2,14 * * *` for the second kind and leaves it out in the gap.
//!
//! # After a stop
//!
//! Whatever was missed occurs **once**, as the last of it ([`Schedule::due`]), as systemd's
//! `Persistent=`, anacron and Kubernetes' CronJob do: a message a minute that nobody could publish
//! over a weekend would be 2,880 messages of the same meaning, in front of what is wanted now.
//! A job that has to see each period finds them between its last run and [`Due::at_us`].
//! [`CatchUp::late_max`] says how late is too late.

mod expression;
mod instant;

pub use expression::{Fault, Field, ScheduleError};

use croner::Cron;
use expression::Expression;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;

/// When something is published again and again.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: Expression,
    cron: Cron,
    zone: TimeZone,
    zone_name: String,
}

/// Schedules that occur at the same instants, as far as their texts tell.
impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        (&self.cron, &self.zone_name) == (&other.cron, &other.zone_name)
    }
}

/// What is made up for after a stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// What is later than that does not occur any more; without it, however late.
    pub late_max: Option<Duration>,
}

/// An occurrence whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it should have been, in microseconds since 1970; what is asked about next.
    pub at_us: i64,
    /// How many before it were missed; [`MISSED_COUNTED_MAX`] stands for as many or more.
    pub missed: u32,
    /// Whether it is to be published, or is too late.
    pub publish: bool,
}

/// Counting what was missed is for the log; a million more is no better told.
pub const MISSED_COUNTED_MAX: u32 = 1_000;

impl Schedule {
    /// Reads an expression, and the name of a time zone in the IANA database.
    pub fn parse(expression: &str, zone: &str) -> Result<Schedule, ScheduleError> {
        let expression = Expression::read(expression)?;
        let cron = expression.cron()?;
        let (zone, zone_name) = expression::zone(zone)?;
        Ok(Schedule {
            expression,
            cron,
            zone,
            zone_name,
        })
    }

    /// The first occurrence after an instant, both in microseconds since 1970; `None` if there
    /// is none before the year 5000.
    pub fn next_after(&self, after_us: i64) -> Option<i64> {
        let after = Timestamp::from_microsecond(after_us).ok()?;
        let next = match self.expression.is_by_wall_clock() {
            true => instant::by_wall_clock(&self.cron, &self.zone, after),
            false => instant::by_real_time(&self.cron, &self.zone, after),
        };
        next.map(Timestamp::as_microsecond)
    }

    /// What is due at `now_us`, where `last_us` is the last occurrence that was dealt with, or
    /// the instant at which the schedule was made. `None` if nothing is.
    pub fn due(&self, last_us: i64, now_us: i64, catch_up: CatchUp) -> Option<Due> {
        let is_due = |after_us: i64| self.next_after(after_us).filter(|next| *next <= now_us);
        let mut at_us = is_due(last_us)?;
        let mut missed = 0;
        while missed < MISSED_COUNTED_MAX
            && let Some(next) = is_due(at_us)
        {
            at_us = next;
            missed += 1;
        }
        if missed == MISSED_COUNTED_MAX {
            at_us = self.last_until(at_us, now_us);
        }
        let late_us = now_us.saturating_sub(at_us);
        let is_late = |max: Duration| i128::from(late_us) > max.as_micros() as i128;
        Some(Due {
            at_us,
            missed,
            publish: !catch_up.late_max.is_some_and(is_late),
        })
    }

    /// The last occurrence up to `until_us`, where `known_us` is one. Whether there is another
    /// one after `t` turns once, as `t` grows, from yes to no; so that instant is searched in
    /// halves, in some forty steps for any stop.
    fn last_until(&self, known_us: i64, until_us: i64) -> i64 {
        let (mut last_us, mut none_after_us) = (known_us, until_us);
        while last_us < none_after_us {
            let middle_us = last_us + (none_after_us - last_us) / 2;
            match self.next_after(middle_us) {
                Some(next_us) if next_us <= until_us => last_us = next_us,
                _ => none_after_us = middle_us,
            }
        }
        last_us
    }

    /// The name of its time zone, as the database writes it.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }
}

impl Due {
    /// The deduplication id under which it is published: whoever publishes it, and however
    /// often, it is one message.
    pub fn dedup_id(&self, schedule: &str) -> String {
        format!("{schedule}@{}", self.at_us)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.expression.as_str(), self.zone_name)
    }
}

#[cfg(test)]
mod tests;

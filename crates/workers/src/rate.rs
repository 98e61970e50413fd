//! So many in a time: a token bucket.
//!
//! It holds a second's worth, one at least: whoever was idle may begin so many at once, and no more
//! than that above the rate in any time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of messages in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    messages: u32,
    per: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// What is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate; write for example 50/s, 100/m or 1000/h")]
pub struct NoRate(String);

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_us: f64,
    most: f64,
    tokens: f64,
    as_of_us: i64,
}

impl Unit {
    fn us(self) -> f64 {
        match self {
            Unit::Second => 1e6,
            Unit::Minute => 60e6,
            Unit::Hour => 3_600e6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
        }
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Rate, NoRate> {
        let no_rate = || NoRate(text.chars().take(40).collect());
        let (messages, unit) = text.split_once('/').ok_or_else(no_rate)?;
        let units = [Unit::Second, Unit::Minute, Unit::Hour];
        let per = units.into_iter().find(|known| known.name() == unit);
        let messages = messages.parse().ok().filter(|messages| *messages > 0);
        match (messages, per) {
            (Some(messages), Some(per)) => Ok(Rate { messages, per }),
            _ => Err(no_rate()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.messages, self.per.name())
    }
}

impl Bucket {
    /// A full one.
    pub(crate) fn of(rate: Rate, now_us: i64) -> Bucket {
        let per_us = f64::from(rate.messages) / rate.per.us();
        let most = (per_us * 1e6).max(1.0);
        Bucket {
            per_us,
            most,
            tokens: most,
            as_of_us: now_us,
        }
    }

    /// So many may begin now.
    pub(crate) fn whole(&mut self, now_us: i64) -> usize {
        // A clock that was set back gives nothing, and takes nothing.
        let since_us = now_us.saturating_sub(self.as_of_us).max(0) as f64;
        self.as_of_us = now_us;
        self.tokens = (self.tokens + since_us * self.per_us).min(self.most);
        // What a sum of fractions is off by costs nobody a token.
        (self.tokens + 1e-6).max(0.0) as usize
    }

    /// So many have begun.
    pub(crate) fn take(&mut self, messages: usize) {
        self.tokens -= messages as f64;
    }

    /// How long until one may begin, if none may now.
    pub(crate) fn next(&self) -> Duration {
        let us = (1.0 - self.tokens).max(0.0) / self.per_us;
        Duration::from_micros(us.ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for text in ["50/s", "1/m", "1000/h"] {
            assert_eq!(
                text.parse::<Rate>().map(|rate| rate.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "", "50", "50/", "/s", "0/s", "-1/s", "1.5/s", "50/d", "50 / s",
        ] {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("50/s"), "{error}");
        }
    }

    #[test]
    fn no_more_begin_in_any_time_than_the_rate_and_one_seconds_worth() {
        let mut now_us = 0;
        let mut bucket = Bucket::of("50/s".parse().unwrap(), now_us);
        let mut begun = 0;
        for _ in 0..10_000 {
            let may = bucket.whole(now_us).min(7);
            bucket.take(may);
            begun += may;
            let most = 50.0 + 50.0 * now_us as f64 / 1e6;
            assert!(begun as f64 <= most + 1.0, "{begun} at {now_us}");
            now_us += 1_000;
        }
        assert!((540..=550).contains(&begun), "{begun} in ten seconds");
    }

    #[test]
    fn the_next_token_is_there_when_it_was_said() {
        let mut bucket = Bucket::of("6/m".parse().unwrap(), 0);
        assert_eq!(bucket.whole(0), 1);
        bucket.take(1);
        assert_eq!(bucket.next(), Duration::from_secs(10));
        assert_eq!(bucket.whole(9_999_000), 0);
        assert_eq!(bucket.whole(10_000_000), 1);
        assert_eq!(bucket.whole(i64::MAX), 1, "idle is not saved up");
        assert_eq!(bucket.whole(0), 1, "a clock that is set back takes nothing");
    }
}

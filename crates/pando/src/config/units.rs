//! Lengths of time and sizes as people write them: `30s`, `1h30m`, `16MiB`.
//!
//! A bare number is refused everywhere: nobody can tell what it counts.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(std::time::Duration);

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// Why a text is not a length of time or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing there, or no number where one must be.
    #[error("`{0}` is not {1}")]
    Malformed(String, &'static str),
    /// A number without its unit.
    #[error("`{0}` has no unit; write {1}")]
    NoUnit(String, &'static str),
    /// A unit that does not exist.
    #[error("`{0}` is not a unit; write {1}")]
    Unknown(String, &'static str),
    /// More than fits.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

const DURATION_FORMS: &str = "for example 250ms, 30s, 5m, 1h30m, 7d";
const SIZE_FORMS: &str = "for example 512B, 64KiB, 16MiB, 2GiB";
const TIME_UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];
const SIZE_UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Duration {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Duration {
        Duration(std::time::Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Duration {
        Duration(std::time::Duration::from_millis(millis))
    }

    /// As the standard library has it.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl ByteSize {
    /// So many times 1,024 bytes.
    pub const fn kib(n: u64) -> ByteSize {
        ByteSize(n << 10)
    }

    /// So many times 1,048,576 bytes.
    pub const fn mib(n: u64) -> ByteSize {
        ByteSize(n << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Duration, UnitError> {
        let micros = sum_of_parts(text, &TIME_UNITS, "a length of time", DURATION_FORMS)?;
        Ok(Duration(std::time::Duration::from_micros(micros)))
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<ByteSize, UnitError> {
        sum_of_parts(text, &SIZE_UNITS, "a size", SIZE_FORMS).map(ByteSize)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, micros) in TIME_UNITS {
            if rest >= micros {
                write!(f, "{}{unit}", rest / micros)?;
                rest %= micros;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) = SIZE_UNITS
            .into_iter()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// Reads `1h30m`: numbers, each with its unit, added up.
fn sum_of_parts(
    text: &str,
    units: &[(&str, u64)],
    what: &'static str,
    forms: &'static str,
) -> Result<u64, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Malformed(text.to_owned(), what));
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(UnitError::Malformed(text.to_owned(), what));
        }
        if unit.is_empty() {
            return Err(UnitError::NoUnit(text.to_owned(), forms));
        }
        let size = units
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, size)| *size)
            .ok_or_else(|| UnitError::Unknown(unit.to_owned(), forms))?;
        sum = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(size))
            .and_then(|n| n.checked_add(sum))
            .ok_or_else(|| UnitError::TooLarge(text.to_owned()))?;
        rest = after.trim_start();
    }
    Ok(sum)
}

macro_rules! as_text_in_serde {
    ($ty:ty, $name:literal, $pattern:literal, $examples:expr) => {
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$ty, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $ty {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": $examples })
            }
        }
    };
}

as_text_in_serde!(
    Duration,
    "Duration",
    "^([0-9]+(d|h|m|s|ms|us) *)+$",
    ["250ms", "30s", "1h30m"]
);
as_text_in_serde!(
    ByteSize,
    "ByteSize",
    "^[0-9]+(B|kB|MB|GB|KiB|MiB|GiB|TiB)$",
    ["64KiB", "16MiB"]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["0s", "250ms", "30s", "5m", "1h30m", "7d", "1d2h3m4s5ms6us"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        for text in ["0B", "512B", "64KiB", "16MiB", "3GiB", "1TiB", "5MB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!("90s".parse::<Duration>().unwrap().to_string(), "1m30s");
        assert_eq!("2048KiB".parse::<ByteSize>().unwrap().to_string(), "2MiB");
    }

    #[test]
    fn a_number_without_a_unit_and_an_unknown_unit_are_refused_with_the_forms() {
        for (text, words) in [
            ("30", "has no unit; write for example 250ms"),
            ("30 parsecs", "`parsecs` is not a unit"),
            ("30parsecs", "`parsecs` is not a unit"),
            ("", "is not a length of time"),
            ("-3s", "is not a length of time"),
            ("99999999999999999999s", "is too large"),
            ("18446744073709551615d", "is too large"),
        ] {
            let error = text.parse::<Duration>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!("16".parse::<ByteSize>().is_err());
        assert_eq!("16 MiB".parse(), Ok(ByteSize::mib(16)));
        assert!("16 mb".parse::<ByteSize>().is_err());
    }
}

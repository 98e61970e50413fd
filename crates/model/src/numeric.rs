//! Exact decimals: PostgreSQL's `numeric` without NaN and infinities.
//!
//! A number is a whole count of units of `10^-scale`. The scale is only how it is
//! printed: `1.5` and `1.50` are equal, hash alike and have the same bytes. What is
//! read has no trailing zeros; a declared column ([`crate::value::Value::fit`]) and
//! a mean carry a scale of their own.

mod arithmetic;
mod ordered;

pub(crate) use arithmetic::division_by_zero;

use crate::error::Refusal;
use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// How many digits a number may have on either side of the point. PostgreSQL holds far
/// more; a limit that every engine can index and print is part of the type's domain.
pub const DIGITS_MAX: u32 = 1000;

/// An exact decimal of at most 1,000 digits on either side of the point.
/// A column's declared scale is applied when it is written; otherwise it has no trailing zeros.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numeric {
    #[serde(with = "digits")]
    unscaled: BigInt,
    scale: u32,
}

/// Whole numbers of any size as their bytes, in two's complement.
mod digits {
    use num_bigint::BigInt;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(whole: &BigInt, to: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&whole.to_signed_bytes_le(), to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BigInt, D::Error> {
        let bytes: Vec<u8> = serde_bytes::deserialize(from)?;
        Ok(BigInt::from_signed_bytes_le(&bytes))
    }
}

impl Numeric {
    /// Reads `-12.50`, `1e3`; NaN and infinities are refused. Trailing zeros are dropped.
    pub fn parse(text: &str) -> Result<Numeric, Refusal> {
        let trimmed = text.trim_matches(is_space);
        let parts = Parts::split(trimmed).ok_or_else(|| {
            if is_special(trimmed) {
                Refusal::new(
                    "22003",
                    format!("value \"{text}\" is out of range for type numeric"),
                )
            } else {
                Refusal::new(
                    "22P02",
                    format!("invalid input syntax for type numeric: \"{text}\""),
                )
            }
        })?;
        parts.build()
    }

    /// Appends its decimal form with at least `scale_min` digits after the point.
    pub fn write(&self, scale_min: u32, out: &mut Vec<u8>) {
        if self.unscaled.sign() == Sign::Minus {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits: Cow<'_, str> = match u64::try_from(self.unscaled.magnitude()) {
            Ok(small) => Cow::Borrowed(buffer.format(small)),
            Err(_) => Cow::Owned(self.unscaled.magnitude().to_string()),
        };
        let digits = digits.as_bytes();
        let scale = self.scale as usize;
        let mut written = scale;
        if scale == 0 {
            out.extend_from_slice(digits);
        } else if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
        if (scale_min as usize) > written {
            if written == 0 {
                out.push(b'.');
            }
            while written < scale_min as usize {
                out.push(b'0');
                written += 1;
            }
        }
    }

    /// How many digits it prints after the point.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.unscaled.sign() == Sign::NoSign
    }

    /// The same number without zeros at the end of its fraction.
    #[must_use]
    pub fn trimmed(self) -> Numeric {
        let zeros = self.trailing_zeros();
        if zeros == 0 {
            return self;
        }
        Numeric {
            unscaled: self.unscaled / pow10(zeros),
            scale: self.scale - zeros,
        }
    }

    /// Zeros at the end of the fraction.
    fn trailing_zeros(&self) -> u32 {
        if self.scale == 0 {
            return 0;
        }
        if self.is_zero() {
            return self.scale;
        }
        if let Ok(mut small) = u64::try_from(self.unscaled.magnitude()) {
            let mut zeros = 0;
            while zeros < self.scale && small % 10 == 0 {
                small /= 10;
                zeros += 1;
            }
            return zeros;
        }
        let digits = self.unscaled.magnitude().to_string();
        let zeros = digits.bytes().rev().take_while(|&b| b == b'0').count();
        u32::try_from(zeros).map_or(self.scale, |zeros| zeros.min(self.scale))
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Numeric {
        Numeric {
            unscaled: BigInt::from(value),
            scale: 0,
        }
    }
}

impl From<i128> for Numeric {
    fn from(value: i128) -> Numeric {
        Numeric {
            unscaled: BigInt::from(value),
            scale: 0,
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(0, &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Numeric) -> Ordering {
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        let signs = self.unscaled.sign().cmp(&other.unscaled.sign());
        if signs != Ordering::Equal {
            return signs;
        }
        match self.scale.cmp(&other.scale) {
            Ordering::Less => {
                (&self.unscaled * pow10(other.scale - self.scale)).cmp(&other.unscaled)
            }
            _ => self
                .unscaled
                .cmp(&(&other.unscaled * pow10(self.scale - other.scale))),
        }
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Numeric) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Numeric) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numeric {}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let zeros = self.trailing_zeros();
        if zeros == 0 {
            self.unscaled.hash(state);
        } else {
            (&self.unscaled / pow10(zeros)).hash(state);
        }
        (self.scale - zeros).hash(state);
    }
}

/// The parts of a decimal's text.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Parts<'a>> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], read_exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        (all_digits(whole) && all_digits(fraction) && whole.len() + fraction.len() > 0).then_some(
            Parts {
                negative,
                whole,
                fraction,
                exponent,
            },
        )
    }

    fn build(&self) -> Result<Numeric, Refusal> {
        // Zeros at both ends go before anything is measured, so that a
        // megabyte of them costs nothing.
        let (mut whole, mut fraction) = (
            self.whole.trim_start_matches('0'),
            self.fraction.trim_end_matches('0'),
        );
        let mut scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        if fraction.is_empty() {
            let significant = whole.trim_end_matches('0');
            scale -= i64::try_from(whole.len() - significant.len()).unwrap_or(i64::MAX);
            whole = significant;
        } else if whole.is_empty() {
            fraction = fraction.trim_start_matches('0');
        }
        let digits = whole.len() + fraction.len();
        if digits == 0 {
            return Ok(Numeric::from(0_i64));
        }
        let scale = scale.saturating_sub(self.exponent);
        let whole_digits = i64::try_from(digits)
            .unwrap_or(i64::MAX)
            .saturating_sub(scale);
        if whole_digits > i64::from(DIGITS_MAX) || scale > i64::from(DIGITS_MAX) {
            return Err(overflow());
        }
        let mut unscaled = join_digits(whole, fraction);
        let scale = match u32::try_from(scale) {
            Ok(scale) => scale,
            Err(_) => {
                unscaled *= pow10(u32::try_from(-scale).map_err(|_| overflow())?);
                0
            }
        };
        if self.negative {
            unscaled = -unscaled;
        }
        Ok(Numeric { unscaled, scale })
    }
}

/// The refusal of a number that has too many digits.
fn overflow() -> Refusal {
    Refusal::new("22003", "value overflows numeric format")
}

fn join_digits(whole: &str, fraction: &str) -> BigInt {
    // 18 digits always fit.
    if whole.len() + fraction.len() <= 18 {
        let small = whole
            .bytes()
            .chain(fraction.bytes())
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return BigInt::from(small);
    }
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    BigInt::parse_bytes(digits.as_bytes(), 10).unwrap_or_default()
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    // Far beyond any number of digits a body can hold, and safe to add to.
    let size = size.min(1 << 40);
    Some(if text.starts_with('-') { -size } else { size })
}

fn is_special(text: &str) -> bool {
    let name = text.strip_prefix(['-', '+']).unwrap_or(text);
    ["nan", "infinity", "inf"]
        .iter()
        .any(|special| name.eq_ignore_ascii_case(special))
}

/// What PostgreSQL's `isspace` takes off a number's ends.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn pow10(exponent: u32) -> BigInt {
    if exponent <= 18 {
        return BigInt::from(10_u64.pow(exponent));
    }
    BigInt::from(10_u8).pow(exponent)
}

#[cfg(test)]
mod tests;

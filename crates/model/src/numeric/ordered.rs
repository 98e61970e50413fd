//! Bytes of decimals whose memcmp order is the numbers' order.
//!
//! A number that is not zero is `0.d₁d₂d₃… × 10^e` with `d₁ ≠ 0`. Its bytes are
//!
//! | part | positive | negative |
//! |---|---|---|
//! | sign | `03` | `01` |
//! | exponent | `e + 0x8000`, big-endian, 2 bytes | the same, each byte complemented |
//! | digits | one byte for two digits, `d₁d₂ + 1`, … | complemented |
//! | end | `00` | `ff` |
//!
//! and zero is `02`. An odd last digit is followed by a zero; pairs of zeros at the
//! end are left out, so equal numbers have equal bytes. The end is lower than any
//! pair, so the bytes delimit themselves. Frozen: stores and keys hold them.

use super::{DIGITS_MAX, Numeric, join_digits, pow10};
use num_bigint::{BigInt, Sign};

const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
const EXPONENT_BIAS: i32 = 0x8000;

impl Numeric {
    /// Bytes whose order (memcmp) is the numbers' order; equal for equal numbers.
    pub fn to_ordered_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        self.write_ordered_bytes(&mut out);
        out
    }

    /// Appends [`Numeric::to_ordered_bytes`].
    pub fn write_ordered_bytes(&self, out: &mut Vec<u8>) {
        let sign = match self.unscaled.sign() {
            Sign::NoSign => return out.push(ZERO),
            Sign::Minus => NEGATIVE,
            Sign::Plus => POSITIVE,
        };
        let start = out.len();
        out.push(sign);
        let mut buffer = itoa::Buffer::new();
        let large;
        let digits = match u64::try_from(self.unscaled.magnitude()) {
            Ok(small) => buffer.format(small),
            Err(_) => {
                large = self.unscaled.magnitude().to_string();
                large.as_str()
            }
        };
        // At most 2,000 digits and a scale of 1,000: the exponent fits.
        let exponent = i32::try_from(digits.len()).unwrap_or(i32::MAX / 2)
            - i32::try_from(self.scale).unwrap_or(i32::MAX / 2);
        let biased = u16::try_from(exponent + EXPONENT_BIAS).unwrap_or(u16::MAX);
        out.extend_from_slice(&biased.to_be_bytes());
        for pair in digits.trim_end_matches('0').as_bytes().chunks(2) {
            let low = pair.get(1).map_or(0, |digit| digit - b'0');
            out.push((pair[0] - b'0') * 10 + low + 1);
        }
        out.push(0);
        if sign == NEGATIVE {
            out[start + 1..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }

    /// The number that [`Numeric::to_ordered_bytes`] wrote; `None` for other bytes.
    pub fn from_ordered_bytes(bytes: &[u8]) -> Option<Numeric> {
        let (number, rest) = Numeric::split_ordered_bytes(bytes)?;
        rest.is_empty().then_some(number)
    }

    /// Reads a number from the front of `bytes`, and gives what follows it.
    pub fn split_ordered_bytes(bytes: &[u8]) -> Option<(Numeric, &[u8])> {
        let (&sign, rest) = bytes.split_first()?;
        let mask = match sign {
            ZERO => return Some((Numeric::from(0_i64), rest)),
            NEGATIVE => 0xff,
            POSITIVE => 0,
            _ => return None,
        };
        let (exponent, rest) = rest.split_first_chunk::<2>()?;
        let exponent = i32::from(u16::from_be_bytes(exponent.map(|b| b ^ mask))) - EXPONENT_BIAS;
        let end = rest.iter().position(|&byte| byte == mask)?;
        let mut digits = String::with_capacity(end * 2);
        for &byte in &rest[..end] {
            let pair = (byte ^ mask).checked_sub(1).filter(|pair| *pair < 100)?;
            digits.push(char::from(b'0' + pair / 10));
            digits.push(char::from(b'0' + pair % 10));
        }
        if digits.ends_with("00") || digits.starts_with('0') || digits.is_empty() {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        let unscaled = join_digits(significant, "");
        let scale = i32::try_from(significant.len()).ok()? - exponent;
        let limit = i32::try_from(DIGITS_MAX).ok()?;
        if scale > limit || exponent > limit {
            return None;
        }
        let (unscaled, scale) = match u32::try_from(scale) {
            Ok(scale) => (unscaled, scale),
            Err(_) => (unscaled * pow10(scale.unsigned_abs()), 0),
        };
        let unscaled: BigInt = if sign == NEGATIVE {
            -unscaled
        } else {
            unscaled
        };
        Some((Numeric { unscaled, scale }, &rest[end + 1..]))
    }
}

//! The exact sum of doubles, in any order (Kulisch's long accumulator).
//!
//! A finite double is a whole number of units of 2^-1074, below 2^2098 of them. The sum is
//! kept as such a number in digits of 32 bits, each in a signed word of 64, so that
//! two billion of them are added before a carry has to be passed on.

const DIGIT_BITS: u32 = 32;
/// 2,098 bits for one double, 64 more for as many as there can be, and the sign.
const DIGITS: usize = 68;
/// Additions before carries are passed on: each adds less than 2^32 to a digit.
const ADDITIONS_MAX: u32 = 1 << 30;
/// Digits of a quotient's fraction: more than a count has, so that what is rounded away lies
/// above the last of them.
const FRACTION_DIGITS: usize = 3;
/// The exponent of the unit.
const UNIT: i32 = -1074;

/// A sum of doubles.
#[derive(Clone, Debug)]
pub(super) struct ExactSum {
    digits: [i64; DIGITS],
    pending: u32,
}

impl Default for ExactSum {
    fn default() -> ExactSum {
        ExactSum {
            digits: [0; DIGITS],
            pending: 0,
        }
    }
}

impl ExactSum {
    /// Adds a finite number.
    pub fn add(&mut self, number: f64) {
        let bits = number.to_bits();
        let biased = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, shift) = match biased {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, biased - 1),
        };
        if self.pending == ADDITIONS_MAX {
            self.carry();
        }
        self.pending += 1;
        let shift = u32::try_from(shift).unwrap_or(0);
        let mut rest = u128::from(mantissa) << (shift % DIGIT_BITS);
        let mut at = (shift / DIGIT_BITS) as usize;
        while rest != 0 {
            let digit = i64::from(rest as u32);
            self.digits[at] += if number.is_sign_negative() {
                -digit
            } else {
                digit
            };
            rest >>= DIGIT_BITS;
            at += 1;
        }
    }

    /// The nearest double, halves to even; infinite beyond the range.
    pub fn round_to_f64(mut self) -> f64 {
        let (negative, digits) = self.magnitude();
        let magnitude = round(&digits, UNIT, 53, 1023, 0);
        if negative { -magnitude } else { magnitude }
    }

    /// The nearest real.
    pub fn round_to_f32(mut self) -> f32 {
        let (negative, digits) = self.magnitude();
        // A real's last bit is at least 2^-149, which is 925 units' bits further up.
        let magnitude = round(&digits, UNIT, 24, 127, 925) as f32;
        if negative { -magnitude } else { magnitude }
    }

    /// The nearest double to the sum divided by `count`, halves to even.
    pub fn mean(mut self, count: u64) -> f64 {
        let (negative, sum) = self.magnitude();
        // The quotient has a fraction: of what is below its last digit it is enough to know
        // whether there is anything.
        let below = std::iter::repeat_n(0, FRACTION_DIGITS);
        let mut quotient: Vec<u32> = below.chain(sum).collect();
        let count = u128::from(count.max(1));
        let mut left = 0_u128;
        for digit in quotient.iter_mut().rev() {
            left = left << DIGIT_BITS | u128::from(*digit);
            *digit = (left / count) as u32;
            left %= count;
        }
        quotient[0] |= u32::from(left != 0);
        let below = FRACTION_DIGITS as u32 * DIGIT_BITS;
        let magnitude = round(&quotient, UNIT - below as i32, 53, 1023, below);
        if negative { -magnitude } else { magnitude }
    }

    /// Passes carries on, so that all digits but the last are in `0..2^32`.
    fn carry(&mut self) {
        let mut carry = 0_i64;
        for digit in &mut self.digits[..DIGITS - 1] {
            let sum = *digit + carry;
            carry = sum >> DIGIT_BITS;
            *digit = sum & i64::from(u32::MAX);
        }
        self.digits[DIGITS - 1] += carry;
        self.pending = 0;
    }

    fn magnitude(&mut self) -> (bool, Vec<u32>) {
        self.carry();
        let negative = self.digits[DIGITS - 1] < 0;
        if negative {
            self.digits.iter_mut().for_each(|digit| *digit = -*digit);
            self.carry();
        }
        let digits = self.digits.iter().map(|digit| *digit as u32).collect();
        (negative, digits)
    }
}

/// Rounds a number of 2^`unit` to `precision` bits, halves to even, none of them below
/// bit `lowest`; infinite if its exponent is above `exponent_max`.
fn round(digits: &[u32], unit: i32, precision: u32, exponent_max: i32, lowest: u32) -> f64 {
    let Some(top) = digits.iter().rposition(|&digit| digit != 0) else {
        return 0.0;
    };
    let top_bits = DIGIT_BITS - digits[top].leading_zeros();
    let bits = u32::try_from(top).unwrap_or(0) * DIGIT_BITS + top_bits;
    let drop = bits.saturating_sub(precision).max(lowest);
    let bit = |at: u32| {
        let digit = digits.get((at / DIGIT_BITS) as usize).copied().unwrap_or(0);
        digit >> (at % DIGIT_BITS) & 1 == 1
    };
    let mut mantissa = (drop..bits)
        .rev()
        .fold(0_u64, |sum, at| sum << 1 | u64::from(bit(at)));
    if drop > 0 && bit(drop - 1) {
        let beyond = (0..drop - 1).any(bit);
        if beyond || mantissa % 2 == 1 {
            mantissa += 1;
        }
    }
    let exponent = i32::try_from(drop).unwrap_or(i32::MAX) + unit;
    let exponent_of_top = exponent + 63 - i32::try_from(mantissa.leading_zeros()).unwrap_or(0);
    if mantissa != 0 && exponent_of_top > exponent_max {
        return f64::INFINITY;
    }
    // Two exact steps: 2^exponent alone may be too small for a double.
    let half = exponent / 2;
    mantissa as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half)
}

//! Arithmetic of decimals, with the scales that PostgreSQL's results have.

use super::{DIGITS_MAX, Numeric, overflow, pow10};
use crate::error::Refusal;
use num_bigint::{BigInt, Sign};
use std::cmp::Ordering;

/// The significant digits that a quotient has at least (PostgreSQL's `NUMERIC_MIN_SIG_DIGITS`).
const QUOTIENT_DIGITS_MIN: i64 = 16;
/// PostgreSQL counts digits in groups of four; its scale of a quotient shows it.
const GROUP: i64 = 4;

impl Numeric {
    /// The sum.
    pub fn add(&self, other: &Numeric) -> Result<Numeric, Refusal> {
        let scale = self.scale.max(other.scale);
        checked(self.at_scale(scale) + other.at_scale(scale), scale)
    }

    /// The difference.
    pub fn subtract(&self, other: &Numeric) -> Result<Numeric, Refusal> {
        let scale = self.scale.max(other.scale);
        checked(self.at_scale(scale) - other.at_scale(scale), scale)
    }

    /// The product; digits beyond the thousandth after the point are rounded.
    pub fn multiply(&self, other: &Numeric) -> Result<Numeric, Refusal> {
        let product = Numeric {
            unscaled: &self.unscaled * &other.unscaled,
            scale: self.scale + other.scale,
        };
        let product = if product.scale > DIGITS_MAX {
            product.rounded(i64::from(DIGITS_MAX))
        } else {
            product
        };
        checked(product.unscaled, product.scale)
    }

    /// The quotient, with as many digits as PostgreSQL gives it; 22012 by zero.
    pub fn divide(&self, other: &Numeric) -> Result<Numeric, Refusal> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let scale = self.quotient_scale(other);
        // self / other, in units of 10^-scale.
        let shift = i64::from(scale) + i64::from(other.scale) - i64::from(self.scale);
        let (dividend, divisor) = match u32::try_from(shift) {
            Ok(up) => (&self.unscaled * pow10(up), other.unscaled.clone()),
            Err(_) => (
                self.unscaled.clone(),
                &other.unscaled * pow10(u32::try_from(-shift).map_err(|_| overflow())?),
            ),
        };
        checked(divide_half_away(&dividend, &divisor), scale)
    }

    /// The remainder, with the dividend's sign; 22012 by zero.
    pub fn remainder(&self, other: &Numeric) -> Result<Numeric, Refusal> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let scale = self.scale.max(other.scale);
        checked(self.at_scale(scale) % other.at_scale(scale), scale)
    }

    /// The number with its sign turned.
    #[must_use]
    pub fn negated(self) -> Numeric {
        Numeric {
            unscaled: -self.unscaled,
            scale: self.scale,
        }
    }

    /// The number without its sign.
    #[must_use]
    pub fn abs(self) -> Numeric {
        if self.unscaled.sign() == Sign::Minus {
            self.negated()
        } else {
            self
        }
    }

    /// Rounded half away from zero to `places` after the point (before it, when negative);
    /// prints exactly `places` digits.
    #[must_use]
    pub fn rounded(&self, places: i64) -> Numeric {
        let places = places.clamp(-i64::from(DIGITS_MAX) - 1, i64::from(DIGITS_MAX));
        let drop = i64::from(self.scale) - places;
        let scale = u32::try_from(places).unwrap_or(0);
        match u32::try_from(drop) {
            Ok(0) => self.clone(),
            Ok(drop) => {
                let kept = divide_half_away(&self.unscaled, &pow10(drop));
                // Places before the point come back as zeros.
                let zeros = u32::try_from(-places).unwrap_or(0);
                Numeric {
                    unscaled: kept * pow10(zeros),
                    scale,
                }
            }
            Err(_) => Numeric {
                unscaled: self.at_scale(scale),
                scale,
            },
        }
    }

    /// Rounds into `numeric(precision, scale)`; 22003 where too large.
    pub fn fit(&self, precision: u16, scale: u16) -> Result<Numeric, Refusal> {
        let rounded = self.rounded(i64::from(scale));
        if rounded.unscaled.magnitude() < pow10(u32::from(precision)).magnitude() {
            return Ok(rounded);
        }
        let whole = i32::from(precision) - i32::from(scale);
        let bound = if whole == 0 {
            "1".to_owned()
        } else {
            format!("10^{whole}")
        };
        Err(
            Refusal::new("22003", "numeric field overflow").details(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute \
                 value less than {bound}."
            )),
        )
    }

    /// The nearest whole number, half away from zero; `None` beyond 64 bits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(&self.rounded(0).unscaled).ok()
    }

    /// The nearest double, infinite where too large.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// A double's 15 significant digits, as PostgreSQL casts it.
    pub fn from_f64(value: f64) -> Result<Numeric, Refusal> {
        Numeric::parse(&format!("{value:.14e}"))
    }

    /// A real's 6 significant digits, as PostgreSQL casts it.
    pub fn from_f32(value: f32) -> Result<Numeric, Refusal> {
        Numeric::parse(&format!("{value:.5e}"))
    }

    fn at_scale(&self, scale: u32) -> BigInt {
        match scale.cmp(&self.scale) {
            Ordering::Greater => &self.unscaled * pow10(scale - self.scale),
            _ => self.unscaled.clone(),
        }
    }

    /// PostgreSQL's rule (`select_div_scale`): at least 16 significant digits, estimated
    /// from the first groups of four digits, and no fewer places than either operand has.
    fn quotient_scale(&self, other: &Numeric) -> u32 {
        let (weight, first) = self.first_group();
        let (other_weight, other_first) = other.first_group();
        let mut quotient_weight = weight - other_weight;
        if first <= other_first {
            quotient_weight -= 1;
        }
        let scale = (QUOTIENT_DIGITS_MIN - quotient_weight * GROUP)
            .max(i64::from(self.scale))
            .max(i64::from(other.scale))
            .clamp(0, i64::from(DIGITS_MAX));
        u32::try_from(scale).unwrap_or(DIGITS_MAX)
    }

    /// The weight of its first group of four digits that is not zero (0 is the group
    /// just before the point), and that group.
    fn first_group(&self) -> (i64, u32) {
        if self.is_zero() {
            return (0, 0);
        }
        let digits = self.unscaled.magnitude().to_string();
        let whole = i64::try_from(digits.len()).unwrap_or(i64::MAX) - i64::from(self.scale);
        let weight = (whole - 1).div_euclid(GROUP);
        let in_group = usize::try_from(whole - weight * GROUP).unwrap_or(0);
        let first = (0..in_group).fold(0, |group, at| {
            let digit = digits.as_bytes().get(at).map_or(0, |digit| digit - b'0');
            group * 10 + u32::from(digit)
        });
        (weight, first)
    }
}

/// The refusal of a division by zero.
pub(crate) fn division_by_zero() -> Refusal {
    Refusal::new("22012", "division by zero")
}

fn checked(unscaled: BigInt, scale: u32) -> Result<Numeric, Refusal> {
    // 332 bits hold 99 digits: only numbers near the limit are measured.
    if unscaled.bits() > u64::from(DIGITS_MAX) * 3
        && unscaled.magnitude() >= pow10(DIGITS_MAX + scale).magnitude()
    {
        return Err(overflow());
    }
    Ok(Numeric { unscaled, scale })
}

fn divide_half_away(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = dividend / divisor;
    let remainder = dividend - &quotient * divisor;
    let twice = remainder.magnitude() * 2_u8;
    if &twice < divisor.magnitude() {
        return quotient;
    }
    let up = if dividend.sign() == divisor.sign() {
        1
    } else {
        -1
    };
    quotient + up
}

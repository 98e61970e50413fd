//! Floating point: shortest round-trip text in PostgreSQL's form (`1e+20`, `0.1`).
//!
//! The digits are Ryu's (Adams 2018), except that, as in PostgreSQL, a text exactly
//! halfway between two numbers never stands for either: a reader need not round
//! halves to even (`1e23` is written `9.999999999999999e+22`). Values are finite.

/// Appends a double.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    let mut digits = Decimal::read(buffer.format_finite(value).as_bytes());
    let bits = value.to_bits();
    let parts = BinaryParts::new(bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff, 52, 1075);
    if parts.is_halfway(&digits) {
        digits = parts.longer(
            |precision| format!("{:.precision$e}", value.abs()),
            |text| text.parse::<f64>() == Ok(value.abs()),
        );
    }
    digits.write(value.is_sign_negative(), 15, out);
}

/// Appends a real.
pub fn write_real(value: f32, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    let mut digits = Decimal::read(buffer.format_finite(value).as_bytes());
    let bits = u64::from(value.to_bits());
    let parts = BinaryParts::new(bits & ((1 << 23) - 1), (bits >> 23) & 0xff, 23, 150);
    if parts.is_halfway(&digits) {
        digits = parts.longer(
            |precision| format!("{:.precision$e}", value.abs()),
            |text| text.parse::<f32>() == Ok(value.abs()),
        );
    }
    digits.write(value.is_sign_negative(), 6, out);
}

/// Significant digits without zeros at either end, and where the point is:
/// `0.d₁d₂… × 10^point`.
struct Decimal {
    digits: [u8; 20],
    len: usize,
    point: i32,
}

impl Decimal {
    /// Reads any of `12.5`, `0.001`, `1.5e-7`, with or without a sign.
    fn read(text: &[u8]) -> Decimal {
        let mut decimal = Decimal {
            digits: [0; 20],
            len: 0,
            point: 0,
        };
        let (mut before_point, mut exponent, mut at) = (true, 0, 0);
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                b'0' if decimal.len == 0 => decimal.point -= i32::from(!before_point),
                b'0'..=b'9' => {
                    if decimal.len < decimal.digits.len() {
                        decimal.digits[decimal.len] = byte;
                        decimal.len += 1;
                    }
                    decimal.point += i32::from(before_point);
                }
                b'.' => before_point = false,
                b'e' => {
                    exponent = read_int(&text[at..]);
                    break;
                }
                _ => {}
            }
        }
        decimal.point += exponent;
        while decimal.len > 0 && decimal.digits[decimal.len - 1] == b'0' {
            decimal.len -= 1;
        }
        decimal
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    /// Writes in full where the exponent is from −4 to `fixed_max` − 1, else with an exponent.
    fn write(&self, negative: bool, fixed_max: i32, out: &mut Vec<u8>) {
        let digits = self.as_bytes();
        let Some((&first, rest)) = digits.split_first() else {
            return out.push(b'0');
        };
        if negative {
            out.push(b'-');
        }
        let exponent = self.point - 1;
        if exponent < -4 || exponent >= fixed_max {
            out.push(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            out.push(b'e');
            out.push(if exponent < 0 { b'-' } else { b'+' });
            if exponent.abs() < 10 {
                out.push(b'0');
            }
            let mut buffer = itoa::Buffer::new();
            out.extend_from_slice(buffer.format(exponent.unsigned_abs()).as_bytes());
            return;
        }
        match usize::try_from(self.point) {
            Ok(whole) if whole >= digits.len() => {
                out.extend_from_slice(digits);
                out.resize(out.len() + whole - digits.len(), b'0');
            }
            Ok(whole) if whole > 0 => {
                out.extend_from_slice(&digits[..whole]);
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
            _ => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + self.point.unsigned_abs() as usize, b'0');
                out.extend_from_slice(digits);
            }
        }
    }
}

/// A finite number as `mantissa × 2^exponent`.
struct BinaryParts {
    mantissa: u64,
    exponent: i32,
    /// Whether the gap below is half the gap above.
    at_power_of_two: bool,
}

impl BinaryParts {
    fn new(fraction: u64, biased: u64, fraction_bits: u32, bias: i32) -> BinaryParts {
        let exponent = i32::try_from(biased).unwrap_or(0);
        BinaryParts {
            mantissa: if biased == 0 {
                fraction
            } else {
                fraction | (1 << fraction_bits)
            },
            exponent: exponent.max(1) - bias,
            at_power_of_two: fraction == 0 && biased > 1,
        }
    }

    /// Whether the digits lie exactly halfway to a neighbour.
    fn is_halfway(&self, decimal: &Decimal) -> bool {
        // Only an even mantissa's halves are read as itself.
        if self.mantissa % 2 == 1 || decimal.len == 0 {
            return false;
        }
        let mut number = decimal
            .as_bytes()
            .iter()
            .fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        let power = decimal.point - i32::try_from(decimal.len).unwrap_or(0);
        // In quarters of the gap: number × 10^power = half × 2^(exponent − 2). Beyond these
        // powers no mantissa has enough factors of five, and nothing is halfway.
        if !(-24..=23).contains(&power) {
            return false;
        }
        let fives = 5_u128.pow(power.unsigned_abs());
        let mut halves = [
            u128::from(self.mantissa) * 4 + 2,
            u128::from(self.mantissa) * 4 - 2,
        ];
        if self.at_power_of_two {
            halves[1] += 1;
        }
        if power >= 0 {
            number = number.saturating_mul(fives);
        }
        halves.into_iter().any(|half| {
            let half = if power < 0 {
                half.checked_mul(fives)
            } else {
                Some(half)
            };
            half.is_some_and(|half| equal_shifted(number, power, half, self.exponent - 2))
        })
    }

    /// The shortest digits that read back and are not halfway.
    fn longer(
        &self,
        format: impl Fn(usize) -> String,
        reads_back: impl Fn(&str) -> bool,
    ) -> Decimal {
        let candidates = (0..17).map(format);
        let mut last = String::new();
        for text in candidates {
            if reads_back(&text) && !self.is_halfway(&Decimal::read(text.as_bytes())) {
                return Decimal::read(text.as_bytes());
            }
            last = text;
        }
        Decimal::read(last.as_bytes())
    }
}

/// Whether `a × 2^i = b × 2^j`.
fn equal_shifted(a: u128, i: i32, b: u128, j: i32) -> bool {
    if a == 0 || b == 0 {
        return a == b;
    }
    let (a_zeros, b_zeros) = (a.trailing_zeros(), b.trailing_zeros());
    a >> a_zeros == b >> b_zeros
        && i64::from(i) + i64::from(a_zeros) == i64::from(j) + i64::from(b_zeros)
}

fn read_int(text: &[u8]) -> i32 {
    let size = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    if text.first() == Some(&b'-') {
        -size
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn double(value: f64) -> String {
        let mut out = Vec::new();
        write_double(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn real(value: f32) -> String {
        let mut out = Vec::new();
        write_real(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_are_written_as_postgresql_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456789012345.0, "123456789012345"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1234567890123456.0, "1.234567890123456e+15"),
            (1e20, "1e+20"),
            (1e23, "9.999999999999999e+22"),
            (8.41e21, "8.409999999999999e+21"),
            (2e23, "1.9999999999999998e+23"),
            (5e22, "4.9999999999999996e+22"),
            (9.5e-310, "9.5e-310"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (9007199254740993.0, "9.007199254740992e+15"),
        ] {
            assert_eq!(double(value), expected);
        }
    }

    #[test]
    fn reals_are_written_as_postgresql_writes_them() {
        for (value, expected) in [
            (0.1_f32, "0.1"),
            (100000.0, "100000"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (16777216.0, "1.6777216e+07"),
            (1.717987e10, "1.717987e+10"),
            (8589934592.0, "8.589935e+09"),
            (9.8e-45, "1e-44"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (f32::MAX, "3.4028235e+38"),
            (1e-45, "1e-45"),
        ] {
            assert_eq!(real(value), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(double(value).parse::<f64>().unwrap(), value);
            }
        }

        #[test]
        fn reals_read_back(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(real(value).parse::<f32>().unwrap(), value);
            }
        }
    }
}

//! The reader of dates and times: a scanner over bytes, no allocation.

use super::{DAY_US, days_in_month, days_of_civil};
use crate::error::Refusal;

/// What a text says.
#[derive(Debug)]
pub(super) struct Moment {
    /// Days since 1970-01-01.
    pub days: i64,
    /// Microseconds of the day; a whole day for `24:00:00`.
    pub of_day_us: i64,
    /// The zone, east of Greenwich.
    pub offset_us: Option<i64>,
}

impl Moment {
    /// Microseconds since 1970 by the clock on the wall; the farthest there is for a
    /// year of so many digits that they do not fit.
    pub fn local_us(&self) -> i64 {
        self.days
            .saturating_mul(DAY_US)
            .saturating_add(self.of_day_us)
    }
}

/// Why a text is no moment.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// Not of the form.
    Syntax,
    /// A field that no date or time has.
    Field,
    /// The same, and another order of fields could explain it.
    FieldOrOrder,
    /// A zone further than 15:59:59 from Greenwich.
    Zone,
    /// A zone's name, which is not read.
    ZoneName(String),
}

impl Fault {
    /// PostgreSQL's words for it.
    pub fn refusal(self, text: &str, ty: &str) -> Refusal {
        match self {
            Fault::Syntax => Refusal::new(
                "22007",
                format!("invalid input syntax for type {ty}: \"{text}\""),
            ),
            Fault::Field => Refusal::new(
                "22008",
                format!("date/time field value out of range: \"{text}\""),
            ),
            Fault::FieldOrOrder => Fault::Field
                .refusal(text, ty)
                .hint("Perhaps you need a different \"datestyle\" setting."),
            Fault::Zone => Refusal::new(
                "22009",
                format!("time zone displacement out of range: \"{text}\""),
            ),
            Fault::ZoneName(name) => Refusal::new(
                "22023",
                format!("time zone \"{}\" not recognized", name.to_lowercase()),
            )
            .hint("Give the zone as an offset from UTC, such as +09:00."),
        }
    }
}

/// Reads a date, and a time and a zone where there are some.
pub(super) fn read(text: &str) -> Result<Moment, Fault> {
    let mut scanner = Scanner {
        rest: text.as_bytes(),
    };
    scanner.skip_spaces();
    if scanner.rest.is_empty() {
        return Err(Fault::Syntax);
    }
    let days = scanner.date()?;
    let spaced = scanner.skip_spaces();
    let marked = !spaced && scanner.take_any(b"Tt");
    let of_day_us = if marked || (spaced && scanner.peek_digit()) {
        scanner.time()?
    } else {
        0
    };
    scanner.skip_spaces();
    let offset_us = scanner.zone()?;
    scanner.skip_spaces();
    if !scanner.rest.is_empty() {
        return Err(Fault::Syntax);
    }
    Ok(Moment {
        days,
        of_day_us,
        offset_us,
    })
}

struct Scanner<'a> {
    rest: &'a [u8],
}

/// A run of digits: its number, and how many there were.
type Digits = (i64, usize);

impl<'a> Scanner<'a> {
    fn date(&mut self) -> Result<i64, Fault> {
        let (first, len) = self.digits()?;
        let (year, month, day) = match (len, self.rest.first()) {
            (_, Some(&separator @ (b'-' | b'/'))) => {
                self.take(separator);
                let (month, month_len) = self.digits()?;
                if !self.take(separator) {
                    return Err(Fault::Syntax);
                }
                let (day, day_len) = self.digits()?;
                // A short year could be a month or a day.
                if len < 3 {
                    return Err(Fault::FieldOrOrder);
                }
                if month_len > 2 || day_len > 2 {
                    return Err(Fault::Syntax);
                }
                (first, month, day)
            }
            (8, _) => (first / 10_000, first / 100 % 100, first % 100),
            _ => return Err(Fault::Syntax),
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Fault::FieldOrOrder);
        }
        if year == 0 || day > days_in_month(year, month) {
            return Err(Fault::Field);
        }
        Ok(days_of_civil(year, month, day))
    }

    fn time(&mut self) -> Result<i64, Fault> {
        let (first, len) = self.digits()?;
        let (hour, minute, second) = match len {
            6 => (first / 10_000, first / 100 % 100, first % 100),
            4 if self.rest.first() != Some(&b':') => (first / 100, first % 100, 0),
            _ => {
                if !self.take(b':') {
                    return Err(Fault::Syntax);
                }
                let minute = self.digits()?.0;
                let second = if self.take(b':') { self.digits()?.0 } else { 0 };
                (first, minute, second)
            }
        };
        let fraction = if self.take(b'.') {
            self.fraction_us()
        } else {
            0
        };
        // A leap second counts into the next minute, 24:00 into the next day.
        if hour > 24 || minute > 59 || second > 60 {
            return Err(Fault::Field);
        }
        let of_day = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
        if hour == 24 && of_day > DAY_US {
            return Err(Fault::Field);
        }
        Ok(of_day)
    }

    /// Microseconds of the digits after a point, halves to even.
    fn fraction_us(&mut self) -> i64 {
        let end = self.digits_end();
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let kept = (0..6).fold(0, |sum, at| {
            sum * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0'))
        });
        let beyond = digits.get(6..).unwrap_or_default();
        let up = match beyond.split_first() {
            None => false,
            Some((b'5', more)) if more.iter().all(|&digit| digit == b'0') => kept % 2 == 1,
            Some((&first, _)) => first >= b'5',
        };
        kept + i64::from(up)
    }

    fn zone(&mut self) -> Result<Option<i64>, Fault> {
        let east = match self.rest.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(byte) if byte.is_ascii_alphabetic() => return self.zone_name().map(Some),
            _ => return Ok(None),
        };
        self.rest = &self.rest[1..];
        let (first, len) = self.digits()?;
        let (hour, minute, second) = if self.take(b':') {
            let minute = self.digits()?.0;
            let second = if self.take(b':') { self.digits()?.0 } else { 0 };
            (first, minute, second)
        } else if len <= 2 {
            (first, 0, 0)
        } else {
            (first / 100, first % 100, 0)
        };
        if hour > 15 || minute > 59 || second > 59 {
            return Err(Fault::Zone);
        }
        Ok(Some(
            east * ((hour * 60 + minute) * 60 + second) * 1_000_000,
        ))
    }

    fn zone_name(&mut self) -> Result<i64, Fault> {
        let end = self
            .rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let utc: [&[u8]; 4] = [b"Z", b"UTC", b"GMT", b"ZULU"];
        if utc.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return Ok(0);
        }
        if name.contains(&b'/') {
            return Err(Fault::ZoneName(String::from_utf8_lossy(name).into_owned()));
        }
        Err(Fault::Syntax)
    }

    fn digits(&mut self) -> Result<Digits, Fault> {
        let end = self.digits_end();
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        match end {
            0 => Err(Fault::Syntax),
            1..=9 => Ok((
                digits
                    .iter()
                    .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')),
                end,
            )),
            _ => Err(Fault::Field),
        }
    }

    fn digits_end(&self) -> usize {
        self.rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.rest.len())
    }

    fn peek_digit(&self) -> bool {
        self.rest.first().is_some_and(u8::is_ascii_digit)
    }

    fn take(&mut self, byte: u8) -> bool {
        self.take_any(&[byte])
    }

    fn take_any(&mut self, bytes: &[u8]) -> bool {
        let found = self.rest.first().is_some_and(|byte| bytes.contains(byte));
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn skip_spaces(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_ascii_start();
        self.rest.len() < before
    }
}

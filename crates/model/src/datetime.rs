//! Dates and times: PostgreSQL's ISO forms in, PostgREST's forms out.
//!
//! The calendar is the proleptic Gregorian one, years 0001 to 9999. Read is what
//! PostgreSQL reads in the order year, month, day: `2013-01-31`, `2013/1/31`,
//! `20130131`, then a time after a space or `T` (`05:06`, `05:06:07.5`, `050607`), then
//! a zone (`Z`, `UTC`, `+09`, `+09:30`, `-0930`). Names of months, other orders, named
//! zones and `now`, `today`, `infinity` are not read: their meaning is not in the text.

mod read;

use crate::error::Refusal;
use read::read;

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;
/// 0001-01-01, in days since 1970-01-01.
pub const DATE_MIN: i32 = -719_162;
/// 9999-12-31, in days since 1970-01-01.
pub const DATE_MAX: i32 = 2_932_896;
/// 0001-01-01T00:00:00, in microseconds since 1970.
pub const TIMESTAMP_MIN: i64 = DATE_MIN as i64 * DAY_US;
/// 9999-12-31T23:59:59.999999, in microseconds since 1970.
pub const TIMESTAMP_MAX: i64 = (DATE_MAX as i64 + 1) * DAY_US - 1;

/// Days since 1970-01-01 of `2013-01-31`; a time after it is read and dropped.
pub fn parse_date(text: &str) -> Result<i32, Refusal> {
    // Years of five digits are read for the sake of PostgreSQL's words, and refused here.
    let moment = read(text).map_err(|fault| fault.refusal(text, "date"))?;
    i32::try_from(moment.days)
        .ok()
        .filter(|days| (DATE_MIN..=DATE_MAX).contains(days))
        .ok_or_else(|| out_of_range("date", text))
}

/// Microseconds since 1970 of a timestamp without zone; a zone in the text is ignored, as PostgreSQL does.
pub fn parse_timestamp(text: &str) -> Result<i64, Refusal> {
    let moment = read(text).map_err(|fault| fault.refusal(text, "timestamp"))?;
    in_range(moment.local_us()).ok_or_else(|| out_of_range("timestamp", text))
}

/// Microseconds since 1970 UTC; without a zone in the text it is UTC.
pub fn parse_timestamptz(text: &str) -> Result<i64, Refusal> {
    let moment = read(text).map_err(|fault| fault.refusal(text, "timestamp with time zone"))?;
    let offset_us = moment.offset_us.unwrap_or(0);
    in_range(moment.local_us().saturating_sub(offset_us))
        .ok_or_else(|| out_of_range("timestamp", text))
}

/// Appends `2013-01-31`.
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&date_text(i64::from(days)));
}

/// Appends `2013-01-31`, `separator`, `05:06:07.5`.
pub fn write_timestamp(us: i64, separator: u8, out: &mut Vec<u8>) {
    let of_day = us.rem_euclid(DAY_US);
    let seconds = of_day / 1_000_000;
    let (hour, minute) = (two(seconds / 3600), two(seconds / 60 % 60));
    let (second, fraction) = (two(seconds % 60), of_day % 1_000_000);
    let mut text = *b"0000-00-00 00:00:00.000000";
    text[..10].copy_from_slice(&date_text(us.div_euclid(DAY_US)));
    text[10] = separator;
    text[11..13].copy_from_slice(&hour);
    text[14..16].copy_from_slice(&minute);
    text[17..19].copy_from_slice(&second);
    text[20..22].copy_from_slice(&two(fraction / 10_000));
    text[22..24].copy_from_slice(&two(fraction / 100 % 100));
    text[24..26].copy_from_slice(&two(fraction % 100));
    let mut len = if fraction == 0 { 19 } else { 26 };
    while fraction != 0 && text[len - 1] == b'0' {
        len -= 1;
    }
    out.extend_from_slice(&text[..len]);
}

/// The timestamp, if it lies in the years 0001 to 9999.
pub fn in_range(us: i64) -> Option<i64> {
    (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&us).then_some(us)
}

fn out_of_range(ty: &str, text: &str) -> Refusal {
    Refusal::new("22008", format!("{ty} out of range: \"{text}\""))
}

fn date_text(days: i64) -> [u8; 10] {
    let (year, month, day) = civil_of_days(days);
    let mut text = *b"0000-00-00";
    text[..2].copy_from_slice(&two(year / 100));
    text[2..4].copy_from_slice(&two(year % 100));
    text[5..7].copy_from_slice(&two(month));
    text[8..].copy_from_slice(&two(day));
    text
}

/// The digits of a number below 100.
fn two(number: i64) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or(0);
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// Days of the year before each month, counted from March, so that the leap day is the last.
const MARCH_DAYS: [i64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// 1970-01-01, counted from 0000-03-01.
const EPOCH: i64 = 719_468;

/// Days since 1970-01-01 of a date that exists.
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let month_days = usize::try_from(month).map_or(0, |month| MARCH_DAYS[month % 12]);
    year * 365 + leap_days + month_days + day - 1 - EPOCH
}

/// Year, month and day of days since 1970-01-01.
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let era = days.div_euclid(ERA_DAYS);
    let of_era = days.rem_euclid(ERA_DAYS);
    // The last day of a 4-year, 100-year or 400-year span is its leap day, and
    // must not be counted as a year of its own.
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = MARCH_DAYS.partition_point(|&before| before <= of_year) - 1;
    let day = of_year - MARCH_DAYS[month] + 1;
    let month = i64::try_from(month).unwrap_or(0);
    let (year, month) = if month < 10 {
        (era * 400 + year_of_era, month + 3)
    } else {
        (era * 400 + year_of_era + 1, month - 9)
    };
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;

//! Reading an expression, and saying what is wrong with one.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;

/// Longer ones say nothing that a shorter one could not.
const EXPRESSION_BYTES_MAX: usize = 256;
/// The longest name in the IANA database has 32.
const ZONE_BYTES_MAX: usize = 64;
/// Names that are less like one are no slip of the pen.
const ZONE_LIKENESS_MIN: f64 = 0.8;

/// An expression of five or six fields.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// As it was given, for people.
    given: String,
    /// What it stands for.
    fields: Vec<(Field, String)>,
}

/// A field of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// In front of six.
    Second,
    /// The first of five.
    Minute,
    /// After the minute.
    Hour,
    /// After the hour.
    DayOfMonth,
    /// After the day of the month.
    Month,
    /// The last.
    DayOfWeek,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which field.
    pub field: Field,
    /// Its place in the expression, counted from 1.
    pub place: usize,
    /// What stands there.
    pub text: String,
}

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It is too long to be one.
    #[error("the cron expression has {bytes} bytes: it must have at most {EXPRESSION_BYTES_MAX}")]
    TooLong {
        /// So many.
        bytes: usize,
    },
    /// It has too few or too many fields.
    #[error(
        "the cron expression {expression:?} has {count} fields: it must have 5 (minute, hour, day \
         of month, month, day of week) or 6 (second in front), such as \"30 2 * * *\""
    )]
    Fields {
        /// As it was given.
        expression: String,
        /// So many.
        count: usize,
    },
    /// A word that stands for an expression, and is not known.
    #[error("{word:?} is no schedule: there are @hourly, @daily, @weekly, @monthly and @yearly")]
    Nickname {
        /// The word.
        word: String,
    },
    /// A field is wrong.
    #[error("the cron expression {expression:?} is wrong in {fault}")]
    Field {
        /// As it was given.
        expression: String,
        /// Which, and how to mend it.
        fault: Fault,
    },
    /// Each field is right, and no day fits all of them.
    #[error(
        "the cron expression {expression:?} never occurs: no date has that day of month, month \
         and day of week"
    )]
    Never {
        /// As it was given.
        expression: String,
    },
    /// The time zone is not in the database.
    #[error(
        "there is no time zone {name:?}: it must be a name of the IANA database, such as \
         {}", .nearest.as_deref().unwrap_or("Europe/Berlin, Asia/Seoul or UTC")
    )]
    Zone {
        /// As it was given.
        name: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
}

impl Expression {
    /// Cuts an expression into its fields.
    pub(super) fn read(given: &str) -> Result<Expression, ScheduleError> {
        if given.len() > EXPRESSION_BYTES_MAX {
            return Err(ScheduleError::TooLong { bytes: given.len() });
        }
        let trimmed = given.trim();
        let stands_for = match trimmed.strip_prefix('@') {
            Some(word) => nickname(word).ok_or_else(|| ScheduleError::Nickname {
                word: trimmed.to_owned(),
            })?,
            None => trimmed,
        };
        let words: Vec<&str> = stands_for.split_whitespace().collect();
        let fields = match words.len() {
            5 => &Field::ALL[1..],
            6 => &Field::ALL[..],
            count => {
                return Err(ScheduleError::Fields {
                    expression: given.to_owned(),
                    count,
                });
            }
        };
        let fields = fields.iter().copied();
        Ok(Expression {
            given: trimmed.to_owned(),
            fields: fields.zip(words.into_iter().map(str::to_owned)).collect(),
        })
    }

    /// Has it read, and looks that it occurs at all.
    pub(super) fn cron(&self) -> Result<Cron, ScheduleError> {
        for (place, (field, text)) in self.fields.iter().enumerate() {
            // Each field by itself: what croner says of the whole does not name the field.
            let alone = self.fields.iter().map(|(other, _)| match other == field {
                true => text.as_str(),
                false => "*",
            });
            if text.contains('@') || read(alone).is_none() {
                return Err(ScheduleError::Field {
                    expression: self.given.clone(),
                    fault: Fault {
                        field: *field,
                        place: place + 1,
                        text: text.clone(),
                    },
                });
            }
        }
        let never = || ScheduleError::Never {
            expression: self.given.clone(),
        };
        let cron = read(self.fields.iter().map(|(_, text)| text.as_str())).ok_or_else(never)?;
        let begin = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        cron.find_next_occurrence(&begin, true)
            .map_err(|_| never())?;
        Ok(cron)
    }

    /// Whether it names wall-clock times, and not every so often: neither minute nor hour has a
    /// `*`.
    pub(super) fn is_by_wall_clock(&self) -> bool {
        let clock = [Field::Minute, Field::Hour];
        let mut fields = self
            .fields
            .iter()
            .filter(|(field, _)| clock.contains(field));
        fields.all(|(_, text)| !text.contains(['*', '?']))
    }

    /// As it was given.
    pub(super) fn as_str(&self) -> &str {
        &self.given
    }
}

/// The time zone of a name, and the name as the database writes it.
pub(super) fn zone(name: &str) -> Result<(TimeZone, String), ScheduleError> {
    let unknown = || ScheduleError::Zone {
        name: name.chars().take(ZONE_BYTES_MAX).collect(),
        nearest: nearest_zone(name),
    };
    if name.is_empty() || name.len() > ZONE_BYTES_MAX {
        return Err(unknown());
    }
    let zone = TimeZone::get(name).map_err(|_| unknown())?;
    let written = zone.iana_name().ok_or_else(unknown)?.to_owned();
    Ok((zone, written))
}

fn nearest_zone(name: &str) -> Option<String> {
    if name.len() > ZONE_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase().replace(' ', "_");
    let like = |known: &str| {
        let known = known.to_lowercase();
        // A city without its continent is the most common slip.
        let city = known.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(&name, &known).max(strsim::jaro_winkler(&name, city))
    };
    let zones = jiff::tz::db().available();
    let near = zones
        .map(|known| (like(known.as_str()), known.to_string()))
        .filter(|(likeness, _)| *likeness >= ZONE_LIKENESS_MIN);
    near.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, known)| known)
}

fn nickname(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "hourly" => Some("0 * * * *"),
        "daily" | "midnight" => Some("0 0 * * *"),
        "weekly" => Some("0 0 * * 0"),
        "monthly" => Some("0 0 1 * *"),
        "yearly" | "annually" => Some("0 0 1 1 *"),
        _ => None,
    }
}

fn read<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Cron> {
    let pattern = fields.collect::<Vec<_>>().join(" ");
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    parser.parse(&pattern).ok()
}

impl Field {
    const ALL: [Field; 6] = [
        Field::Second,
        Field::Minute,
        Field::Hour,
        Field::DayOfMonth,
        Field::Month,
        Field::DayOfWeek,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day of month",
            Field::Month => "month",
            Field::DayOfWeek => "day of week",
        }
    }

    /// What may stand there.
    pub fn must_be(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => {
                "*, or numbers from 0 to 59, such as 5, 0,30, 10-20 or */15"
            }
            Field::Hour => "*, or numbers from 0 to 23, such as 2, 8,20, 9-17 or */6",
            Field::DayOfMonth => {
                "*, or numbers from 1 to 31, such as 1, 1,15, 1-7 or */2; L is the last day, 15W \
                 the weekday nearest to the 15th"
            }
            Field::Month => "*, or months from 1 to 12 or JAN to DEC, such as 3, JAN-MAR or */3",
            Field::DayOfWeek => {
                "*, or days from 0 to 7 or SUN to SAT (0 and 7 are Sunday), such as MON-FRI; 5L is \
                 the last Friday of the month, 1#2 the second Monday"
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, name, text) = (self.place, self.field.name(), &self.text);
        let must_be = self.field.must_be();
        write!(f, "field {place} ({name}), {text:?}: it must be {must_be}")
    }
}

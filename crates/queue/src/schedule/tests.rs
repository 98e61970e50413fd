//! Schedules where clocks change, and after stops.

use super::*;
use jiff::civil::DateTime;
use proptest::prelude::*;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone).unwrap()
}

fn us(instant: &str) -> i64 {
    instant.parse::<Timestamp>().unwrap().as_microsecond()
}

fn text(us: i64) -> String {
    Timestamp::from_microsecond(us).unwrap().to_string()
}

/// The occurrences after one instant and up to another.
fn occurrences(schedule: &Schedule, after: &str, until: &str) -> Vec<String> {
    let (mut at_us, until_us) = (us(after), us(until));
    let mut found = Vec::new();
    while let Some(next) = schedule.next_after(at_us).filter(|next| *next <= until_us) {
        assert!(next > at_us, "{schedule}: {} is not later", text(next));
        found.push(text(next));
        at_us = next;
    }
    found
}

fn check(expression: &str, zone: &str, after: &str, until: &str, expected: &[&str]) {
    let schedule = schedule(expression, zone);
    let found = occurrences(&schedule, after, until);
    assert_eq!(found, expected, "{schedule}");
}

#[test]
fn an_expression_occurs_where_cron_says_so() {
    for (expression, expected) in [
        ("30 2 * * *", "2026-01-15T02:30:00Z"),
        ("*/15 * * * *", "2026-01-15T00:15:00Z"),
        ("*/20 * * * * *", "2026-01-15T00:00:20Z"),
        ("0 9-17/4 * * MON-FRI", "2026-01-15T09:00:00Z"),
        ("0 0 13 * FRI", "2026-01-16T00:00:00Z"),
        ("0 0 * * 7", "2026-01-18T00:00:00Z"),
        ("0 0 L * *", "2026-01-31T00:00:00Z"),
        ("0 0 * * 1#2", "2026-02-09T00:00:00Z"),
        ("0 0 * * 5L", "2026-01-30T00:00:00Z"),
        ("0 0 29 FEB *", "2028-02-29T00:00:00Z"),
        ("@hourly", "2026-01-15T01:00:00Z"),
        ("@DAILY", "2026-01-16T00:00:00Z"),
        ("@weekly", "2026-01-18T00:00:00Z"),
        ("@monthly", "2026-02-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
    ] {
        let next = schedule(expression, "UTC").next_after(us("2026-01-15T00:00:00Z"));
        assert_eq!(next.map(text).as_deref(), Some(expected), "{expression}");
    }
}

/// Clocks go from 02:00 to 03:00 at 01:00Z.
#[test]
fn where_clocks_go_forward_wall_clock_times_are_made_up_for_and_intervals_go_on() {
    let day = ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    for (expression, expected) in [
        ("30 1 * * *", &["2026-03-29T00:30:00Z"][..]),
        ("0 2 * * *", &["2026-03-29T01:00:00Z"]),
        ("30 2 * * *", &["2026-03-29T01:00:00Z"]),
        ("0 3 * * *", &["2026-03-29T01:00:00Z"]),
        ("30 3 * * *", &["2026-03-29T01:30:00Z"]),
        // What croner leaves out: two a day, one of them in the gap.
        (
            "30 2,14 * * *",
            &["2026-03-29T01:00:00Z", "2026-03-29T12:30:00Z"],
        ),
        // Three in the gap are one behind it.
        ("0,20,40 2 * * *", &["2026-03-29T01:00:00Z"]),
        ("59 59 2 * * *", &["2026-03-29T01:00:00Z"]),
        ("*/30 2 * * *", &[]),
    ] {
        check(expression, "Europe/Berlin", day.0, day.1, expected);
    }
    let night = ("2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
    for (expression, expected) in [
        (
            "0 * * * *",
            &["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"][..],
        ),
        (
            "*/30 * * * *",
            &[
                "2026-03-29T00:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-29T01:30:00Z",
                "2026-03-29T02:00:00Z",
            ],
        ),
    ] {
        check(expression, "Europe/Berlin", night.0, night.1, expected);
    }
}

/// Clocks go from 03:00 to 02:00 at 01:00Z.
#[test]
fn where_clocks_go_back_wall_clock_times_come_once_and_intervals_both_times() {
    let day = ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    for (expression, expected) in [
        ("0 2 * * *", &["2026-10-25T00:00:00Z"][..]),
        ("30 2 * * *", &["2026-10-25T00:30:00Z"]),
        ("59 2 * * *", &["2026-10-25T00:59:00Z"]),
        ("0 3 * * *", &["2026-10-25T02:00:00Z"]),
        (
            "30 2,14 * * *",
            &["2026-10-25T00:30:00Z", "2026-10-25T13:30:00Z"],
        ),
        (
            "*/30 2 * * *",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
            ],
        ),
    ] {
        check(expression, "Europe/Berlin", day.0, day.1, expected);
    }
    let every_hour = occurrences(&schedule("0 * * * *", "Europe/Berlin"), day.0, day.1);
    assert_eq!(every_hour.len(), 25, "a day of 25 hours: {every_hour:?}");
}

#[test]
fn gaps_that_are_not_an_hour_are_kept_as_well() {
    // Lord Howe goes forward by half an hour, at 15:30Z from 02:00 to 02:30.
    let day = ("2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z");
    check(
        "10 2 * * *",
        "Australia/Lord_Howe",
        day.0,
        day.1,
        &["2026-10-03T15:30:00Z"],
    );
    check(
        "35 2 * * *",
        "Australia/Lord_Howe",
        day.0,
        day.1,
        &["2026-10-03T15:35:00Z"],
    );
    // Samoa had no 30th of December 2011: the day that is missing occurs as the 31st begins.
    let days = ("2011-12-29T20:00:00Z", "2011-12-31T21:00:00Z");
    check(
        "0 12 * * *",
        "Pacific/Apia",
        days.0,
        days.1,
        &[
            "2011-12-29T22:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-30T22:00:00Z",
        ],
    );
    // Midnight itself is skipped where clocks go forward at midnight.
    let day = ("2026-04-23T12:00:00Z", "2026-04-24T12:00:00Z");
    check(
        "0 0 * * *",
        "Africa/Cairo",
        day.0,
        day.1,
        &["2026-04-23T22:00:00Z"],
    );
}

#[test]
fn a_stop_is_made_up_for_once_as_the_last_that_was_missed() {
    let every_minute = schedule("* * * * *", "Asia/Seoul");
    let last_us = us("2026-01-02T09:00:00Z");
    for (now, expected) in [
        ("2026-01-02T09:00:59Z", None),
        ("2026-01-02T09:01:00Z", Some(("2026-01-02T09:01:00Z", 0))),
        ("2026-01-02T09:04:59Z", Some(("2026-01-02T09:04:00Z", 3))),
        (
            "2026-01-05T09:00:30Z",
            Some(("2026-01-05T09:00:00Z", 1_000)),
        ),
        (
            "2036-01-05T09:00:30Z",
            Some(("2036-01-05T09:00:00Z", 1_000)),
        ),
        // The clock was set back.
        ("2026-01-01T00:00:00Z", None),
    ] {
        let due = every_minute.due(last_us, us(now), CatchUp::default());
        let expected = expected.map(|(at, missed)| Due {
            at_us: us(at),
            missed,
            publish: true,
        });
        assert_eq!(due, expected, "{now}");
        if let Some(due) = due {
            let again = every_minute.due(due.at_us, us(now), CatchUp::default());
            assert_eq!(again, None, "once");
        }
    }
}

#[test]
fn what_is_too_late_is_passed_by_and_asked_about_no_more() {
    let daily = schedule("0 3 * * *", "UTC");
    let catch_up = CatchUp {
        late_max: Some(Duration::from_secs(3_600)),
    };
    let last_us = us("2026-01-01T03:00:00Z");
    for (now, publish) in [
        ("2026-01-03T03:00:00Z", true),
        ("2026-01-03T04:00:00Z", true),
        ("2026-01-03T04:00:01Z", false),
    ] {
        let due = daily.due(last_us, us(now), catch_up);
        let expected = Due {
            at_us: us("2026-01-03T03:00:00Z"),
            missed: 1,
            publish,
        };
        assert_eq!(due, Some(expected), "{now}");
    }
}

#[test]
fn whoever_publishes_an_occurrence_names_it_alike() {
    let due = schedule("0 3 * * *", "UTC").due(0, us("2026-01-03T04:00:00Z"), CatchUp::default());
    let at_us = us("2026-01-03T03:00:00Z");
    assert_eq!(due.unwrap().dedup_id("report"), format!("report@{at_us}"));
}

#[test]
fn a_bad_expression_is_refused_with_the_field_and_what_may_stand_there() {
    for (expression, expected) in [
        (
            "0 25 * * *",
            "the cron expression \"0 25 * * *\" is wrong in field 2 (hour), \"25\": it must be *, \
             or numbers from 0 to 23, such as 2, 8,20, 9-17 or */6",
        ),
        ("60 * * * *", "field 1 (minute), \"60\""),
        ("61 0 2 * * *", "field 1 (second), \"61\""),
        ("0 0 32 * *", "field 3 (day of month), \"32\""),
        ("0 0 1 FOO *", "field 4 (month), \"FOO\""),
        ("0 0 * * 8", "field 5 (day of week), \"8\""),
        ("5-1 * * * *", "field 1 (minute), \"5-1\""),
        ("*/0 * * * *", "field 1 (minute), \"*/0\""),
        ("0 0 * * @daily", "field 5 (day of week), \"@daily\""),
        ("", "has 0 fields: it must have 5"),
        ("0 0 * *", "has 4 fields: it must have 5"),
        ("0 0 0 1 1 * 2026", "has 7 fields: it must have 5"),
        (
            "@reboot",
            "\"@reboot\" is no schedule: there are @hourly, @daily, @weekly, @monthly and @yearly",
        ),
        ("0 0 30 2 *", "\"0 0 30 2 *\" never occurs"),
        (&"*".repeat(257), "has 257 bytes: it must have at most 256"),
    ] {
        let refused = Schedule::parse(expression, "UTC").unwrap_err().to_string();
        assert!(refused.contains(expected), "{expression}: {refused}");
    }
}

#[test]
fn an_unknown_time_zone_is_refused_with_the_one_that_was_meant() {
    for (zone, expected) in [
        ("Europe/Berln", "such as Europe/Berlin"),
        ("Seoul", "such as Asia/Seoul"),
        ("new york", "such as America/New_York"),
        ("+09:00", "such as Europe/Berlin, Asia/Seoul or UTC"),
        ("", "such as Europe/Berlin, Asia/Seoul or UTC"),
    ] {
        let refused = Schedule::parse("@daily", zone).unwrap_err().to_string();
        assert!(refused.ends_with(expected), "{zone}: {refused}");
    }
    assert_eq!(schedule("@daily", "asia/seoul").zone(), "Asia/Seoul");
    assert_eq!(
        schedule("@daily", "Asia/Seoul").to_string(),
        "@daily (Asia/Seoul)"
    );
}

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Seoul",
    "Pacific/Apia",
];

/// Minutes and hours with a wildcard, and without.
const EXPRESSIONS: [&str; 8] = [
    "*/7 * * * *",
    "0 * * * *",
    "*/20 1-3 * * *",
    "30 2 * * *",
    "0,30 1,2,3 * * *",
    "15 23 * * SUN",
    "0 0 1 * *",
    "*/10 59 1 * * *",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Against asking every minute's instant whether its wall clock matches.
    #[test]
    fn an_interval_occurs_at_each_instant_whose_wall_clock_matches_and_at_no_other(
        day in 14_000_i64..24_000,
        zone in prop::sample::select(&ZONES[..]),
        step in prop::sample::select(&[5_i8, 7, 20, 60][..]),
    ) {
        let expression = if step == 60 { "0 * * * *".to_owned() } else { format!("*/{step} * * * *") };
        let schedule = schedule(&expression, zone);
        let (begin, end) = (day * 86_400_000_000, (day + 2) * 86_400_000_000);
        let expected: Vec<i64> = (begin / 60_000_000 + 1..=end / 60_000_000)
            .map(|minute| minute * 60_000_000)
            .filter(|at_us| {
                let civil = schedule.zone.to_datetime(Timestamp::from_microsecond(*at_us).unwrap());
                civil.minute() % step == 0
            })
            .collect();
        let mut found = Vec::new();
        let mut at_us = begin;
        while let Some(next) = schedule.next_after(at_us).filter(|next| *next <= end) {
            found.push(next);
            at_us = next;
        }
        prop_assert_eq!(found, expected);
    }

    /// One on each date, whatever the clocks do: also where the date has no such time, or two.
    #[test]
    fn a_daily_wall_clock_time_occurs_once_on_each_date(
        year in 2012_i16..2040,
        zone in prop::sample::select(&ZONES[..]),
        hour in 0_u8..24,
        minute in 0_u8..60,
    ) {
        let schedule = schedule(&format!("{minute} {hour} * * *"), zone);
        let begin = DateTime::new(year, 1, 1, 0, 0, 0, 0).unwrap();
        let mut date = begin.date();
        let mut at = schedule.zone.to_timestamp(begin).unwrap().as_microsecond() - 1;
        while date.year() == year {
            at = schedule.next_after(at).unwrap();
            let civil = schedule.zone.to_datetime(Timestamp::from_microsecond(at).unwrap());
            prop_assert_eq!(civil.date(), date);
            date = date.tomorrow().unwrap();
        }
    }

    #[test]
    fn the_last_that_was_missed_is_found_as_by_walking_there(
        begin in 0_i64..2_000_000_000,
        span in 0_i64..40_000_000,
        zone in prop::sample::select(&ZONES[..]),
        expression in prop::sample::select(&EXPRESSIONS[..]),
    ) {
        let schedule = schedule(expression, zone);
        let (last_us, now_us) = (begin * 1_000_000, (begin + span) * 1_000_000);
        let due = schedule.due(last_us, now_us, CatchUp::default());
        match due {
            None => prop_assert!(schedule.next_after(last_us).unwrap() > now_us),
            Some(due) => {
                prop_assert!(due.at_us > last_us && due.at_us <= now_us);
                prop_assert!(schedule.next_after(due.at_us).unwrap() > now_us);
                prop_assert_eq!(schedule.next_after(due.at_us - 1), Some(due.at_us));
            }
        }
    }

    #[test]
    fn whatever_is_given_is_read_or_refused_and_what_is_read_goes_forward(
        expression in "[-0-9*,/?LW#A-Z@ ]{0,40}|([-0-9*,/]{1,5} ){4}[-0-9*,/L#A-Z]{1,5}",
        after_us: i64,
    ) {
        if let Ok(schedule) = Schedule::parse(&expression, "Europe/Berlin")
            && let Some(next) = schedule.next_after(after_us)
        {
            prop_assert!(next > after_us);
        }
    }
}

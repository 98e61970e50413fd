use super::*;
use proptest::prelude::*;

fn date(days: i32) -> String {
    let mut out = Vec::new();
    write_date(days, &mut out);
    String::from_utf8(out).unwrap()
}

fn timestamp(us: i64) -> String {
    let mut out = Vec::new();
    write_timestamp(us, b' ', &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn dates_are_read_as_postgresql_reads_them() {
    for text in [
        "2013-1-5",
        "20130105",
        "2013/01/05",
        "2013-01-05 05:06:07",
        "2013-01-05T05:06",
        "  2013-01-05  ",
        "2013-01-05+09",
        "2013-01-05 23:59:60",
    ] {
        assert_eq!(date(parse_date(text).unwrap()), "2013-01-05", "{text}");
    }
    assert_eq!(parse_date("0001-01-01").unwrap(), DATE_MIN);
    assert_eq!(parse_date("9999-12-31").unwrap(), DATE_MAX);
    assert_eq!(parse_date("1970-01-01").unwrap(), 0);
    assert_eq!(date(parse_date("099-01-08").unwrap()), "0099-01-08");
}

#[test]
fn timestamps_are_read_as_postgresql_reads_them() {
    for (text, expected) in [
        ("2013-01-05", "2013-01-05 00:00:00"),
        ("2013-01-05 24:00:00", "2013-01-06 00:00:00"),
        ("2013-01-05 23:59:60", "2013-01-06 00:00:00"),
        ("2013-01-05 5:6:7", "2013-01-05 05:06:07"),
        ("2013-01-05T050607", "2013-01-05 05:06:07"),
        ("2013-01-05 0506", "2013-01-05 05:06:00"),
        ("2013-01-05t05:06:07.", "2013-01-05 05:06:07"),
        ("2013-01-05 05:06:07.1234565", "2013-01-05 05:06:07.123456"),
        ("2013-01-05 05:06:07.1234575", "2013-01-05 05:06:07.123458"),
        (
            "2013-01-05 05:06:07.12345650001",
            "2013-01-05 05:06:07.123457",
        ),
        ("2013-01-05 05:06:07.9999999", "2013-01-05 05:06:08"),
        ("2013-01-05 05:06:07.5+09", "2013-01-05 05:06:07.5"),
    ] {
        assert_eq!(
            timestamp(parse_timestamp(text).unwrap()),
            expected,
            "{text}"
        );
    }
}

#[test]
fn zones_are_taken_off() {
    for (text, expected) in [
        ("2013-01-05 05:06:07", "2013-01-05 05:06:07"),
        ("2013-01-05 05:06:07+09", "2013-01-04 20:06:07"),
        ("2013-01-05 05:06:07 +09:30", "2013-01-04 19:36:07"),
        ("2013-01-05T05:06:07-0930", "2013-01-05 14:36:07"),
        ("2013-01-05 05:06:07 UTC", "2013-01-05 05:06:07"),
        ("2013-01-05 05:06:07z", "2013-01-05 05:06:07"),
        ("2013-01-05 05:06:07+09:30:15", "2013-01-04 19:35:52"),
        ("2013-01-05 05:06:07+15:59", "2013-01-04 13:07:07"),
        ("2013-01-05 05:06:07+930", "2013-01-04 19:36:07"),
        ("20130105T050607Z", "2013-01-05 05:06:07"),
        ("2013-01-05+09", "2013-01-04 15:00:00"),
        ("0001-01-01 00:00:00-01", "0001-01-01 01:00:00"),
    ] {
        assert_eq!(
            timestamp(parse_timestamptz(text).unwrap()),
            expected,
            "{text}"
        );
    }
}

#[test]
fn what_is_no_date_is_refused_in_postgresqls_words() {
    let no_date: &[&str] = &[
        "",
        "garbage",
        "2013-01",
        "2013-01-05x",
        "2013-01-05T",
        "2013-01-05 05",
    ];
    let no_such_field: &[&str] = &[
        "2013-02-30",
        "2013-13-01",
        "2013-01-32",
        "99-01-08",
        "0000-01-01",
        "99999999999-01-05",
        "2013-01-05 25:00:00",
        "2013-01-05 23:60:00",
        "2013-01-05 24:00:01",
    ];
    let out_of_range: &[&str] = &[
        "10000-01-01",
        "294277-01-01",
        "584944387-01-01 00:00-15",
        "999999999-12-31",
        "0001-01-01 00:00:00+01",
    ];
    for (texts, code, words) in [
        (
            no_date,
            "22007",
            "invalid input syntax for type timestamp with time zone",
        ),
        (no_such_field, "22008", "date/time field value out of range"),
        (out_of_range, "22008", "timestamp out of range"),
        (
            &["2013-01-05 05:06:07+16"],
            "22009",
            "time zone displacement out of range",
        ),
    ] {
        for text in texts {
            let refusal = parse_timestamptz(text).unwrap_err();
            assert_eq!(refusal.code, code, "{text}");
            assert_eq!(refusal.message, format!("{words}: \"{text}\""));
        }
    }
}

#[test]
fn a_refused_date_says_what_may_be_wrong_with_it() {
    assert_eq!(
        parse_date("2013-13-01").unwrap_err().hint.unwrap(),
        "Perhaps you need a different \"datestyle\" setting."
    );
    assert_eq!(
        parse_timestamptz("2013-01-05 05:06:07 Asia/Seoul")
            .unwrap_err()
            .message,
        "time zone \"asia/seoul\" not recognized"
    );
}

#[test]
fn every_day_of_nine_thousand_years_follows_its_predecessor() {
    let mut expected = (1, 1, 1);
    for days in DATE_MIN..=DATE_MAX {
        let civil = civil_of_days(i64::from(days));
        assert_eq!(civil, expected);
        let (year, month, day) = civil;
        assert_eq!(days_of_civil(year, month, day), i64::from(days));
        expected = if day < days_in_month(year, month) {
            (year, month, day + 1)
        } else if month < 12 {
            (year, month + 1, 1)
        } else {
            (year + 1, 1, 1)
        };
    }
    assert_eq!(expected, (10_000, 1, 1));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,30}|[-+0-9:.TZ /]{0,40}|[0-9]{3,9}-1[0-2]-[0-2][1-8][-+: 0-9]{0,12}") {
        let _ = (parse_date(&text), parse_timestamp(&text), parse_timestamptz(&text));
    }

    #[test]
    fn what_is_printed_is_read_back(us in TIMESTAMP_MIN..=TIMESTAMP_MAX) {
        prop_assert_eq!(parse_timestamp(&timestamp(us)).unwrap(), us);
        prop_assert_eq!(parse_timestamptz(&format!("{}+00:00", timestamp(us))).unwrap(), us);
    }
}

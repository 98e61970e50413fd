use super::*;
use proptest::prelude::*;
use std::collections::hash_map::DefaultHasher;

fn n(text: &str) -> Numeric {
    Numeric::parse(text).unwrap()
}

#[test]
fn numbers_are_read_without_trailing_zeros() {
    for (text, expected) in [
        ("1.50", "1.5"),
        (" -12.50\n", "-12.5"),
        ("1e3", "1000"),
        ("1.5e-3", "0.0015"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("000100.00100", "100.001"),
        (
            "12345678901234567890.123456789",
            "12345678901234567890.123456789",
        ),
        ("1200e-2", "12"),
        ("0e999999999999999999999", "0"),
    ] {
        assert_eq!(n(text).to_string(), expected, "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused_in_postgresqls_words() {
    for text in [
        "", " ", ".", "1.2.3", "1e", "e5", "--1", "1 2", "0x10", "1_000", "१",
    ] {
        let refusal = Numeric::parse(text).unwrap_err();
        assert_eq!(refusal.code, "22P02", "{text}");
        assert_eq!(
            refusal.message,
            format!("invalid input syntax for type numeric: \"{text}\"")
        );
    }
    for text in [
        "NaN",
        "infinity",
        "-Inf",
        "1e1000",
        "1e-1001",
        "9e99999999999999999999",
    ] {
        assert_eq!(Numeric::parse(text).unwrap_err().code, "22003", "{text}");
    }
}

#[test]
fn a_thousand_digits_fit_on_either_side() {
    let wide = format!("{}.{}", "9".repeat(1000), "7".repeat(1000));
    assert_eq!(n(&wide).to_string(), wide);
    assert_eq!(
        Numeric::from_ordered_bytes(&n(&wide).to_ordered_bytes()),
        Some(n(&wide))
    );
    assert!(Numeric::parse(&format!("1{}", "0".repeat(1000))).is_err());
    assert!(n(&wide).add(&n("1")).is_err());
}

#[test]
fn rounding_is_half_away_from_zero() {
    for (text, places, expected) in [
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("2.345", 2, "2.35"),
        ("2", 2, "2.00"),
        ("1234", -2, "1200"),
        ("1250", -2, "1300"),
        ("49", -2, "0"),
        ("50", -2, "100"),
    ] {
        assert_eq!(n(text).rounded(places).to_string(), expected, "{text}");
    }
}

#[test]
fn a_declared_precision_is_kept() {
    assert_eq!(n("99.994").fit(4, 2).unwrap().to_string(), "99.99");
    let refusal = n("99.995").fit(4, 2).unwrap_err();
    assert_eq!(
        (&*refusal.code, &*refusal.message),
        ("22003", "numeric field overflow")
    );
    assert_eq!(
        refusal.details.unwrap(),
        "A field with precision 4, scale 2 must round to an absolute value less than 10^2."
    );
    assert_eq!(
        n("1").fit(2, 2).unwrap_err().details.unwrap(),
        "A field with precision 2, scale 2 must round to an absolute value less than 1."
    );
}

#[test]
fn quotients_have_postgresqls_scale() {
    for (a, b, expected) in [
        ("1", "3", "0.33333333333333333333"),
        ("10", "4", "2.5000000000000000"),
        ("2", "1", "2.0000000000000000"),
        ("1", "7000", "0.00014285714285714286"),
        ("100000", "3", "33333.333333333333"),
        ("1000000000000", "7", "142857142857.14285714"),
        ("0", "5", "0.00000000000000000000"),
        ("0.001", "3", "0.00033333333333333333"),
        ("-7", "2", "-3.5000000000000000"),
        (
            "123456789012345678901234567890",
            "7",
            "17636684144620811271604938270",
        ),
    ] {
        assert_eq!(n(a).divide(&n(b)).unwrap().to_string(), expected, "{a}/{b}");
    }
    assert_eq!(n("1").divide(&n("0")).unwrap_err().code, "22012");
}

#[test]
fn the_remainder_has_the_dividends_sign() {
    assert_eq!(n("-7.5").remainder(&n("2")).unwrap().to_string(), "-1.5");
    assert_eq!(n("7.5").remainder(&n("-2")).unwrap().to_string(), "1.5");
}

#[test]
fn other_bytes_are_not_numbers() {
    for bytes in [
        &[][..],
        &[0],
        &[4, 0x80, 1, 2, 0],
        &[3],
        &[3, 0x80],
        &[3, 0x80, 1],
        &[3, 0x80, 1, 0],
        &[3, 0x80, 1, 2],
        &[3, 0x80, 1, 11, 1, 0],
        &[3, 0x80, 1, 2, 0],
        &[3, 0x80, 1, 200, 0],
        &[3, 0xff, 0xff, 11, 0],
        &[2, 0],
    ] {
        assert_eq!(Numeric::from_ordered_bytes(bytes), None, "{bytes:?}");
    }
}

fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,6}(\\.[0-9]{1,6})?",
        "-?[0-9]{1,30}(\\.[0-9]{1,30})?",
        "-?[0-9]{0,3}\\.[0-9]{1,3}e-?[0-9]{1,2}",
    ]
}

fn hash(number: &Numeric) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}|[-+0-9.eE ]{0,12}") {
        let _ = Numeric::parse(&text);
    }

    #[test]
    fn what_is_printed_is_read_back(text in decimal()) {
        let number = n(&text);
        prop_assert_eq!(&n(&number.to_string()), &number);
        prop_assert_eq!(n(&number.to_string()).to_string(), number.to_string());
    }

    #[test]
    fn ordered_bytes_round_trip_and_keep_the_order(a in decimal(), b in decimal()) {
        let (a, b) = (n(&a), n(&b));
        prop_assert_eq!(Numeric::from_ordered_bytes(&a.to_ordered_bytes()), Some(a.clone()));
        prop_assert_eq!(a.to_ordered_bytes().cmp(&b.to_ordered_bytes()), a.cmp(&b));
    }

    #[test]
    fn a_scale_changes_neither_equality_nor_bytes(text in decimal(), places in 30_i64..60) {
        let number = n(&text);
        let padded = number.rounded(places.max(i64::from(number.scale())));
        prop_assert_eq!(&padded, &number);
        prop_assert_eq!(hash(&padded), hash(&number));
        prop_assert_eq!(padded.to_ordered_bytes(), number.to_ordered_bytes());
        prop_assert_eq!(padded.trimmed().to_string(), number.to_string());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Some(number) = Numeric::from_ordered_bytes(&bytes) {
            prop_assert_eq!(number.to_ordered_bytes(), bytes);
        }
    }
}

use super::*;
use crate::value::tests::any_json;
use proptest::prelude::*;

#[test]
fn equal_values_have_one_canonical_text() {
    for (text, expected) in [
        (
            r#" { "b" : 1 , "a" : [ 1,2 ] } "#,
            r#"{"a": [1, 2], "b": 1}"#,
        ),
        (
            r#"{"bb":1,"a":2,"ab":3,"":4}"#,
            r#"{"": 4, "a": 2, "ab": 3, "bb": 1}"#,
        ),
        (r#"{"a":1,"a":{"b":1,"b":2}}"#, r#"{"a": {"b": 2}}"#),
        ("[1.50, 1e2, -0, 1E-2, 0.10e1]", "[1.5, 100, 0, 0.01, 1]"),
        (r#""\u00e9\/""#, "\"é/\""),
        (
            "123456789012345678901234567890.5",
            "123456789012345678901234567890.5",
        ),
        ("[]", "[]"),
        ("{}", "{}"),
    ] {
        assert_eq!(canonical(text).unwrap(), expected);
    }
}

#[test]
fn deep_nesting_is_refused_and_does_no_harm() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert!(canonical(&deep(128)).is_ok());
        for text in [deep(129), open.repeat(1_000_000)] {
            assert_eq!(canonical(&text).unwrap_err().code, "54001");
            assert_eq!(validate(&text).unwrap_err().code, "54001");
        }
    }
}

#[test]
fn a_number_too_large_for_numeric_is_refused_by_jsonb_only() {
    assert_eq!(canonical("1e5000").unwrap_err().code, "22003");
    assert!(validate("1e5000").is_ok());
}

#[test]
fn the_last_of_duplicate_keys_is_found_in_json() {
    let path = [crate::plan::JsonStep::Key("a".into())];
    let found = extract(r#"{"a":1, "\u0061" : {"x": 2} }"#, &path, false, false);
    assert_eq!(found, crate::value::Value::Json(r#"{"x": 2}"#.into()));
}

#[test]
fn a_text_that_is_not_json_is_followed_nowhere() {
    let path = [
        crate::plan::JsonStep::Key("a".into()),
        crate::plan::JsonStep::Index(-1),
    ];
    for text in [
        "",
        "{",
        "{\"a\"",
        "[1,",
        "\"",
        "{\"a\":[\"",
        "\\",
        "[[[",
        "{\"a\":[}",
    ] {
        for steps in 0..=2 {
            let _ = extract(text, &path[..steps], true, true);
        }
    }
}

proptest! {
    #[test]
    fn the_scanner_reads_what_serde_reads(text in any_json()) {
        prop_assert!(validate(&text).is_ok());
        let canonical_text = canonical(&text).unwrap();
        prop_assert_eq!(&canonical(&canonical_text).unwrap(), &canonical_text);
        let (ours, theirs): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&canonical_text).unwrap(),
            serde_json::from_str(&text).unwrap(),
        );
        prop_assert_eq!(roughly(ours), roughly(theirs));
    }

    #[test]
    fn the_scanner_refuses_what_serde_refuses(text in "[\\[\\]{}\",:0-9a-z.eE\\\\+ -]{0,12}") {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(validate(&text).is_ok(), theirs.is_ok(), "{:?}", text);
    }

    #[test]
    fn ordered_bytes_keep_jsonbs_order(a in any_json(), b in any_json()) {
        let (a, b) = (canonical(&a).unwrap(), canonical(&b).unwrap());
        let bytes = |text: &str| {
            let mut out = Vec::new();
            write_ordered_bytes(text, &mut out);
            out
        };
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), compare(&a, &b));
        let (read, rest) = split_ordered_bytes(&bytes(&a)).map(|(t, r)| (t, r.len())).unwrap();
        prop_assert_eq!((read, rest), (a, 0));
    }

    #[test]
    fn everything_contains_itself(text in any_json()) {
        let text = canonical(&text).unwrap();
        prop_assert!(contains(&text, &text));
    }
}

/// serde's numbers are doubles, not always the nearest ones.
fn roughly(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(n) => {
            serde_json::json!(format!("{:.9e}", n.as_f64().unwrap() + 0.0))
        }
        serde_json::Value::Array(items) => items.into_iter().map(roughly).collect(),
        serde_json::Value::Object(pairs) => {
            pairs.into_iter().map(|(k, v)| (k, roughly(v))).collect()
        }
        other => other,
    }
}

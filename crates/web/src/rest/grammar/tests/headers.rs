//! `Prefer`, `Accept`, `Content-Type` and `Range`.

use crate::rest::grammar::media::{Media, payload_format};
use crate::rest::grammar::prefer::Prefer;
use crate::rest::grammar::query::parse;
use crate::rest::grammar::range::{narrow, of_root};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use pando_store::request::{PayloadFormat, Shape};
use proptest::prelude::*;

fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

#[test]
fn preferences_are_read_and_said_to_be_applied() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&[], None),
        (&["nonsense"], None),
        (&["tx=rollback"], None),
        (&["return=representation"], Some("return=representation")),
        (
            &["count=exact, return=minimal"],
            Some("return=minimal, count=exact"),
        ),
        (
            &["count=planned", "resolution=merge-duplicates"],
            Some("resolution=merge-duplicates, count=planned"),
        ),
        (
            &[
                "resolution=ignore-duplicates",
                "resolution=merge-duplicates",
            ],
            Some("resolution=ignore-duplicates"),
        ),
        (
            &["missing=default,handling=strict,max-affected=10"],
            Some("missing=default, handling=strict, max-affected=10"),
        ),
        (
            &["count=exact,bad,handling=lenient"],
            Some("count=exact, handling=lenient"),
        ),
        (&["timezone=UTC"], Some("timezone=UTC")),
        (&["explain"], Some("explain")),
        (&[" return = headers-only "], Some("return=headers-only")),
    ];
    for (values, applied) in cases {
        let prefer = Prefer::read(&headers("prefer", values)).expect("they are acceptable");
        assert_eq!(prefer.applied().as_deref(), *applied, "for {values:?}");
    }
}

#[test]
fn unknown_preferences_are_refused_when_handling_is_strict() {
    for values in [
        &["handling=strict, anything"][..],
        &["anything", "handling=strict"],
        &["handling=strict", "max-affected=many"],
        &["handling=strict, timezone=America/Los_Angeles"],
        &["handling=strict, return=everything"],
    ] {
        let refusal = Prefer::read(&headers("prefer", values)).expect_err("one is unknown");
        assert_eq!(refusal.code, "PGRST122", "for {values:?}");
        assert!(
            refusal
                .details
                .unwrap_or_default()
                .starts_with("Invalid preferences: ")
        );
    }
}

#[test]
fn the_best_accepted_type_is_chosen() {
    let cases = [
        (None, "application/json; charset=utf-8", Shape::Array),
        (Some("*/*"), "application/json; charset=utf-8", Shape::Array),
        (
            Some("application/json"),
            "application/json; charset=utf-8",
            Shape::Array,
        ),
        (Some("text/csv"), "text/csv; charset=utf-8", Shape::Csv),
        (
            Some("application/vnd.pgrst.object+json"),
            "application/vnd.pgrst.object+json; charset=utf-8",
            Shape::Object,
        ),
        (
            Some("application/vnd.pgrst.object"),
            "application/vnd.pgrst.object+json; charset=utf-8",
            Shape::Object,
        ),
        (
            Some("application/vnd.pgrst.array+json;nulls=stripped"),
            "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            Shape::Array,
        ),
        (
            Some("image/png, text/csv"),
            "text/csv; charset=utf-8",
            Shape::Csv,
        ),
        (
            Some("text/csv;q=0.5, application/json"),
            "application/json; charset=utf-8",
            Shape::Array,
        ),
        (
            Some("text/html, */*;q=0.1"),
            "application/json; charset=utf-8",
            Shape::Array,
        ),
        (Some(""), "application/json; charset=utf-8", Shape::Array),
    ];
    for (accept, content_type, shape) in cases {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        let media = Media::accepted(&headers).expect("one of them is there");
        assert_eq!(
            (media.content_type(), media.shape),
            (content_type, shape),
            "for {accept:?}"
        );
    }
}

#[test]
fn types_that_are_not_there_are_refused() {
    for accept in [
        "text/html",
        "image/*",
        "application/vnd.pgrst.plan+json",
        "application/json;q=0",
    ] {
        let refusal = Media::accepted(&headers("accept", &[accept])).expect_err("there is none");
        assert_eq!(refusal.code, "PGRST107");
        assert_eq!(
            refusal.message,
            format!("None of these media types are available: {accept}")
        );
    }
}

#[test]
fn a_body_s_form_is_told_by_its_type() {
    let cases = [
        ("application/json", Some(PayloadFormat::Json)),
        ("Application/JSON; charset=utf-8", Some(PayloadFormat::Json)),
        ("text/csv; header=present", Some(PayloadFormat::Csv)),
        (
            "application/x-www-form-urlencoded",
            Some(PayloadFormat::Form),
        ),
        ("text/plain", None),
        ("application/xml", None),
        ("", None),
    ];
    for (text, format) in cases {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
        assert_eq!(payload_format(&headers).ok(), format, "for {text:?}");
    }
    assert_eq!(
        payload_format(&HeaderMap::new()).ok(),
        Some(PayloadFormat::Json)
    );
}

#[test]
fn a_range_header_narrows_the_root_s_range() {
    let cases = [
        ("", "0-24", Some((Some(25), 0))),
        ("", "5-5", Some((Some(1), 5))),
        ("", "10-", Some((None, 10))),
        ("", "items=0-9", Some((Some(10), 0))),
        ("limit=5", "0-24", Some((Some(5), 0))),
        ("limit=50&offset=10", "0-24", Some((Some(15), 10))),
        ("limit=0", "0-24", Some((Some(0), 0))),
        ("", "bytes=0-9", Some((None, 0))),
        ("", "-5", Some((None, 0))),
        ("", "a-b", Some((None, 0))),
        ("", "9-1", None),
        ("limit=5", "5-9", None),
        (
            "",
            "0-99999999999999999999999",
            Some((Some(i64::MAX as u64 + 1), 0)),
        ),
    ];
    for (query, header, expected) in cases {
        let mut query = parse(query).expect("it is a query").query;
        let outcome = narrow(&mut query, header);
        let range = of_root(&query);
        match expected {
            Some(expected) => {
                assert!(outcome.is_ok(), "for {header:?}");
                assert_eq!((range.limit, range.offset), expected, "for {header:?}");
            }
            None => assert_eq!(outcome.expect_err("it is empty").code, "PGRST103"),
        }
    }
}

proptest! {
    #[test]
    fn no_header_makes_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut headers = HeaderMap::new();
            for name in [ACCEPT, CONTENT_TYPE, HeaderName::from_static("prefer")] {
                headers.insert(name, value.clone());
            }
            let _ = (Prefer::read(&headers), Media::accepted(&headers), payload_format(&headers));
            if let Ok(text) = value.to_str() {
                let mut query = Default::default();
                let _ = narrow(&mut query, text);
            }
        }
    }
}

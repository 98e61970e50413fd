use super::*;

#[test]
fn bson_types_are_the_least_that_hold_a_number_exactly() {
    use ::bson::RawDocument;
    use ::bson::spec::ElementType::{Decimal128, Double, Int32, Int64};
    for (number, expected) in [
        ("0", Int32),
        ("-2147483648", Int32),
        ("2147483648", Int64),
        ("9223372036854775807", Int64),
        ("9223372036854775808", Decimal128),
        ("0.1", Double),
        ("0.30000000000000004", Double),
        ("123456789.123456789123", Decimal128),
        ("1234567890123456789012345678901234", Decimal128),
        ("1e300", Double),
        ("-1e-300", Double),
        (
            "0.0000000000000000000000000000001234567890123456789012345678901234",
            Decimal128,
        ),
        ("12345678901234567890e900", Decimal128),
    ] {
        let json = json::canonical(&format!("{{\"n\":{number}}}")).unwrap();
        let (_, body) = write(Some(BSON), &json).unwrap();
        let document = RawDocument::from_bytes(&body).unwrap();
        let value = document.get("n").unwrap().unwrap();
        assert_eq!(value.element_type(), expected, "{number}");
        assert_eq!(read(Some(BSON), &body), Ok(json));
    }
    let long = "{\"n\": 12345678901234567890123456789012345}";
    assert_eq!(write(Some(BSON), long).unwrap_err().kind(), Unrepresentable);
}

#[test]
fn bson_types_that_json_lacks_are_extended_json() {
    use ::bson::oid::ObjectId;
    use ::bson::raw::{RawDocumentBuf, cstr};
    use ::bson::spec::BinarySubtype;
    use ::bson::{Binary, DateTime, Timestamp};
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("id"), ObjectId::from_bytes([7; 12]));
    document.append(cstr!("at"), DateTime::from_millis(1_767_323_045_678));
    document.append(cstr!("old"), DateTime::from_millis(i64::MIN));
    let uuid = Binary {
        subtype: BinarySubtype::Uuid,
        bytes: vec![1; 16],
    };
    document.append(cstr!("bin"), uuid);
    let expected = r#"{"id":{"$oid":"070707070707070707070707"},
        "at":{"$date":"2026-01-02T03:04:05.678Z"},
        "old":{"$date":{"$numberLong":"-9223372036854775808"}},
        "bin":{"$binary":{"base64":"AQEBAQEBAQEBAQEBAQEBAQ==","subType":"04"}}}"#;
    let json = read(Some(BSON), document.as_bytes()).unwrap();
    assert_eq!(json, json::canonical(expected).unwrap());
    let (_, back) = write(Some(BSON), &json).unwrap();
    let back = ::bson::RawDocument::from_bytes(&back).unwrap();
    for key in ["id", "at", "old", "bin"] {
        assert_eq!(back.get(key).unwrap(), document.get(key).unwrap(), "{key}");
    }
    // What only looks like one of them stays what it is.
    for json in [
        r#"{"a":{"$oid":"07"}}"#,
        r#"{"a":{"$oid":"07070707070707070707070A"}}"#,
        r#"{"a":{"$oid":"070707070707070707070707","b":1}}"#,
        r#"{"a":{"$date":"2026-01-02T03:04:05.6789Z"}}"#,
        r#"{"a":{"$date":"2026-01-02"}}"#,
        r#"{"a":{"$date":{"$numberLong":"0"}}}"#,
        r#"{"a":{"$binary":{"base64":"A","subType":"00"}}}"#,
    ] {
        check_round_trip(BSON, json);
    }
    let mut document = RawDocumentBuf::new();
    document.append(
        cstr!("a"),
        Timestamp {
            time: 1,
            increment: 2,
        },
    );
    let error = read(Some(BSON), document.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), Malformed);
    for number in [f64::NAN, f64::INFINITY] {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("a"), number);
        assert_eq!(
            read(Some(BSON), document.as_bytes()).unwrap_err().kind(),
            Malformed
        );
    }
}

#[test]
fn bson_of_several_documents_is_a_list() {
    check_round_trip(BSON, r#"[{"a":1},{"b":[2]},{}]"#);
    let (_, one) = write(Some(BSON), r#"[{"a": 1}]"#).unwrap();
    assert_eq!(read(Some(BSON), &one).as_deref(), Ok(r#"{"a": 1}"#));
    for json in ["1", "null", "[1]", "[[]]"] {
        assert_eq!(
            write(Some(BSON), json).unwrap_err().kind(),
            Unrepresentable,
            "{json}"
        );
    }
    for body in [&b""[..], &[5, 0, 0, 0], &[4, 0, 0, 0], &[0; 8], &[0xff; 9]] {
        assert_eq!(
            read(Some(BSON), body).unwrap_err().kind(),
            Malformed,
            "{body:?}"
        );
    }
}

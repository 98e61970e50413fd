use super::*;
use proptest::prelude::*;

/// Every type, those of arrays included.
pub(crate) fn any_type() -> impl Strategy<Value = ColumnType> {
    let scalar = prop_oneof![
        Just(ColumnType::Text),
        Just(ColumnType::Integer),
        Just(ColumnType::Bigint),
        Just(ColumnType::Boolean),
        Just(ColumnType::Real),
        Just(ColumnType::Double),
        Just(ColumnType::Numeric { limit: None }),
        Just(ColumnType::Date),
        Just(ColumnType::Timestamp),
        Just(ColumnType::Timestamptz),
        Just(ColumnType::Uuid),
        Just(ColumnType::Json),
        Just(ColumnType::Jsonb),
        Just(ColumnType::Bytea),
    ];
    (scalar, prop::bool::weighted(0.2)).prop_map(|(ty, array)| match array {
        true => ColumnType::Array(Box::new(ty)),
        false => ty,
    })
}

/// Any value of a type that is not NULL.
pub(crate) fn any_value(ty: &ColumnType) -> BoxedStrategy<Value> {
    match ty {
        ColumnType::Text => any_text().prop_map(Value::Text).boxed(),
        ColumnType::Integer => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
        ColumnType::Bigint => any::<i64>().prop_map(Value::Int).boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Real => prop::num::f32::NORMAL.prop_map(Value::Real).boxed(),
        ColumnType::Double => prop::num::f64::NORMAL.prop_map(Value::Double).boxed(),
        ColumnType::Numeric { .. } => any_number()
            .prop_map(|text| Value::Numeric(Numeric::parse(&text).unwrap()))
            .boxed(),
        ColumnType::Date => (crate::datetime::DATE_MIN..=crate::datetime::DATE_MAX)
            .prop_map(Value::Date)
            .boxed(),
        ColumnType::Timestamp | ColumnType::Timestamptz => (crate::datetime::TIMESTAMP_MIN
            ..=crate::datetime::TIMESTAMP_MAX)
            .prop_map(Value::Timestamp)
            .boxed(),
        ColumnType::Uuid => any::<[u8; 16]>().prop_map(Value::Uuid).boxed(),
        ColumnType::Json => any_json().prop_map(Value::Json).boxed(),
        ColumnType::Jsonb => any_json()
            .prop_map(|text| Value::Jsonb(crate::json::canonical(&text).unwrap()))
            .boxed(),
        ColumnType::Bytea => prop::collection::vec(any::<u8>(), 0..12)
            .prop_map(Value::Bytes)
            .boxed(),
        ColumnType::Array(item) => {
            let item = prop_oneof![1 => Just(Value::Null), 4 => any_value(item)];
            prop::collection::vec(item, 0..5)
                .prop_map(Value::Array)
                .boxed()
        }
    }
}

pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        any_number(),
        any_text().prop_map(|text| quoted(&text)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(("[a-c]{0,2}", inner), 0..3).prop_map(|pairs| {
                let pairs: Vec<String> = pairs
                    .into_iter()
                    .map(|(key, value)| format!("{}:{value}", quoted(&key)))
                    .collect();
                format!("{{{}}}", pairs.join(" ,"))
            }),
        ]
    })
}

fn any_number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,6})?"
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c\"\\\\{},é ]{0,6}", "\\PC{0,12}"]
        .prop_filter("no U+0000", |text| !text.contains('\0'))
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    crate::json::write_string(text, &mut out);
    String::from_utf8(out).unwrap()
}

fn typed() -> impl Strategy<Value = (ColumnType, Value)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value)
    })
}

fn pair() -> impl Strategy<Value = (ColumnType, Value, Value)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value.clone(), value)
    })
}

#[test]
fn what_no_column_can_hold_is_refused() {
    for (ty, text, code) in [
        (ColumnType::Text, "a\0b", "22021"),
        (ColumnType::Json, "\"a\0b\"", "22021"),
        (ColumnType::Jsonb, "\"a\\u0000b\"", "22P05"),
        (ColumnType::Double, "NaN", "22003"),
        (ColumnType::Double, "-Infinity", "22003"),
        (ColumnType::Real, "inf", "22003"),
        (ColumnType::Date, "10000-01-01", "22008"),
        (ColumnType::Date, "infinity", "22007"),
        (ColumnType::Timestamptz, "now", "22007"),
        (
            ColumnType::Array(Box::new(ColumnType::Integer)),
            "{{1}}",
            "0A000",
        ),
        (
            ColumnType::Array(Box::new(ColumnType::Integer)),
            "[2:2]={1}",
            "0A000",
        ),
    ] {
        let refusal = Value::parse(&ty, text).unwrap_err();
        assert_eq!(refusal.code, code, "{ty} {text:?}");
    }
}

#[test]
fn minus_zero_is_zero() {
    for ty in [ColumnType::Double, ColumnType::Real] {
        let value = Value::parse(&ty, "-0.0").unwrap();
        assert_eq!(value.to_text(&ty).unwrap(), "0");
        assert_eq!(
            Value::from_json(&ty, "-0").unwrap().to_text(&ty).unwrap(),
            "0"
        );
    }
    assert_eq!(
        Value::Double(-0.0)
            .fit(&ColumnType::Double)
            .unwrap()
            .to_text(&ColumnType::Double),
        Some("0".into())
    );
}

#[test]
fn a_filters_operand_is_not_rounded_and_a_columns_value_is() {
    let ty = ColumnType::Numeric {
        limit: Some((6, 2)),
    };
    assert_eq!(
        Value::parse(&ty, "1.005").unwrap(),
        Value::Numeric(Numeric::parse("1.005").unwrap())
    );
    let stored = Value::from_json(&ty, "1.005").unwrap();
    assert_eq!(stored.to_text(&ty).unwrap(), "1.01");
    assert_eq!(
        Value::parse(&ty, "2")
            .unwrap()
            .fit(&ty)
            .unwrap()
            .to_text(&ty)
            .unwrap(),
        "2.00"
    );
    // What an engine gives back without its zeros prints them all the same.
    let read = Value::Numeric(Numeric::parse("1.5").unwrap());
    assert_eq!(read.to_text(&ty).unwrap(), "1.50");
}

#[test]
fn an_integer_is_fitted_into_its_width() {
    assert_eq!(
        Value::Int(1 << 31)
            .fit(&ColumnType::Integer)
            .unwrap_err()
            .message,
        "integer out of range"
    );
    assert_eq!(
        Value::Int(1 << 31).fit(&ColumnType::Bigint).unwrap(),
        Value::Int(1 << 31)
    );
}

#[test]
fn nulls_are_equal_and_last() {
    assert_eq!(Value::Null.compare(&Value::Null), Ordering::Equal);
    assert_eq!(
        Value::Null.compare(&Value::Int(i64::MAX)),
        Ordering::Greater
    );
    assert_eq!(Value::Int(1).compare(&Value::Null), Ordering::Less);
    assert_eq!(Value::Null.to_text(&ColumnType::Text), None);
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(ty in any_type(), text in "\\PC{0,20}|[-0-9{}\\[\\]\",:.eE\\\\x ]{0,16}") {
        let _ = Value::parse(&ty, &text);
        let _ = Value::from_json(&ty, &text);
    }

    #[test]
    fn what_is_written_as_text_is_read_back((ty, value) in typed()) {
        let text = value.to_text(&ty).unwrap();
        prop_assert_eq!(Value::parse(&ty, &text).unwrap(), value);
    }

    #[test]
    fn what_is_written_as_json_is_json_and_read_back((ty, value) in typed()) {
        let mut out = Vec::new();
        value.write_json(&ty, &mut out);
        let json = String::from_utf8(out).unwrap();
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&json).is_ok());
        // SQL's NULL and JSON's null are written alike.
        if json != "null" && !json.contains("null") {
            prop_assert_eq!(Value::from_json(&ty, &json).unwrap(), value);
        }
    }

    #[test]
    fn the_order_agrees_with_equality((_, a, b) in pair()) {
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        prop_assert_eq!(a.compare(&a), Ordering::Equal);
        prop_assert_eq!(a.compare(&b) == Ordering::Equal, a == b);
    }

    #[test]
    fn canonical_bytes_are_equal_where_values_are((ty, a, b) in pair()) {
        use crate::canonical::{bytes_of, values_of};
        let (a_bytes, b_bytes) = (bytes_of(&[(&ty, &a)]), bytes_of(&[(&ty, &b)]));
        prop_assert_eq!(a_bytes == b_bytes, a == b);
        prop_assert_eq!(values_of(&[&ty], &a_bytes), Some(vec![a]));
    }

    #[test]
    fn other_bytes_are_no_keys(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        use crate::canonical::{bytes_of, values_of};
        if let Some(values) = values_of(&[&ty], &bytes) {
            prop_assert_eq!(bytes_of(&[(&ty, &values[0])]), bytes);
        }
    }

    #[test]
    fn a_cast_to_text_and_back_changes_nothing((ty, value) in typed()) {
        let text = value.cast(&ty, &ColumnType::Text).unwrap();
        prop_assert_eq!(text.cast(&ColumnType::Text, &ty).unwrap(), value);
    }
}

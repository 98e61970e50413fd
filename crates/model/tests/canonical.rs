//! The frozen bytes of keys, and the slots they lead to.
//!
//! `vectors/canonical.json` was written by a second implementation of the format, from its
//! description in `pando_model::canonical`. No line of it ever changes: stores hold such
//! bytes, and rows lie where they led.

// A vector that cannot be read is a fault of the test.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "vectors/types.rs"]
mod types;

use pando_model::canonical::{bytes_of, values_of};
use pando_model::column::ColumnType;
use pando_model::slot::Slot;
use pando_model::value::Value;
use serde::Deserialize;
use types::type_of;

#[derive(Deserialize)]
struct Vector {
    /// Types and text forms; `null` is NULL.
    key: Vec<(String, Option<String>)>,
    bytes: String,
    slot: u32,
}

#[test]
fn keys_have_their_frozen_bytes_and_slots() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("vectors/canonical.json")).unwrap();
    assert!(vectors.len() > 150);
    for vector in vectors {
        let typed: Vec<(ColumnType, Value)> = vector
            .key
            .iter()
            .map(|(ty, text)| {
                let ty = type_of(ty);
                let value = match text {
                    Some(text) => Value::parse(&ty, text).unwrap().fit(&ty).unwrap(),
                    None => Value::Null,
                };
                (ty, value)
            })
            .collect();
        let parts: Vec<(&ColumnType, &Value)> =
            typed.iter().map(|(ty, value)| (ty, value)).collect();
        let bytes = bytes_of(&parts);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, vector.bytes, "{:?}", vector.key);
        assert_eq!(
            Slot::of_key(&bytes).number(),
            vector.slot,
            "{:?}",
            vector.key
        );

        let types: Vec<&ColumnType> = typed.iter().map(|(ty, _)| ty).collect();
        let values: Vec<Value> = typed.iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(values_of(&types, &bytes), Some(values), "{:?}", vector.key);
    }
}

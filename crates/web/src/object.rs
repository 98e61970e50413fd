//! Objects of JSON, as callers send them. What serde derives for a struct takes an array of its
//! fields' values too, which nobody means, and which a new field would give another meaning.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// A value that is an object in JSON, and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_any(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Object<T>, A::Error> {
        // What follows is looked at first, so that a text that is no JSON is told as such.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("an object is expected, not an array"))
    }
}

/// Reads an object.
pub(crate) fn read<'de, T: Deserialize<'de>>(json: &'de [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).map(|Object(value)| value)
}

/// A time as it is sent: microseconds since 1970, or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instant {
    Us(i64),
    Text(String),
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Instant::Us(us) => write!(f, "{us}"),
            Instant::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Instant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: RFC 3339, or microseconds since 1970")
            }

            fn visit_i64<E: Error>(self, us: i64) -> Result<Instant, E> {
                Ok(Instant::Us(us))
            }

            fn visit_u64<E: Error>(self, us: u64) -> Result<Instant, E> {
                let wrong = |_| E::invalid_value(Unexpected::Unsigned(us), &self);
                i64::try_from(us).map(Instant::Us).map_err(wrong)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Instant, E> {
                Ok(Instant::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sent<'a> {
        name: String,
        at: Option<Instant>,
        #[serde(borrow)]
        inner: Option<Object<Inner<'a>>>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        raw: &'a RawValue,
    }

    fn told(json: &str) -> String {
        let read: serde_json::Result<Sent<'_>> = read(json.as_bytes());
        read.expect_err(json).to_string()
    }

    #[test]
    fn an_object_is_read_as_its_struct_is_down_to_what_is_borrowed() {
        let json = r#"{"name":"a","at":-5,"inner":{"raw":[1,  2]}}"#;
        let sent: Sent<'_> = read(json.as_bytes()).expect("it is sound");
        assert_eq!((sent.name.as_str(), sent.at), ("a", Some(Instant::Us(-5))));
        let inner = sent.inner.expect("it is there").0;
        assert_eq!(inner.raw.get(), "[1,  2]");
    }

    #[test]
    fn an_array_is_no_object_and_a_fault_is_told_in_json_s_words() {
        for (json, says) in [
            (r#"["a",1,{}]"#, "an object is expected, not an array"),
            ("[]", "an object is expected, not an array"),
            (
                r#"{"name":"a","inner":[1]}"#,
                "an object is expected, not an array",
            ),
            ("7", "expected an object"),
            ("[1", "EOF"),
            (r#"{"name":"a","else":1}"#, "unknown field `else`"),
            (r#"{"name":"a","at":1.5}"#, "expected a time"),
            (r#"{"name":"a","at":[1]}"#, "expected a time"),
            (
                r#"{"name":"a","at":9223372036854775808}"#,
                "expected a time",
            ),
        ] {
            let found = told(json);
            assert!(found.contains(says), "{json}: {found}");
            assert!(
                !found.contains("struct") && !found.contains("enum"),
                "{found}"
            );
        }
    }
}

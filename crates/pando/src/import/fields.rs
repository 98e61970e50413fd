//! The fields of a record: names, and values as JSON texts.
//!
//! A field of CSV is a number or a boolean where its text is exactly one in JSON (`007` and
//! ` 1` are not), null where it is empty or named by `--null` and not in quotation
//! marks, else a string.

use super::chunk::{Fault, RawChunk};
use super::plan::{self, Mapping};
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The fields of a record, in their order.
pub struct Fields<'a> {
    /// Whether they come from CSV, which knows nothing but text.
    pub from_csv: bool,
    members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// The columns of a chunk of CSV; `None` for JSON, where each record names its own.
pub type Header = Option<Arc<[String]>>;

impl<'a> Fields<'a> {
    /// The fields of one record of a chunk.
    pub fn of(
        mapping: &'a Mapping,
        header: &'a Header,
        raw: &'a RawChunk,
        at: usize,
    ) -> Result<Fields<'a>, Fault> {
        let Some(columns) = header else {
            let members = object(plan::text(raw, at)?)?.into_iter();
            return Ok(Fields {
                from_csv: false,
                members: members
                    .map(|(name, value)| (renamed(mapping, name), Cow::Borrowed(value.get())))
                    .collect(),
            });
        };
        let mut members = Vec::with_capacity(columns.len());
        for (field, column) in plan::fields(raw, at)?.iter().zip(columns.iter()) {
            let text = std::str::from_utf8(field.text)
                .map_err(|_| Fault::new("22021", "the field is not UTF-8").at(column))?;
            let value = match mapping.is_null(field) {
                true => Cow::Borrowed("null"),
                false => json_of(text),
            };
            members.push((Cow::Borrowed(column.as_str()), value));
        }
        Ok(Fields {
            from_csv: true,
            members,
        })
    }

    /// A field's value as JSON; of fields of one name the last counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().rfind(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    /// The same, `None` for null too.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// A field as text: of a string its text, of a number or a boolean what is written.
    pub fn text(&self, name: &str) -> Result<Cow<'_, str>, Fault> {
        let fault = |reason: &str| Err(Fault::new("import", reason).at(name));
        match self.given(name) {
            None => fault("the record has no such field, or it is null"),
            Some(value) => match text_of(value) {
                Some(text) if !text.is_empty() => Ok(text),
                Some(_) => fault("the field is empty"),
                None => fault("the field is an object or an array, where a text is needed"),
            },
        }
    }

    /// Whether all fields are among these.
    pub fn are_among(&self, names: &[&str]) -> bool {
        self.members
            .iter()
            .all(|(name, _)| names.contains(&&**name))
    }

    /// The fields but for some, as a JSON object; `None` where none is left.
    pub fn object_without(&self, names: &[&str]) -> Option<String> {
        let mut out = String::new();
        for (name, value) in &self.members {
            if names.contains(&&**name) {
                continue;
            }
            out.push(if out.is_empty() { '{' } else { ',' });
            push_string(name, &mut out);
            out.push(':');
            out.push_str(value);
        }
        if out.is_empty() {
            return None;
        }
        out.push('}');
        Some(out)
    }
}

/// The members of a JSON object, each value as it is written.
pub fn object(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Fault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut reader, Members)
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|error| Fault::new("22P02", format!("the record is no JSON object: {error}")))
}

/// The text of a JSON string, number or boolean.
pub fn text_of(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => match serde_json::from_str::<&str>(json) {
            Ok(text) => Some(Cow::Borrowed(text)),
            Err(_) => serde_json::from_str(json).ok().map(Cow::Owned),
        },
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Appends a JSON string.
pub fn push_string(text: &str, out: &mut String) {
    // Strings can always be written.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn renamed<'a>(mapping: &'a Mapping, name: Cow<'a, str>) -> Cow<'a, str> {
    let column = mapping.column_of(&name);
    match column == name {
        true => name,
        false => Cow::Owned(column.to_owned()),
    }
}

/// A field of CSV as JSON.
fn json_of(field: &str) -> Cow<'_, str> {
    let is_bare = matches!(field, "true" | "false")
        || (field.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && field.ends_with(|c: char| c.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(field).is_ok());
    if is_bare {
        return Cow::Borrowed(field);
    }
    let mut out = String::with_capacity(field.len() + 2);
    push_string(field, &mut out);
    Cow::Owned(out)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_csv_is_what_its_text_exactly_is_in_json() {
        for (field, json) in [
            ("10", "10"),
            ("-1.50", "-1.50"),
            ("1e3", "1e3"),
            ("true", "true"),
            ("007", "\"007\""),
            ("+1", "\"+1\""),
            (" 1", "\" 1\""),
            ("1.", "\"1.\""),
            ("1e999", "\"1e999\""),
            ("NaN", "\"NaN\""),
            ("True", "\"True\""),
            ("-", "\"-\""),
            ("a\"b", "\"a\\\"b\""),
        ] {
            assert_eq!(json_of(field), json, "{field}");
            assert_eq!(text_of(json).as_deref(), Some(field), "{json}");
        }
    }

    #[test]
    fn members_keep_their_text_and_of_equal_ones_the_last_counts() {
        let text = r#"{"a": 1.10, "b": {"c": [1,  2]}, "a": 2.0}"#;
        let members = object(text).unwrap().into_iter();
        let fields = Fields {
            from_csv: false,
            members: members
                .map(|(name, value)| (name, value.get().into()))
                .collect(),
        };
        assert_eq!(fields.get("a"), Some("2.0"));
        assert_eq!(
            fields.object_without(&["a"]).as_deref(),
            Some(r#"{"b":{"c": [1,  2]}}"#)
        );
        assert_eq!(fields.object_without(&["a", "b"]), None);
        assert!(object("[1]").is_err() && object("{} x").is_err());
    }
}

//! A JSON body: an object, or an array of objects.
//!
//! Values are not read here but cut out; of duplicate keys the last one counts.
//! What is JSON and neither of the two is refused: PostgREST takes it for no rows, and answers a
//! body of `null` as if something had been made.

use super::{Cell, Chosen, Payload, places};
use crate::tables::refusals;
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::schema::{ColumnIx, Table};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads a body.
pub(super) fn read<'a>(
    table: &Table,
    body: &'a [u8],
    chosen: Option<Chosen>,
) -> Result<Payload<'a>, Refusal> {
    let objects = objects(body)?;
    let Some(first) = objects.first() else {
        return Ok(Payload {
            columns: chosen.map_or_else(Vec::new, |chosen| chosen.columns),
            rows: 0,
            cells: Vec::new(),
        });
    };
    let uniform = chosen.is_none();
    let names = first.0.iter().map(|(name, _)| name.as_ref());
    let (columns, first_places) = places(table, names, chosen)?;
    let reader = Reader {
        table,
        first,
        columns: &columns,
        first_places: &first_places,
        uniform,
    };
    let mut cells = Vec::with_capacity(objects.len() * columns.len());
    for object in &objects {
        reader.add_row(object, &mut cells)?;
    }
    Ok(Payload {
        rows: objects.len(),
        columns,
        cells,
    })
}

struct Reader<'r, 'a> {
    table: &'r Table,
    first: &'r Object<'a>,
    columns: &'r [ColumnIx],
    first_places: &'r [Option<usize>],
    /// Whether every object has the first one's keys.
    uniform: bool,
}

impl<'a> Reader<'_, 'a> {
    fn add_row(&self, object: &Object<'a>, cells: &mut Vec<Cell<'a>>) -> Result<(), Refusal> {
        let start = cells.len();
        cells.resize(start + self.columns.len(), Cell::Missing);
        let row = &mut cells[start..];
        for (at, (name, raw)) in object.0.iter().enumerate() {
            // Rows mostly name their columns in the same order.
            let same = self.first.0.get(at).is_some_and(|(known, _)| known == name);
            let place = if same {
                self.first_places[at]
            } else {
                self.place(name)?
            };
            if let Some(place) = place {
                row[place] = match raw.get() {
                    "null" => Cell::Null,
                    raw => Cell::Json(raw),
                };
            }
        }
        if self.uniform && row.contains(&Cell::Missing) {
            return Err(refusals::bad_body(MISMATCH));
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let place = self.table.column_ix(name).and_then(|ix| {
            let columns = self.columns.iter();
            columns.clone().position(|column| *column == ix)
        });
        if place.is_none() && self.uniform {
            return Err(refusals::bad_body(MISMATCH));
        }
        Ok(place)
    }
}

const MISMATCH: &str = "All object keys must match";

/// The objects of a body. Each is cut out once; only if that fails is it found out why.
fn objects(body: &[u8]) -> Result<Vec<Object<'_>>, Refusal> {
    let malformed = |_| refusals::bad_body("Empty or invalid json");
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {
            let one: Object<'_> = serde_json::from_slice(body).map_err(malformed)?;
            Ok(vec![one])
        }
        Some(b'[') => serde_json::from_slice(body).or_else(|_| {
            let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(malformed)?;
            let mut types = items.iter().map(|item| json::type_of(item.get()));
            match types.position(|ty| ty != "object") {
                Some(place) => Err(not_rows(&format!("The item at {place}"), items[place])),
                None => Err(refusals::bad_body(MISMATCH)),
            }
        }),
        _ => {
            let value: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
            Err(not_rows("The body", value))
        }
    }
}

/// A value in the place of a row.
fn not_rows(what: &str, value: &RawValue) -> Refusal {
    let ty = json::with_article(json::type_of(value.get()));
    refusals::bad_body("Rows are a JSON object, or an array of objects")
        .details(format!("{what} is {ty}."))
}

/// An object's fields as they stand in the body.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((name, raw));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

//! How a schema is written down in the catalog, so that whoever must not serve by it cannot read it.

use super::{insert, int, tables};
use crate::error::StoreError;
use crate::session::Result;
use pando_model::plan::Change;
use pando_model::schema::Schema;
use pando_model::value::Value;
use serde::{Deserialize, Serialize};

/// A schema as it is recorded while spaces are written behind. A Pando that knows nothing of a
/// journal may be running when that begins. It cannot read this, so it fails, and neither looks past
/// what waits nor records a schema that says nothing of it.
#[derive(Serialize, Deserialize)]
struct WithJournal<S> {
    with_journal: S,
}

/// Reads what [`schema_record`] has written, of whichever form.
pub(super) fn read_schema(body: &str) -> serde_json::Result<Schema> {
    let read = serde_json::from_str::<WithJournal<Option<Schema>>>(body)?;
    match read.with_journal {
        Some(schema) => Ok(schema),
        None => serde_json::from_str(body),
    }
}

/// The row that records a schema.
pub(crate) fn schema_record(schema: &Schema, now: Value) -> Result<Change> {
    let body = match schema.behind.is_empty() {
        true => serde_json::to_string(schema),
        false => serde_json::to_string(&WithJournal {
            with_journal: schema,
        }),
    };
    let body = body
        .map_err(|error| StoreError::Catalog(format!("cannot write the schema down: {error}")))?;
    Ok(insert(
        &tables::SCHEMA,
        vec![int(schema.version), Value::Json(body), now],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::schema::Behind;

    /// The text of a recorded schema.
    fn recorded(schema: &Schema) -> String {
        let Ok(Change::Insert(insert)) = schema_record(schema, Value::Timestamp(0)) else {
            panic!("it is one row");
        };
        match &insert.rows[0][1] {
            Value::Json(body) => body.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_schema_with_a_journal_is_unreadable_to_code_without_one_and_read_back_here() {
        let plain = Schema {
            version: 7,
            ..Schema::default()
        };
        for (state, is_plain) in [
            (None, true),
            (Some(Behind::On), false),
            (Some(Behind::Ending), false),
        ] {
            let mut schema = plain.clone();
            schema.behind = state
                .map(|state| ("s".to_owned(), state))
                .into_iter()
                .collect();
            let body = recorded(&schema);
            assert_eq!(read_schema(&body).unwrap(), schema, "{state:?}");
            let without_journal = serde_json::from_str::<Schema>(&body);
            assert_eq!(without_journal.is_ok(), is_plain, "{state:?}");
        }
        // As it was recorded before there was a form of its own.
        let body = r#"{"version": 7, "tables": {}, "behind": {"s": "On"}}"#;
        assert_eq!(read_schema(body).unwrap().behind.len(), 1);
    }
}

//! Key-values: one `put` of a batch for each record.

use super::super::chunk::Fault;
use super::super::fields::{Fields, push_string};
use super::{BATCH_FRAME, BATCH_OPERATIONS_MAX, Operations, Recipe};
use crate::cli::ImportArgs;
use pando_client::encoded;

/// The field that names a value, where none is given.
const KEY: &str = "key";
/// What a record may say of its value and be no document of its own.
const ENTRY: [&str; 5] = ["value", "text", "content_type", "ttl", "expires_at"];

/// Values under keys.
pub(super) struct Values {
    path: String,
    key: String,
}

impl Values {
    pub(super) fn new(space: &str, args: &ImportArgs) -> Values {
        Values {
            path: format!("/kv/v1/{}/batch", encoded(space)),
            key: args.key.clone().unwrap_or_else(|| KEY.to_owned()),
        }
    }

    /// Whether a record is a value as a batch has it, and not a document.
    fn is_entry(&self, record: &Fields<'_>) -> bool {
        let mut known = ENTRY.to_vec();
        known.push(&self.key);
        let given = |name: &str| record.given(name).is_some();
        record.are_among(&known) && given("value") != given("text")
    }
}

impl Recipe for Values {
    fn operations(&self, record: &Fields<'_>) -> Result<Operations, Fault> {
        let mut text = String::from("{\"op\":\"put\",\"key\":");
        push_string(&record.text(&self.key)?, &mut text);
        if self.is_entry(record) {
            for name in ENTRY {
                // An empty text is a value; nothing else of these may be empty.
                let value = match record.get(name) {
                    Some("\"\"") => "".into(),
                    Some(value) if value != "null" => record.text(name)?,
                    _ => continue,
                };
                // CSV knows text only: base64 stands in JSON, as a batch has it.
                let name = match name {
                    "value" if record.from_csv => "text",
                    name => name,
                };
                text.push_str(&format!(",\"{name}\":"));
                push_string(&value, &mut text);
            }
        } else {
            let whole = record.object_without(&[]).unwrap_or_default();
            text.push_str(",\"content_type\":\"application/json\",\"text\":");
            push_string(&whole, &mut text);
        }
        text.push('}');
        Ok(Operations { count: 1, text })
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn frame(&self) -> (&'static str, &'static str) {
        BATCH_FRAME
    }

    fn operations_max(&self) -> usize {
        BATCH_OPERATIONS_MAX
    }

    fn needed(&self) -> Vec<&str> {
        vec![&self.key]
    }
}

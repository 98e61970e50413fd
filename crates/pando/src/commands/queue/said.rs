//! What a queue answers: as it was sent, where somebody reads JSON, and taken apart for people. The
//! bodies of messages are whatever was published, numbers that no double holds among them: nobody
//! reads them here.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// See the module.
pub struct Said {
    /// As it was sent, but in one line.
    sent: Option<Box<RawValue>>,
    /// The same, with the bodies of messages as the texts that they are.
    pub value: Value,
}

type Raw = BTreeMap<String, Box<RawValue>>;

impl Said {
    /// Reads an answer.
    pub fn read(body: &[u8]) -> serde_json::Result<Said> {
        // No string of JSON holds a line's end, so it is between values.
        let line = std::str::from_utf8(body).map_err(serde::de::Error::custom)?;
        let line = line.replace(['\n', '\r'], " ");
        let fields: Raw = serde_json::from_str(&line)?;
        let fields = fields.into_iter().map(|(name, raw)| {
            let value = match name.as_str() {
                "messages" => messages(&raw)?,
                _ => serde_json::from_str(raw.get())?,
            };
            Ok((name, value))
        });
        let value: serde_json::Result<Map<String, Value>> = fields.collect();
        Ok(Said {
            value: value?.into(),
            sent: Some(RawValue::from_string(line)?),
        })
    }
}

fn messages(raw: &RawValue) -> serde_json::Result<Value> {
    let messages: Vec<Raw> = serde_json::from_str(raw.get())?;
    let each = messages.into_iter().map(|message| {
        let fields = message.into_iter().map(|(name, raw)| {
            let value = match name.as_str() {
                "body" => Value::from(raw.get()),
                _ => serde_json::from_str(raw.get())?,
            };
            Ok((name, value))
        });
        let fields: serde_json::Result<Map<String, Value>> = fields.collect();
        fields.map(Value::from)
    });
    each.collect()
}

impl From<Value> for Said {
    fn from(value: Value) -> Said {
        Said { sent: None, value }
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.sent {
            Some(sent) => sent.serialize(serializer),
            None => self.value.serialize(serializer),
        }
    }
}

//! What a listener is told.

use pando_model::engine::{FeedCursor, FeedKind};
use pando_model::stamp::Position;
use std::fmt::Write as _;

/// A change of one item: a row, a document, a value, a cell, a node or an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where: `rest/orders`, `docs/books`, …
    pub collection: String,
    /// What happens to it.
    pub kind: FeedKind,
    /// What it is known by within its collection: a JSON object, such as `{"id":7}`; `null` where
    /// the schema has changed meanwhile, and does not know it.
    pub key: String,
    /// What it is, as JSON; `None` of what is gone, or is not told.
    pub record: Option<String>,
    /// What it was before, as JSON; `None` of what is new, or is not told.
    pub old: Option<String>,
}

/// A change that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What changed. What it was before is not known any more.
    pub change: Change,
    /// Where it stands in the store's history: the same however often it is told.
    pub cursor: FeedCursor,
}

impl Change {
    /// `{"collection","kind","key","record","old"}`.
    pub fn json(&self) -> String {
        let mut text = self.begun();
        push_members(&mut text, self);
        text.push('}');
        text
    }

    fn begun(&self) -> String {
        let collection = serde_json::Value::from(self.collection.as_str());
        let (kind, key) = (self.kind.name(), &self.key);
        format!(r#"{{"collection":{collection},"kind":"{kind}","key":{key}"#)
    }
}

fn push_members(text: &mut String, change: &Change) {
    for (name, value) in [("record", &change.record), ("old", &change.old)] {
        let value = value.as_deref().unwrap_or("null");
        // Writing into a text does not fail.
        let _ = write!(text, r#","{name}":{value}"#);
    }
}

impl Committed {
    /// What tells it from every other change of the store.
    pub fn id(&self) -> String {
        let Position { timeline, p } = self.cursor.at;
        format!("{timeline}-{p}-{}", self.cursor.ordinal)
    }

    /// `{"collection","kind","key","record","position":{"timeline","p"}}`.
    pub fn json(&self) -> String {
        let mut text = self.change.begun();
        let record = self.change.record.as_deref().unwrap_or("null");
        let Position { timeline, p } = self.cursor.at;
        let position = format!(r#"{{"timeline":{timeline},"p":{p}}}"#);
        // As above.
        let _ = write!(text, r#","record":{record},"position":{position}}}"#);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_json_whatever_a_collection_is_called() {
        let change = Change {
            collection: "docs/a\"b".to_owned(),
            kind: FeedKind::Update,
            key: r#"{"id":"x"}"#.to_owned(),
            record: Some(r#"{"n":1}"#.to_owned()),
            old: None,
        };
        let told: serde_json::Value = serde_json::from_str(&change.json()).unwrap();
        assert_eq!(told["collection"], "docs/a\"b");
        assert_eq!(told["record"]["n"], 1);
        assert!(told["old"].is_null());
        let committed = Committed {
            change,
            cursor: FeedCursor {
                at: Position { timeline: 2, p: 30 },
                ordinal: 4,
            },
        };
        assert_eq!(committed.id(), "2-30-4");
        let told: serde_json::Value = serde_json::from_str(&committed.json()).unwrap();
        assert_eq!(
            (&told["kind"], &told["position"]["p"]),
            (&"update".into(), &30.into())
        );
    }
}

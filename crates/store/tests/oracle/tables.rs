//! Rows of a table drawn, for transactions that mix models; the conformance suite has the
//! tables' own.

use crate::draw::Draw;
use crate::event;
use crate::side::Side;
use bytes::Bytes;
use pando_model::plan::Comparison;
use pando_store::error::StoreError;
use pando_store::migrate::MigrationFile;
use pando_store::operation::Operation;
use pando_store::request::{
    Condition, Count, Field, Operand, PayloadFormat, Query, Resolution, Returning, Shape,
    TableRead, TableWrite, Test, Verb as What,
};
use pando_store::session::TableAnswer;

const SCHEMA: &str = "CREATE TABLE items (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    price numeric(6,2) CHECK (price >= 0)
);";
const IDS: [&str; 7] = ["1", "2", "3", "4", "5", "x", "9223372036854775808"];
const BODIES: [&str; 9] = [
    "{\"id\": 1, \"name\": \"a\", \"price\": 1.50}",
    "{\"id\": 2, \"name\": \"가\"}",
    "[{\"id\": 3, \"name\": \"b\"}, {\"id\": 4, \"name\": \"b\"}]",
    "[{\"id\": 5, \"name\": \"b\"}, {\"id\": 5, \"name\": \"b\"}]",
    "{\"id\": 4, \"name\": null}",
    "{\"id\": 4, \"name\": \"c\", \"price\": -1}",
    "{\"price\": 12345.678}",
    "{\"nope\": 1}",
    "{",
];

#[derive(Clone, Debug)]
pub enum Verb {
    Read(Option<&'static str>),
    Write(What, Option<&'static str>, &'static str, Option<Resolution>),
}

impl Draw {
    pub fn tables(&mut self) -> Verb {
        let id = IDS[self.weighed(&[9, 9, 9, 9, 9, 1, 1])];
        let body = BODIES[self.weighed(&[9, 9, 9, 3, 3, 3, 3, 1, 1])];
        match self.weighed(&[5, 6, 3, 2]) {
            0 => Verb::Read(self.one(&[None, Some(id)])),
            1 => {
                let resolution = self.one(&[
                    None,
                    Some(Resolution::Merge),
                    Some(Resolution::Merge),
                    Some(Resolution::Ignore),
                ]);
                Verb::Write(What::Insert, None, body, resolution)
            }
            2 => Verb::Write(What::Update, Some(id), body, None),
            _ => Verb::Write(What::Delete, Some(id), "", None),
        }
    }
}

/// Every row.
pub fn whole() -> [event::Verb; 1] {
    [event::Verb::Tables(Verb::Read(None))]
}

pub fn migration() -> MigrationFile {
    MigrationFile {
        name: "0001_items.sql".into(),
        sql: SCHEMA.into(),
    }
}

impl Verb {
    pub async fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        let operation = match self {
            Verb::Read(id) => side.store.table_read(TableRead {
                table: "items".into(),
                query: by_id(*id),
                count: Some(Count::Exact),
                shape: Shape::Array,
            })?,
            Verb::Write(verb, id, body, resolution) => {
                let write = TableWrite {
                    verb: *verb,
                    table: "items".into(),
                    query: by_id(*id),
                    body: Bytes::from_static(body.as_bytes()),
                    format: PayloadFormat::Json,
                    columns: None,
                    on_conflict: None,
                    resolution: *resolution,
                    missing_default: false,
                    returning: Returning::Representation,
                    max_affected: None,
                    count: None,
                    shape: Shape::Array,
                    idempotency: None,
                };
                side.store.table_write(write).await?
            }
        };
        Ok(operation.map(|answer: TableAnswer| {
            let cursor = answer.cursor.is_some();
            let rest = TableAnswer {
                cursor: None,
                ..answer
            };
            Ok(format!("{rest:?} {cursor}"))
        }))
    }
}

fn by_id(id: Option<&str>) -> Query {
    let filter = |id: &str| Condition::Test {
        field: Field {
            name: "id".into(),
            path: Vec::new(),
            as_text: false,
        },
        negated: false,
        test: Test::Compare(Comparison::Eq, Operand::One(id.to_owned())),
    };
    Query {
        filters: id.map(|id| (Vec::new(), filter(id))).into_iter().collect(),
        ..Query::default()
    }
}
